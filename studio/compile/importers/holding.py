"""Weights and constants that operators use directly, as nodes of their own."""

from __future__ import annotations

import torch
from torch import Tensor

from studio.compile.importers.coming import Call, Frame
from studio.compile.importers.pieces import Held
from studio.graph.report import ReportLine


def held(value: Held, name: str, way: tuple[Frame, ...]) -> Call:
    """Return the node that gives a tensor of the module's own, under its own name."""
    shape = tuple(value.value.shape)
    params: dict[str, object] = {"shape": shape or None}
    kind = "core.tensor"
    if not value.learned:
        kind = "core.buffer"
        dtype = str(value.value.dtype).removeprefix("torch.")
        params |= {"dtype": dtype} if dtype != "float32" else {}
    return Call(kind, {}, {"out": name}, params, value.name, frames=way, learned=True)


def constant(value: Tensor, name: str, way: tuple[Frame, ...]) -> tuple[Call, ReportLine | None]:
    """Return the node that gives a constant, and a line where it needs a name among the weights."""
    row = _row(value)
    if row is not None:
        start, stop, step = row
        params: dict[str, object] = {"start": start} if start else {}
        params |= {"stop": stop} if stop != 64 else {}
        params |= {"step": step} if step != 1 else {}
        return Call("core.range", {}, {"out": name}, params, wish="positions", frames=way), None
    dtype = str(value.dtype).removeprefix("torch.")
    params = {"shape": tuple(value.shape) or None}
    params |= {"dtype": dtype} if dtype != "float32" else {}
    where = f"in {way[-1].path}" if way else "of the network"
    text = (
        f"A constant {where} ({'×'.join(map(str, value.shape)) or 'one number'}) is kept as a tensor of its "
        "own, which the weights now hold too."
    )
    call = Call("core.buffer", {}, {"out": name}, params, wish="constant", frames=way)
    return call, ReportLine("approximated", text, f"%{name}")


def _row(value: Tensor) -> tuple[int, int, int] | None:
    """Return start, stop and step where a tensor counts up or down in whole numbers."""
    if value.dim() != 1 or value.dtype != torch.int64 or len(value) < 2:
        return None
    start, step = int(value[0]), int(value[1] - value[0])
    stop = start + step * len(value)
    if not step or not torch.equal(value, torch.arange(start, stop, step)):
        return None
    return start, stop, step
