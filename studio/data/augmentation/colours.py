"""Augmentations that change what an image shows without moving it: colours, and parts that are hidden."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from studio.data.augmentation.contract import CHANCE, IMAGES, Augmentation, Change, happens, within
from studio.data.samples import Samples
from studio.graph.facts import DataFacts
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec

#: Red, green and blue into lightness and two colour differences. Source: ITU-R BT.601, NTSC.
_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


def _colour(facts: DataFacts, params: Mapping[str, Value]) -> Change:
    """Change lightness and contrast, and of three channels also how strong colours are and which."""
    low, high = facts.value_range
    light, contrast, strength, hue = (
        float(params[name]) for name in ("brightness", "contrast", "saturation", "hue")
    )
    coloured = facts.sample.shape[0] == 3 and bool(strength or hue)
    to = torch.tensor(_YIQ)
    back = to.double().inverse().float()

    def change(batch: Samples) -> Samples:
        nonlocal to, back
        images = batch.inputs
        to, back = to.to(images.device), back.to(images.device)  # copied once
        factor = within(batch, max(0.0, 1 - contrast), 1 + contrast).view(-1, 1, 1, 1)
        added = within(batch, -light, light).view(-1, 1, 1, 1) * (high - low)
        mean = images.mean((1, 2, 3), keepdim=True)
        images = (images - mean) * factor + mean + added
        if coloured:
            stronger = within(batch, max(0.0, 1 - strength), 1 + strength)
            turned = within(batch, -hue, hue) * 2 * math.pi
            mixed = back @ _turn(stronger, turned) @ to
            images = torch.einsum("nij,njhw->nihw", mixed, images)
        return replace(batch, inputs=images.clamp(low, high))

    return change


def _turn(strength: Tensor, angle: Tensor) -> Tensor:
    """Return what turns the two colour differences and makes them stronger. Shapes: `[n, 3, 3]`."""
    cos, sin, zero = strength * angle.cos(), strength * angle.sin(), torch.zeros_like(angle)
    rows = [torch.ones_like(angle), zero, zero, zero, cos, -sin, zero, sin, cos]
    return torch.stack(rows, 1).view(-1, 3, 3)


def rectangles(samples: Samples, area: Tensor, stretch: float = 1.0) -> Tensor:
    """Return a rectangle of a share of the image anywhere in it, cut at the edges.

    Shapes: `area` `[n]` → bool `[n, 1, height, width]`.
    """
    height, width = samples.inputs.shape[-2:]
    device = area.device
    ratio = within(samples, -math.log(stretch), math.log(stretch)).exp()
    tall, wide = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)

    def band(share: Tensor, size: int) -> Tensor:
        middle = torch.rand(len(share), device=device)[:, None]
        at = (torch.arange(size, device=device) + 0.5) / size
        return (at - middle).abs() <= share[:, None] / 2

    return (band(tall, height)[:, :, None] & band(wide, width)[:, None, :])[:, None]


def _erase(facts: DataFacts, params: Mapping[str, Value]) -> Change:
    """Hide a rectangle. Source: Zhong et al. 2020, Random erasing data augmentation."""
    chance, most = float(params["chance"]), float(params["most"])
    noise = params["fill"] == "noise"
    low, high = facts.value_range

    def change(batch: Samples) -> Samples:
        images = batch.inputs
        hidden = rectangles(batch, within(batch, most / 10, most), 3.0) & happens(batch, chance, 4)
        if noise:
            cover = torch.rand_like(images) * (high - low) + low
        else:
            cover = images.mean((2, 3), keepdim=True)
        return replace(batch, inputs=torch.where(hidden, cover, images))

    return change


def _share(name: str, default: float, most: float, help: str) -> Param:
    return Param(name, "float", default, minimum=0, maximum=most, help=help)


COLOURS = (
    Augmentation(
        OptionSpec(
            kind="augment.colour",
            title="Colour jitter",
            doc="Vary lightness and contrast, and of colour images saturation and hue as well.",
            forms=("image",),
            params=(
                _share("brightness", 0.2, 1, "Share of the values' range, at most"),
                _share("contrast", 0.2, 1, "More or less by"),
                _share("saturation", 0.2, 1, "Colours stronger or weaker by"),
                _share("hue", 0.0, 0.5, "Share of the colour circle, at most"),
            ),
        ),
        IMAGES,
        _colour,
    ),
    Augmentation(
        OptionSpec(
            kind="augment.erase",
            title="Random erasing",
            doc="Hide a rectangle of the image: a network learns to look at more than one spot.",
            forms=("image",),
            params=(
                Param(
                    "most", "float", 0.2, minimum=0.01, maximum=1, help="Share of the area, at most"
                ),
                CHANCE,
                Param("fill", "choice", "mean", choices=("mean", "noise")),
            ),
        ),
        IMAGES,
        _erase,
    ),
)
