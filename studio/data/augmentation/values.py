"""Augmentations of any values, of sequences and of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from studio.data.augmentation.contract import (
    CHANCE,
    IMAGES,
    WHOLE,
    Augmentation,
    Change,
    happens,
    needs,
    within,
)
from studio.data.samples import Samples
from studio.graph.facts import DataFacts
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec


def _noise(facts: DataFacts, params: Mapping[str, Value]) -> Change:
    low, high = facts.value_range
    spread = float(params["deviation"]) * (high - low)
    needs(facts, facts.sample.dtype.startswith("float"), "Noise", "numbers")

    def change(batch: Samples) -> Samples:
        noisy = batch.inputs + spread * torch.randn_like(batch.inputs)
        return replace(batch, inputs=noisy.clamp(low, high) if facts.form == "image" else noisy)

    return change


def _shift(facts: DataFacts, params: Mapping[str, Value]) -> Change:
    """Move a sequence along its time; its first or last step is repeated where nothing is left."""
    most = int(params["steps"])
    needs(facts, len(facts.sample.shape) == 2, "Time shift", "steps × features")

    def change(batch: Samples) -> Samples:
        steps = batch.inputs.shape[1]
        by = torch.randint(-most, most + 1, (len(batch), 1), device=batch.inputs.device)
        at = (torch.arange(steps, device=by.device) - by).clamp(0, steps - 1)
        every = torch.arange(len(batch), device=by.device)[:, None]
        return replace(batch, inputs=batch.inputs[every, at])

    return change


def _mask(facts: DataFacts, params: Mapping[str, Value]) -> Change:
    """Hide a stretch of time. Source: Park et al. 2019, SpecAugment, section 2."""
    most, chance = float(params["most"]), float(params["chance"])
    needs(facts, len(facts.sample.shape) == 2, "Time mask", "steps × features")

    def change(batch: Samples) -> Samples:
        steps = batch.inputs.shape[1]
        length = within(batch, 0.0, most)[:, None] * steps
        start = torch.rand_like(length) * (steps - length)
        at = torch.arange(steps, device=length.device)
        hidden = ((at >= start) & (at < start + length))[:, :, None] & happens(batch, chance, 3)
        mean = batch.inputs.mean(1, keepdim=True)
        return replace(batch, inputs=torch.where(hidden, mean, batch.inputs))

    return change


def _tokens(facts: DataFacts, params: Mapping[str, Value]) -> Change:
    """Put another token of the vocabulary where some were."""
    share, known = float(params["share"]), len(facts.vocabulary)
    needs(facts, known > 0, "Token noise", "tokens of a vocabulary")

    def change(batch: Samples) -> Samples:
        tokens = batch.inputs
        others = torch.randint(0, known, tokens.shape, device=tokens.device)
        replaced = torch.rand(tokens.shape, device=tokens.device) < share
        return replace(batch, inputs=torch.where(replaced, others, tokens))

    return change


VALUES = (
    Augmentation(
        OptionSpec(
            kind="augment.noise",
            title="Noise",
            doc="Add normally distributed noise to every value.",
            forms=("image", "table", "sequence"),
            params=(
                Param(
                    "deviation",
                    "float",
                    0.05,
                    minimum=0,
                    maximum=1,
                    help="Share of the values' range",
                ),
            ),
        ),
        IMAGES,
        _noise,
    ),
    Augmentation(
        OptionSpec(
            kind="augment.time_shift",
            title="Time shift",
            doc="Move a sequence earlier or later in time.",
            forms=("sequence",),
            params=(Param("steps", "int", 2, minimum=1, maximum=100_000, help="At most"),),
        ),
        WHOLE,
        _shift,
    ),
    Augmentation(
        OptionSpec(
            kind="augment.time_mask",
            title="Time mask",
            doc="Hide a stretch of a sequence behind its mean.",
            forms=("sequence",),
            params=(
                Param(
                    "most",
                    "float",
                    0.2,
                    minimum=0.01,
                    maximum=1,
                    help="Share of the steps, at most",
                ),
                CHANCE,
            ),
        ),
        WHOLE,
        _mask,
    ),
    Augmentation(
        OptionSpec(
            kind="augment.token_noise",
            title="Token noise",
            doc="Replace some tokens by random ones; the answer stays the same.",
            forms=("text",),
            params=(
                Param(
                    "share", "float", 0.05, minimum=0, maximum=1, help="Of the tokens, on average"
                ),
            ),
        ),
        (*WHOLE, "tokens"),
        _tokens,
    ),
)
