"""Nodes made a block and blocks opened again: the drawing changes, what is computed does not."""

from __future__ import annotations

import pytest
from meaning import Meanings
from msgspec.structs import replace
from strategies import illegal

from studio.graph import edits as ed
from studio.graph.builder import Net
from studio.graph.connect import open_ends
from studio.graph.graph import End, Graph, Node, link
from studio.graph.params import Param
from studio.graph.project import Frame, Note, Place, Project, Sheet
from studio.graph.spec import LayerSpec


def residual() -> Project:
    """x → conv → relu → add(x, relu) → fc → out, all in one column."""
    net = Net()
    x = net.input()
    y = net.add("torch.nn.Conv2d", x, name="conv", out_channels=4)
    y = net.add("torch.nn.ReLU", y, name="relu")
    y = net.add("core.add", x, y, name="add")
    net.output(net.add("torch.nn.Linear", y, name="fc", out_features=2))
    project = net.project()
    places = {key: Place(80.0, 100.0 * n) for n, key in enumerate(("x", "conv", "relu", "add"))}
    sheet = project.sheet("main")
    notes = {"near": Note("why", 100.0, 210.0), "far": Note("what", 900.0, 0.0)}
    frames = {"body": Frame("Body", ("conv", "relu")), "all": Frame("All", ("conv", "relu", "add"))}
    full = Sheet(sheet.graph, places, frames, notes)
    return project.with_sheet("main", full)


def same(one: Project, other: Project) -> bool:
    meanings = Meanings()
    return meanings.of(one) == meanings.of(other) and illegal(one) == illegal(other) == ""


def test_cut_wires_become_ports_and_the_instance_stands_in_the_middle() -> None:
    before = residual()
    after = ed.MakeBlock("main", ("conv", "relu", "add"), "Res", "r").apply(before)
    assert same(before, after)
    sheet, block = after.sheet("main"), after.blocks["Res"].sheet
    assert [node.name for node in sheet.graph.nodes.values()] == ["x", "res", "fc", "out"]
    assert sheet.graph.links == (link("x", "out", "r", "x"), *_tail("r"))
    assert [node.name for node in block.graph.of_kind("core.input")] == ["x"]
    assert [node.name for node in block.graph.of_kind("core.output")] == ["out"]
    assert sheet.places["r"] == Place(80.0, 200.0)
    assert set(sheet.places) == {"x", "r"}
    assert block.places["conv"].x == 0.0
    assert block.places["x"].y == 0.0
    assert block.places["x"].y < block.places["conv"].y < block.places["add"].y
    assert block.places["out"].y > block.places["add"].y
    assert (set(sheet.frames), set(block.frames)) == (set(), {"body", "all"})
    assert (set(sheet.notes), set(block.notes)) == ({"far"}, {"near"})


@pytest.mark.parametrize(
    ("x", "fc", "wanted"),
    [(0.0, None, 0.0), (160.0, 0.0, 160.0), (900.0, 80.0, 80.0), (900.0, None, 160.0)],
)
def test_the_instance_stands_where_its_wires_are_straight(
    x: float, fc: float | None, wanted: float
) -> None:
    """Under what feeds it, else over what it feeds, else in the middle of where its nodes were."""
    project = residual()
    sheet = project.sheet("main")
    places = {"x": Place(x, 0.0), "conv": Place(0.0, 100.0), "relu": Place(0.0, 200.0)}
    places["add"] = Place(320.0, 300.0)
    if fc is not None:
        places["fc"] = Place(fc, 400.0)
    project = project.with_sheet("main", replace(sheet, places=places))
    after = ed.MakeBlock("main", ("conv", "relu", "add"), "Res", "r").apply(project)
    assert after.sheet("main").places["r"] == Place(wanted, 200.0)


def _tail(source: str) -> tuple[object, ...]:
    return link(source, "out", "fc", "x"), link("fc", "out", "out", "x")


def test_a_frame_around_more_keeps_the_instance() -> None:
    after = ed.MakeBlock("main", ("conv", "relu"), "Body", "b").apply(residual())
    frames = after.sheet("main").frames
    assert frames == {"all": Frame("All", ("add", "b"))}
    assert set(after.blocks["Body"].sheet.frames) == {"body"}


def test_what_is_fed_twice_has_one_port_and_what_feeds_two_has_one() -> None:
    nodes = {
        key: Node(key, "core.input" if key in "xy" else "core.add", key)
        for key in ("x", "y", "one", "two", "three")
    }
    links = (
        link("x", "out", "one", "a"),
        link("x", "out", "one", "b"),
        link("one", "out", "two", "a"),
        link("one", "out", "three", "a"),
        link("y", "out", "two", "b"),
        link("two", "out", "three", "b"),
    )
    before = Project().with_sheet("main", Sheet(Graph(nodes, links)))
    after = ed.MakeBlock("main", ("one", "two"), "Pair", "p").apply(before)
    assert same(before, after)
    assert after.sheet("main").graph.links == (
        link("x", "out", "p", "a"),
        link("p", "out", "three", "a"),
        link("y", "out", "p", "b"),
        link("p", "out2", "three", "b"),
    )


