"""Blocks with parameters, repeats, shared weights, formulas and points of wires."""

import msgspec
import pytest
import torch
from blocks_drawn import WIDTH, lstm, residual_block, resnet
from msgspec.structs import replace
from networks import chain, conv, linear
from torch import Tensor

from studio import compile
from studio.graph.builder import Net, Wire
from studio.graph.edits import Connect, Insert, RemoveNodes, SetFlag, SetParams
from studio.graph.facts import DataFacts
from studio.graph.graph import Node, link
from studio.graph.params import Param
from studio.graph.project import Project
from studio.graph.spec import LayerSpec
from studio.graph.topology import name_path
from studio.graph.unfold import unfold

Specs = dict[str, LayerSpec]


def _text(project: Project, specs: Specs) -> str:
    facts = compile.infer(project, specs, None)
    assert not facts.errors, facts.errors
    return compile.source(project, "main", specs, facts).text


def _first_error(project: Project, specs: Specs) -> tuple[str, str]:
    facts = compile.infer(project, specs, None)
    problem = facts.errors[0]
    with pytest.raises(compile.Unfinished):
        compile.source(project, "main", specs, facts)
    return problem.node, problem.message


def _same_and_tapped(module: torch.nn.Module, x: Tensor) -> dict[str, int]:
    """Return how often each path was tapped, after a check that taps change no bit."""
    seen: dict[str, int] = {}

    def tap(path: str, port: str, tensor: Tensor) -> Tensor:
        seen[path] = seen.get(path, 0) + 1
        return tensor

    module.eval()
    with torch.no_grad():
        assert torch.equal(module(x), module.forward_tapped(x, tap))
    return seen


# ------------------------------------------------------------------------------------------- resnet


@pytest.mark.parametrize(
    ("blocks", "published"), [((2, 2, 2, 2), 11_689_512), ((3, 4, 6, 3), 21_797_672)]
)
def test_resnets_have_their_published_sizes(
    blocks: tuple[int, ...], published: int, specs: Specs
) -> None:
    main = compile.infer(resnet(blocks), specs, None).networks["main"]
    assert not main.problems
    assert main.parameters == published
    assert main.nodes["layer4/1/conv2"].outputs["out"].text == "N×512×7×7"


def test_names_of_resnet_are_those_that_weights_are_published_under(specs: Specs) -> None:
    module = compile.build(resnet(side=64), "main", specs, None)
    assert sum(p.numel() for p in module.parameters()) == 11_689_512
    weights = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    assert weights["conv1.weight"] == (64, 3, 7, 7)
    assert weights["layer1.0.conv1.weight"] == (64, 64, 3, 3)
    assert weights["layer1.1.bn2.running_mean"] == (64,)
    assert weights["layer2.0.conv1.weight"] == (128, 64, 3, 3)
    assert weights["layer2.0.downsample.conv.weight"] == (128, 64, 1, 1)
    assert weights["layer4.1.conv2.weight"] == (512, 512, 3, 3)
    assert not any(name.startswith(("layer1.0.downsample", "layer2.1.down")) for name in weights)
    assert len(weights) == 122
    _same_and_tapped(module, torch.randn(1, 3, 64, 64))


def test_resnet_is_written_as_a_person_writes_it(specs: Specs) -> None:
    text = _text(resnet(side=64), specs)
    assert "        self.layer1 = nn.ModuleList([Residual(width=64) for _ in range(2)])\n" in text
    assert (
        "        self.layer2 = nn.ModuleList("
        "[Residual2(in_channels=64, width=128), Residual(width=128)])\n" in text
    )
    assert (
        "        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=2, padding=1, bias=False)"
        in text
    )
    assert "        for block in self.layer1:\n            x = block(x)\n" in text
    assert text.count("class ") == 4


