"""What is counted to judge outputs by, batch by batch, and the figures that it makes.

A tally is what of a batch counts: mostly a few sums, so that nothing as large as a split's outputs is
ever kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from studio.data import Samples
from studio.graph.facts import LEFT_OUT, DataFacts
from studio.train.learner import Evaluation

#: From this score on a label counts as given.
_GIVEN = 0.5


class Measure(Protocol):
    """How outputs are judged. `quick` names the figure that every training step gets, "" for none.

    A measure that is `late` judges many steps at a time, which costs less where outputs are small.
    """

    quick: str
    late: bool

    def shares(self, outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        """Return the quick figure of each step as numerator and denominator, int64 `[steps, 2]`.

        Never waits for the device.
        """

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return what of a batch counts: sums, where it can be said in sums."""

    def evaluation(self, tallies: Sequence[Tensor], samples: Samples) -> Evaluation:
        """Return the figures of all samples from their batches' tallies; the loss is not among them."""


def predicted(outputs: Tensor, classes: int) -> Tensor:
    """Return the class of each sample in outputs `[n, classes]`, or one number a sample for two classes."""
    if classes == 2 and outputs[0].numel() == 1:
        return (outputs.reshape(len(outputs)) > 0).long()
    return outputs.argmax(1)


def named(targets: Tensor) -> Tensor:
    """Return class indices `[n]`, of mixed samples the class that has most of them."""
    return targets.argmax(1) if targets.is_floating_point() else targets


