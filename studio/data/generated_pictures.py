"""Made-up pictures: cells to outline, digits to find on a page, shapes that move."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from studio.data.making import NOISE_PARAM, Draw, made_source
from studio.data.sklearn_sets import read_digits
from studio.data.source import Loaded
from studio.graph.params import Param, Value

_DIRECTIONS = ("right", "down", "left", "up")
#: How often a digit's place is drawn before the page is full.
_TRIES = 20


def _cells(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """Round and long cells, dim in noise. Shapes: `[n, 1, side, side]`, targets `[n, side, side]`."""
    count, side, most = (int(params[name]) for name in ("samples", "side", "cells"))
    grid = (np.arange(side) + 0.5) / side
    images = np.zeros((count, side, side))
    masks = np.zeros((count, side, side), dtype=np.int64)
    for _ in range(most):
        x, y = draw.uniform(0.1, 0.9, (2, count, 1, 1))
        kind = draw.integers(1, 3, (count, 1, 1))
        radius = draw.uniform(0.07, 0.13, (count, 1, 1))
        stretch = np.where(kind == 1, 1.0, 2.0)
        turn = draw.uniform(0, np.pi, (count, 1, 1))
        light = draw.uniform(0.5, 0.9, (count, 1, 1))
        there = draw.random((count, 1, 1)) < 0.8
        dx, dy = grid[None, None] - x, grid[None, :, None] - y
        along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        far = np.hypot(along / stretch, across * stretch**0.5) / radius
        inside = there & (far < 1)
        images = np.where(inside, light * (1 - 0.4 * far**2), images)
        masks = np.where(inside, kind, masks)
    images = images + float(params["noise"]) * draw.standard_normal(images.shape)
    return Loaded(
        title="Cells",
        form="image",
        inputs=np.clip(images, 0, 1)[:, None].astype(np.float32),
        targets=masks,
        task="segmentation",
        classes=("background", "round cell", "long cell"),
        scale=(0.0, 1.0),
    )


def _page(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """Digits that somebody wrote, at any place, none over another.

    Shapes: `[n, 1, side, side]`, targets `[n, digits, 5]`: class, centre x and y, width and height as
    shares of the page; a class of −1 fills up.
    """
    count, side, most = (int(params[name]) for name in ("samples", "side", "digits"))
    pixels, labels = read_digits()
    images = np.zeros((count, 1, side, side), dtype=np.float32)
    boxes = np.full((count, most, 5), -1, dtype=np.float32)
    for page, found in zip(images[:, 0], boxes, strict=True):
        placed = 0
        for _ in range(int(draw.integers(1, most + 1))):
            pick = int(draw.integers(len(labels)))
            scale = int(draw.integers(2, 4))
            size = 8 * scale
            for _ in range(_TRIES):
                left, top = draw.integers(0, side - size + 1, 2)
                if not page[top : top + size, left : left + size].any():
                    page[top : top + size, left : left + size] = np.kron(
                        pixels[pick], np.ones((scale, scale), np.float32)
                    )
                    centre = ((left + size / 2) / side, (top + size / 2) / side)
                    found[placed] = (labels[pick], *centre, size / side, size / side)
                    placed += 1
                    break
    noise = float(params["noise"]) * draw.standard_normal(images.shape)
    return Loaded(
        title="Digits on a page",
        form="image",
        inputs=np.clip(images + noise, 0, 1).astype(np.float32),
        targets=boxes,
        task="detection",
        classes=tuple("0123456789"),
        scale=(0.0, 1.0),
    )


def _moving(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """A disc or square that moves and bounces off the walls.

    Shapes: `[n, frames, side · side]`, row by row; targets the next frame `[n, side · side]`, or a class.
    Source: Srivastava, Mansimov and Salakhutdinov 2015, Unsupervised Learning of Video
    Representations, section 4, for the bouncing.
    """
    count, side, frames = (int(params[name]) for name in ("samples", "side", "frames"))
    heading = np.arange(count) % 4
    step = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])[heading] * draw.uniform(
        0.5, 1.5, (count, 1)
    )
    radius = draw.uniform(0.12, 0.2, (count, 1)) * side
    square = draw.random(count) < 0.5
    time = np.arange(frames + 1)[None, :, None]
    room = side - 2 * radius
    free = draw.random((count, 2)) * room
    way = free[:, None] + step[:, None] * time
    # A way back and forth between two walls is a straight way, folded.
    folded = way % (2 * room[:, None])
    back = folded > room[:, None]
    place = np.where(back, 2 * room[:, None] - folded, folded) + radius[:, None]
    axis = heading % 2
    turned = back[np.arange(count), frames - 1, axis]
    last = np.where(turned, (heading + 2) % 4, heading)
    video = _frames(place, radius, square, side)
    flat = video.reshape(count, frames + 1, side * side)
    flat += float(params["noise"]) * draw.standard_normal(flat.shape).astype(np.float32)
    flat = np.clip(flat, 0, 1)
    told = params["predict"] == "direction"
    return Loaded(
        title="Moving shapes",
        form="sequence",
        inputs=np.ascontiguousarray(flat[:, :-1]),
        targets=last.astype(np.int64) if told else np.ascontiguousarray(flat[:, -1]),
        classes=_DIRECTIONS if told else (),
        target_names=() if told else tuple(f"pixel {at + 1}" for at in range(side * side)),
        scale=(0.0, 1.0),
        notes=(f"One step is one frame of {side}×{side} pixels, row by row.",),
    )


def _frames(
    place: NDArray[np.float64], radius: NDArray[np.float64], square: NDArray[np.bool_], side: int
) -> NDArray[np.float32]:
    """Return frames `[n, frames, side, side]` of shapes around `place` `[n, frames, 2]`, in pixels."""
    grid = np.arange(side) + 0.5
    dx = grid[None, None, None, :] - place[:, :, 0, None, None]
    dy = grid[None, None, :, None] - place[:, :, 1, None, None]
    far = np.where(
        square[:, None, None, None], np.maximum(np.abs(dx), np.abs(dy)) * 1.1, np.hypot(dx, dy)
    )
    return np.clip(0.5 + radius[:, :, None, None] - far, 0, 1).astype(np.float32)


PICTURES = (
    made_source(
        "cells",
        "Cells",
        "Round and long cells in noise: which pixel belongs to what?",
        "image",
        _cells,
        Param("side", "int", 48, minimum=16, maximum=256, unit="px"),
        Param("cells", "int", 6, minimum=1, maximum=30, help="At most so many in a picture"),
        NOISE_PARAM,
    ),
    made_source(
        "page",
        "Digits on a page",
        "Handwritten digits scattered over a page: what is where?",
        "image",
        _page,
        Param("side", "int", 96, minimum=32, maximum=256, unit="px"),
        Param("digits", "int", 5, minimum=1, maximum=12, help="At most so many on a page"),
        NOISE_PARAM,
    ),
    made_source(
        "moving",
        "Moving shapes",
        "A shape moves and bounces: where does it go, or what does the next frame show?",
        "sequence",
        _moving,
        Param("predict", "choice", "direction", choices=("direction", "next frame")),
        Param("frames", "int", 8, minimum=2, maximum=100),
        Param("side", "int", 16, minimum=8, maximum=64, unit="px"),
        NOISE_PARAM,
    ),
)