def test_paths_and_names_go_through_every_pass(specs: Specs) -> None:
    project = resnet(side=64)
    module = compile.build(project, "main", specs, None)
    nodes = compile.infer(project, specs, None).networks["main"].nodes
    found = {one.path: one.dotted for one in unfold(project, "main")}
    assert set(nodes) == set(found)
    assert found["layer2/0/downsample/conv"] == "layer2.0.downsample.conv"
    assert found["layer3/1/conv2"] == "layer3.1.conv2"
    modules = dict(module.named_modules())
    for path, dotted in found.items():
        assert name_path(project, "main", path) == dotted
        kept = path.endswith("downsample") and path not in ("layer1/0", "layer1/1")
        assert dotted in modules or not nodes[path].parameters or kept


# ------------------------------------------------------------------------------------------- repeats


def _stack(**params: object) -> Project:
    """Draw a Linear and a Tanh, `params` times, on vectors of 8."""
    net = Net()
    with net.block("Layer", params=(Param("width", "int", 8),)) as block:
        x = block.add("torch.nn.Linear", block.input(), name="fc", out_features="=width")
        block.output(block.add("torch.nn.Tanh", x, name="act"))
    x = net.use("Layer", net.input("x", shape=(8,)), name="layers", **params)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=2))
    return net.project()


def test_repeated_blocks_are_a_module_list(specs: Specs) -> None:
    project = _stack(repeat=4, width=5)
    text = _text(project, specs)
    assert (
        "self.layers = nn.ModuleList([Layer(in_features=8), *(Layer(in_features=5) for _ in range(3))])"
        in text
    )
    module = compile.build(project, "main", specs, None)
    facts = compile.infer(project, specs, None).networks["main"]
    assert facts.parameters == sum(p.numel() for p in module.parameters())
    assert facts.nodes["layers/3/fc"].inferred == {"in_features": 5}
    assert facts.nodes["layers"].parameters == 8 * 5 + 5 + 3 * (5 * 5 + 5)
    seen = _same_and_tapped(module, torch.randn(3, 8))
    assert {path for path in seen if path.endswith("fc")} == {f"layers/{n}/fc" for n in range(4)}


def test_shared_weights_are_one_module_run_again_and_again(specs: Specs) -> None:
    project = _stack(repeat=3, share_weights=True)
    assert "        for _ in range(3):\n            x = self.layers(x)\n" in _text(project, specs)
    module = compile.build(project, "main", specs, None)
    facts = compile.infer(project, specs, None).networks["main"]
    assert facts.nodes["layers"].parameters == 8 * 8 + 8
    assert facts.nodes["layers"].flops == 3 * facts.nodes["layers/fc"].flops
    assert facts.parameters == sum(p.numel() for p in module.parameters())
    assert "layers.fc.weight" in module.state_dict()
    x = torch.randn(3, 8)
    assert torch.equal(module(x), module.head(module.layers(module.layers(module.layers(x)))))
    assert _same_and_tapped(module, x)["layers/fc"] == 3


def test_weights_cannot_be_shared_by_passes_of_different_sizes(specs: Specs) -> None:
    node, message = _first_error(_stack(repeat=2, share_weights=True, width=5), specs)
    assert node == "layers"
    assert "in_features of a layer inside would be 8 in one pass and 5 in another" in message


def test_repeated_none_times_a_block_hands_its_input_on(specs: Specs) -> None:
    project = _stack(repeat=0)
    text = _text(project, specs)
    assert "layers" not in text
    assert "class Layer" not in text
    assert compile.build(project, "main", specs, None)(torch.randn(2, 8)).shape == (2, 2)


