"""The gate for wires: what may be laid, and the sentence for what may not."""

from __future__ import annotations

import pytest

from studio.graph.connect import check_connect, first_input, fits, reached
from studio.graph.graph import End, Graph, Link, Node, link
from studio.graph.spec import LayerSpec, Port

SPECS = {
    spec.kind: spec
    for spec in (
        LayerSpec(kind="t.Map", title="Map", category="conv"),
        LayerSpec(kind="t.Sum", title="Sum", category="tensor", inputs=(Port("a"), Port("b"))),
        LayerSpec(kind="t.Cat", title="Cat", category="tensor", inputs=(Port("x", many=True),)),
        LayerSpec(kind="t.Table", title="Table", category="seq", inputs=(Port("ids", "int"),)),
    )
}


@pytest.fixture
def graph() -> Graph:
    kinds = {"a": "t.Map", "b": "t.Map", "sum": "t.Sum", "cat": "t.Cat", "tab": "t.Table"}
    nodes = {key: Node(key, kind, key) for key, kind in kinds.items()}
    nodes["odd"] = Node("odd", "acme.Odd", "odd")
    return Graph(nodes, (link("a", "out", "b", "x"), link("b", "out", "sum", "a")))


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        (link("b", "out", "cat", "x"), ""),
        (link("a", "out", "sum", "a"), ""),
        (link("a", "out", "b", "x"), "feeds this input of b already"),
        (link("sum", "out", "a", "x"), "into a Scan block"),
        (link("a", "out", "a", "x"), "back into itself"),
        (link("a", "out", "tab", "ids"), "needs whole numbers (ids), but a gives numbers"),
        (link("a", "best", "b", "x"), "no output named 'best'"),
        (link("a", "out", "b", "z"), "no input named 'z'"),
        (link("a", "out", "gone", "x"), "no longer on the sheet"),
        (link("a", "out", "odd", "x"), "Install the pack"),
    ],
)
def test_the_gate(graph: Graph, wire: Link, words: str) -> None:
    reason = check_connect(graph, SPECS, wire)
    assert (reason == "") is (words == "")
    assert words in reason


def test_the_first_input_that_takes_it_is_a_free_one(graph: Graph) -> None:
    assert first_input(graph, SPECS, End("a", "out"), "sum") == link("a", "out", "sum", "b")
    assert first_input(graph, SPECS, End("a", "out"), "cat") == link("a", "out", "cat", "x")
    assert first_input(graph, SPECS, End("a", "out"), "tab") is None
    assert first_input(graph, SPECS, End("a", "out"), "odd") is None


def test_types_fit() -> None:
    assert fits("float", "float")
    assert fits("any", "int")
    assert fits("mask", "any")
    assert not fits("float", "mask")


def test_reach_goes_both_ways_once_round_a_diamond() -> None:
    count = 60
    nodes = {f"n{n}": Node(f"n{n}", "t.Sum", f"n{n}") for n in range(count)}
    links = [link(f"n{n}", "out", f"n{n + 1}", port) for n in range(count - 1) for port in "ab"]
    graph = Graph(nodes, tuple(links))
    assert len(reached(graph, "n10")) == count - 10
    assert len(reached(graph, "n10", forwards=False)) == 11
    assert check_connect(graph, SPECS, link(f"n{count - 1}", "out", "n0", "a"))
