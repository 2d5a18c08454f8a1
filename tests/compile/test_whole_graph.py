"""The generated code compiles without a break: nothing in it is hidden from PyTorch's compiler."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
from blocks_drawn import lstm, resnet

from studio import compile, layers
from studio.graph.builder import Net
from studio.graph.params import Param
from studio.graph.project import Project

SPECS = layers.builtin()


def transformer(depth: int = 6, width: int = 16) -> Project:
    """Pre-norm encoder blocks, repeated."""
    net = Net()
    with net.block("Encoder", params=(Param("heads", "int", 2, minimum=1),)) as block:
        x = block.input()
        y = block.add("torch.nn.LayerNorm", x, name="norm1")
        y = block.add("torch.nn.MultiheadAttention", y, y, y, name="attention", num_heads="=heads")
        x = block.add("core.add", x, y, name="sum1")
        y = block.add("torch.nn.LayerNorm", x, name="norm2")
        y = block.add("torch.nn.Linear", y, name="up", out_features=4 * width)
        y = block.add(
            "torch.nn.Linear", block.add("torch.nn.GELU", y), name="down", out_features=width
        )
        block.output(block.add("core.add", x, y, name="sum2"))
    x = net.add("torch.nn.Linear", net.input("x", shape=(8, 12)), name="embed", out_features=width)
    net.output(net.add("torch.nn.Linear", net.use("Encoder", x, name="layers", repeat=depth)))
    return net.project()


CASES: dict[str, tuple[Callable[[], Project], tuple[int, ...]]] = {
    "lstm by scan": (lambda: lstm(steps=3), (2, 3, 5)),
    "resnet-18": (lambda: resnet(side=32), (2, 3, 32, 32)),
    "transformer of six layers": (transformer, (3, 8, 12)),
}


@pytest.fixture(autouse=True)
def _fresh_compiler() -> Iterator[None]:
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # the compiler's progress bar would leave a thread behind
    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler warns about itself
        yield
    torch._dynamo.reset()


@pytest.mark.parametrize("name", sorted(CASES))
def test_one_graph_and_the_same_answer(name: str) -> None:
    draw, shape = CASES[name]
    torch.manual_seed(0)
    module = compile.build(draw(), "main", SPECS, None)
    x = torch.randn(shape)
    whole = torch.compile(module, fullgraph=True, backend="aot_eager")
    module.eval()
    ours, theirs = module(x), whole(x)
    for mine, other in zip(_parts(ours), _parts(theirs), strict=True):
        assert torch.allclose(mine, other, atol=1e-5)
    module.train()
    loss = sum(part.square().mean() for part in _parts(whole(x)))
    loss.backward()
    assert all(q.grad is not None and q.grad.isfinite().all() for q in module.parameters())


def _parts(given: object) -> tuple[torch.Tensor, ...]:
    return given if isinstance(given, tuple) else (given,)  # type: ignore[return-value]
