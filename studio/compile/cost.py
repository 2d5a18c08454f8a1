"""What a layer costs: numbers and bytes of a sample, parameters, and the FLOPs of a statement."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from studio.compile import symbols
from studio.compile.symbols import SAMPLES, Sizes
from studio.graph.facts import TensorType
from studio.graph.graph import PYTHON
from studio.graph.spec import LayerSpec

#: Runs a statement and returns its FLOPs; the mapping holds the tensors by variable.
Count = Callable[[Callable[[], None], Mapping[str, Any]], float]


def sample_numbers(kind: TensorType, sizes: Sizes) -> int:
    """Return how many numbers one sample of this type has."""
    known = {name: sizes.get(name, symbols.TYPICAL) for name in symbols.names_in(kind.shape)}
    numbers = math.prod(symbols.worth(dim, known) for dim in kind.shape)
    batched = any(isinstance(dim, str) and "N" in symbols.words(dim) for dim in kind.shape)
    return numbers // SAMPLES if batched else numbers


def sample_bytes(kind: TensorType, sizes: tuple[tuple[str, int], ...] = ()) -> int:
    """Return the bytes of one sample of this type."""
    return sample_numbers(kind, dict(sizes)) * int(getattr(torch, kind.dtype).itemsize)


def trainable(module: Any) -> int:
    """Return how many numbers of a module or parameter are learned."""
    if isinstance(module, nn.Parameter):
        return module.numel()
    if isinstance(module, nn.Module):
        return sum(p.numel() for p in module.parameters() if p.requires_grad)
    return 0


#: What the code of an operation holds where PyTorch's own counter may find products in it.
_MULTIPLYING = ("@", "F.", "bmm", "einsum", "linalg.", "cdist")


def counter(spec: LayerSpec, module: Any) -> Count:
    """Return how to count a layer's FLOPs: by its weight, by PyTorch's counter, or not at all."""
    if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)):
        return _by_weight(module)
    if spec.kind == PYTHON:
        return _by_counter
    multiplies = any(sign in line for line in spec.code.lines for sign in _MULTIPLYING)
    if multiplies or (isinstance(module, nn.Module) and spec.category in ("dense", "seq", "attn")):
        return _by_counter
    return uncounted


def uncounted(work: Callable[[], None], scope: Mapping[str, Any]) -> float:
    """Run a statement whose FLOPs nobody wants."""
    work()
    return 0.0


def _by_weight(module: nn.Linear | nn.modules.conv._ConvNd) -> Count:
    """Every weight meets every place of the output (of the input, where transposed) once."""

    def count(work: Callable[[], None], scope: Mapping[str, Any]) -> float:
        work()
        if isinstance(module, nn.Linear):
            places: int = scope["out_out"].numel() // module.out_features
        else:
            seen = scope["x_0" if module.transposed else "out_out"]
            places = seen.numel() // seen.shape[1]
        return 2.0 * module.weight.numel() * float(places)

    return count


def _by_counter(work: Callable[[], None], scope: Mapping[str, Any]) -> float:
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())
