"""Generated code: readable, safe, complete in itself, and what really runs."""

import json
import subprocess
import sys
import traceback
from pathlib import Path

import msgspec
import pytest
import torch
from msgspec.structs import replace
from networks import chain, inception, lenet, linear, recurrent, residual, transformer
from torch import Tensor, nn

from studio import compile
from studio.graph.builder import Net
from studio.graph.edits import Rename, SetFlag, SetParams
from studio.graph.facts import DataFacts
from studio.graph.graph import Node
from studio.graph.project import Project
from studio.graph.spec import LayerSpec

Specs = dict[str, LayerSpec]
DRAWN = {
    "lenet": lenet,
    "residual": residual,
    "inception": inception,
    "lstm": recurrent,
    "gru": lambda: recurrent("torch.nn.GRU"),
    "transformer": transformer,
}


def _text(project: Project, specs: Specs, data: DataFacts | None) -> str:
    facts = compile.infer(project, specs, data)
    assert not facts.errors, facts.errors
    return compile.source(project, "main", specs, facts).text


@pytest.mark.parametrize("name", DRAWN)
def test_network_trains_and_taps_change_nothing(name: str, specs: Specs, digits: DataFacts) -> None:
    torch.manual_seed(0)
    module = compile.build(DRAWN[name](), "main", specs, digits)
    x = torch.rand(4, 1, 28, 28)
    for mode in (True, False):
        module.train(mode)
        plain = module(x)
        assert torch.equal(plain, module.forward_tapped(x, lambda path, port, tensor: tensor))
        with torch.no_grad():
            assert torch.equal(
                module(x), module.forward_tapped(x, lambda path, port, tensor: tensor)
            )
    assert plain.shape == (4, 10)
    module.train()
    module(x).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("name", DRAWN)
def test_parameters_of_the_facts_are_those_of_the_module(
    name: str, specs: Specs, digits: DataFacts
) -> None:
    project = DRAWN[name]()
    facts = compile.infer(project, specs, digits).networks["main"]
    module = compile.build(project, "main", specs, digits)
    assert facts.parameters == sum(p.numel() for p in module.parameters())


def test_lenet_is_written_as_a_person_writes_it(specs: Specs, digits: DataFacts) -> None:
    text = _text(lenet(), specs, digits)
    assert "        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)\n" in text
    assert "        self.fc3 = nn.Linear(84, 10)\n" in text
    assert "        x = self.conv1(x)\n        x = self.relu(x)\n" in text
    assert "import torch\n" not in text, "what is not used is not imported"


def test_text_is_the_same_each_time(specs: Specs, digits: DataFacts) -> None:
    assert _text(transformer(), specs, digits) == _text(transformer(), specs, digits)


def test_every_line_says_whose_it_is(specs: Specs, digits: DataFacts) -> None:
    project = residual()
    facts = compile.infer(project, specs, digits)
    written = compile.source(project, "main", specs, facts)
    lines = written.text.rstrip("\n").split("\n")
    assert len(lines) == len(written.nodes)
    owner = dict(zip(lines, written.nodes, strict=True))
    assert owner["        self.stem = nn.Conv2d(1, 8, 3, padding=1)"] == "stem"
    assert owner["        self.bn1 = nn.BatchNorm2d(8)"] == "res1/bn1"


def test_instances_share_a_class_and_their_sizes_are_its_arguments(
    specs: Specs, digits: DataFacts
) -> None:
    text = _text(residual(), specs, digits)
    assert text.count("class ResBlock(nn.Module)") == 1
    assert "class ResBlock2" not in text
    assert "self.down1 = Down(in_channels=8)" in text
    assert "self.down2 = Down(in_channels=4)" in text
    assert "        self.conv = nn.Conv2d(in_channels, 8, 2, stride=2)" in text
    module = compile.build(residual(), "main", specs, digits)
    assert "res1.conv1.weight" in module.state_dict()


def test_values_that_are_needed_later_have_names(specs: Specs, digits: DataFacts) -> None:
    text = _text(residual(), specs, digits)
    assert "        out = self.conv1(x)\n        out = self.bn1(out)\n        x = out + x\n" in text


def test_names_of_nodes_never_hide_each_other_or_the_code(specs: Specs, digits: DataFacts) -> None:
    net = Net()
    x = net.input("image")
    a = net.add("torch.nn.Flatten", x, name="inside")
    b = net.add("torch.nn.Flatten", x, name="out2")
    c = net.add("core.add", a, b, name="x")
    d = net.add("core.mul", c, a, name="out")
    e = net.add("core.add", d, c, name="attention_weights")
    net.output(net.add("torch.nn.Linear", e, name="Network", out_features=10), name="answer")
    module = compile.build(net.project(), "main", specs, digits)
    image = torch.rand(2, 1, 28, 28)
    flat = image.flatten(1)
    assert torch.equal(module(image), module.Network(2 * flat * flat + 2 * flat))


