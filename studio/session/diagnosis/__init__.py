"""What a run's figures say is wrong, in plain words, with the figures and what to change.

Each rule is a function of what a run has told; a stored run is diagnosed as a live one is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

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


#: What follows from a finding by itself: telling it too would only hide the cause.
CONSEQUENCES: Mapping[str, tuple[str, ...]] = {
    "lr too high": ("collapsed predictions", "stuck at chance"),
    "vanishing gradients": ("collapsed predictions", "stuck at chance"),
    "collapsed predictions": ("stuck at chance",),
}


def diagnose(case: Case) -> tuple[Finding, ...]:
    """Return what deserves a look, the gravest first."""
    if case.history.started is None:
        return ()
    found = [finding for rule in RULES if (finding := rule(case)) is not None]
    explained = {follows for finding in found for follows in CONSEQUENCES.get(finding.rule, ())}
    return tuple(finding for finding in found if finding.rule not in explained)


__all__ = ["RULES", "Case", "Change", "Figure", "Finding", "diagnose"]
