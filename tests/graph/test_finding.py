"""Nodes are found by name, kind and setting, in blocks as well."""

from __future__ import annotations

from studio.graph.builder import Net
from studio.graph.finding import find
from studio.graph.graph import Graph, Node
from studio.graph.project import Block, Project, Sheet
from studio.graph.spec import LayerSpec

SPECS = {
    f"torch.nn.{name}": LayerSpec(kind=f"torch.nn.{name}", title=name, category="conv")
    for name in ("Conv2d", "ReLU")
}


def project() -> Project:
    net = Net()
    x = net.add("torch.nn.Conv2d", net.input(), name="stem", out_channels=64, kernel_size=(3, 5))
    net.output(net.add("torch.nn.ReLU", x, name="act"))
    main = net.project().networks["main"]
    inner = Node("i1", "torch.nn.Conv2d", "conv1", {"out_channels": 8})
    graph = Graph({"i1": inner})
    uses = {f"u{n}": Node(f"u{n}", "block.Res", f"res{n}") for n in (1, 2)}
    main = Sheet(Graph(main.graph.nodes | uses, main.graph.links))
    blocks = {"Res": Block(Sheet(graph)), "Spare": Block(Sheet(graph))}
    return Project(networks={"main": main}, blocks=blocks)


def test_names_kinds_and_settings_are_looked_at() -> None:
    whole = project()
    assert [hit.why for hit in find(whole, SPECS, "STEM")] == ["stem"]
    assert {hit.where for hit in find(whole, SPECS, "conv2d")} == {
        "main",
        "block.Res",
        "block.Spare",
    }
    assert [hit.why for hit in find(whole, SPECS, "channels=64")] == ["out_channels=64"]
    assert [hit.why for hit in find(whole, SPECS, "kernel_size=3×5")] == ["kernel_size=3×5"]


def test_every_word_must_be_answered() -> None:
    (hit,) = find(project(), SPECS, "conv2d 64")
    assert hit.why == "Conv2d, out_channels=64"
    assert find(project(), SPECS, "conv2d elephant") == []
    assert find(project(), SPECS, "  ") == []


def test_a_block_is_looked_through_once_in_each_network() -> None:
    hits = find(project(), SPECS, "out_channels=8")
    assert [(hit.network, hit.path, hit.node) for hit in hits] == [
        ("main", "u1/i1", "i1"),
        ("", "i1", "i1"),
    ]
