"""Boxes put in line, and the lines that pull what is dragged."""

from __future__ import annotations

import pytest

from studio.graph.alignment import Box, Edge, align, distribute, straighten
from studio.graph.graph import Graph, Link, Node, link
from studio.graph.project import Place
from studio.graph.rulers import Rulers

BOXES = {"a": Box(0, 0, 100, 40), "b": Box(60, 100, 200, 40), "c": Box(20, 300, 100, 80)}


@pytest.mark.parametrize(
    ("edge", "line"),
    [
        ("left", lambda box, at: at.x),
        ("centre", lambda box, at: at.x + box.width / 2),
        ("right", lambda box, at: at.x + box.width),
        ("top", lambda box, at: at.y),
        ("middle", lambda box, at: at.y + box.height / 2),
        ("bottom", lambda box, at: at.y + box.height),
    ],
)
def test_one_line_goes_through_all(edge: Edge, line: object) -> None:
    places = align(BOXES, edge)
    assert len({line(BOXES[key], at) for key, at in places.items()}) == 1  # type: ignore[operator]
    across = edge in ("left", "centre", "right")
    for key, at in places.items():
        assert (at.y if across else at.x) == (BOXES[key].y if across else BOXES[key].x)


def test_gaps_become_even_and_the_ends_stay() -> None:
    places = distribute(BOXES, "down")
    assert places["a"] == Place(0, 0)
    assert places["c"] == Place(20, 300)
    assert abs((places["b"].y - 40) - (300 - (places["b"].y + 40))) <= 4  # the grid's
    two = {key: BOXES[key] for key in ("a", "b")}
    assert distribute(two, "across") == {"a": Place(0, 0), "b": Place(60, 100)}


def test_a_chain_stands_straight_below_its_first() -> None:
    nodes = {key: Node(key, "torch.nn.ReLU", key) for key in BOXES}
    graph = Graph(nodes, (link("a", "out", "b", "x"), link("b", "out", "c", "x")))

    def kink(wire: Link) -> float:
        source, target = BOXES[wire.source.node], BOXES[wire.target.node]
        return target.x + target.width / 2 - source.x - source.width / 2

    places = straighten(graph, BOXES, ("a", "b", "c"), kink)
    middles = {at.x + BOXES[key].width / 2 for key, at in places.items()}
    assert middles == {52.0} or max(middles) - min(middles) <= 4  # within the grid of 4
    beside = straighten(graph, BOXES, ("a", "b", "c"), lambda wire: None)
    assert beside["b"].x == 60


def test_edges_and_middles_pull_within_reach() -> None:
    rulers = Rulers(BOXES.values())
    pull = rulers.pull(Box(4, 500, 100, 40), 6)
    assert pull.dx == -4
    assert pull.dy is None
    assert [(guide.upright, guide.at) for guide in pull.guides] == [
        (True, 0),
        (True, 50),
        (True, 100),
    ]
    assert pull.guides[0].start == 0
    assert pull.guides[0].end == 540
    assert rulers.pull(Box(400, 520, 30, 30), 6) == (None, None, ())


def test_nothing_pulls_on_an_empty_sheet() -> None:
    assert Rulers(()).pull(Box(1, 1, 10, 10), 100) == (None, None, ())
