"""A network with its blocks opened: paths, dotted names, formulas and passes."""

from msgspec.structs import replace

from studio.graph.builder import Net
from studio.graph.params import Param
from studio.graph.project import Project
from studio.graph.topology import block_spec, name_path
from studio.graph.unfold import MOST, unfold


def _project(**params: object) -> Project:
    net = Net()
    with net.block("Inner", params=(Param("width", "int", 4),)) as block:
        x = block.add("torch.nn.Linear", block.input(), name="fc", out_features="=width+index")
        block.output(x)
    with net.block("Outer", params=(Param("size", "int", "=base"),)) as block:
        block.output(block.use("Inner", block.input(), name="in1", width="=size*2", repeat=2))
    net.output(net.use("Outer", net.input(), name="out1", **params))
    return replace(net.project(), constants={"base": 8})


def test_every_pass_of_every_instance_is_found() -> None:
    found = {one.path: one for one in unfold(_project(repeat=2), "main")}
    assert found["out1/1/in1/0/fc"].dotted == "out1.1.in1.0.fc"
    widths = [found[f"out1/0/in1/{n}/fc"].node.params["out_features"] for n in range(2)]
    assert widths == [16, 17]
    assert len(found) == 3 + 2 * (3 + 2 * 3)


def test_one_module_has_no_number() -> None:
    for params in ({}, {"repeat": 3, "share_weights": True}):
        paths = {one.path for one in unfold(_project(**params), "main")}
        assert "out1/in1/1/fc" in paths
    assert not any("in1" in one.path for one in unfold(_project(repeat=0), "main"))


def test_values_of_the_instance_lie_over_defaults() -> None:
    found = {one.path: one.node for one in unfold(_project(size="=base-5"), "main")}
    assert found["out1/in1"].params["width"] == 6


def test_formulas_that_fail_leave_the_node_as_it_is() -> None:
    found = {one.path: one.node for one in unfold(_project(size="=gone"), "main")}
    assert found["out1"].params == {"size": "=gone"}


def test_frozen_goes_down_into_blocks() -> None:
    project = _project()
    sheet = project.networks["main"]
    node = replace(sheet.graph.nodes["out1"], flags=("frozen",))
    project = project.with_sheet("main", replace(sheet, graph=sheet.graph.with_node(node)))
    assert all(one.frozen == one.path.startswith("out1") for one in unfold(project, "main"))


def test_endless_repeats_end() -> None:
    project = _project(repeat=1000)
    outer = project.blocks["Outer"]
    node = replace(outer.sheet.graph.nodes["in1"], params={"repeat": 1000})
    sheet = replace(outer.sheet, graph=outer.sheet.graph.with_node(node))
    assert len(unfold(project.with_sheet("block.Outer", sheet), "main")) == MOST


def test_unknown_networks_and_blocks_hold_nothing() -> None:
    project = _project()
    assert unfold(project, "gone") == ()
    assert len(unfold(replace(project, blocks={}), "main")) == 3


def test_names_follow_the_passes() -> None:
    project = _project(repeat=2)
    for one in unfold(project, "main"):
        assert name_path(project, "main", one.path) == one.dotted
    assert name_path(project, "main", "out1/7/in1") == "out1.7.in1"


def test_an_instance_offers_its_parameters_then_what_every_block_has() -> None:
    spec = block_spec(_project(), "block.Outer")
    assert spec is not None
    assert [param.name for param in spec.params] == ["size", "repeat", "share_weights"]
    assert (spec.params[1].minimum, spec.params[1].maximum, spec.params[1].default) == (0, 1000, 1)


def test_states_are_ports_of_the_instance() -> None:
    net = Net()
    with net.block("Cell") as block:
        x, h = block.input(), block.state("h", shape=(4,))
        y = block.add("core.add", x, h, name="y")
        block.next("h", y)
        block.output(y)
    x = net.input()
    net.output(net.use("Cell", x, x, name="cell")["h"])
    project = net.project()
    spec = block_spec(project, "block.Cell")
    assert spec is not None
    assert [(port.name, port.type, port.optional) for port in spec.inputs] == [
        ("x", "any", False), ("h", "state", True),
    ]  # fmt: skip
    assert [(port.name, port.type) for port in spec.outputs] == [("out", "any"), ("h", "state")]
    graph = project.networks["main"].graph
    assert [wire.target.port for wire in graph.incoming["cell"]] == ["x", "h"]
    assert graph.incoming["out"][0].source.port == "h"
