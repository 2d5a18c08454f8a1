"""Tidy places: nothing overlaps, data flows down, the trunk is straight, long chains fold."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.graph.geometry import (
    CARD,
    COLUMN_HEIGHT,
    DOCK,
    ROW_GAP,
    SNAP,
    input_spots,
    is_docked,
    node_size,
    spread,
)
from studio.graph.graph import Graph, Link, Node, link
from studio.graph.layout import all_places, arrange
from studio.graph.project import Frame, Place, Sheet
from studio.graph.spec import LayerSpec, Port


def chain(kinds: list[str]) -> Graph:
    nodes = {f"n{n}": Node(f"n{n}", kind, f"n{n}") for n, kind in enumerate(kinds)}
    return Graph(nodes, tuple(link(a, "out", b, "x") for a, b in itertools.pairwise(nodes)))


def residual(blocks: int) -> Graph:
    graph = chain(["torch.nn.Conv2d"] * (3 * blocks + 1))
    skips = [link(f"n{3 * n}", "out", f"n{3 * n + 3}", "b") for n in range(blocks)]
    return Graph(graph.nodes, (*graph.links, *skips))


def assert_tidy(graph: Graph, places: dict[str, Place]) -> None:
    assert places.keys() == graph.nodes.keys()
    boxes = []
    for key, place in places.items():
        width, height = node_size(graph.nodes[key], None)
        assert place.x % SNAP == place.y % SNAP == 0
        boxes.append((place.x, place.y, place.x + width, place.y + height))
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (a, b)


def test_nothing_at_all_has_no_places() -> None:
    assert arrange(Graph(), {}) == {}


def test_layers_that_keep_a_shape_dock_below_their_producer() -> None:
    graph = chain(["torch.nn.Conv2d", "torch.nn.BatchNorm2d", "torch.nn.ReLU", "torch.nn.Conv2d"])
    places = arrange(graph, {})
    assert places["n1"].y == places["n0"].y + CARD[1] + DOCK
    assert places["n2"].y == places["n1"].y + 32 + DOCK
    assert places["n3"].y == places["n2"].y + 32 + ROW_GAP
    assert len({place.x for place in places.values()}) == 1


def test_a_producer_with_two_consumers_has_nothing_docked() -> None:
    graph = chain(["torch.nn.Conv2d", "torch.nn.ReLU", "core.add"])
    graph = Graph(graph.nodes, (*graph.links, link("n0", "out", "n2", "b")))
    places = arrange(graph, {})
    assert places["n1"].y == places["n0"].y + CARD[1] + ROW_GAP


def test_long_chains_fold_into_columns() -> None:
    graph = chain(["torch.nn.Conv2d"] * 30)
    places = arrange(graph, {})
    assert_tidy(graph, places)
    columns = {place.x for place in places.values()}
    assert len(columns) > 2
    assert max(place.y for place in places.values()) + CARD[1] <= COLUMN_HEIGHT
    wide = arrange(graph, {}, column_height=1e9)
    assert len({place.x for place in wide.values()}) == 1


def test_the_trunk_of_a_residual_chain_stays_straight() -> None:
    graph = residual(3)
    places = arrange(graph, {}, column_height=1e9)
    assert_tidy(graph, places)
    assert len({place.x for place in places.values()}) == 1


def test_columns_are_cut_where_all_wires_have_one_producer() -> None:
    graph = residual(8)
    places = arrange(graph, {})
    column = {key: place.x for key, place in places.items()}
    for source in graph.nodes:
        crossing = {
            wire.source.node
            for wire in graph.links
            if column[wire.source.node] != column[wire.target.node]
        }
        starts = [int(key[1:]) for key in crossing]
        assert all(start % 3 == 0 for start in starts), source


def test_branches_stand_side_by_side() -> None:
    names = ["in", "a", "b", "c", "cat"]
    nodes = {name: Node(name, "torch.nn.Conv2d", name) for name in names}
    links = [link("in", "out", name, "x") for name in "abc"]
    links += [link(name, "out", "cat", "x") for name in "abc"]
    graph = Graph(nodes, tuple(links))
    places = arrange(graph, {})
    assert_tidy(graph, places)
    assert len({places[name].y for name in "abc"}) == 1
    assert len({places[name].x for name in "abc"}) == 3


def test_a_frame_is_not_cut_and_keeps_clear() -> None:
    graph = chain(["torch.nn.Conv2d"] * 12)
    frames = {"f": Frame("Block", tuple(f"n{n}" for n in range(3, 9)))}
    places = arrange(graph, {}, column_height=600, frames=frames)
    inside = [places[key] for key in frames["f"].nodes]
    assert len({place.x for place in inside}) == 1
    upper = [place.y for key, place in places.items() if place.x == inside[0].x and key < "n3"]
    if upper:
        assert inside[0].y - max(upper) > CARD[1] + ROW_GAP


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_graph_is_tidy_and_flows_down_within_a_column(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 14))
    kinds = st.sampled_from(["torch.nn.Conv2d", "torch.nn.ReLU", "core.add", "core.input"])
    nodes = {f"n{n}": Node(f"n{n}", data.draw(kinds), f"n{n}") for n in range(count)}
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    drawn = data.draw(st.sets(pairs.filter(lambda pair: pair[0] < pair[1]), max_size=20))
    links: tuple[Link, ...] = tuple(link(f"n{a}", "out", f"n{b}", "x") for a, b in sorted(drawn))
    graph = Graph(nodes, links)
    places = arrange(graph, {}, column_height=1e9)
    assert_tidy(graph, places)
    for wire in links:
        assert places[wire.source.node].y < places[wire.target.node].y
    assert arrange(graph, {}, column_height=1e9) == places
    assert_tidy(graph, arrange(graph, {}))


def test_a_circle_of_a_foreign_file_is_laid_out_all_the_same() -> None:
    for kind in ("torch.nn.Conv2d", "torch.nn.ReLU"):
        graph = chain([kind] * 4)
        graph = Graph(graph.nodes, (*graph.links, link("n3", "out", "n1", "b")))
        assert_tidy(graph, arrange(graph, {}))
        graph = Graph(graph.nodes, (*graph.links, link("n3", "out", "n0", "b")))
        assert_tidy(graph, arrange(graph, {}))


def test_lost_places_are_found_beside_the_others() -> None:
    graph = chain(["torch.nn.Conv2d"] * 3)
    sheet = Sheet(graph, {"n0": Place(40, 40), "n1": Place(40, 136)})
    places = all_places(sheet, {})
    assert places["n0"] == Place(40, 40)
    assert places["n2"].x > 40 + CARD[0]
    assert all_places(Sheet(graph), {}) == arrange(graph, {})


def test_grown_nodes_push_down_what_is_below_them_and_nothing_else() -> None:
    places = {"a": Place(0, 0), "b": Place(0, 64), "c": Place(0, 200), "d": Place(400, 64)}
    sizes = dict.fromkeys(places, CARD)
    down = spread(places, sizes, sizes | {"a": (216.0, 176.0)})
    assert down == {"a": 0, "b": 120, "c": 120, "d": 0}
    assert set(spread(places, sizes, sizes).values()) == {0.0}


def test_ports_stand_above_beside_and_never_outside() -> None:
    ports = (Port("x"), Port("y"), Port("mask", "mask", optional=True))
    spots = input_spots(ports, CARD)
    assert spots["x"] == (108, 0)
    assert spots["y"][0] == spots["mask"][0] == 216
    assert 0 < spots["y"][1] < spots["mask"][1] < 56
    three = input_spots((Port("query"), Port("key"), Port("value")), CARD)
    assert [spot[1] for spot in three.values()] == [0, 0, 0]
    assert three["query"] == (108, 0)
    assert max(spot[0] for spot in three.values()) < 216


@pytest.mark.parametrize(("gap", "docked"), [(0, True), (8, True), (12, True), (16, False)])
def test_docking_is_closeness(gap: float, docked: bool) -> None:
    assert is_docked(Place(0, 0), CARD, Place(0, 56 + gap), CARD) is docked
    assert not is_docked(Place(0, 0), CARD, Place(8, 56 + gap), CARD)


def test_pills_are_layers_without_settings_worth_a_line() -> None:
    bare = LayerSpec(kind="a.B", title="B", category="act")
    told = LayerSpec(kind="a.B", title="B", category="conv", summary=("size", "stride"))
    node = Node("b", "a.B", "b")
    assert node_size(node, bare) == (216, 32)
    assert node_size(node, told) == (216, 56)
    assert node_size(Node("x", "core.input", "x"), None) == (216, 64)