def test_every_pass_gets_the_inputs_that_no_output_feeds(specs: Specs) -> None:
    net = Net()
    with net.block("Mix") as block:
        x, again = block.input("x"), block.input("again")
        block.output(
            block.add("core.add", block.add("torch.nn.Tanh", x, name="act"), again, name="sum")
        )
    a, b = net.input("a", shape=(4,)), net.input("b", shape=(4,))
    double = net.add("core.affine", b, name="double", scale=2.0)
    net.output(net.use("Mix", a, double, name="mix", repeat=3))
    module = compile.build(net.project(), "main", specs, None)
    a, b = torch.randn(2, 4), torch.randn(2, 4)
    wanted = a
    for _ in range(3):
        wanted = wanted.tanh() + 2 * b
    torch.testing.assert_close(module(a, b), wanted)
    tapped = module.forward_tapped(a, b, lambda path, port, tensor: tensor)
    assert torch.equal(tapped, module(a, b))


@pytest.mark.parametrize("shared", [False, True])
def test_several_outputs_feed_the_next_pass_in_their_order(shared: bool, specs: Specs) -> None:
    net = Net()
    with net.block("Swap") as block:
        a, b = block.input("a"), block.input("b")
        block.output(block.add("core.neg", b, name="turned"), name="first")
        block.output(a, name="second")
    p, q = net.input("p", shape=(4,)), net.input("q", shape=(4,))
    last = net.use("Swap", p, q, name="swap", repeat=3, share_weights=shared)
    net.output(last["second"])
    module = compile.build(net.project(), "main", specs, None)
    p, q = torch.randn(2, 4), torch.randn(2, 4)
    a, b = p, q
    for _ in range(3):
        a, b = -b, a
    assert torch.equal(module(p, q), b)


@pytest.mark.parametrize("value", [-1, 1001, 2.5, "many", (2, 2)])
def test_impossible_repeats_are_told(value: object, specs: Specs) -> None:
    node, message = _first_error(_stack(repeat=value), specs)
    assert node == "layers"
    assert message.startswith("repeat needs a whole number from 0 to 1000, but got")


def test_repeats_within_repeats_have_an_end(specs: Specs) -> None:
    net = Net()
    with net.block("One") as block:
        block.output(block.add("torch.nn.Tanh", block.input(), name="act"))
    for outer, inner in (("Two", "One"), ("Three", "Two")):
        with net.block(outer) as block:
            block.output(block.use(inner, block.input(), name="inner", repeat=1000))
    net.output(net.use("Three", net.input("x", shape=(2,)), name="all", repeat=1000))
    facts = compile.infer(net.project(), specs, None)
    assert any("opens into more layers than a network can have" in p.message for p in facts.errors)


def test_a_trouble_of_every_pass_is_told_once(specs: Specs) -> None:
    project = SetParams("block.Layer", "fc", {"out_features": "=size"}).apply(_stack(repeat=5))
    problems = compile.infer(project, specs, None).networks["main"].problems
    assert [problem.node for problem in problems] == ["layers/0/fc"]


# ------------------------------------------------------------------------------------------ formulas


def test_formulas_read_constants_and_parameters_of_the_instance(specs: Specs) -> None:
    project = replace(_stack(width="=size//2"), constants={"size": 12, "width": 99})
    nodes = compile.infer(project, specs, None).networks["main"].nodes
    assert nodes["layers/fc"].outputs["out"].text == "N×6"
    default = replace(_stack(), constants={"width": 99})
    nodes = compile.infer(default, specs, None).networks["main"].nodes
    assert nodes["layers/fc"].outputs["out"].text == "N×8"


def test_formulas_read_the_number_of_the_pass(specs: Specs) -> None:
    project = SetParams("block.Layer", "fc", {"out_features": "=width+index*repeat"}).apply(
        _stack(repeat=3)
    )
    nodes = compile.infer(project, specs, None).networks["main"].nodes
    assert [nodes[f"layers/{n}/fc"].outputs["out"].shape[1] for n in range(3)] == [8, 11, 14]
    assert "Layer(in_features=8, width=" not in _text(project, specs)


