"""`attention`: where the heads of every attention layer look, on one sample."""

from __future__ import annotations

import math
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
    planes: set[tuple[int, ...]] = set()

    def keep(path: str, port: str, tensor: Tensor) -> Tensor:
        if port == "weights" and tensor.dim() == 4:
            weights[path] = tensor[0]
        elif tensor.dim() == 4:
            planes.add(tuple(tensor.shape[2:]))
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
    facts: DataFacts, sample: tuple[int, ...], positions: int, planes: set[tuple[int, ...]]
) -> _Reading:
    """Return what `positions` tokens are, told by the sample's shape and the maps seen on the way.

    Patches are laid out as the image is; as many tokens as rows are rows, unless a layer before had
    feature maps of just the patches' layout.
    """
    if facts.form == "image" and len(sample) >= 2:
        rows, columns = sample[-2:]
        for prefix in range(_MOST_PREFIX + 1):
            count = positions - prefix
            grid = _grid(count, rows, columns)
            if count == rows and grid not in planes:
                return _Reading(_special(prefix) + _counted("row", count), (), prefix)
            if grid:
                patches = tuple(
                    f"patch {row + 1}, {column + 1}"
                    for row in range(grid[0])
                    for column in range(grid[1])
                )
                return _Reading(_special(prefix) + patches, grid, prefix)
    if facts.form == "table" and positions == len(facts.features):
        return _Reading(facts.features)
    if facts.form == "sequence" and 0 <= positions - sample[0] <= _MOST_PREFIX:
        prefix = positions - sample[0]
        return _Reading(_special(prefix) + _counted("step", sample[0]), (), prefix)
    return _Reading(_counted("position", positions))


def _grid(count: int, rows: int, columns: int) -> tuple[int, ...]:
    """Return (rows, columns) of patches that tile an image evenly in its own aspect, () for none."""
    if count < 2:
        return ()
    high = math.isqrt(count * rows // columns)
    if high == 0 or count % high or rows % high:
        return ()
    wide = count // high
    square = columns % wide == 0 and rows // high == columns // wide
    return (high, wide) if square else ()


def _special(count: int) -> tuple[str, ...]:
    return ("class", "distillation")[:count]


def _counted(noun: str, count: int) -> tuple[str, ...]:
    return tuple(f"{noun} {number}" for number in range(1, count + 1))
