"""What all made-up tasks share: how many samples, which seed, how much noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.data.source import Loaded, Source
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

Draw = np.random.Generator

COUNT_PARAM = Param("samples", "int", 600, minimum=20, maximum=100_000, help="How many are made")
SEED_PARAM = Param(
    "seed", "int", 0, minimum=0, maximum=2**31 - 1, help="Another one makes other samples"
)
NOISE_PARAM = Param(
    "noise", "float", 0.1, minimum=0.0, maximum=2.0, help="Deviation of what is added"
)
LENGTH_PARAM = Param("length", "int", 20, minimum=2, maximum=1000, help="Steps of a sequence")


def made_source(
    kind: str,
    title: str,
    doc: str,
    form: str,
    make: Callable[[Mapping[str, Value], Draw], Loaded],
    *params: Param,
    count: Param | None = COUNT_PARAM,
) -> Source:
    """Return a source whose samples `make` draws, the same ones for the same seed."""

    def load(given: Mapping[str, Value], base: Path) -> Loaded:
        return make(given, np.random.default_rng(int(given["seed"])))

    every = (*([count] if count else []), *params, SEED_PARAM)
    spec = SourceSpec(kind=f"generated.{kind}", title=title, doc=doc, form=form, params=every)
    return Source(spec, load)


def in_the_plane(
    title: str,
    points: NDArray[np.float64],
    label: NDArray[np.int64],
    classes: int,
    noise: float,
    draw: Draw,
) -> Loaded:
    """Return points of the plane with their classes, moved by noise of a deviation. Shapes: `[n, 2]`."""
    moved = points + noise * draw.standard_normal(points.shape)
    return Loaded(
        title=title,
        form="table",
        inputs=moved.astype(np.float32),
        targets=label.astype(np.int64),
        classes=tuple("ABCDEFGHIJ"[:classes]),
        features=("x", "y"),
    )
