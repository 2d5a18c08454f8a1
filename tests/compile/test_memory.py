"""The estimate of training memory, held against what autograd really keeps."""

from collections.abc import Callable

import pytest
import torch
from msgspec.structs import replace
from networks import chain, conv, inception, lenet, linear, recurrent, residual, transformer
from torch import Tensor

from studio import compile
from studio.compile.memory import count_text, leaves
from studio.graph.builder import Net
from studio.graph.edits import Batch, SetFlag, SetParams
from studio.graph.facts import DataFacts, NetworkFacts
from studio.graph.project import Project
from studio.graph.spec import LayerSpec

Specs = dict[str, LayerSpec]


def _normed() -> Project:
    return chain(
        conv(out_channels=16, kernel_size=3, padding=1, bias=False),
        "torch.nn.BatchNorm2d",
        "torch.nn.GELU",
        ("torch.nn.AvgPool2d", {"kernel_size": 2}),
        ("torch.nn.Dropout", {"p": 0.3}),
        conv(out_channels=32, kernel_size=3),
        ("torch.nn.GroupNorm", {"num_groups": 4}),
        "torch.nn.SiLU",
        "torch.nn.Flatten",
        linear(out_features=10),
    )


def _gated() -> Project:
    net = Net()
    x = net.add("torch.nn.Flatten", net.input())
    gate = net.add("torch.nn.Sigmoid", net.add("torch.nn.Linear", x, out_features=200))
    value = net.add("torch.nn.Tanh", net.add("torch.nn.Linear", x, out_features=200))
    x = net.add("core.mul", gate, value)
    x = net.add("torch.nn.LayerNorm", x, normalized_shape=200)
    net.output(net.add("torch.nn.Linear", x, out_features=10))
    return net.project()


def really_kept(project: Project, specs: Specs, data: DataFacts, batch: int) -> int:
    """Return the bytes that one forward of the built network keeps, beside weights."""
    torch.manual_seed(0)
    module = compile.build(project, "main", specs, data).train()
    own = {p.untyped_storage().data_ptr() for p in (*module.parameters(), *module.buffers())}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = module(torch.rand(batch, 1, 28, 28))
    assert output.requires_grad
    return sum(t.untyped_storage().nbytes() for place, t in kept.items() if place not in own)


#: How far the estimate may be off. A processor's LSTM keeps work space of its own, up to twice what its
#: steps are; how attention shares memory between its products differs from kernel to kernel.
DRAWN: dict[str, tuple[Callable[[], Project], float, float]] = {
    "convolutions": (lenet, 0.98, 1.02),
    "norms and dropout": (_normed, 0.95, 1.05),
    "gates": (_gated, 0.95, 1.05),
    "blocks with shortcuts": (residual, 0.99, 1.01),
    "branches": (inception, 0.99, 1.01),
    "attention": (transformer, 0.85, 1.25),
    "attention with dropout": (lambda: transformer(0.1), 0.85, 1.25),
    "LSTM": (recurrent, 0.33, 1.3),
    "GRU": (lambda: recurrent("torch.nn.GRU"), 0.88, 1.05),
}


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_the_estimate_is_what_autograd_keeps(name: str, specs: Specs, digits: DataFacts) -> None:
    draw, low, high = DRAWN[name]
    project = draw()
    said = compile.infer(project, specs, digits).networks["main"].saved_bytes * 16
    ratio = said / really_kept(project, specs, digits, 16)
    assert low <= ratio <= high, ratio


def test_repeated_blocks_keep_what_their_passes_do(specs: Specs, digits: DataFacts) -> None:
    repeated = SetParams("main", "res1", {"repeat": 4}).apply(residual())
    said = compile.infer(repeated, specs, digits).networks["main"].saved_bytes * 16
    assert said / really_kept(repeated, specs, digits, 16) == pytest.approx(1, abs=0.01)


