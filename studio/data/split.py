"""Dividing samples into training, validation and test: by chance, by group, by time or as published."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from studio.data.source import DataProblem, Loaded
from studio.graph.project import SPLITS, Split

Indices = NDArray[np.int64]
Parts = tuple[Indices, Indices, Indices]


def divided(loaded: Loaded, split: Split, seed: int) -> tuple[Parts, list[str]]:
    """Return the positions of training, validation and test samples, and what is to be warned of.

    Raises: DataProblem, where the source does not have what the split goes by, or too few samples.
    """
    # Windows of a text or a series overlap: drawn by chance, validation would repeat the training.
    grouped = "groups" if loaded.groups is not None else "chance"
    usual = "time" if loaded.times is not None else grouped
    way = split.by or ("published" if loaded.parts is not None else usual)
    match way:
        case "chance":
            stratify = loaded.task == "classification"
            return divide(loaded.targets, stratify, split, seed)
        case "published" if loaded.parts is not None:
            return loaded.parts, []
        case "groups" if loaded.groups is not None:
            return _by_groups(loaded.groups, split, seed), []
        case "time" if loaded.times is not None:
            return _by_time(loaded.times, split), []
        case "published":
            has = "does not come divided. Choose another way to split, such as chance."
        case "groups":
            has = "names no groups. Choose the column that holds them among the source's settings."
        case "time":
            has = "names no times. Choose the column that holds them among the source's settings."
        case _:
            has = f"cannot be split by {way!r}. Choose one of {', '.join(filter(None, SPLITS))}."
    raise DataProblem(f"{loaded.title} {has}")


def divide(
    targets: NDArray[np.generic], classes: bool, split: Split, seed: int
) -> tuple[Parts, list[str]]:
    """Return the positions of training, validation and test samples, and what is to be warned of.

    Raises: DataProblem, when shares or sample counts leave nothing to train on.
    """
    count = len(targets)
    sizes = _sizes(count, split, "samples")
    draw = np.random.default_rng(seed)
    warnings: list[str] = []
    rest = np.arange(count, dtype=np.int64)
    taken: list[Indices] = []
    for size, name in zip(reversed(sizes), ("test", "validation"), strict=True):
        part = np.empty(0, dtype=np.int64)
        if size:
            labels = targets[rest] if classes and split.stratified else None
            if labels is not None and not _can_stratify(labels, size):
                labels = None
                warnings.append(
                    f"The {name} split is not stratified: a class has too few samples for it."
                )
            rest, part = _drawn(rest, size, labels, draw)
        taken.append(part)
    return (rest, taken[1], taken[0]), warnings


def _sizes(count: int, split: Split, what: str) -> list[int]:
    """Return how many of `count` go to validation and to test. Raises: DataProblem."""
    shares = (split.validation, split.test)
    if any(not 0 <= share < 1 for share in shares) or sum(shares) >= 1:
        raise DataProblem(
            "Validation and test together need a share below 1, "
            f"but got {split.validation:g} and {split.test:g}. Lower them."
        )
    sizes = [math.ceil(count * share - 1e-9) for share in shares]
    if count - sum(sizes) < 1:
        raise DataProblem(
            f"{count} {what} cannot be divided into training, validation ({sizes[0]}) and test "
            f"({sizes[1]}). Bring more {what} or lower the shares."
        )
    return sizes


def _by_groups(groups: NDArray[np.int64], split: Split, seed: int) -> Parts:
    """Give whole groups, drawn at random, to test and validation until each has its share.

    Raises: DataProblem, where there are too few groups.
    """
    names, member, counts = np.unique(groups, return_inverse=True, return_counts=True)
    _sizes(len(names), split, "groups")
    order = np.random.default_rng(seed).permutation(len(names))
    held = split.test + split.validation
    # A group larger than all that is held out can only train.
    order = order[np.argsort(counts[order] > held * len(groups), kind="stable")]
    # A group goes where its middle falls: parts are as near to their shares as groups allow.
    middles = (counts[order].cumsum() - counts[order] / 2) / len(groups)
    # Each part that is asked for gets a group at least.
    tests, validates = int(split.test > 0), int(split.validation > 0)
    first = min(max(int((middles < split.test).sum()), tests), len(names) - 1 - validates)
    second = min(max(int((middles < held).sum()), first + validates), len(names) - 1)
    side = np.zeros(len(names), dtype=np.int64)
    side[order[:first]] = 2
    side[order[first:second]] = 1
    of_sample = side[member]
    draw = np.random.default_rng(seed)
    train, validation, test = (draw.permutation(np.flatnonzero(of_sample == p)) for p in range(3))
    return train, validation, test


def _by_time(times: NDArray[np.int64] | NDArray[np.float64], split: Split) -> Parts:
    """Cut the samples, in the order of their times, into past, nearer past and latest."""
    validation, test = _sizes(len(times), split, "samples")
    order = np.argsort(times, kind="stable").astype(np.int64)
    cut = len(order) - validation - test
    return order[:cut], order[cut : cut + validation], order[cut + validation :]


def _drawn(
    among: Indices, size: int, labels: NDArray[np.generic] | None, draw: np.random.Generator
) -> tuple[Indices, Indices]:
    """Return what stays and `size` drawn positions, both shuffled; with labels, a fair share of each.

    Every class gives its share, rounded up or down: shuffled samples in the order of their classes
    are drawn at even distances. (scikit-learn's `train_test_split` does this too; importing it takes
    every start 0.9 s.) Source: Cochran 1977, Sampling Techniques, section 8.
    """
    order = draw.permutation(len(among))
    if labels is None:
        return among[order[size:]], among[order[:size]]
    order = order[np.argsort(labels[order], kind="stable")]
    at = np.floor((np.arange(size) + draw.random()) * len(order) / size).astype(np.int64)
    chosen = np.zeros(len(order), dtype=bool)
    chosen[at] = True
    stays, part = order[~chosen], order[chosen]
    return among[draw.permutation(stays)], among[draw.permutation(part)]


def _can_stratify(labels: NDArray[np.generic], size: int) -> bool:
    kinds, counts = np.unique(labels, return_counts=True)
    return bool(counts.min() >= 2 and size >= len(kinds) and len(labels) - size >= len(kinds))
