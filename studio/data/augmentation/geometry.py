"""Augmentations that move an image; masks and boxes move with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

from studio.data.augmentation.contract import CHANCE, IMAGES, Augmentation, Change, happens, within
from studio.data.samples import Samples
from studio.graph.facts import LEFT_OUT, DataFacts
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec

#: Draws, for each sample, the matrix and the shift by which output pixels are looked up.
Draw = Callable[[Samples], tuple[Tensor, Tensor]]

_FILL = Param(
    "fill",
    "choice",
    "zeros",
    choices=("zeros", "border", "reflection"),
    help="What comes in from outside the image",
)
_PADDED = {"zeros": "constant", "border": "replicate", "reflection": "reflect"}


def _crop(facts: DataFacts, params: Mapping[str, Value]) -> Change:
    """Pad, then cut the image's own size out at random."""
    by, mode = int(params["padding"]), _PADDED[str(params["fill"])]
    height, width = _size(facts)
    if mode == "reflect":  # which can show no more than there is
        by = min(by, height - 1, width - 1)

    def change(batch: Samples) -> Samples:
        count, device = len(batch), batch.inputs.device
        top = torch.randint(0, 2 * by + 1, (count,), device=device)
        left = torch.randint(0, 2 * by + 1, (count,), device=device)
        rows = top[:, None] + torch.arange(height, device=device)
        columns = left[:, None] + torch.arange(width, device=device)
        every = torch.arange(count, device=device)[:, None, None]

        def cut(images_nhwc: Tensor) -> Tensor:
            return images_nhwc[every, rows[:, :, None], columns[:, None, :]]

        images = cut(pad(batch.inputs, (by,) * 4, mode).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        targets = batch.targets
        if facts.task == "segmentation":
            targets = _mask(targets, lambda shown: cut(pad(shown, (by,) * 4, mode)[:, 0]))
        elif facts.task == "detection":
            moved = torch.stack([(by - left) / width, (by - top) / height], 1)[:, None]
            centre, half = targets[..., 1:3] + moved, targets[..., 3:5] / 2
            targets = _boxes(targets, centre - half, centre + half)
        return replace(batch, inputs=images, targets=targets)

    return change


def _flip(facts: DataFacts, params: Mapping[str, Value]) -> Change:
    axis = 2 if params["direction"] == "vertical" else 3
    chance = float(params["chance"])

    def change(batch: Samples) -> Samples:
        coins = happens(batch, chance, 4)
        inputs = torch.where(coins, batch.inputs.flip(axis), batch.inputs)
        targets = batch.targets
        if facts.task == "segmentation":
            targets = torch.where(coins[:, 0], targets.flip(axis - 1), targets)
        elif facts.task == "detection":
            mirrored = targets.clone()
            at = 2 if axis == 2 else 1
            mirrored[..., at] = 1 - mirrored[..., at]
            there = coins[:, 0] & (targets[..., :1] >= 0)
            targets = torch.where(there, mirrored, targets)
        return replace(batch, inputs=inputs, targets=targets)

    return change


def _rotate(facts: DataFacts, params: Mapping[str, Value]) -> Change:
    most = math.radians(float(params["degrees"]))
    return _warp(facts, params, lambda batch: _turned(within(batch, -most, most)))


def _affine(facts: DataFacts, params: Mapping[str, Value]) -> Change:
    turn, lean = (math.radians(float(params[name])) for name in ("degrees", "shear"))
    zoom, way = math.log(1 + float(params["scale"])), float(params["shift"])

    def draw(batch: Samples) -> tuple[Tensor, Tensor]:
        matrix, _ = _turned(within(batch, -turn, turn))
        sheared = torch.eye(2, device=matrix.device).repeat(len(matrix), 1, 1)
        sheared[:, 0, 1] = within(batch, -lean, lean).tan()
        shrunk = within(batch, -zoom, zoom).exp()[:, None, None]
        shift = torch.stack([within(batch, -2 * way, 2 * way) for _ in range(2)], 1)
        return matrix @ sheared * shrunk, shift

    return _warp(facts, params, draw)


def _zoom(facts: DataFacts, params: Mapping[str, Value]) -> Change:
    """Cut a part out and scale it to the whole. Source: Szegedy et al. 2015, section 6."""
    least, stretch = float(params["least"]), math.log(float(params["stretch"]))

    def draw(batch: Samples) -> tuple[Tensor, Tensor]:
        area, ratio = within(batch, least, 1.0), within(batch, -stretch, stretch).exp()
        sides = torch.stack([(area * ratio).sqrt(), (area / ratio).sqrt()], 1).clamp(max=1)
        room = torch.rand_like(sides) * 2 - 1
        return torch.diag_embed(sides), room * (1 - sides)

    return _warp(facts, params, draw)


def _turned(angles: Tensor) -> tuple[Tensor, Tensor]:
    cos, sin = angles.cos(), angles.sin()
    matrix = torch.stack([cos, -sin, sin, cos], 1).view(-1, 2, 2)
    return matrix, torch.zeros(len(angles), 2, device=angles.device)


def _warp(facts: DataFacts, params: Mapping[str, Value], draw: Draw) -> Change:
    """Look each output pixel up where `draw` says: a matrix in pixels, a shift in half images.

    Shapes: `draw(batch)` gives `[n, 2, 2]` and `[n, 2]`, x before y.
    """
    height, width = _size(facts)
    fill, chance = str(params["fill"]), float(params.get("chance", 1.0))

    def change(batch: Samples) -> Samples:
        matrix, shift = draw(batch)
        # From pixels to halves of the image, in which a grid is counted.
        a, b, c, d = matrix.flatten(1).unbind(1)
        matrix = torch.stack([a, b * (height / width), c * (width / height), d], 1).view(-1, 2, 2)
        if chance < 1:
            coins = happens(batch, chance, 3)
            matrix = torch.where(coins, matrix, torch.eye(2, device=matrix.device))
            shift = torch.where(coins[:, :, 0], shift, torch.zeros_like(shift))
        theta = torch.cat([matrix, shift[:, :, None]], 2)
        grid = affine_grid(theta, [len(batch), 1, height, width], align_corners=False)
        images = grid_sample(batch.inputs, grid, padding_mode=fill, align_corners=False)
        targets = batch.targets
        if facts.task == "segmentation":
            targets = _mask(
                targets,
                lambda shown: grid_sample(shown, grid, "nearest", fill, align_corners=False)[:, 0],
            )
        elif facts.task == "detection":
            targets = _warped_boxes(targets, matrix, shift)
        return replace(batch, inputs=images, targets=targets)

    return change


def _mask(targets: Tensor, move: Callable[[Tensor], Tensor]) -> Tensor:
    """Return class indices moved as an image `[n, 1, h, w]`; zeros from outside are left out."""
    return move((targets[:, None] - LEFT_OUT).float()).long() + LEFT_OUT


def _warped_boxes(boxes: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
    """Return the upright boxes around boxes that went with their image. Shapes: `[n, m, 5]`."""
    a, b, c, d = matrix.flatten(1).unbind(1)
    inverse = torch.stack([d, -b, -c, a], 1).view(-1, 2, 2) / (a * d - b * c)[:, None, None]
    x, y, wide, high = boxes[..., 1:].unbind(2)
    sides = [(x + i * wide, y + j * high) for i in (-0.5, 0.5) for j in (-0.5, 0.5)]
    corners = torch.stack([torch.stack(corner, 2) for corner in sides], 2)
    seen = torch.einsum("nij,nmkj->nmki", inverse, corners * 2 - 1 - shift[:, None, None])
    corners = (seen + 1) / 2
    return _boxes(boxes, corners.amin(2), corners.amax(2))


def _boxes(boxes: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return boxes between new corners, cut at the image's edge; gone where their centre is outside.

    Shapes: `boxes` `[n, m, 5]`, corners `[n, m, 2]` as shares of the image, x before y.
    """
    centre = (low + high) / 2
    stays = (boxes[..., 0] >= 0) & ((centre >= 0) & (centre <= 1)).all(2)
    low, high = low.clamp(0, 1), high.clamp(0, 1)
    moved = torch.cat([boxes[..., :1], (low + high) / 2, high - low], 2)
    gone = torch.zeros_like(boxes)
    gone[..., 0] = -1
    return torch.where(stays[..., None], moved, gone)


def _size(facts: DataFacts) -> tuple[int, int]:
    height, width = facts.sample.shape[-2:]
    return int(height), int(width)


def _degrees(default: float) -> Param:
    return Param("degrees", "float", default, minimum=0, maximum=180, unit="°", help="At most")


GEOMETRY = (
    Augmentation(
        OptionSpec(
            kind="augment.crop",
            title="Random crop",
            doc="Pad the image and cut its own size out anywhere: it shifts by some pixels.",
            forms=("image",),
            params=(
                Param("padding", "int", 2, minimum=1, maximum=256, unit="px", help="On every side"),
                _FILL,
            ),
        ),
        IMAGES,
        _crop,
    ),
    Augmentation(
        OptionSpec(
            kind="augment.zoom",
            title="Random zoom",
            doc="Cut a part of the image out and scale it up to the whole.",
            forms=("image",),
            params=(
                Param(
                    "least",
                    "float",
                    0.6,
                    minimum=0.01,
                    maximum=1,
                    help="Share of the area, at least",
                ),
                Param(
                    "stretch", "float", 1.2, minimum=1, maximum=4, help="Longest against short side"
                ),
                _FILL,
            ),
        ),
        IMAGES,
        _zoom,
    ),
    Augmentation(
        OptionSpec(
            kind="augment.flip",
            title="Flip",
            doc="Mirror the image. Not for digits and letters, which mean something else then.",
            forms=("image",),
            params=(
                Param("direction", "choice", "horizontal", choices=("horizontal", "vertical")),
                CHANCE,
            ),
        ),
        IMAGES,
        _flip,
    ),
    Augmentation(
        OptionSpec(
            kind="augment.rotate",
            title="Rotate",
            doc="Turn the image by a random angle around its middle.",
            forms=("image",),
            params=(_degrees(15.0), CHANCE, _FILL),
        ),
        IMAGES,
        _rotate,
    ),
    Augmentation(
        OptionSpec(
            kind="augment.affine",
            title="Affine",
            doc="Turn, shift, scale and shear the image, each by a random amount.",
            forms=("image",),
            params=(
                _degrees(10.0),
                Param(
                    "shift", "float", 0.1, minimum=0, maximum=1, help="Share of the side, at most"
                ),
                Param("scale", "float", 0.1, minimum=0, maximum=4, help="Larger or smaller by"),
                Param("shear", "float", 0.0, minimum=0, maximum=80, unit="°", help="At most"),
                CHANCE,
                _FILL,
            ),
        ),
        IMAGES,
        _affine,
    ),
)
