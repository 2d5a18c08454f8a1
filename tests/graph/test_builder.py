"""The fluent builder, topology, and parameters."""

from __future__ import annotations

import pytest

from studio.graph.builder import Net
from studio.graph.graph import Graph, Node, link, name_for
from studio.graph.params import Param, ParamError, check_params
from studio.graph.topology import block_spec, name_path, order


def test_net_draws_names_ports_and_blocks() -> None:
    net = Net()
    x = net.input()
    with net.block("Res") as inner:
        y = inner.input("x")
        z = inner.chain(y, "torch.nn.Conv2d", "torch.nn.ReLU")
        inner.output(inner.add("core.add", y, z), "y")
    a = net.use("Res", x, name="res1")
    b = net.use("Res", a, name="res2")
    lstm = net.add("torch.nn.LSTM", b, name="lstm")
    net.output(net.add("core.concat", lstm["hn"], b))
    project = net.project()
    graph = project.networks["main"].graph
    assert list(graph.nodes) == ["x", "res1", "res2", "lstm", "concat", "out"]
    assert link("res1", "y", "res2", "x") in graph.links
    assert link("lstm", "hn", "concat", "x") in graph.links
    inner_graph = project.blocks["Res"].sheet.graph
    assert link("x", "out", "add", "a") in inner_graph.links
    assert link("relu", "out", "add", "b") in inner_graph.links
    assert set(project.networks["main"].places) == set(graph.nodes)
    spec = block_spec(project, "block.Res")
    assert spec is not None
    assert [port.name for port in spec.inputs] == ["x"]
    assert [port.name for port in spec.outputs] == ["y"]
    assert name_path(project, "main", "res1/conv") == "res1.conv"


def test_net_refuses_what_cannot_be() -> None:
    net = Net()
    with pytest.raises(ValueError, match="Draw it first"):
        net.use("Nothing", net.input())
    with pytest.raises(ValueError, match="identifier"), net.block("a b"):
        pass


def test_order_is_stable_and_finds_cycles() -> None:
    nodes = {key: Node(key, "k", key) for key in "dcba"}
    graph = Graph(nodes, (link("a", "o", "b", "x"), link("b", "o", "c", "x")))
    assert order(graph) == (("d", "a", "b", "c"), frozenset())
    looped = Graph(nodes, (*graph.links, link("c", "o", "b", "y")))
    assert order(looped) == (("d", "a"), frozenset("bc"))


def test_names_come_from_kinds() -> None:
    assert name_for("torch.nn.Conv2d", []) == "conv"
    assert name_for("torch.nn.Conv2d", ["conv", "conv2"]) == "conv3"
    assert name_for("core.float", []) == "float2"


@pytest.mark.parametrize(
    ("param", "value"),
    [
        (Param("n", "int", minimum=1), 0),
        (Param("n", "int"), 1.5),
        (Param("n", "int"), True),
        (Param("n", "int"), "3"),
        (Param("n", "int"), float("inf")),
        (Param("p", "float", minimum=0, maximum=1), 1.2),
        (Param("p", "float"), float("nan")),
        (Param("b", "bool"), 1),
        (Param("c", "choice", choices=("a", "b")), "z"),
        (Param("k", "int", size=2), (1, 2, 3)),
        (Param("k", "int"), (1, 2)),
        (Param("k", "int"), None),
    ],
)
def test_what_a_parameter_cannot_take_is_said(param: Param, value: object) -> None:
    with pytest.raises(ParamError, match=f"{param.name} needs .*, but got"):
        param.check(value)


@pytest.mark.parametrize(
    ("param", "text", "value"),
    [
        (Param("k", "int", size=2), "3×5", (3, 5)),
        (Param("k", "int", size=2), "(3, 5)", (3, 5)),
        (Param("k", "int", size=2), "3", 3),
        (Param("p", "float"), "1e-3", 1e-3),
        (Param("b", "bool"), "off", False),
        (Param("n", "int", inferred=True), "", None),
        (Param("c", "choice", choices=(1, 2)), "2", 2),
        (Param("s", "str"), " a ", "a"),
    ],
)
def test_text_becomes_a_value(param: Param, text: str, value: object) -> None:
    assert param.parse(text) == value


def test_unknown_settings_are_named() -> None:
    with pytest.raises(ParamError, match=r"no setting named 'dept'.*depth"):
        check_params((Param("depth", "int"),), {"dept": 3})
