"""What is wrong or doubtful in samples: refused, mended where a person says so, or told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from studio.data.source import DataProblem, Loaded, is_unread
from studio.data.split import Parts
from studio.graph.facts import LEFT_OUT
from studio.graph.project import Handling

#: A feature is nearly constant where this share of the samples has one and the same value.
_CONSTANT = 0.995
_NAMES = ("training", "validation", "test")


def check_labels(loaded: Loaded) -> None:
    """Refuse class indices outside the classes.

    Raises: DataProblem, which names the first such sample.
    """
    targets = loaded.targets
    if not loaded.classes or not np.issubdtype(targets.dtype, np.integer):
        return
    wrong = (targets < 0) | (targets >= len(loaded.classes))
    if loaded.task != "classification":  # a sample with one target has none to spare
        wrong &= targets != LEFT_OUT
    if wrong.any():
        at = tuple(int(axis) for axis in np.argwhere(wrong)[0])
        raise DataProblem(
            f"Sample {at[0]} of {loaded.title} has label {targets[at]}, but there are "
            f"{len(loaded.classes)} classes, so labels go from 0 to {len(loaded.classes) - 1}. "
            f"{len(np.unique(np.argwhere(wrong)[:, 0]))} samples have such labels. Correct them."
        )


@dataclass(frozen=True)
class Mended:
    """Samples fit to be used, and what was done to them; with `fill`, gaps wait for a mean."""

    loaded: Loaded
    notes: tuple[str, ...] = ()
    fill: bool = False


def mend(loaded: Loaded, handling: Handling) -> Mended:
    """Return the samples without values that are no numbers and, where asked, without duplicates.

    Raises: DataProblem, which names sample and column, where nothing is to be done about such values.
    """
    notes: list[str] = []
    fill = False
    bad_input, bad_target = _not_finite(loaded.inputs), _not_finite(loaded.targets)
    rows = bad_input | bad_target
    if rows.any():
        if handling.missing == "fill" and not bad_target.any():
            fill = True
            gaps = int((~np.isfinite(loaded.inputs)).sum())
            notes.append(
                f"{gaps} missing values in {int(rows.sum())} samples were filled by the training "
                "samples' mean."
            )
        elif handling.missing == "drop":
            loaded = kept(loaded, np.flatnonzero(~rows))
            notes.append(f"{int(rows.sum())} samples with missing values were left out.")
        else:
            raise DataProblem(_missing(loaded, rows, bool(bad_target.any()), handling))
    if handling.duplicates == "drop":
        first = np.unique(_keys(loaded.inputs), return_index=True)[1]
        dropped = len(loaded.targets) - len(first)
        if dropped:
            loaded = kept(loaded, np.sort(first))
            notes.append(f"{dropped} samples that repeat an earlier one were left out.")
    if not len(loaded.targets):
        raise DataProblem(f"Nothing is left of {loaded.title}: every sample has missing values.")
    return Mended(loaded, tuple(notes), fill)


def kept(loaded: Loaded, positions: NDArray[np.int64]) -> Loaded:
    """Return the samples at these ascending positions, in every array that has one entry a sample."""
    parts = None
    if loaded.parts is not None:
        now = np.full(len(loaded.targets), -1, dtype=np.int64)
        now[positions] = np.arange(len(positions))
        train, validation, test = (now[part][now[part] >= 0] for part in loaded.parts)
        parts = (train, validation, test)
    return replace(
        loaded,
        inputs=loaded.inputs[positions],
        targets=loaded.targets[positions],
        more={name: array[positions] for name, array in loaded.more.items()},
        groups=loaded.groups[positions] if loaded.groups is not None else None,
        times=loaded.times[positions] if loaded.times is not None else None,
        parts=parts,
    )


def _not_finite(array: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Tell of each sample whether it holds a value that is no number."""
    if not np.issubdtype(array.dtype, np.floating):
        return np.zeros(len(array), dtype=bool)
    bad: NDArray[np.bool_] = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    return bad


def _missing(loaded: Loaded, rows: NDArray[np.bool_], targets: bool, handling: Handling) -> str:
    sample = int(rows.argmax())
    values = loaded.inputs[sample]
    in_inputs = np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all()
    if in_inputs:
        at = tuple(int(axis) for axis in np.argwhere(~np.isfinite(values))[0])
        column = loaded.features[at[0]] if loaded.features and len(at) == 1 else _place(at)
    else:
        values = np.atleast_1d(loaded.targets[sample])
        at = tuple(int(axis) for axis in np.argwhere(~np.isfinite(values))[0])
        column = loaded.target_names[at[0]] if len(loaded.target_names) > at[0] else "the target"
    ways = "drop (such samples are left out)"
    ways += "" if targets else " or fill (with the training samples' mean)"
    cannot = "Targets cannot be filled. " if targets and handling.missing == "fill" else ""
    return (
        f"Sample {sample} of {loaded.title} has {values[at]} in {column!r}, but numbers are needed; "
        f"{int(rows.sum())} of {len(rows)} samples hold such values. {cannot}Repair them, or set "
        f"missing to {ways}."
    )


def _place(at: tuple[int, ...]) -> str:
    return f"column {at[0] + 1}" if len(at) == 1 else "position " + ", ".join(map(str, at))


# ------------------------------------------------------------------------------------------- doubts