def test_taps_reach_every_port_by_id_path(specs: Specs, digits: DataFacts) -> None:
    project = residual()
    module = compile.build(project, "main", specs, digits)
    seen: dict[str, tuple[int, ...]] = {}

    def tap(path: str, port: str, tensor: Tensor) -> Tensor:
        seen[f"{path}.{port}"] = tuple(tensor.shape)
        return tensor

    module.forward_tapped(torch.rand(2, 1, 28, 28), tap)
    facts = compile.infer(project, specs, digits).networks["main"]
    wanted = {
        f"{path}.{port}": tuple(2 if dim == "N" else dim for dim in kind.shape)
        for path, node in facts.nodes.items()
        for port, kind in node.outputs.items()
    }
    assert seen == wanted
    assert "res2/conv1.out" in seen


def test_what_a_tap_returns_goes_on(specs: Specs, digits: DataFacts) -> None:
    module = compile.build(lenet(), "main", specs, digits)

    def off(path: str, port: str, tensor: Tensor) -> Tensor:
        return torch.zeros_like(tensor) if path == "fc2" else tensor

    answer = module.forward_tapped(torch.rand(2, 1, 28, 28), off)
    assert torch.equal(answer, module.fc3.bias.expand(2, 10))


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("grad", [True, False])
def test_attention_weights_are_true_and_cost_no_bit(
    dropout: float, training: bool, grad: bool, specs: Specs, digits: DataFacts
) -> None:
    torch.manual_seed(0)
    module = compile.build(transformer(dropout), "main", specs, digits).train(training)
    x, seen = torch.rand(3, 1, 28, 28), {}

    def tap(path: str, port: str, tensor: Tensor) -> Tensor:
        seen[path, port] = tensor.detach()
        return tensor

    with torch.set_grad_enabled(grad):
        torch.manual_seed(1)
        plain = module(x)
        torch.manual_seed(1)
        tapped = module.forward_tapped(x, tap)
    assert torch.equal(plain, tapped)
    weights = seen["attn1", "weights"]
    assert weights.shape == (3, 4, 17, 17)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 4, 17))
    if not dropout:
        before = seen["norm1a", "out"]
        _, torchs = module.attn1(
            before, before, before, need_weights=True, average_attn_weights=False
        )
        torch.testing.assert_close(weights, torchs.detach(), atol=1e-6, rtol=1e-5)


