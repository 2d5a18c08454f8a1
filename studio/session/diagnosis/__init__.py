"""What a run's figures say is wrong, in plain words, with the figures and what to change.

Each rule is a function of what a run has told; a stored run is diagnosed as a live one is.
"""

from __future__ import annotations

from collections.abc import Callable

from studio.session.diagnosis import answers, generalising, layers, learning_rate
from studio.session.diagnosis.finding import Case, Change, Figure, Finding

Rule = Callable[[Case], Finding | None]

#: What is looked for, the gravest first.
RULES: tuple[Rule, ...] = (
    answers.wrong_ending,
    learning_rate.too_high,
    layers.exploding,
    layers.vanishing,
    layers.dead,
    layers.saturated,
    answers.collapsed,
    learning_rate.stuck,
    learning_rate.too_low,
    generalising.leak,
    generalising.over_fitting,
    answers.tiny_batches,
    generalising.noisy_validation,
)


def diagnose(case: Case) -> tuple[Finding, ...]:
    """Return what deserves a look, the gravest first."""
    if case.history.started is None:
        return ()
    return tuple(found for rule in RULES if (found := rule(case)) is not None)


__all__ = ["RULES", "Case", "Change", "Figure", "Finding", "diagnose"]