def doubts(loaded: Loaded, parts: Parts) -> list[str]:
    """Return sentences about what makes figures doubtful, each with what to do about it."""
    found: list[str] = []
    if len(parts[0]) < 50 and loaded.form != "graph":  # one graph is all there is to see
        count = len(parts[0])
        found.append(
            f"Only {count} sample{'' if count == 1 else 's'} to train on: figures will vary much from "
            "seed to seed."
        )
    found += _class_doubts(loaded, parts)
    if loaded.form == "table" and not is_unread(loaded.inputs):
        found += _feature_doubts(loaded)
    # Every split of a graph is the same graph.
    if loaded.form != "graph" and not is_unread(loaded.inputs):
        found += _leaks(loaded, parts)
    return found


def balance(loaded: Loaded, part: NDArray[np.int64] | None = None) -> tuple[int, ...]:
    """Return how many samples, pixels or nodes, of all or of a part, each class has; else ()."""
    if loaded.task not in ("classification", "segmentation", "nodes"):
        return ()
    targets = loaded.targets if part is None else loaded.targets[part]
    counted = targets.astype(np.int64, copy=False).ravel()
    if loaded.task != "classification":  # what is left out belongs to no class
        counted = counted[(counted >= 0) & (counted < len(loaded.classes))]
    counts = np.bincount(counted, minlength=len(loaded.classes))
    return tuple(int(count) for count in counts)


def _class_doubts(loaded: Loaded, parts: Parts) -> list[str]:
    found: list[str] = []
    counts = balance(loaded) if loaded.task == "classification" else ()
    if len(counts) == 1:
        found.append(
            f"Every sample is of the class {loaded.classes[0]!r}: there is nothing to tell apart. "
            "Bring samples of another class, or choose another target."
        )
    if counts and min(counts) * 5 < max(counts):
        rare, common = loaded.classes[counts.index(min(counts))], counts.index(max(counts))
        found.append(
            f"Classes are unbalanced: {loaded.classes[common]!r} has {max(counts)} samples, "
            f"{rare!r} has {min(counts)}. Accuracy alone will flatter; look at the confusion matrix."
        )
    for name, part in zip(_NAMES, parts, strict=True):
        if not counts or not len(part):
            continue
        missing = [c for c, n in zip(loaded.classes, balance(loaded, part), strict=True) if not n]
        if missing:
            it = "it is" if len(missing) == 1 else "they are"
            what = "never learnt" if name == "training" else "never measured there"
            found.append(
                f"The {name} split has no sample of {_listed(missing)}: {it} {what}. "
                "Bring more samples, or divide them in another way."
            )
    return found


def _feature_doubts(loaded: Loaded) -> list[str]:
    names = loaded.features or tuple(f"column {i + 1}" for i in range(loaded.inputs.shape[1]))
    constant, nearly = [], []
    for name, column in zip(names, loaded.inputs.T, strict=False):
        if np.ptp(column) == 0:
            constant.append(name)
        elif np.mean(column == np.median(column)) >= _CONSTANT:
            nearly.append(name)
    found = []
    if constant:
        found.append(
            f"{len(constant)} of the features never change and teach nothing: {_some(constant)}."
        )
    if nearly:
        found.append(
            f"{len(nearly)} of the features hardly change (the same in {_CONSTANT:.1%} of the samples "
            f"or more): {_some(nearly)}. Leave them out, or bring samples in which they differ."
        )
    return found


def _leaks(loaded: Loaded, parts: Parts) -> list[str]:
    """Tell of samples that validation or test share with training, bit by bit."""
    keys = _keys(loaded.inputs)
    train = parts[0][np.argsort(keys[parts[0]], kind="stable")]
    found = []
    for name, part in zip(_NAMES[1:], parts[1:], strict=True):
        if not len(part) or not len(train):
            continue
        at = np.searchsorted(keys[train], keys[part]).clip(max=len(train) - 1)
        twins = train[at]
        same = np.flatnonzero(keys[twins] == keys[part])
        if len(same):
            found.append(
                f"{len(same)} of {len(part)} {name} samples are in training too (the first: sample "
                f"{part[same[0]]} is the same as {twins[same[0]]}): figures will flatter. "
                "Set duplicates to drop, or split by groups."
            )
    return found


def _keys(inputs: NDArray[np.generic]) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each sample: two that are equal have the same one.

    Products with random odd numbers, with the upper half mixed into the lower between them: as good as
    certain to differ where samples differ, and a thousand times faster than a digest each.
    Source: Dietzfelbinger et al. 1997, A reliable randomized algorithm for the closest-pair problem.
    """
    rows = np.ascontiguousarray(inputs.reshape(len(inputs), -1))
    width = rows.shape[1] * rows.itemsize
    words = -(-width // 8)
    draw = np.random.default_rng(20_111)
    factors = draw.integers(1, 2**63, words, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    keys = np.empty(len(rows), dtype=np.uint64)
    step = max(1, (1 << 22) // max(1, words))
    for start in range(0, len(rows), step):
        raw = rows[start : start + step].view(np.uint8).reshape(-1, width)
        padded = np.zeros((len(raw), words * 8), dtype=np.uint8)
        padded[:, :width] = raw
        mixed = padded.view(np.uint64)
        mixed = (mixed ^ (mixed >> np.uint64(29))) * factors
        mixed ^= mixed >> np.uint64(32)
        keys[start : start + step] = (mixed * factors).sum(axis=1, dtype=np.uint64)
    return keys


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + ("…" if len(names) > most else "")


def _listed(names: Sequence[str]) -> str:
    return _some([repr(name) for name in names])