def test_a_port_that_takes_many_keeps_the_order_of_its_wires() -> None:
    nodes = {key: Node(key, "core.input", key) for key in ("x", "y", "z")}
    nodes |= {"mid": Node("mid", "torch.nn.ReLU", "mid"), "cat": Node("cat", "core.concat", "cat")}
    links = (
        link("y", "out", "cat", "x"),
        link("mid", "out", "cat", "x"),
        link("z", "out", "cat", "x"),
        link("x", "out", "mid", "x"),
    )
    before = Project().with_sheet("main", Sheet(Graph(nodes, links)))
    for chosen in (("mid",), ("mid", "cat"), ("cat",)):
        after = ed.MakeBlock("main", chosen, "Part", "p").apply(before)
        assert same(before, after)
        back = ed.Unpack("main", "p").apply(after)
        assert same(before, back)
        into = back.sheet("main").graph.into("cat", "x")
        assert [wire.source.node for wire in into] == ["y", "mid", "z"]


def test_open_ends_become_ports_where_they_are_asked_for() -> None:
    spec = LayerSpec(kind="torch.nn.ReLU", title="ReLU", category="act")
    nodes = {key: Node(key, "torch.nn.ReLU", key) for key in ("a", "b")}
    sheet = Sheet(Graph(nodes, (link("a", "out", "b", "x"),)))
    ends = open_ends(sheet.graph, {spec.kind: spec}, ("a", "b"))
    assert ends == ((End("a", "x"),), (End("b", "out"),))
    project = Project().with_sheet("main", sheet)
    after = ed.MakeBlock("main", ("a", "b"), "Pair", "p", *ends).apply(project)
    graph = after.blocks["Pair"].sheet.graph
    assert [node.name for node in graph.of_kind("core.input")] == ["x"]
    assert [node.name for node in graph.of_kind("core.output")] == ["out"]
    assert link("x", "out", "a", "x") in graph.links
    assert link("b", "out", "out", "x") in graph.links


@pytest.mark.parametrize(
    ("nodes", "name", "says"),
    [
        (("conv", "add"), "Res", "relu lies between"),
        (("x", "out"), "Res", "inputs and outputs stay"),
        ((), "Res", "Choose some"),
        (("conv",), "class", "becomes a class"),
        (("gone",), "Res", "no node 'gone'"),
    ],
)
def test_what_makes_no_block_is_refused(nodes: tuple[str, ...], name: str, says: str) -> None:
    with pytest.raises(ed.EditRefused, match=says):
        ed.MakeBlock("main", nodes, name, "r").apply(residual())


def test_weights_are_not_shared_across_a_blocks_wall() -> None:
    project = residual()
    fc2 = Node("fc2", "torch.nn.Linear", "fc2", {"out_features": 2}, shares="fc")
    project = ed.AddNodes("main", (fc2,)).apply(project)
    with pytest.raises(ed.EditRefused, match="Choose both"):
        ed.MakeBlock("main", ("add", "fc"), "Head", "h").apply(project)
    both = ed.MakeBlock("main", ("fc", "fc2"), "Head", "h").apply(project)
    assert both.blocks["Head"].sheet.graph.nodes["fc2"].shares == "fc"


def test_what_inner_nodes_read_of_the_block_around_is_handed_on() -> None:
    net = Net()
    with net.block("Stage") as stage:
        y = stage.add("torch.nn.Linear", stage.input(), name="fc", out_features="=width*2**index")
        stage.output(stage.add("torch.nn.ReLU", y, name="act"))
    net.output(net.use("Stage", net.input(), name="stages"))
    before = ed.SetBlock("Stage", (Param("width", "int", 4),)).apply(net.project())
    values = {"repeat": 3, "width": 8}
    before = ed.SetParams("main", "stages", values).apply(before)
    after = ed.MakeBlock("block.Stage", ("fc",), "Core", "c").apply(before)
    assert same(before, after)
    assert [param.name for param in after.blocks["Core"].params] == ["width", "outer_index"]
    unpacked = ed.Unpack("main", "stages").apply(after)
    assert same(before, unpacked)
    cores = [unpacked.sheet("main").graph.nodes[key] for key in ("c", "c_2", "c_3")]
    assert [core.params["outer_index"] for core in cores] == [0, 1, 2]
    for core in cores:
        unpacked = ed.Unpack("main", core.id).apply(unpacked)
    assert same(before, unpacked)
    layers = unpacked.sheet("main").graph.of_kind("torch.nn.Linear")
    assert [layer.params["out_features"] for layer in layers] == [8, 16, 32]
    assert [layer.name for layer in layers] == ["fc", "fc2", "fc3"]


