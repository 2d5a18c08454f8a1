"""What every exporter is given, and how files are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from studio.compile.source import Source
from studio.graph.facts import TensorType

#: Outputs may differ by this much, relative to the largest one, and still count as equal.
TOLERANCE = 1e-5


class ExportProblem(ValueError):
    """A network that cannot leave this way; the message is a sentence for the person."""


@dataclass(frozen=True)
class Leaving:
    """A network on its way out: its module (evaluation mode, float32), source, and input types.

    `trained` says whether its weights come from a run rather than from a fresh start.
    """

    module: nn.Module
    source: Source
    inputs: tuple[TensorType, ...]
    trained: bool = False

    def samples(self, batch: int, seed: int = 0) -> tuple[Tensor, ...]:
        """Return `batch` made-up samples for each input: small numbers, or token ids 0 and 1."""
        draw = torch.Generator().manual_seed(seed)
        found = []
        for kind in self.inputs:
            shape = (batch, *(dim if isinstance(dim, int) else 8 for dim in kind.shape[1:]))
            dtype = getattr(torch, kind.dtype)
            if dtype.is_floating_point:
                found.append(torch.randn(shape, generator=draw, dtype=dtype))
            else:
                found.append(torch.randint(0, 2, shape, generator=draw).to(dtype))
        return tuple(found)


def put(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file aside and put it in its place: whole, or not at all.

    Raises: OSError.
    """
    handle, name = tempfile.mkstemp(
        prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent
    )
    os.close(handle)
    aside = Path(name)
    try:
        write(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def put_text(path: Path, text: str) -> None:
    """Write a text as `put` does.

    Raises: OSError.
    """

    def write(aside: Path) -> None:
        aside.write_text(text, encoding="utf-8")

    put(path, write)


def outputs_of(given: object) -> list[Tensor]:
    """Return a forward's answer as a list of tensors."""
    if isinstance(given, Tensor):
        return [given]
    assert isinstance(given, (tuple, list))
    return [part for part in given if isinstance(part, Tensor)]


def difference(ours: object, theirs: object) -> float:
    """Return the largest difference of two answers, relative to the largest number of ours.

    Where both are no number, or the same infinity, they agree; where only one is, nothing is further apart.
    """
    worst = 0.0
    for a, b in zip(outputs_of(ours), outputs_of(theirs), strict=True):
        if a.shape != b.shape:
            return float("inf")
        a, b = a.double(), b.double()
        if not a.numel():
            continue
        off = torch.where((a == b) | (a.isnan() & b.isnan()), 0.0, (a - b).abs())
        if not bool(off.isfinite().all()):
            return float("inf")
        scale = float(a.abs().nan_to_num(nan=0.0, posinf=0.0).max())
        worst = max(worst, float(off.max()) / max(scale, 1e-12))
    return worst
