"""Tasks that are made up on the spot: small enough to see through, each hard in one known way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from studio.data.making import LENGTH_PARAM, NOISE_PARAM, Draw, in_the_plane, made_source
from studio.data.source import Loaded
from studio.graph.params import Param, Value


def _spirals(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """Arms around one centre. Source: Lang and Witbrock 1988, Learning to tell two spirals apart."""
    arms = int(params["arms"])
    label = np.arange(params["samples"]) % arms
    way = draw.random(len(label))
    angle = 2 * np.pi * (float(params["turns"]) * way + label / arms)
    points = way[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return in_the_plane("Spirals", points, label, arms, _noise(params), draw)


def _rings(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """A disc and rings around it: no line tells them apart, their radius does."""
    rings = int(params["rings"])
    label = np.arange(params["samples"]) % rings
    radius, angle = (label + 0.35) / rings, 2 * np.pi * draw.random(len(label))
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return in_the_plane("Rings", points, label, rings, _noise(params), draw)


def _xor(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """Quadrants that meet at a corner are alike. Source: Minsky and Papert 1969, Perceptrons."""
    points = draw.uniform(-1, 1, (int(params["samples"]), 2))
    label = (points[:, 0] * points[:, 1] < 0).astype(np.int64)
    return in_the_plane("XOR", points, label, 2, _noise(params), draw)


def _noise(params: Mapping[str, Value]) -> float:
    """Return the deviation in units of these figures, which reach from −1 to 1."""
    return 0.3 * float(params["noise"])


def _adding(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """Two of many numbers are marked; their sum is wanted. Shapes: `[n, length, 2]`, target `[n, 1]`.

    Source: Hochreiter and Schmidhuber 1997, Long Short-Term Memory, section 5.4.
    """
    count, length = int(params["samples"]), int(params["length"])
    values = draw.random((count, length))
    marks = np.zeros((count, length))
    half = max(1, length // 2)
    first, second = draw.integers(0, half, count), draw.integers(half, length, count)
    rows = np.arange(count)
    marks[rows, first] = marks[rows, second] = 1
    total = values[rows, first] + values[rows, second]
    return Loaded(
        title="Adding problem",
        form="sequence",
        inputs=np.stack([values, marks], axis=2).astype(np.float32),
        targets=total[:, None].astype(np.float32),
        features=("value", "marked"),
        target_names=("sum",),
        notes=(
            f"Always answering 1 leaves a mean squared error of {float(((total - 1) ** 2).mean()):.3f}.",
        ),
    )


def _parity(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """Whether the number of ones is odd: every step counts. Shapes: `[n, length, 1]`."""
    bits = draw.integers(0, 2, (int(params["samples"]), int(params["length"])))
    return Loaded(
        title="Parity",
        form="sequence",
        inputs=bits[:, :, None].astype(np.float32),
        targets=(bits.sum(axis=1) % 2).astype(np.int64),
        classes=("even", "odd"),
        features=("bit",),
    )


def _waves(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """Sine, triangle, square or sawtooth, at any phase and pace. Shapes: `[n, length, 1]`."""
    shapes: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
        "sine": lambda t: np.sin(2 * np.pi * t),
        "triangle": lambda t: 4 * np.abs(t % 1 - 0.5) - 1,
        "square": lambda t: np.where(t % 1 < 0.5, 1.0, -1.0),
        "sawtooth": lambda t: 2 * (t % 1) - 1,
    }
    count, length = int(params["samples"]), int(params["length"])
    label = np.arange(count) % len(shapes)
    pace, phase = draw.uniform(1, 3, (count, 1)), draw.random((count, 1))
    time = pace * np.linspace(0, 1, length) + phase
    made = np.empty((count, length))
    for number, shape in enumerate(shapes.values()):
        made[label == number] = shape(time[label == number])
    made += float(params["noise"]) * draw.standard_normal(made.shape)
    return Loaded(
        title="Waves",
        form="sequence",
        inputs=made[:, :, None].astype(np.float32),
        targets=label.astype(np.int64),
        classes=tuple(shapes),
        features=("level",),
    )


def _shapes(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """A circle, square, triangle or cross at any place and size. Shapes: `[n, 1, side, side]`."""
    count, side = int(params["samples"]), int(params["side"])
    label = np.arange(count) % 4
    size = draw.uniform(0.18, 0.34, (count, 1, 1))
    x, y = (draw.uniform(0.36, 0.64, (count, 1, 1)) for _ in range(2))
    grid = (np.arange(side) + 0.5) / side
    dx, dy = grid[None, None, :] - x, grid[None, :, None] - y
    inside = (
        np.hypot(dx, dy) - size,
        np.maximum(np.abs(dx), np.abs(dy)) - 0.88 * size,
        np.maximum(2 * np.abs(dx) + dy - 0.8 * size, -dy - 0.8 * size) * 0.7,
        np.minimum(
            np.maximum(np.abs(dx) - size, np.abs(dy) - 0.3 * size),
            np.maximum(np.abs(dy) - size, np.abs(dx) - 0.3 * size),
        ),
    )
    distance = np.choose(label[:, None, None], [np.broadcast_to(one, (count, side, side)) for one in inside])  # fmt: skip
    images = np.clip(0.5 - distance * side, 0, 1)  # an edge one pixel wide
    images = images + float(params["noise"]) * draw.standard_normal(images.shape)
    return Loaded(
        title="Shapes",
        form="image",
        inputs=np.clip(images, 0, 1)[:, None].astype(np.float32),
        targets=label.astype(np.int64),
        classes=("circle", "square", "triangle", "cross"),
        scale=(0.0, 1.0),
    )


GENERATED = (
    made_source(
        "spirals",
        "Spirals",
        "Arms that wind around each other: a straight line tells nothing, depth does.",
        "table",
        _spirals,
        Param("arms", "int", 2, minimum=2, maximum=8),
        Param("turns", "float", 1.5, minimum=0.1, maximum=5.0, help="How far an arm winds"),
        NOISE_PARAM,
    ),
    made_source(
        "rings",
        "Rings",
        "A disc and rings around it: the radius decides.",
        "table",
        _rings,
        Param("rings", "int", 2, minimum=2, maximum=8),
        NOISE_PARAM,
    ),
    made_source(
        "xor",
        "XOR",
        "Opposite quadrants belong together: what a single layer cannot learn.",
        "table",
        _xor,
        NOISE_PARAM,
    ),
    made_source(
        "adding",
        "Adding problem",
        "The sum of the two marked numbers of a sequence: it shows how long a network remembers.",
        "sequence",
        _adding,
        LENGTH_PARAM,
    ),
    made_source(
        "parity",
        "Parity",
        "Whether the number of ones is odd: every step counts, and none alone says anything.",
        "sequence",
        _parity,
        LENGTH_PARAM,
    ),
    made_source(
        "waves",
        "Waves",
        "Sine, triangle, square or sawtooth, at any phase and pace.",
        "sequence",
        _waves,
        Param("length", "int", 64, minimum=8, maximum=1000, help="Steps of a sequence"),
        NOISE_PARAM,
    ),
    made_source(
        "shapes",
        "Shapes",
        "Circles, squares, triangles and crosses at any place and size.",
        "image",
        _shapes,
        Param("side", "int", 28, minimum=8, maximum=256, unit="px"),
        NOISE_PARAM,
    ),
)
