"""Answers that cannot be right, and batches that are too small for what is measured on them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from studio.graph.bounds import BOUNDS
from studio.graph.edits import RemoveNodes, SetRecipe
from studio.session.diagnosis.finding import NETWORK, Case, Change, Finding, figure

#: A share of predictions that one class gets, though it has no such share of the samples.
_MOST, _OWN = 0.8, 0.7
#: Epochs after which one-sided answers are no beginning any more.
_EPOCHS = 3
#: Samples of a batch below which BatchNorm's figures are mostly chance.
_TINY = 8
#: What ends a network although the loss takes raw scores.
_SQUASHED = frozenset(
    [
        "torch.nn.Softmax",
        "core.softmax",
        "torch.nn.Sigmoid",
        "torch.nn.Hardsigmoid",
        "torch.nn.Tanh",
    ]
)
_NORMS = tuple(f"torch.nn.BatchNorm{dims}d" for dims in (1, 2, 3))


def collapsed(case: Case) -> Finding | None:
    """Nearly every sample is taken for one class."""
    tables = [epoch.confusion for epoch in case.history.epochs if epoch.confusion is not None]
    # A network that is just beginning may say one thing for an epoch; one that is stuck goes on.
    if len(tables) < _EPOCHS or not all(_one_sided(counts) for counts in tables[-2:]):
        return None
    counts = tables[-1]
    total = int(counts.sum())
    predicted, true = counts.sum(axis=0) / total, counts.sum(axis=1) / total
    winner = int(predicted.argmax())
    missed = [k for k in range(len(counts)) if k != winner and true[k] and not counts[k, k]]
    started = case.history.started
    classes = started.classes if started is not None else ()
    name = classes[winner] if winner < len(classes) else str(winner)
    common = true[winner] > 1.5 / len(counts)
    if common or true[winner] >= _OWN:
        words = (
            f"{true[winner]:.0%} of the samples are {name}, so always saying so is cheap. Balanced class "
            "weights make a rare class count as much as a common one; accuracy then says more, too."
        )
    else:
        words = (
            "The classes are about equally common, so this is no imbalance: the network gives every "
            "sample nearly the same scores. A lower learning rate or normalised inputs usually help."
        )
    change = _balanced(case) if common else case.with_lr(case.lr / 10)
    return Finding(
        "collapsed predictions",
        f"{predicted[winner]:.0%} of all predictions are {name}",
        words,
        (
            figure(f"predicted {name}", f"{predicted[winner]:.0%}"),
            figure(f"truly {name}", f"{true[winner]:.0%}"),
            figure("classes never found", str(len(missed))),
        ),
        change,
        curve="val_accuracy",
    )


def _one_sided(counts: NDArray[np.int64]) -> bool:
    """Whether one class gets most predictions, and another none that are right."""
    total = int(counts.sum())
    if total < 10 or len(counts) < 2:
        return False
    winner = int(counts.sum(axis=0).argmax())
    missed = any(counts[k].sum() and not counts[k, k] for k in range(len(counts)) if k != winner)
    return bool(counts[:, winner].sum() >= _MOST * total) and missed


def _balanced(case: Case) -> Change | None:
    recipe = case.project.recipe
    if recipe.learner_params.get("class_weights") == "balanced":
        return Change("Balanced batches", (SetRecipe({"sampling": "balanced"}),))
    params = recipe.learner_params | {"class_weights": "balanced"}
    return Change("Balanced class weights", (SetRecipe({"learner_params": params}),))


def wrong_ending(case: Case) -> Finding | None:
    """Scores are squeezed before a loss that does so itself, and the loss shows it."""
    started, ending = case.history.started, case.ending()
    if started is None or started.task != "classification" or ending is None:
        return None
    if ending.kind not in _SQUASHED or len(started.classes) < 2 or not len(case.losses):
        return None
    if case.project.recipe.loss not in ("", "torch.nn.CrossEntropyLoss"):
        return None
    low, high = BOUNDS[ending.kind]
    floor = math.log(1 + (len(started.classes) - 1) * math.exp(low - high))
    now = float(np.median(case.losses[-20:]))
    return Finding(
        "wrong ending",
        f"Behind {ending.name} the loss cannot fall below {floor:.3g}",
        "Cross-entropy takes a softmax of the network's scores itself. Squeezed before, they stay so "
        "near each other that even a sure answer counts as a doubtful one. Let the network end in raw "
        "scores.",
        (figure("loss now", now), figure("lowest possible", floor)),
        Change(f"Take {ending.name} out", (RemoveNodes(NETWORK, (ending.id,), heal=True),)),
        ending.id,
        "train_loss",
    )


def tiny_batches(case: Case) -> Finding | None:
    """BatchNorm measures mean and spread on a handful of samples."""
    started = case.history.started
    if started is None or started.batch_size >= _TINY or not case.history.epochs:
        return None
    found = [
        path for path in case.history.layers if (at := case.place(path)) and at[1].kind in _NORMS
    ]
    if not found:
        return None
    val, train = case.metric("val_loss"), case.metric("train_loss")
    seen = [figure("samples a batch", str(started.batch_size))]
    if len(val):
        seen.append(figure("validation loss", float(val[-1])))
    seen.append(figure("training loss", float(train[-1])))
    return Finding(
        "BatchNorm with tiny batches",
        f"{case.name(found[0])} normalises by {started.batch_size} samples",
        "Mean and spread of so few samples are mostly chance: training is noisy, and validation, which "
        "uses the running averages, is judged by others. Batches of 32 make it steady; GroupNorm or "
        "LayerNorm do not look at the batch.",
        tuple(seen),
        Change("Batches of 32", (SetRecipe({"batch_size": 32}),)),
        found[0],
        severity="hint",
    )
