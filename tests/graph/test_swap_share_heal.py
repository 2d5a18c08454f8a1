"""Swapping a node, sharing weights, and wires that heal when a node goes."""

from __future__ import annotations

import pytest
from strategies import illegal

from studio.graph import edits as ed
from studio.graph.graph import Graph, Link, Node, link
from studio.graph.params import Param
from studio.graph.project import Project, Sheet
from studio.graph.spec import LayerSpec, Port


def spec(kind: str, inputs: str = "x", outputs: str = "out", *params: Param) -> LayerSpec:
    many = {"many"}
    return LayerSpec(
        kind=kind,
        title=kind,
        category="tensor",
        inputs=tuple(Port(name, many=name in many) for name in inputs.split()),
        outputs=tuple(Port(name) for name in outputs.split()),
        params=params,
    )


OUT = Param("out_features", "int", required=True, minimum=1)
LINEAR = spec("t.Linear", "x", "out", OUT, Param("bias", "bool", True))
OTHER = spec("t.Other", "x", "out", OUT, Param("bias", "choice", "none", choices=("none", "all")))
ADD, MUL, CAT = spec("t.add", "a b"), spec("t.mul", "left right"), spec("t.cat", "many")
LSTM, GRU = spec("t.LSTM", "x h0 c0", "out h c"), spec("t.GRU", "x h0", "out h")
SINK, SOURCE = spec("t.Sink", "x", ""), spec("t.Source", "", "out")


def sheet(links: tuple[Link, ...], **nodes: Node) -> Project:
    return Project().with_sheet("main", Sheet(Graph(nodes, links)))


def swapped(project: Project, node: str, before: LayerSpec, after: LayerSpec) -> Project:
    found = project.sheet("main").graph.nodes[node]
    done = ed.Swap.to("main", found, before, after).apply(project)
    assert illegal(done) == ""
    return done


def wires(project: Project) -> list[tuple[str, str, str, str]]:
    return [
        (w.source.node, w.source.port, w.target.node, w.target.port)
        for w in project.sheet("main").graph.links
    ]


def test_a_swap_keeps_name_wires_and_what_both_kinds_take() -> None:
    node = Node("n", "t.Linear", "head", {"out_features": 4, "bias": False}, ("frozen",))
    project = sheet(
        (link("s", "out", "n", "x"), link("n", "out", "e", "x")),
        s=Node("s", "t.Source", "s"),
        n=node,
        e=Node("e", "t.Sink", "e"),
    )
    after = swapped(project, "n", LINEAR, OTHER)
    assert wires(after) == wires(project)
    found = after.sheet("main").graph.nodes["n"]
    assert found == Node("n", "t.Other", "head", {"out_features": 4}, ("frozen",))
    formula = ed.SetParams("main", "n", {"out_features": "=width", "bias": "=width"})
    kept = swapped(formula.apply(project), "n", LINEAR, OTHER).sheet("main").graph.nodes["n"]
    assert kept.params == {"out_features": "=width"}


@pytest.mark.parametrize(
    ("before", "after", "inputs", "outputs"),
    [
        (ADD, MUL, {"a": "left", "b": "right"}, {"out": "out"}),
        (LSTM, GRU, {"x": "x", "h0": "h0", "c0": ""}, {"out": "out", "h": "h", "c": ""}),
        (ADD, CAT, {"a": "many", "b": "many"}, {"out": "out"}),
        (ADD, LINEAR, {"a": "x", "b": ""}, {"out": "out"}),
        (LINEAR, SOURCE, {"x": ""}, {"out": "out"}),
        (LINEAR, SINK, {"x": "x"}, {"out": ""}),
    ],
)
def test_wires_go_to_the_port_of_their_name_or_place(
    before: LayerSpec, after: LayerSpec, inputs: dict[str, str], outputs: dict[str, str]
) -> None:
    nodes = {"n": Node("n", before.kind, "n")}
    links = []
    for number, port in enumerate(inputs):
        nodes[f"s{number}"] = Node(f"s{number}", "t.Source", f"s{number}")
        links.append(link(f"s{number}", "out", "n", port))
    for number, port in enumerate(outputs):
        nodes[f"e{number}"] = Node(f"e{number}", "t.Sink", f"e{number}")
        links.append(link("n", port, f"e{number}", "x"))
    done = swapped(sheet(tuple(links), **nodes), "n", before, after)
    wanted = [(f"s{n}", "out", "n", port) for n, port in enumerate(inputs.values()) if port]
    wanted += [("n", port, f"e{n}", "x") for n, port in enumerate(outputs.values()) if port]
    assert wires(done) == wanted


def test_wires_of_a_port_that_takes_many_fill_the_new_ports_in_turn() -> None:
    nodes = {f"s{n}": Node(f"s{n}", "t.Source", f"s{n}") for n in range(3)}
    links = tuple(link(f"s{n}", "out", "n", "many") for n in range(3))
    project = sheet(links, n=Node("n", "t.cat", "n"), **nodes)
    after = swapped(project, "n", CAT, ADD)
    assert wires(after) == [("s0", "out", "n", "a"), ("s1", "out", "n", "b")]


