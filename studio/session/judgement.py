"""How good predictions are, class by class and sample by sample: figures of plain arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: Below it a probability counts as this: its logarithm stays finite.
_LEAST = 1e-12
#: From this score on a label counts as given.
_GIVEN = 0.5


class ClassFigures(NamedTuple):
    """How well each class is found. Shapes: `[classes]`; not a number where nothing can be said.

    `precision` is the share of what was read as a class that is of it, `recall` the share of a class
    that was read as it, `f1` their harmonic mean, `support` how many samples there are of it.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray


class Calibration(NamedTuple):
    """How often predictions are right that are so sure. Shapes: `[bins]`; `edges` `[bins + 1]`.

    `sureness` is the mean probability and `accuracy` the share right of the `samples` predictions in
    a bin, not a number where there is none; `error` is the expected calibration error.
    """

    edges: np.ndarray
    sureness: np.ndarray
    accuracy: np.ndarray
    samples: np.ndarray
    error: float


class Fit(NamedTuple):
    """How near predicted numbers are to true ones. `r2` is not a number where all true ones are equal."""

    r2: float
    mae: float
    rmse: float
    bias: float


def of_confusion(counts: np.ndarray) -> ClassFigures:
    """Return the figures of counts `[true, predicted]`."""
    right = np.diag(counts).astype(np.float64)
    return _figures(right, counts.sum(0), counts.sum(1))


def of_labels(scores: np.ndarray, targets: np.ndarray) -> ClassFigures:
    """Return the figures of labels of which a sample may have several. Shapes: `[n, labels]`."""
    given, true = scores >= _GIVEN, targets >= _GIVEN
    return _figures((given & true).sum(0).astype(np.float64), given.sum(0), true.sum(0))


def _figures(right: np.ndarray, read: np.ndarray, support: np.ndarray) -> ClassFigures:
    with np.errstate(divide="ignore", invalid="ignore"):
        precision, recall = right / read, right / support
        f1 = 2 * right / (read + support)
    return ClassFigures(precision, recall, f1, support)


def calibration(probabilities: np.ndarray, targets: np.ndarray, bins: int = 10) -> Calibration:
    """Return how far sureness can be believed: the most likely class of each sample, in equal bins.

    With Bₘ the samples of bin m, ECE = Σₘ |Bₘ| / n · |acc(Bₘ) − conf(Bₘ)|.

    Shapes: `[n, classes]`, `[n]`. Source: Guo, Pleiss, Sun, Weinberger 2017, On Calibration of Modern
    Neural Networks, equations 2, 3 and 5.
    """
    sure = probabilities.max(1).astype(np.float64)
    right = (probabilities.argmax(1) == targets).astype(np.float64)
    edges = np.linspace(0, 1, bins + 1)
    # A bin has its upper end, not its lower one; 0 is of the first.
    place = np.clip(np.searchsorted(edges, sure, side="left") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(divide="ignore", invalid="ignore"):
        sureness = np.bincount(place, sure, bins) / count
        accuracy = np.bincount(place, right, bins) / count
    gaps = np.where(count > 0, np.abs(accuracy - sureness), 0.0)
    error = float((count * gaps).sum() / max(1, len(sure)))
    return Calibration(edges, sureness, accuracy, count, error)


def sample_losses(task: str, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return how wrong each sample is. Shapes: `[n, k]`, `[n]` or `[n, k]` → `[n]`.

    Classes: −log of the probability of the true one; labels: the mean of that over all labels;
    numbers: the mean squared error, in their own units.
    """
    outputs = outputs.reshape(len(targets), -1).astype(np.float64)
    if task == "classification":
        rows = np.arange(len(targets))
        return np.asarray(-np.log(np.maximum(outputs[rows, targets.astype(np.int64)], _LEAST)))
    targets = targets.reshape(outputs.shape).astype(np.float64)
    if task == "multi-label":
        likely = np.where(targets >= _GIVEN, outputs, 1 - outputs)
        return np.asarray(-np.log(np.maximum(likely, _LEAST)).mean(1))
    return np.asarray(np.square(outputs - targets).mean(1))


def fit(predicted: np.ndarray, true: np.ndarray) -> Fit:
    """Return how near numbers are. Shapes: `[n]`, `[n]`.

    r² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)².
    """
    errors = predicted.astype(np.float64) - true
    spread = float(np.square(true - true.mean()).sum())
    squares = float(np.square(errors).sum())
    return Fit(
        r2=1 - squares / spread if spread > 0 else float("nan"),
        mae=float(np.abs(errors).mean()),
        rmse=float(np.sqrt(squares / len(errors))),
        bias=float(errors.mean()),
    )
