"""What a network's outputs mean to a reader: probabilities, or the outputs themselves."""

from __future__ import annotations

import torch
from torch import Tensor

from studio.graph.facts import DataFacts

#: From here on softmax is flat enough that its own gradient says little.
SATURATED = 0.999


def readable(raw: Tensor, facts: DataFacts) -> Tensor:
    """Return probabilities `[n, classes]` of classes or labels, else outputs `[n, k]` in their own units."""
    raw = raw.detach().float()
    if facts.task == "multi-label":
        return torch.sigmoid(raw)
    if facts.task != "classification":
        return in_own_units(raw, facts)
    return raw if are_probabilities(raw) else torch.softmax(raw, dim=1)


def in_own_units(values: Tensor, facts: DataFacts) -> Tensor:
    """Return regression outputs or targets `[n, k]` as they were before the data was standardised."""
    if not facts.target_std:
        return values
    return values * torch.tensor(facts.target_std) + torch.tensor(facts.target_mean)


def are_probabilities(raw: Tensor) -> bool:
    """Tell whether a network ends in a softmax of its own: every row adds up to 1, none is negative."""
    if raw.dim() != 2 or raw.shape[1] < 2:
        return False
    rows = raw.sum(1)
    return bool((raw >= 0).all()) and bool(((rows - 1).abs() < 1e-4).all())


def saturation(raw: Tensor, facts: DataFacts) -> tuple[str, ...]:
    """Return the sentence to show where probabilities say little about what is explained."""
    if facts.task != "classification":
        return ()
    if are_probabilities(raw[None]):
        return (
            "This network ends in a softmax, so its probabilities are explained. Remove it to explain "
            "the scores before it.",
        )
    sure = float(readable(raw[None], facts).max())
    if sure < SATURATED:
        return ()
    return (
        f"The network is {min(sure, 0.9999):.2%} sure, where probabilities hardly move. "
        "The score before softmax is explained.",
    )