def test_a_recurrence_drawn_by_hand_keeps_every_step(specs: Specs, digits: DataFacts) -> None:
    net = Net()
    with net.block("Cell") as cell:
        x = cell.input("x")
        h = cell.add("core.state", name="h", shape=(16,))
        y = cell.add("torch.nn.Linear", cell.add("core.concat", x, h, dim=1), out_features=16)
        y = cell.add("torch.nn.Tanh", y)
        cell.add("core.next", y, name="keep", state="h")
        cell.output(y)
    x = net.add("core.squeeze", net.input(), dim=1)
    x = net.add("core.select", net.use("Cell", x, name="cell"), dim=1, index=-1)
    net.output(net.add("torch.nn.Linear", x, out_features=10))
    project = net.project()
    said = compile.infer(project, specs, digits).networks["main"].saved_bytes * 16
    assert 0.9 <= said / really_kept(project, specs, digits, 16) <= 1.2


def test_what_does_not_learn_keeps_nothing(specs: Specs, digits: DataFacts) -> None:
    project = lenet()
    frozen = SetFlag("main", ("conv1", "conv2", "fc1"), "frozen", True).apply(project)
    said = compile.infer(frozen, specs, digits).networks["main"].saved_bytes * 16
    assert said == really_kept(frozen, specs, digits, 16) == 16 * 4 * (120 + 84 * 1)


def _facts(project: Project, specs: Specs, digits: DataFacts) -> NetworkFacts:
    return compile.infer(project, specs, digits).networks["main"]


def test_parts_add_up(specs: Specs, digits: DataFacts) -> None:
    facts = _facts(lenet(), specs, digits)
    memory = compile.training_memory([facts], 32, 8, 1000, "cpu", 10**12)
    assert memory.weights == memory.gradients == 4 * 61_706
    assert memory.optimizer == 8 * 61_706
    assert memory.activations == 32 * facts.saved_bytes
    assert memory.working == 2 * 32 * 6 * 28 * 28 * 4
    parts = (memory.weights, memory.gradients, memory.optimizer, memory.activations, memory.working)
    assert memory.total == sum(parts) + 1000
    assert compile.does_not_fit(memory, 32, {"main": facts}) is None


def test_blocks_count_once(specs: Specs, digits: DataFacts) -> None:
    facts = _facts(residual(), specs, digits)
    assert {"res1", "res2", "down1", "down2"} & set(leaves(facts)) == set()
    assert sum(node.parameters for node in leaves(facts).values()) == facts.parameters


@pytest.mark.parametrize("batch", [48, 1024, 100_000])
def test_too_large_a_batch_is_told_with_one_that_fits(
    batch: int, specs: Specs, digits: DataFacts
) -> None:
    facts = _facts(lenet(), specs, digits)
    fixed = compile.training_memory([facts], 0, 8)
    each = compile.training_memory([facts], 1, 8).total - fixed.total
    available = round((fixed.total + 40 * each) / 0.9)
    memory = compile.training_memory([facts], batch, 8, 0, "cuda:0", available)
    problem = compile.does_not_fit(memory, batch, {"main": facts})
    if batch == 48:
        assert (problem is None) == (memory.total <= available)
        return
    assert problem is not None
    assert (problem.severity, problem.node) == ("warning", "pool1")
    assert f"at batch size {count_text(batch)}, but cuda:0 has " in problem.message
    (repair,) = problem.repairs
    assert repair.title == "Set batch_size to 32"
    mended = Batch("", repair.edits).apply(lenet()).recipe.batch_size
    less = compile.training_memory([facts], mended, 8, 0, "cuda:0", available)
    assert compile.does_not_fit(less, mended, {"main": facts}) is None


def test_a_network_too_large_for_one_sample_says_so(specs: Specs, digits: DataFacts) -> None:
    facts = _facts(lenet(), specs, digits)
    memory = compile.training_memory([facts], 8, 8, 0, "cpu", 1000)
    problem = compile.does_not_fit(memory, 8, {"main": facts})
    assert problem is not None
    assert "Not even one sample would fit" in problem.message
    assert problem.repairs == ()


def test_a_device_that_does_not_tell_warns_of_nothing(specs: Specs, digits: DataFacts) -> None:
    facts = replace(_facts(lenet(), specs, digits), saved_bytes=2**60)
    memory = compile.training_memory([facts], 8, 8, 0, "mps", 0)
    assert compile.does_not_fit(memory, 8, {"main": facts}) is None
