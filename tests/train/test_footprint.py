"""What training is said to take of memory is what it takes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from studio import train
from studio.graph.params import Value
from studio.graph.project import Recipe
from studio.train.groups import Group
from studio.train.optim import build_optimizers, needs_closure

_OPTIONS: tuple[dict[str, Value], ...] = (
    {},
    {"momentum": 0.9},
    {"amsgrad": True},
    {"centered": True},
)
CHOICES = [
    (kind, options)
    for kind, spec in sorted(train.optimizers().items())
    for options in _OPTIONS
    if all(spec.param(name) for name in options)
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options"), CHOICES, ids=[f"{k} {list(o)}" for k, o in CHOICES])
def test_optimisers_keep_what_is_said(kind: str, options: dict[str, Value]) -> None:
    weight = nn.Parameter(torch.full((64, 64), 0.5))
    (optimizer, *_) = build_optimizers(kind, options, [Group([weight])], torch.device("cpu"))

    def loss() -> Tensor:
        optimizer.zero_grad()
        # Not quadratic, so that L-BFGS goes on for as many steps as its history is long.
        value = (weight - torch.linspace(-2, 2, 64)).pow(4).sum()
        value.backward()
        return value

    for _ in range(10 if needs_closure(optimizer) else 1):
        loss()
        optimizer.step(loss if needs_closure(optimizer) else None)
    found: list[Tensor] = []
    for state in optimizer.state.values():
        for value in state.values():
            found += [v for v in (value if isinstance(value, list) else [value])
                      if isinstance(v, Tensor) and v.dim()]  # fmt: skip
    kept = sum(tensor.numel() for tensor in found) / weight.numel()
    said = train.optimizer_bytes(Recipe(optimizer=kind, optimizer_params=options)) / 4
    assert kept == pytest.approx(said, abs=0.05) or (needs_closure(optimizer) and kept <= said)


def test_the_processor_has_the_machines_memory() -> None:
    assert train.device_memory(torch.device("cpu")) > 2**28
