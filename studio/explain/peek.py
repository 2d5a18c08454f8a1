"""`peek`: what flows along wires while one sample is answered: statistics, a histogram, the values."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from studio.data import Dataset
from studio.engine.protocol import Peek, Peeked, Spot, Wire
from studio.explain.interventions import channel_axis, is_at, operated
from studio.explain.outputs import in_own_units, readable
from studio.explain.question import Cancelled, ExplainProblem, run, run_tapped, sample, samples
from studio.graph.surgery import has_place
from studio.graph.topology import name_path

#: Values of a wire that travel, and bins of its histogram.
MOST_VALUES, BINS = 65_536, 32
#: Wires looked at in one pass.
MOST_SPOTS = 16


def peek(
    request: Peek,
    module: nn.Module,
    dataset: Dataset,
    cancelled: Callable[[], bool] = lambda: False,
) -> Peeked:
    """Return what is on each wire, after surgery, and the outputs with and without it.

    `module` is a replica. A spot that cannot be looked at has its reason in `Wire.fault`.

    Raises: `ExplainProblem` with a sentence; `Cancelled`.
    """
    if len(request.spots) > MOST_SPOTS:
        raise ExplainProblem(
            f"At most {MOST_SPOTS} wires can be probed together, but {len(request.spots)} were asked for."
        )
    x = sample(dataset, request.split, request.index)
    passed: dict[Spot, list[Tensor]] = {spot: [] for spot in request.spots}

    def record(path: str, port: str, tensor: Tensor) -> Tensor:
        if cancelled():
            raise Cancelled
        for spot, seen in passed.items():
            if spot.port == port and is_at(spot.path, path):
                seen.append(_only(tensor.detach()))
        return tensor

    changed = operated(module, request.project, dataset)
    with torch.no_grad():
        raw = run_tapped(changed, x, record)
        plain = raw if changed is module else run(module, x)
    facts = dataset.facts
    return Peeked(
        split=request.split,
        index=request.index,
        weights=request.weights,
        wires=tuple(_wire(request, spot, passed[spot]) for spot in request.spots),
        outputs=readable(raw, facts)[0].numpy(),
        plain=readable(plain, facts)[0].numpy(),
        target=_target(dataset, request),
    )


def _only(tensor: Tensor) -> Tensor:
    """Return the one sample of a batch of one; states of recurrent layers have their layers before it."""
    return (
        tensor[:, 0] if tensor.dim() > 1 and tensor.shape[0] != 1 == tensor.shape[1] else tensor[0]
    )


def _wire(request: Peek, spot: Spot, seen: list[Tensor]) -> Wire:
    if not seen:
        return Wire(spot, fault=_missing(request, spot))
    if len({tensor.shape for tensor in seen}) > 1:
        return Wire(
            spot, fault="The passes of this block differ in shape. Probe a wire outside of it."
        )
    tensor = seen[0] if len(seen) == 1 else torch.stack(seen)
    # One pass more makes one dimension more, in front; the channels stay where they are.
    axis = channel_axis(seen[0].dim() + 1) - 1
    axis = axis + (len(seen) > 1) if axis >= 0 else -1
    return _measured(spot, tensor, axis, len(seen))


def _missing(request: Peek, spot: Spot) -> str:
    name = name_path(request.project, "main", spot.path)
    if not has_place(request.project, "main", spot.path):
        return f"{name} is not in this network any more. Close the probe."
    return f"Nothing flows from {name} ({spot.port}) to the output. Connect it, then look again."


def _measured(spot: Spot, tensor: Tensor, axis: int, passes: int) -> Wire:
    """Return figures over the whole tensor, and as many of its values as may travel."""
    channels = tensor.shape[axis] if axis >= 0 else 0
    if spot.channel is not None:
        if not 0 <= spot.channel < channels:
            there = f"{channels}, counted from 0" if channels else "none"
            return Wire(spot, fault=f"There is no channel {spot.channel} here: there are {there}.")
        tensor, axis = tensor.select(axis, spot.channel), -1
    values = tensor.float().flatten()
    finite = values[values.isfinite()]
    shown, stride, first = bounded(tensor, axis)
    low, high = (float(part) for part in finite.aminmax()) if finite.numel() else (math.nan,) * 2
    return Wire(
        spot,
        dtype=str(tensor.dtype).removeprefix("torch."),
        shape=tuple(tensor.shape),
        axis=axis,
        channels=channels,
        passes=passes,
        low=low,
        high=high,
        mean=float(finite.mean()) if finite.numel() else math.nan,
        std=float(finite.std(correction=0)) if finite.numel() else math.nan,
        norm=float(torch.linalg.vector_norm(finite)),
        zeros=float((values == 0).float().mean()) if values.numel() else 0.0,
        unusual=1.0 - finite.numel() / values.numel() if values.numel() else 0.0,
        histogram=_histogram(finite, low, high),
        values=shown.float().contiguous().numpy(),
        stride=stride,
        note=_cut(tensor, axis, stride, first),
    )


def bounded(tensor: Tensor, axis: int) -> tuple[Tensor, int, int]:
    """Return at most `MOST_VALUES` values, every which one along each dimension, and of how many channels.

    All dimensions but the channels' are thinned evenly; only where that is not enough are channels left
    out, the last ones first.
    """
    total = tensor.numel()
    others = tensor.dim() - (axis >= 0)
    if total <= MOST_VALUES or not tensor.dim():
        return tensor, 1, tensor.shape[axis] if axis >= 0 else 0
    stride = 1
    kept = tensor
    longest = max(size for at, size in enumerate(tensor.shape) if at != axis) if others else 1
    while kept.numel() > MOST_VALUES and stride < longest:
        stride += 1
        kept = tensor[
            tuple(slice(None, None, 1 if at == axis else stride) for at in range(tensor.dim()))
        ]
    first = kept.shape[axis] if axis >= 0 else 0
    if kept.numel() > MOST_VALUES:
        first = max(1, MOST_VALUES // max(1, kept.numel() // first))
        kept = kept.narrow(axis, 0, first)
    return kept, stride, first


def _cut(tensor: Tensor, axis: int, stride: int, first: int) -> str:
    """Return what `values` leaves out, in a sentence, or ""."""
    parts = []
    if stride > 1:
        parts.append(f"every {_ordinal(stride)} value along each side")
    if axis >= 0 and first < tensor.shape[axis]:
        parts.append(f"the first {first} of {tensor.shape[axis]} channels")
    return f"Shown: {' of '.join(parts)}; the figures are of all values." if parts else ""


def _ordinal(number: int) -> str:
    return {2: "2nd", 3: "3rd"}.get(number, f"{number}th")


def _histogram(finite: Tensor, low: float, high: float) -> tuple[int, ...]:
    if not finite.numel():
        return ()
    if high - low < 1e-30:
        low, high = low - 0.5, high + 0.5
    return tuple(int(count) for count in torch.histc(finite, BINS, low, high).tolist())


def _target(dataset: Dataset, request: Peek) -> tuple[float, ...]:
    """Return the truth of the sample: a class, or targets in their own units."""
    target = samples(dataset, request.split).targets[request.index].detach().cpu()
    if dataset.facts.task != "classification":
        target = in_own_units(target.float().reshape(-1), dataset.facts)
    return tuple(float(value) for value in target.reshape(-1).tolist())
