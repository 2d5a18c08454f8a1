"""Drawing a network otherwise, as blocks or without, leaves what its module answers to the last bit."""

import pytest
import torch
from networks import inception, lenet, recurrent, residual, transformer
from torch import nn

from studio import compile
from studio.graph.builder import Net
from studio.graph.edits import AddNodes, EditRefused, MakeBlock, SetBlock, SetParams, Share, Unpack
from studio.graph.facts import DataFacts
from studio.graph.graph import Node, link
from studio.graph.params import Param
from studio.graph.project import Project
from studio.graph.spec import LayerSpec
from studio.graph.topology import order

Specs = dict[str, LayerSpec]
DRAWN = {
    "inception": inception,
    "lenet": lenet,
    "lstm": recurrent,
    "residual": residual,
    "transformer": transformer,
}


def answer(module: nn.Module, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    module.load_state_dict(weights)
    torch.manual_seed(1)
    return module.eval()(torch.rand(3, 1, 28, 28))


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_a_block_made_of_any_stretch_and_opened_again_answers_the_same(
    name: str, specs: Specs, digits: DataFacts
) -> None:
    project = DRAWN[name]()
    module = compile.build(project, "main", specs, digits)
    weights = module.state_dict()
    wanted = answer(module, weights)
    graph = project.sheet("main").graph
    keys = [k for k in order(graph)[0] if graph.nodes[k].kind not in ("core.input", "core.output")]
    made = 0
    for start in range(0, len(keys), 3):
        stretch = tuple(keys[start : start + 5])
        try:
            after = MakeBlock("main", stretch, "Part", "part").apply(project)
        except EditRefused:
            continue
        made += 1
        inner = {graph.nodes[key].name for key in stretch}
        moved = {f"part.{k}" if k.split(".")[0] in inner else k: v for k, v in weights.items()}
        built = compile.build(after, "main", specs, digits)
        assert torch.equal(answer(built, moved), wanted)
        back = Unpack("main", "part").apply(after)
        assert torch.equal(answer(compile.build(back, "main", specs, digits), weights), wanted)
    assert made


def stages() -> Project:
    """A block three times in series, wider each time."""
    net = Net()
    x = net.add("torch.nn.Flatten", net.input(), name="flat")
    with net.block("Stage") as stage:
        y = stage.add("torch.nn.Linear", stage.input(), name="fc", out_features="=width*2**index")
        stage.output(stage.add("torch.nn.ReLU", y, name="act"))
    x = net.use("Stage", x, name="stages")
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=10))
    project = SetBlock("Stage", (Param("width", "int", 4),)).apply(net.project())
    return SetParams("main", "stages", {"repeat": 3, "width": 5}).apply(project)


def test_a_repeated_block_unpacked_answers_the_same(specs: Specs, digits: DataFacts) -> None:
    before = stages()
    module = compile.build(before, "main", specs, digits)
    weights = module.state_dict()
    after = Unpack("main", "stages").apply(before)
    names = {"stages.0.fc": "fc", "stages.1.fc": "fc2", "stages.2.fc": "fc3", "head": "head"}
    moved = {f"{names[k.rpartition('.')[0]]}.{k.rpartition('.')[2]}": v for k, v in weights.items()}
    built = compile.build(after, "main", specs, digits)
    assert torch.equal(answer(built, moved), answer(module, weights))


def test_shared_weights_stay_shared_inside_a_block(specs: Specs, digits: DataFacts) -> None:
    net = Net()
    x = net.add("torch.nn.Flatten", net.input(), name="flat")
    x = net.add("torch.nn.Linear", x, name="one", out_features=10)
    net.output(x)
    links = (link("one", "out", "two", "x"),)
    two = Node("two", "torch.nn.Linear", "two", {"out_features": 10, "in_features": 10})
    project = AddNodes("main", (two,), {}, links).apply(net.project())
    three = Node("three", "torch.nn.Linear", "three", {"out_features": 10})
    output = (link("two", "out", "three", "x"), link("three", "out", "out2", "x"))
    end = Node("out2", "core.output", "out2")
    project = AddNodes("main", (three, end), {}, output).apply(project)
    project = Share("main", ("three",), "two").apply(project)
    module = compile.build(project, "main", specs, digits)
    after = MakeBlock("main", ("two", "three"), "Twice", "twice").apply(project)
    built = compile.build(after, "main", specs, digits)
    weights = module.state_dict()
    assert set(weights) == {"one.weight", "one.bias", "two.weight", "two.bias"}
    moved = {f"twice.{k}" if k.startswith("two") else k: v for k, v in weights.items()}
    x = torch.rand(2, 1, 28, 28)
    built.load_state_dict(moved)
    for mine, other in zip(module(x), built(x), strict=True):
        assert torch.equal(mine, other)
