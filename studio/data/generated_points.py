"""Made-up points in the plane and curves to follow."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from studio.data.making import NOISE_PARAM, Draw, in_the_plane, made_source
from studio.data.source import Loaded
from studio.graph.params import Param, Value


def _moons(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """Two half circles that reach into each other. Shapes: `[n, 2]`."""
    label = np.arange(params["samples"]) % 2
    angle = np.pi * draw.random(len(label))
    x = np.where(label == 0, np.cos(angle), 1 - np.cos(angle))
    y = np.where(label == 0, np.sin(angle), 0.5 - np.sin(angle))
    points = np.stack([x, y], axis=1)
    return in_the_plane("Moons", points, label, 2, float(params["noise"]), draw)


def _blobs(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """Clouds around centres on a circle: what even a straight line can tell apart. Shapes: `[n, 2]`."""
    count = int(params["blobs"])
    label = np.arange(params["samples"]) % count
    angle = 2 * np.pi * label / count
    centres = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return in_the_plane("Blobs", centres, label, count, float(params["noise"]), draw)


def _gaussians(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """Clouds on a ring, for what makes samples: targets are the points themselves. Shapes: `[n, 2]`.

    Source: Metz, Poole, Pfau and Sohl-Dickstein 2017, Unrolled GANs, section 3.1.
    """
    clouds = int(params["clouds"])
    angle = 2 * np.pi * (np.arange(params["samples"]) % clouds) / clouds
    centres = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = centres + float(params["spread"]) * draw.standard_normal(centres.shape)
    values = points.astype(np.float32)
    return Loaded(
        title="Ring of Gaussians",
        form="table",
        inputs=values,
        targets=values.copy(),
        features=("x", "y"),
        target_names=("x", "y"),
        notes=("Targets are the points themselves: they are to be rebuilt, or made anew.",),
    )


def _sine(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """The curve sin(3x) between −2 and 2. Shapes: `[n, 1]`, target `[n, 1]`."""
    x = draw.uniform(-2, 2, (int(params["samples"]), 1))
    return _curve("Sine", x, np.sin(float(params["pace"]) * x), params, draw)


def _polynomial(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """A polynomial through random values at Chebyshev's points, so that it stays near ±1.

    Shapes: `[n, 1]`, target `[n, 1]`.
    """
    degree = int(params["degree"])
    at = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    curve = np.polynomial.Polynomial.fit(at, draw.uniform(-1, 1, degree + 1), degree)
    x = draw.uniform(-1, 1, (int(params["samples"]), 1))
    return _curve("Polynomial", x, curve(x), params, draw)


def _curve(
    title: str,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    params: Mapping[str, Value],
    draw: Draw,
) -> Loaded:
    noise = float(params["noise"])
    return Loaded(
        title=title,
        form="table",
        inputs=x.astype(np.float32),
        targets=(y + noise * draw.standard_normal(y.shape)).astype(np.float32),
        features=("x",),
        target_names=("y",),
        notes=(f"The curve itself leaves a mean squared error of {noise**2:.4f}: the noise's.",),
    )


POINTS = (
    made_source(
        "moons",
        "Moons",
        "Two half circles that reach into each other.",
        "table",
        _moons,
        NOISE_PARAM,
    ),
    made_source(
        "blobs",
        "Blobs",
        "Clouds of points that a straight line tells apart, as long as the noise is small.",
        "table",
        _blobs,
        Param("blobs", "int", 3, minimum=2, maximum=10),
        Param("noise", "float", 0.4, minimum=0.0, maximum=2.0, help="Deviation within a cloud"),
    ),
    made_source(
        "gaussians",
        "Ring of Gaussians",
        "Clouds on a ring: does a generator find all of them? Targets are the points themselves.",
        "table",
        _gaussians,
        Param("clouds", "int", 8, minimum=1, maximum=32),
        Param("spread", "float", 0.05, minimum=0.0, maximum=1.0, help="Deviation within a cloud"),
    ),
    made_source(
        "sine",
        "Sine curve",
        "y = sin(3x) with noise: the first curve that a small network follows.",
        "table",
        _sine,
        Param("pace", "float", 3.0, minimum=0.1, maximum=30.0, help="3 is sin(3x)"),
        NOISE_PARAM,
    ),
    made_source(
        "polynomial",
        "Polynomial",
        "A random polynomial with noise: how much of it is learned by heart?",
        "table",
        _polynomial,
        Param("degree", "int", 5, minimum=1, maximum=15),
        NOISE_PARAM,
    ),
)
