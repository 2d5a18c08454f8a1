"""Receptive fields: how many input pixels one number of a feature map can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from studio.graph.facts import TensorType
from studio.graph.params import Value
from studio.graph.spec import LayerSpec


class Field(NamedTuple):
    """Pixels seen and pixels between neighbours, for each spatial dimension."""

    seen: tuple[int, ...]
    step: tuple[int, ...]


def start(kind: TensorType) -> Field | None:
    """Return the field of a network's input: one pixel; None where nothing is spatial."""
    spatial = len(kind.shape) - 2
    return Field((1,) * spatial, (1,) * spatial) if spatial > 0 else None


def through(
    spec: LayerSpec,
    values: Mapping[str, Value],
    before: Sequence[Field | None],
    source: TensorType | None,
    result: TensorType,
) -> Field | None:
    """Return the field behind a layer, None where its outputs see everything or it is not defined."""
    known = [field for field in before if field is not None]
    if not known or len(known) != len(before) or source is None:
        return None
    if "kernel_size" in values and spec.category in ("conv", "pool"):
        return _window(spec, values, known[0])
    if len(result.shape) != len(source.shape) or result.shape[2:] != source.shape[2:]:
        return None
    if spec.category in ("dense", "seq", "attn"):
        return None
    return Field(
        tuple(max(parts) for parts in zip(*(field.seen for field in known), strict=False)),
        tuple(max(parts) for parts in zip(*(field.step for field in known), strict=False)),
    )


def _window(spec: LayerSpec, values: Mapping[str, Value], before: Field) -> Field | None:
    if "Transpose" in spec.kind or "Fractional" in spec.kind:
        return None
    count = len(before.seen)
    kernel = _each(values["kernel_size"], count)
    given = values.get("stride")
    stride = kernel if given is None else _each(given, count)
    dilation = _each(values.get("dilation", 1), count)
    return Field(
        tuple(
            seen + (k - 1) * d * step
            for seen, step, k, d in zip(before.seen, before.step, kernel, dilation, strict=True)
        ),
        tuple(step * s for step, s in zip(before.step, stride, strict=True)),
    )


def _each(value: Value, count: int) -> tuple[int, ...]:
    parts = value if isinstance(value, tuple) else (value,) * count
    return tuple(int(part) for part in parts)