def test_unpacking_what_was_just_made_gives_the_graph_back() -> None:
    before = residual()
    after = ed.MakeBlock("main", ("conv", "relu", "add"), "Res", "r").apply(before)
    back = ed.Unpack("main", "r").apply(after)
    assert same(before, back)
    assert back.sheet("main").graph.nodes == before.sheet("main").graph.nodes
    assert set(back.sheet("main").graph.links) == set(before.sheet("main").graph.links)
    assert set(back.sheet("main").frames.values()) == set(before.sheet("main").frames.values())
    assert back.sheet("main").notes.keys() == before.sheet("main").notes.keys()


def stages(**params: object) -> Project:
    """An instance of a block, of which a formula reads a parameter and a constant."""
    net = Net()
    with net.block("Stage") as stage:
        x = stage.input()
        y = stage.add("torch.nn.Linear", x, name="fc", out_features="=wide+depth")
        stage.output(stage.add("core.add", x, y, name="add"))
    net.output(net.use("Stage", net.input(), name="stage"))
    project = ed.SetConstants({"depth": 3}).apply(net.project())
    project = ed.SetBlock("Stage", (Param("wide", "int", 5),)).apply(project)
    return ed.SetParams("main", "stage", dict(params)).apply(project)


@pytest.mark.parametrize(
    ("params", "result"),
    [
        ({}, "=5 + depth"),
        ({"wide": 7}, "=7 + depth"),
        ({"wide": "=depth*2"}, "=depth * 2 + depth"),
        ({"wide": "=4"}, "=4 + depth"),
    ],
)
def test_what_an_instance_sets_stands_in_the_formulas(
    params: dict[str, object], result: str
) -> None:
    before = stages(**params)
    after = ed.Unpack("main", "stage").apply(before)
    assert same(before, after)
    assert after.sheet("main").graph.nodes["fc"].params == {"out_features": result}


def test_a_repeated_block_becomes_a_series() -> None:
    before = stages(repeat=3)
    after = ed.Unpack("main", "stage").apply(before)
    assert same(before, after)
    graph = after.sheet("main").graph
    assert [node.name for node in graph.of_kind("core.add")] == ["add", "add2", "add3"]
    wires = {(wire.source.node, wire.target.node) for wire in graph.links}
    assert {("add", "fc_2"), ("add", "add_2"), ("add_2", "add_3"), ("add_3", "out")} <= wires


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"repeat": 3, "share_weights": True}, "with the same weights"),
        ({"repeat": 0}, "Set Repeat to 1"),
        ({"repeat": "=nobody"}, "nobody"),
        ({"repeat": 1000}, "Leave it a block"),
        ({"wide": "text"}, "needs to be a number"),
    ],
)
def test_what_cannot_be_unpacked_rightly_is_refused(params: dict[str, object], says: str) -> None:
    with pytest.raises(ed.EditRefused, match=says):
        ed.Unpack("main", "stage").apply(stages(**params))


def test_a_bypassed_a_sharing_and_a_timed_instance_are_refused() -> None:
    project = stages()
    with pytest.raises(ed.EditRefused, match="bypassed"):
        ed.Unpack("main", "stage").apply(
            ed.SetFlag("main", ("stage",), "bypassed", True).apply(project)
        )
    twin = Node("twin", "block.Stage", "twin")
    shared = ed.Share("main", ("twin",), "stage").apply(ed.AddNodes("main", (twin,)).apply(project))
    for node in ("stage", "twin"):
        with pytest.raises(ed.EditRefused, match="same weights"):
            ed.Unpack("main", node).apply(shared)
    timed = ed.AddNodes("block.Stage", (Node("h", "core.state", "h"),)).apply(project)
    with pytest.raises(ed.EditRefused, match="over time"):
        ed.Unpack("main", "stage").apply(timed)
    with pytest.raises(ed.EditRefused, match="is no block"):
        ed.Unpack("main", "out").apply(project)


def test_unpacked_nodes_push_down_what_stands_below() -> None:
    made = ed.MakeBlock("main", ("conv", "relu", "add"), "Res", "r").apply(residual())
    below = ed.MoveNodes("main", {"fc": Place(80.0, 300.0), "out": Place(900.0, 300.0)})
    after = ed.Unpack("main", "r").apply(below.apply(made))
    places = after.sheet("main").places
    assert places["fc"].y > max(places[key].y for key in ("conv", "relu", "add"))
    assert places["out"] == Place(900.0, 300.0)
    assert places["conv"].y == 200.0