def test_weights_of_attention_may_be_wired(specs: Specs, digits: DataFacts) -> None:
    net = Net()
    x = net.add("core.squeeze", net.input(), dim=1)
    y = net.add("torch.nn.MultiheadAttention", x, name="attn", num_heads=4)
    w = net.add("core.mean", y["weights"], dim=(1, 2))
    net.output(net.add("torch.nn.Linear", w, name="fc", out_features=10))
    module = compile.build(net.project(), "main", specs, digits)
    assert module(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_cross_attention_with_other_sizes(specs: Specs) -> None:
    net = Net()
    q = net.input("q", shape=(5, 16))
    k = net.input("k", shape=(7, 12))
    y = net.add("torch.nn.MultiheadAttention", q, k, name="attn", num_heads=2, kdim=12, vdim=12)
    net.output(y)
    net.output(y["weights"], name="map")
    module = compile.build(net.project(), "main", specs, None)
    query, key = torch.rand(2, 5, 16), torch.rand(2, 7, 12)
    out, weights = module(query, key)
    direct, torchs = module.attn(query, key, key, average_attn_weights=False)
    torch.testing.assert_close(out, direct)
    torch.testing.assert_close(weights, torchs)


def test_states_of_recurrent_layers_may_be_wired(specs: Specs) -> None:
    net = Net()
    x = net.input("x", shape=(5, 8))
    one = net.add("torch.nn.LSTM", x, name="one", hidden_size=6)
    wires = {"x": one, "h0": one["hn"], "c0": one["cn"]}
    two = net.add("torch.nn.LSTM", name="two", hidden_size=6, inputs=wires)
    net.output(two)
    project = net.project()
    text = _text(project, specs, None)
    assert "x, (one_hn, one_cn) = self.one(x)" in text
    assert "x, _ = self.two(x, (one_hn, one_cn))" in text
    module = compile.build(project, "main", specs, None)
    assert module(torch.rand(2, 5, 8)).shape == (2, 5, 6)


def test_bypassed_nodes_are_not_in_the_code(specs: Specs, digits: DataFacts) -> None:
    project = SetFlag("main", ("relu", "pool1"), "bypassed", True).apply(lenet())
    text = _text(project, specs, digits)
    assert "self.relu " not in text
    assert "pool1" not in text
    module = compile.build(project, "main", specs, digits)
    assert isinstance(module.fc1, nn.Linear)
    assert module(torch.rand(1, 1, 28, 28)).shape == (1, 10)


def test_frozen_nodes_do_not_learn(specs: Specs, digits: DataFacts) -> None:
    project = SetFlag("main", ("conv1", "relu"), "frozen", True).apply(lenet())
    text = _text(project, specs, digits)
    assert "self.conv1 = nn.Conv2d(1, 6, 5, padding=2).requires_grad_(False)" in text
    assert "self.relu = nn.ReLU()\n" in text
    module = compile.build(project, "main", specs, digits)
    assert not module.conv1.weight.requires_grad
    assert compile.infer(project, specs, digits).networks["main"].parameters == 61_706 - 156


def test_frozen_blocks_do_not_learn(specs: Specs, digits: DataFacts) -> None:
    project = SetFlag("main", ("res1",), "frozen", True).apply(residual())
    module = compile.build(project, "main", specs, digits)
    assert not any(p.requires_grad for p in module.res1.parameters())
    assert all(p.requires_grad for p in module.res2.parameters())
    counted = compile.infer(project, specs, digits).networks["main"].parameters
    assert counted == sum(p.numel() for p in module.parameters() if p.requires_grad)


def test_what_leads_nowhere_is_left_out(specs: Specs, digits: DataFacts) -> None:
    project = lenet()
    graph = project.networks["main"].graph.with_node(Node("stray", "torch.nn.ReLU", "stray"))
    project = project.with_sheet("main", replace(project.networks["main"], graph=graph))
    assert "stray" not in _text(project, specs, digits)


def test_exported_code_needs_torch_only(tmp_path: Path, specs: Specs, digits: DataFacts) -> None:
    text = _text(transformer(), specs, digits)
    (tmp_path / "network.py").write_text(text, encoding="utf-8")
    script = (
        "import network, torch; print(tuple(network.Network()(torch.rand(2, 1, 28, 28)).shape))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, '.'); {script}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "(2, 10)"


def test_tracebacks_show_the_code(specs: Specs, digits: DataFacts) -> None:
    module = compile.build(lenet(), "main", specs, digits)
    with pytest.raises(RuntimeError) as caught:
        module(torch.rand(2, 3, 28, 28))
    assert "x = self.conv1(x)" in "".join(traceback.format_exception(caught.value))


# ------------------------------------------------------------------------------------------- hostile

EVIL = [
    "__import__('os').system('true')",
    "x); import os #",
    'relu", exec("1"))',
    "a\nb",
    "self",
    "__class__",
]


@pytest.mark.parametrize("name", EVIL)
def test_hostile_names_never_enter_the_text(name: str, specs: Specs, digits: DataFacts) -> None:
    project = lenet()
    sheet = project.networks["main"]
    node = replace(sheet.graph.nodes["fc1"], name=name)
    hostile = project.with_sheet("main", replace(sheet, graph=sheet.graph.with_node(node)))
    facts = compile.infer(hostile, specs, digits)
    with pytest.raises(compile.Unfinished):
        compile.source(hostile, "main", specs, facts)
    with pytest.raises(Exception, match="attribute"):
        Rename("main", "fc1", name).apply(project)


@pytest.mark.parametrize("evil", [*EVIL, ["os"], {"a": 1}, 1 + 2j, float("nan"), b"x"])
def test_hostile_parameters_are_refused_in_words(
    evil: object, specs: Specs, digits: DataFacts
) -> None:
    project = SetParams("main", "fc1", {"out_features": evil}).apply(lenet())
    facts = compile.infer(project, specs, digits)
    assert facts.errors[0].node == "fc1"
    with pytest.raises(compile.Unfinished):
        compile.source(project, "main", specs, facts)


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_words_stay_words(evil: str, specs: Specs, digits: DataFacts) -> None:
    for kind, name in (("torch.nn.Conv2d", "padding_mode"), ("core.cast", "dtype")):
        project = chain((kind, {"name": "layer", name: evil}), "torch.nn.Flatten", linear())
        facts = compile.infer(project, specs, digits)
        assert next(problem.node for problem in facts.errors) == "layer"


def test_hostile_ids_are_literals(specs: Specs, digits: DataFacts) -> None:
    evil = '"), exec("raise SystemExit") #\n'
    stored = msgspec.json.encode(chain("torch.nn.Flatten", linear(out_features=10))).decode()
    stored = stored.replace('"linear"', json.dumps(evil))
    project = msgspec.json.decode(stored, type=Project)
    module = compile.build(_named(project, evil, "linear"), "main", specs, digits)
    seen = []
    module.forward_tapped(torch.rand(1, 1, 28, 28), lambda path, port, t: seen.append(path) or t)
    assert evil in seen


def _named(project: Project, key: str, name: str) -> Project:
    sheet = project.networks["main"]
    node = replace(sheet.graph.nodes[key], name=name)
    return project.with_sheet("main", replace(sheet, graph=sheet.graph.with_node(node)))


def test_blocks_with_hostile_names_become_classes(specs: Specs, digits: DataFacts) -> None:
    project = residual()
    evil = "Res(nn.Module): pass\nimport os\nclass X"
    sheet = project.networks["main"]
    nodes = {
        key: replace(node, kind=f"block.{evil}") if node.kind == "block.ResBlock" else node
        for key, node in sheet.graph.nodes.items()
    }
    project = replace(
        project,
        blocks=project.blocks | {evil: replace(project.blocks["ResBlock"], doc='"""\nimport os')},
    )
    project = project.with_sheet("main", replace(sheet, graph=replace(sheet.graph, nodes=nodes)))
    text = _text(project, specs, digits)
    assert "\nimport os" not in text
    assert compile.load(text)(torch.rand(1, 1, 28, 28)).shape == (1, 10)
