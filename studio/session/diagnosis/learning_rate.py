"""Steps that are too long or too short, and a loss that does not move at all."""

from __future__ import annotations

import numpy as np

from studio.session.diagnosis.finding import Case, Finding, figure

#: Steps that have to be taken before the loss says anything about them.
_FEW, _SOME = 30, 150
#: A loss this many times that of chance comes from the steps, not from the start.
_WILD = 3.0


def too_high(case: Case) -> Finding | None:
    """The loss broke, or rose far above chance or its own start."""
    losses = case.losses
    words = (
        "Each step overshoots, so the loss rises instead of falling. A tenth of the learning rate is "
        "the usual cure; a warm-up helps where only the start is wild."
    )
    change = case.with_lr(case.lr / 10)
    if any(problem.rule == "diverged" for problem in case.history.problems):
        last = float(losses[-1]) if len(losses) else "none"
        seen = (
            figure("loss", "not a number"),
            figure("last loss", last),
            figure("learning rate", case.lr),
        )
        title = "The loss is no number any more: the learning rate may be too high"
        return Finding("lr too high", title, words, seen, change, "", "train_loss", "error")
    if len(losses) < _FEW or case.plays:
        return None
    parts = case.stretches(max(5, min(20, len(losses) // 6)))
    start, best, last = float(losses[0]), float(parts.min()), float(parts[-1])
    wild = max(float(part.mean()) for part in np.array_split(losses, len(parts)))
    chance = case.chance
    beyond = chance is not None and wild > _WILD * chance and wild > 1.5 * start
    beyond = beyond and last > 0.7 * float(chance or 0.0)  # else it has found its way since
    if not (beyond or last > 1.2 * max(start, best)):
        return None
    figures = (
        figure("loss at the start", start),
        figure("at its highest", wild),
        figure("now", last),
        figure("learning rate", case.lr),
    )
    title = f"The loss rose to {wild:.3g}: the learning rate is too high"
    return Finding("lr too high", title, words, figures, change, curve="train_loss")


def too_low(case: Case) -> Finding | None:
    """The loss falls all the time, and hardly."""
    losses, parts = case.losses, case.stretches(5)
    if len(losses) < _SOME or not len(parts) or case.plays:
        return None
    falls = -np.diff(parts)
    noise = float(np.median(np.abs(np.diff(losses)))) / np.sqrt(len(losses) / 5)
    steady = bool((falls > 2 * noise).all()) and falls[-1] > 0.4 * falls[0]
    if not steady or parts[-1] < 0.75 * parts[0]:
        return None
    seen = (
        figure("loss at first", float(parts[0])),
        figure("now", float(parts[-1])),
        figure("steps", str(case.history.step)),
        figure("learning rate", case.lr),
    )
    return Finding(
        "lr too low",
        f"The loss fell by only {1 - parts[-1] / parts[0]:.0%} and is still falling",
        "It goes down as steadily as at the start, so the steps are right and too short. Ten times the "
        "learning rate gets there sooner.",
        seen,
        case.with_lr(case.lr * 10),
        curve="train_loss",
    )


def stuck(case: Case) -> Finding | None:
    """The loss stays where guessing would leave it."""
    chance, losses, parts = case.chance, case.losses, case.stretches(5)
    if chance is None or len(losses) < _SOME or len(case.history.epochs) < 2:
        return None
    late = parts[2:]
    if (late < 0.96 * chance).any() or (late > 1.5 * chance).any():
        return None
    if too_low(case) is not None:
        return None
    accuracy = case.metric("train_accuracy")
    started = case.history.started
    if len(accuracy) and started is not None and accuracy[-1] > 2 / len(started.classes):
        return None
    seen = [figure("loss now", float(parts[-1])), figure("loss of guessing", chance)]
    if len(accuracy):
        seen.append(figure("accuracy", f"{accuracy[-1]:.1%}"))
    higher = case.lr < 0.005
    return Finding(
        "stuck at chance",
        f"The loss stays at {parts[-1]:.3g}, which is what guessing gives",
        "Nothing has been learned yet. Look first whether labels belong to their inputs and whether "
        "gradients reach the first layers; else another learning rate may get it going.",
        tuple(seen),
        case.with_lr(case.lr * 10 if higher else case.lr / 10),
        curve="train_loss",
    )
