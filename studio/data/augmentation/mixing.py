"""Augmentations that put two samples into one; what is right is then both, by their shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.distributions import Beta
from torch.nn.functional import one_hot

from studio.data.augmentation.colours import rectangles
from studio.data.augmentation.contract import WHOLE, Augmentation, Change, needs
from studio.data.samples import Samples
from studio.graph.facts import DataFacts
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec


def _mixup(facts: DataFacts, params: Mapping[str, Value]) -> Change:
    """Add two samples. Source: Zhang et al. 2018, mixup: beyond empirical risk minimization."""
    alpha = float(params["alpha"])
    needs(facts, facts.sample.dtype.startswith("float"), "Mixup", "numbers that can be averaged")

    def change(batch: Samples) -> Samples:
        shares, other = _shares(batch, alpha), _others(batch)
        at = shares.view(-1, *[1] * (batch.inputs.ndim - 1))
        inputs = at * batch.inputs + (1 - at) * batch.inputs[other]
        return replace(batch, inputs=inputs, targets=_mixed(batch, facts, shares, other))

    return change


def _cutmix(facts: DataFacts, params: Mapping[str, Value]) -> Change:
    """Paste a part of one image into another. Source: Yun et al. 2019, CutMix, section 3."""
    alpha = float(params["alpha"])

    def change(batch: Samples) -> Samples:
        other = _others(batch)
        pasted = rectangles(batch, 1 - _shares(batch, alpha))
        inputs = torch.where(pasted, batch.inputs[other], batch.inputs)
        shares = 1 - pasted.float().mean((1, 2, 3))  # what is left, once cut at the edges
        return replace(batch, inputs=inputs, targets=_mixed(batch, facts, shares, other))

    return change


def _others(batch: Samples) -> Tensor:
    return torch.randperm(len(batch), device=batch.inputs.device)


def _shares(batch: Samples, alpha: float) -> Tensor:
    """Return each sample's share of itself, from a Beta(alpha, alpha). Shapes: `[n]`."""
    weight = torch.full((len(batch),), alpha, device=batch.inputs.device)
    return Beta(weight, weight, validate_args=False).sample()  # validating asks the device


def _mixed(batch: Samples, facts: DataFacts, shares: Tensor, other: Tensor) -> Tensor:
    """Return targets in shares: float32 `[n, classes]` where they were class indices."""
    targets = batch.targets
    if facts.task == "classification" and not targets.is_floating_point():
        targets = one_hot(targets, len(facts.classes)).float()
    at = shares.view(-1, *[1] * (targets.ndim - 1))
    return at * targets + (1 - at) * targets[other]


def _alpha(default: float) -> Param:
    return Param(
        "alpha",
        "float",
        default,
        minimum=0.01,
        maximum=10,
        help="Small: mostly one of the two; 1: any share alike; large: halves",
    )


MIXING = (
    Augmentation(
        OptionSpec(
            kind="augment.mixup",
            title="Mixup",
            doc="Average two samples of a batch, and their targets alike.",
            forms=("image", "table", "sequence"),
            params=(_alpha(0.2),),
        ),
        WHOLE,
        _mixup,
    ),
    Augmentation(
        OptionSpec(
            kind="augment.cutmix",
            title="CutMix",
            doc="Paste a rectangle of another image of the batch; targets are shared by area.",
            forms=("image",),
            params=(_alpha(1.0),),
        ),
        WHOLE,
        _cutmix,
    ),
)