def test_formulas_work_in_the_shape_of_an_input_and_the_code_has_their_values(specs: Specs) -> None:
    net = Net()
    x = net.input("x", shape="=(channels, side, side)")
    x = net.add("torch.nn.Conv2d", x, name="conv", out_channels="=channels*2", kernel_size=3)
    net.output(x)
    project = replace(net.project(), constants={"channels": 3, "side": 8})
    text = _text(project, specs)
    assert "self.conv = nn.Conv2d(3, 6, 3)" in text


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("=widht*2", "reads widht, which has no value here"),
        ("=", "A formula needs 1 to 200 characters"),
        ("=1/0", "cannot be worked out"),
        ("=__import__('os')", "is not allowed"),
        ("=2**9999", "too large"),
        ("=width/3", "It is worked out from =width/3."),
    ],
)
def test_formulas_that_fail_are_told_at_their_node(formula: str, said: str, specs: Specs) -> None:
    project = SetParams("block.Layer", "fc", {"out_features": formula}).apply(_stack())
    node, message = _first_error(project, specs)
    assert node == "layers/fc"
    assert said in message


def test_repairs_reckon_with_the_values_of_formulas(specs: Specs, digits: DataFacts) -> None:
    project = chain(
        conv(name="conv", out_channels="=wide", kernel_size="=window"),
        "torch.nn.Flatten",
        linear(out_features=10),
    )
    project = replace(project, constants={"wide": 4, "window": 40})
    problem = compile.infer(project, specs, digits).errors[0]
    assert [repair.title for repair in problem.repairs][:2] == [
        "Set kernel_size to 28", "Set padding to 6",
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------- sharing


def _twins(**second: object) -> Project:
    net = Net()
    a = net.add("torch.nn.Linear", net.input("x", shape=(6,)), name="fc1", out_features=6)
    a = net.add("torch.nn.ReLU", a, name="act")
    a = net.add(
        "torch.nn.Linear", a, name="fc2", **{"out_features": 6, **second}, shares=Wire("fc1")
    )
    net.output(a)
    return net.project()


def test_a_node_that_shares_calls_the_owners_module(specs: Specs) -> None:
    project = _twins()
    text = _text(project, specs)
    assert text.count("nn.Linear(") == 1
    assert "x = self.act(x)\n        x = self.fc1(x)\n        return x" in text
    facts = compile.infer(project, specs, None).networks["main"]
    assert (facts.nodes["fc1"].parameters, facts.nodes["fc2"].parameters) == (42, 0)
    assert facts.parameters == 42
    module = compile.build(project, "main", specs, None)
    assert list(module.state_dict()) == ["fc1.weight", "fc1.bias"]
    seen = _same_and_tapped(module, torch.randn(2, 6))
    assert {"fc1", "fc2"} <= set(seen)


def test_instances_of_a_block_share_their_weights(specs: Specs) -> None:
    net = Net()
    with net.block("Tower") as block:
        block.output(block.add("torch.nn.Linear", block.input(), name="fc", out_features=4))
    a, b = net.input("a", shape=(3,)), net.input("b", shape=(3,))
    left = net.use("Tower", a, name="left")
    right = net.use("Tower", b, name="right", shares=left)
    net.output(net.add("core.sub", left, right, name="difference"))
    project = net.project()
    facts = compile.infer(project, specs, None).networks["main"]
    assert facts.parameters == 16
    assert facts.nodes["right/fc"].parameters == 0
    module = compile.build(project, "main", specs, None)
    assert list(module.state_dict()) == ["left.fc.weight", "left.fc.bias"]
    x = torch.randn(2, 3)
    assert torch.equal(module(x, x), torch.zeros(2, 4))
    seen: set[str] = set()
    module.forward_tapped(x, x, lambda path, port, t: seen.add(path) or t)
    assert {"left/fc", "right/fc"} <= seen


def test_weights_outlive_an_owner_that_takes_no_part(specs: Specs) -> None:
    project = SetFlag("main", ("fc1",), "bypassed", True).apply(_twins())
    facts = compile.infer(project, specs, None).networks["main"]
    module = compile.build(project, "main", specs, None)
    assert facts.parameters == sum(p.numel() for p in module.parameters()) == 42
    assert list(module.state_dict()) == ["fc1.weight", "fc1.bias"]


def test_a_frozen_owner_is_frozen_for_all(specs: Specs) -> None:
    project = SetFlag("main", ("fc1",), "frozen", True).apply(_twins())
    assert compile.infer(project, specs, None).networks["main"].parameters == 0
    module = compile.build(project, "main", specs, None)
    assert not any(p.requires_grad for p in module.parameters())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shares": "gone"}, "a layer that is not here"),
        ({"shares": "fc2"}, "a layer that is not here"),
        ({"shares": "act"}, "another kind of layer"),
        ({"params": {"out_features": 7}}, "its out_features is 7 and that of fc1 is 6"),
        ({"params": {"out_features": 6, "bias": False}}, "its bias is False"),
    ],
)
def test_weights_that_cannot_be_shared_are_told(
    change: dict[str, object], said: str, specs: Specs
) -> None:
    project = _twins()
    sheet = project.networks["main"]
    node = replace(sheet.graph.nodes["fc2"], **change)
    project = project.with_sheet("main", replace(sheet, graph=sheet.graph.with_node(node)))
    key, message = _first_error(project, specs)
    assert key == "fc2"
    assert said in message


