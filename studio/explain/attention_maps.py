"""`attention`: where the heads of every attention layer look, on one sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from studio.data import Dataset
from studio.engine.protocol import AttentionMap, AttentionMaps, GetAttention
from studio.explain.outputs import readable
from studio.explain.question import ExplainProblem, pose, run_tapped
from studio.graph.facts import DataFacts

#: Class and distillation tokens: what Vision Transformers put before their patches.
_MOST_PREFIX = 2


@dataclass(frozen=True)
class _Reading:
    """What the positions of an attention map stand for; `grid` is () where they are no patches."""

    tokens: tuple[str, ...]
    grid: tuple[int, ...] = ()
    prefix: int = 0


def attention(request: GetAttention, module: nn.Module, dataset: Dataset) -> AttentionMaps:
    """Return the weights of every attention node in order of execution; `module` is a replica.

    Raises: `ExplainProblem` with a sentence.
    """
    question = pose(request.project, module, dataset, request.split, request.index)
    weights: dict[str, Tensor] = {}
    planes: list[tuple[int, int]] = []

    def keep(path: str, port: str, tensor: Tensor) -> Tensor:
        if port == "weights" and tensor.dim() == 4:
            weights[path] = tensor[0]
        elif tensor.dim() == 4:
            planes.append((tensor.shape[2], tensor.shape[3]))
        return tensor

    with torch.no_grad():
        raw = run_tapped(module, question.x, keep)
    if not weights:
        raise ExplainProblem(
            "This network has no attention layer. Draw a transformer, or choose Attribution."
        )
    readings = {
        path: _read(dataset.facts, tuple(question.x.shape[1:]), value.shape[-1], planes)
        for path, value in weights.items()
    }
    return AttentionMaps(
        layers=tuple(
            AttentionMap(
                node=path,
                name=question.nodes[path].name if path in question.nodes else path,
                weights=value.float().contiguous().numpy(),
                grid=readings[path].grid,
                prefix=readings[path].prefix,
            )
            for path, value in weights.items()
        ),
        tokens=max((reading.tokens for reading in readings.values()), key=len),
        outputs=readable(raw, dataset.facts)[0].numpy(),
    )


def _read(
    facts: DataFacts,
    sample: tuple[int, ...],
    positions: int,
    planes: Sequence[tuple[int, int]],
) -> _Reading:
    """Return what `positions` tokens are, told by the sample's shape and the maps seen on the way.

    As many tokens as a feature map on the way had places are its places; as many as the image has rows
    are rows; else they are patches where they can be laid out as the image is.
    """
    if facts.form == "image" and len(sample) >= 2:
        height, width = sample[-2:]
        counts = [(prefix, positions - prefix) for prefix in range(_MOST_PREFIX + 1)]
        for prefix, count in counts:
            for rows, columns in reversed(planes):
                if rows * columns == count:
                    return _patches(rows, columns, prefix)
        for prefix, count in counts:
            if count == height:
                return _Reading(_special(prefix) + _counted("row", count), (), prefix)
            if grid := _grid(count, height, width):
                return _patches(*grid, prefix)
    if facts.form == "table" and positions == len(facts.features):
        return _Reading(facts.features)
    if facts.form == "sequence" and 0 <= positions - sample[0] <= _MOST_PREFIX:
        prefix = positions - sample[0]
        return _Reading(_special(prefix) + _counted("step", sample[0]), (), prefix)
    return _Reading(_counted("position", positions))


def _patches(rows: int, columns: int, prefix: int) -> _Reading:
    names = tuple(f"patch {r + 1}, {c + 1}" for r in range(rows) for c in range(columns))
    return _Reading(_special(prefix) + names, (rows, columns), prefix)


def _grid(count: int, height: int, width: int) -> tuple[int, int] | None:
    """Return (rows, columns) of square patches that tile an image evenly, None where there are none."""
    rows = math.isqrt(count * height // width) if count > 1 else 0
    if rows == 0 or count % rows or height % rows:
        return None
    columns = count // rows
    square = width % columns == 0 and height // rows == width // columns
    return (rows, columns) if square else None


def _special(count: int) -> tuple[str, ...]:
    return ("class", "distillation")[:count]


def _counted(noun: str, count: int) -> tuple[str, ...]:
    return tuple(f"{noun} {number}" for number in range(1, count + 1))