def test_a_swap_for_a_block_that_would_hold_itself_is_refused() -> None:
    nodes = (Node("i", "core.input", "x"), Node("a", "t.Linear", "a"))
    project = ed.MakeBlock("main", ("a",), "Part", "p").apply(
        ed.AddNodes("main", nodes).apply(Project())
    )
    with pytest.raises(ed.EditRefused, match="hold itself"):
        ed.Swap("block.Part", "a", "block.Part").apply(project)
    with pytest.raises(ed.EditRefused, match="no block named 'Gone'"):
        ed.Swap("block.Part", "a", "block.Gone").apply(project)


def three() -> Project:
    """Three layers of one kind, `b` and `c` with the weights of `a`."""
    nodes = {key: Node(key, "t.Linear", key, {"out_features": n}) for n, key in enumerate("abc", 1)}
    return ed.Share("main", ("b", "c"), "a").apply(sheet((), **nodes, r=Node("r", "t.ReLU", "r")))


def shares(project: Project) -> dict[str, str]:
    return {key: n.shares for key, n in project.sheet("main").graph.nodes.items() if key != "r"}


def test_nodes_that_share_are_one_layer() -> None:
    project = three()
    assert shares(project) == {"a": "", "b": "a", "c": "a"}
    for node in "abc":
        after = ed.SetParams("main", node, {"out_features": 9}, reset=("bias",)).apply(project)
        nodes = after.sheet("main").graph.nodes
        assert [nodes[key].params for key in "abc"] == [{"out_features": 9}] * 3
        assert illegal(after) == ""


def test_a_sharer_shares_with_the_owner_whomever_it_names() -> None:
    nodes = three().sheet("main").graph.nodes | {"d": Node("d", "t.Linear", "d")}
    project = ed.Share("main", ("d",), "c").apply(sheet((), **nodes))
    assert shares(project) == {"a": "", "b": "a", "c": "a", "d": "a"}
    turned = ed.Share("main", ("a",), "c").apply(project)
    assert turned == project


def test_an_owner_that_takes_anothers_weights_brings_its_sharers() -> None:
    nodes = three().sheet("main").graph.nodes | {"d": Node("d", "t.Linear", "d")}
    project = ed.Share("main", ("a",), "d").apply(sheet((), **nodes))
    assert shares(project) == {"a": "d", "b": "d", "c": "d", "d": ""}
    assert illegal(project) == ""


@pytest.mark.parametrize(
    ("edit", "left"),
    [
        (ed.RemoveNodes("main", ("a",)), {"b": "", "c": "b"}),
        (ed.RemoveNodes("main", ("a", "b")), {"c": ""}),
        (ed.RemoveNodes("main", ("b",)), {"a": "", "c": "a"}),
        (ed.Swap("main", "a", "t.ReLU"), {"a": "", "b": "", "c": "b"}),
        (ed.Swap("main", "c", "t.ReLU"), {"a": "", "b": "a", "c": ""}),
        (ed.Share("main", ("a",)), {"a": "", "b": "", "c": "b"}),
        (ed.Share("main", ("b",)), {"a": "", "b": "", "c": "a"}),
        (ed.Share("main", ("a", "b", "c")), {"a": "", "b": "", "c": ""}),
    ],
)
def test_weights_pass_on_to_the_first_that_shared_them(
    edit: ed.SimpleEdit, left: dict[str, str]
) -> None:
    after = edit.apply(three())
    assert shares(after) == left
    assert illegal(after) == ""


@pytest.mark.parametrize(
    ("nodes", "owner", "says"),
    [
        (("r",), "a", "Only nodes of one kind"),
        (("a",), "gone", "no node 'gone'"),
        (("gone",), "a", "no node 'gone'"),
    ],
)
def test_what_cannot_share_is_refused(nodes: tuple[str, ...], owner: str, says: str) -> None:
    with pytest.raises(ed.EditRefused, match=says):
        ed.Share("main", nodes, owner).apply(three())


def test_ports_have_no_weights_to_share() -> None:
    project = sheet((), x=Node("x", "core.input", "x"), y=Node("y", "core.input", "y"))
    with pytest.raises(ed.EditRefused, match="has no weights"):
        ed.Share("main", ("y",), "x").apply(project)


def test_removing_with_healing_joins_what_came_with_what_followed() -> None:
    nodes = {key: Node(key, "t.Linear", key) for key in "sabcd"} | {"m": Node("m", "t.cat", "m")}
    links = (
        link("s", "out", "a", "x"),
        link("a", "out", "b", "x"),
        link("b", "out", "m", "many"),
        link("s", "out", "m", "many"),
        link("b", "out", "c", "x"),
        link("b", "h", "d", "x"),
    )
    project = sheet(links, **nodes)
    after = ed.RemoveNodes("main", ("a", "b"), heal=True).apply(project)
    # Where the wire went already, no second one is laid; another output's wire goes.
    assert wires(after) == [("s", "out", "m", "many"), ("s", "out", "c", "x")]
    plain = ed.RemoveNodes("main", ("a", "b")).apply(project)
    assert wires(plain) == [("s", "out", "m", "many")]


def test_healing_leads_through_a_blocks_first_ports() -> None:
    nodes = {key: Node(key, "t.Linear", key) for key in "pqe"} | {"s": Node("s", "t.add", "s")}
    links = (
        link("q", "out", "s", "b"),
        link("p", "out", "s", "a"),
        link("s", "out", "e", "x"),
    )
    made = ed.MakeBlock("main", ("s",), "Sum", "s").apply(sheet(links, **nodes))
    after = ed.RemoveNodes("main", ("s",), heal=True).apply(made)
    assert wires(after) == [("q", "out", "e", "x")]