def test_inputs_of_other_sizes_cannot_share(specs: Specs) -> None:
    net = Net()
    a = net.add("torch.nn.Linear", net.input("x", shape=(5,)), name="fc1", out_features=6)
    net.output(net.add("torch.nn.Linear", a, name="fc2", out_features=6, shares=a))
    _, message = _first_error(net.project(), specs)
    assert "its in_features is 6 and that of fc1 is 5" in message


def test_sharing_is_not_handed_on(specs: Specs) -> None:
    net = Net()
    a = net.add("torch.nn.Linear", net.input("x", shape=(6,)), name="a", out_features=6)
    b = net.add("torch.nn.Linear", a, name="b", out_features=6, shares=a)
    net.output(net.add("torch.nn.Linear", b, name="c", out_features=6, shares=b))
    key, message = _first_error(net.project(), specs)
    assert key == "c"
    assert "has none of its own" in message


# -------------------------------------------------------------------------------- wires and their ends


def test_points_of_wires_are_nowhere_in_the_code(specs: Specs) -> None:
    project = _twins()
    plain = _text(project, specs)
    for number, wire in enumerate(project.networks["main"].graph.links[:2]):
        dot = Node(f"dot{number}", "core.reroute", f"dot{number}")
        project = Insert("main", dot, wire).apply(project)
    assert _text(project, specs) == plain
    facts = compile.infer(project, specs, None).networks["main"]
    assert facts.nodes["dot0"].outputs["out"].text == "N×6"
    project = RemoveNodes("main", ("x",)).apply(project)
    assert compile.infer(project, specs, None).errors


def test_a_wire_from_a_port_that_is_gone_is_told(specs: Specs) -> None:
    project = Connect("main", link("layers", "old", "head", "x")).apply(_stack())
    problems = [p for p in compile.infer(project, specs, None).errors if p.node == "head"]
    assert problems[0].message == (
        "layers has no output named 'old'. Its outputs: out. Wire another one."
    )


def test_a_block_that_gives_nothing_is_told(specs: Specs) -> None:
    project = RemoveNodes("block.Layer", ("out",)).apply(_stack())
    main = compile.infer(project, specs, None).networks["main"]
    messages = [problem.message for problem in main.problems]
    assert "layers gives nothing. Open it and add an Output." in messages


def test_everything_survives_the_file(specs: Specs) -> None:
    for project in (resnet(side=64), lstm(), _twins()):
        again = msgspec.json.decode(msgspec.json.encode(project), type=Project)
        assert _text(again, specs) == _text(project, specs)


def test_width_is_declared_once() -> None:
    net = Net()
    residual_block(net)
    assert net.project().blocks["Residual"].params[0] == WIDTH