class OfClasses:
    """One class a sample."""

    quick, late = "accuracy", True

    def __init__(self, facts: DataFacts) -> None:
        self._classes = len(facts.classes)

    def shares(self, outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        true = torch.cat([named(part) for part in targets])
        right = predicted(torch.cat(list(outputs)), self._classes) == true
        sizes = torch.tensor([len(part) for part in targets], device=right.device)
        # Whole numbers, so that an accuracy does not depend on how many steps are read at once.
        ends = right.long().cumsum(0)[sizes.cumsum(0) - 1]
        return torch.stack([torch.diff(ends, prepend=ends.new_zeros(1)), sizes], 1)

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return _confusion(predicted(outputs, self._classes), named(targets), self._classes)

    def evaluation(self, tallies: Sequence[Tensor], samples: Samples) -> Evaluation:
        confusion = _sum(tallies).cpu().numpy().astype(np.int64)
        right, count = float(np.trace(confusion)), float(confusion.sum())
        return Evaluation({"accuracy": right / count if count else 0.0}, confusion)


class OfPlaces:
    """One class a place: pixels `[n, classes, h, w]`, steps `[n, t, classes]` or nodes; `axis` has the classes.

    With `overlaps` the classes' intersection over union is measured too, over those that are there.
    """

    quick, late = "accuracy", False

    def __init__(self, classes: int, axis: int, overlaps: bool) -> None:
        self._classes, self._axis, self._overlaps = classes, axis, overlaps

    def shares(self, outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        return torch.stack([self._share(*pair) for pair in zip(outputs, targets, strict=True)])

    def _share(self, outputs: Tensor, targets: Tensor) -> Tensor:
        counted = targets != LEFT_OUT
        right = (outputs.argmax(self._axis) == targets) & counted
        return torch.stack([right.sum(), counted.sum()])

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if not self._overlaps:
            return self._share(outputs, targets)
        return _confusion(outputs.argmax(self._axis), targets, self._classes)

    def evaluation(self, tallies: Sequence[Tensor], samples: Samples) -> Evaluation:
        tally = _sum(tallies)
        if not self._overlaps:
            right, count = (float(value) for value in tally.tolist())
            return Evaluation({"accuracy": right / count if count else 0.0})
        confusion = tally.cpu().numpy().astype(np.int64)
        hits, places = np.diag(confusion), int(confusion.sum())
        union = confusion.sum(0) + confusion.sum(1) - hits
        there = confusion.sum(1) > 0
        overlap = hits[there] / np.maximum(union[there], 1)
        metrics = {"accuracy": float(hits.sum() / places) if places else 0.0}
        metrics["mean_iou"] = float(overlap.mean()) if there.any() else 0.0
        return Evaluation(metrics, confusion)


class OfLabels:
    """Yes or no for each label; outputs are logits, so that a score of 0 is the border."""

    quick, late = "f1_micro", False

    def shares(self, outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        found = []
        for scores, truth in zip(outputs, targets, strict=True):
            given, true = scores > 0, truth > _GIVEN
            found.append(torch.stack([2 * (given & true).sum(), given.sum() + true.sum()]))
        return torch.stack(found)

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Rows: both, given, true; the last column counts samples whose labels are all right."""
        given, true = outputs > 0, targets > _GIVEN
        whole = (given == true).all(1).sum()
        rows = torch.stack([(given & true).sum(0), given.sum(0), true.sum(0)])
        return torch.cat([rows, whole.expand(3, 1)], 1)

    def evaluation(self, tallies: Sequence[Tensor], samples: Samples) -> Evaluation:
        tally = _sum(tallies)
        both, given, true = tally[:, :-1].cpu().double()
        each = torch.where(given + true > 0, 2 * both / (given + true).clamp(min=1), 0.0)
        known = true > 0
        sizes = float(given.sum() + true.sum())
        return Evaluation(
            {
                "f1_micro": float(2 * both.sum()) / sizes if sizes else 0.0,
                "f1_macro": float(each[known].mean()) if bool(known.any()) else 0.0,
                "subset_accuracy": float(tally[0, -1]) / len(samples),
            }
        )


class OfNothing:
    """The loss alone tells. What gives steps no quick figure begins with this."""

    quick, late = "", False

    def shares(self, outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        return torch.zeros(len(outputs), 2, dtype=torch.int64)

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return torch.zeros(1)

    def evaluation(self, tallies: Sequence[Tensor], samples: Samples) -> Evaluation:
        return Evaluation({})


class OfNumbers(OfNothing):
    """Numbers beside numbers; `spread` brings errors back to the targets' own units."""

    def __init__(self, facts: DataFacts) -> None:
        self._spread = torch.tensor(facts.target_std or (1.0,), dtype=torch.float64)

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        errors = outputs.reshape(targets.shape).cpu().double() - targets.cpu()
        return torch.stack([(errors.abs() * self._spread).sum(), errors.square().sum()])

    def evaluation(self, tallies: Sequence[Tensor], samples: Samples) -> Evaluation:
        tally, targets = _sum(tallies), samples.targets.cpu().double()
        metrics = {"mae": float(tally[0]) / targets.numel()}
        spread = float((targets - targets.mean(0)).square().sum())
        if spread > 0:
            metrics["r2"] = 1 - float(tally[1]) / spread
        return Evaluation(metrics)


class OfCopies(OfNothing):
    """Samples beside what was made of them; with the values' range also the signal-to-noise ratio in dB."""

    def __init__(self, facts: DataFacts) -> None:
        low, high = facts.value_range
        self._range = high - low

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        errors = (outputs.reshape(targets.shape) - targets).cpu().double()
        return torch.stack([errors.abs().sum(), errors.square().sum()])

    def evaluation(self, tallies: Sequence[Tensor], samples: Samples) -> Evaluation:
        tally, count = _sum(tallies), samples.inputs.numel()
        metrics = {"mae": float(tally[0]) / count}
        mean = float(tally[1]) / count
        if self._range > 0 and mean > 0:
            metrics["psnr"] = 10 * math.log10(self._range**2 / mean)
        return Evaluation(metrics)


def _sum(tallies: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(tallies)).sum(0)


def _confusion(read: Tensor, targets: Tensor, classes: int) -> Tensor:
    """Return counts `[true, predicted]`; what is left out counts nowhere."""
    pairs = torch.where(targets == LEFT_OUT, classes * classes, targets * classes + read)
    counts = torch.bincount(pairs.flatten(), minlength=classes * classes + 1)
    return counts[:-1].reshape(classes, classes)
