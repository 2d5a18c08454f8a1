"""What a data source is: a spec and a function that loads samples as plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.graph.params import Value
from studio.graph.spec import SourceSpec


class DataProblem(ValueError):
    """Data that cannot be used; the message says what was expected, what came, and what to do."""


class Unreadable(DataProblem):
    """One sample that cannot be read though its file is there; a person may let such samples be skipped."""


@dataclass(frozen=True)
class Loaded:
    """All samples of a source, before transforms and split.

    Shapes: `inputs` float32 `[n, …]` (images `[n, channels, height, width]`), or int64 `[n, t]` where
    they are tokens of a `vocabulary`; `targets` in the form of the `task`, as `DataFacts` has it.
    An empty `task` is classification where `classes` are named, else regression. `more` are further
    inputs by name, `[n, …]` as well.
    `groups` (int64) and `times` (int64 or float64), `[n]` each, are what a split may go by.
    `scale` is the inputs' own range where the source knows it (images: 0 to 1). `parts` are positions of
    training, validation and test samples where the source comes divided. `notes` are sentences about what
    was done to the samples, `doubts` about what is wrong with them.
    """

    title: str
    form: str
    inputs: NDArray[np.float32] | NDArray[np.int64]
    targets: NDArray[np.int64] | NDArray[np.float32]
    task: str = ""
    classes: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    more: Mapping[str, NDArray[np.float32] | NDArray[np.int64]] = field(default_factory=dict)
    parts: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None = None
    groups: NDArray[np.int64] | None = None
    times: NDArray[np.int64] | NDArray[np.float64] | None = None
    features: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    scale: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        usual = "classification" if self.classes else "regression"
        object.__setattr__(self, "task", self.task or usual)


@dataclass(frozen=True)
class Listed:
    """Samples that are known, but read only when they are needed.

    `about` is what `load` would give, its inputs an `unread` array. `read(position)` returns the inputs
    of one sample; several threads call it at once. It raises Unreadable for a sample that is broken, and
    DataProblem where nothing can be read any more; both name the file. With `skip`, broken ones are
    passed over.
    """

    about: Loaded
    read: Callable[[int], NDArray[np.float32]]
    skip: bool = False


def unread(shape: tuple[int, ...], dtype: type = np.float32) -> NDArray[np.float32]:
    """Return an array that takes no memory, for the shape and size of samples not yet read."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def is_unread(array: NDArray[np.generic]) -> bool:
    """Tell whether an array only stands for samples that have not been read."""
    return array.size > 1 and not any(array.strides)


@dataclass(frozen=True)
class Source:
    """A kind of data: what the catalogue shows of it, and how its samples are loaded.

    `load` gets every declared parameter and the folder that relative paths start from. A source whose
    samples can be read one by one has `listed` as well, so that they may be larger than memory; it
    returns None for parameters with which they cannot.
    """

    spec: SourceSpec
    load: Callable[[Mapping[str, Value], Path], Loaded]
    listed: Callable[[Mapping[str, Value], Path], Listed | None] | None = None


def existing(path: Value, base: Path, wanted: str, what: str) -> Path:
    """Return the path that `path` names, relative ones below `base`.

    Raises: DataProblem, when nothing is named or nothing is there.
    """
    if not path:
        raise DataProblem(f"{wanted} is needed, but no path was given. Choose {what}.")
    found = base / Path(str(path)).expanduser()
    try:
        there = found.exists()
    except OSError as error:
        raise DataProblem(
            f"{found} cannot be looked at ({error.strerror}). Choose {what}."
        ) from None
    if not there:
        raise DataProblem(f"{wanted} was expected at {found}, but nothing is there. Choose {what}.")
    return found
