"""What an augmentation is: a kind with options that, for some data, gives a change of batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.data.samples import Samples
from studio.data.source import DataProblem
from studio.graph.facts import DataFacts
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec

#: Changes a batch; draws from the global random numbers of the batch's device, which are the run's own.
Change = Callable[[Samples], Samples]

#: Tasks with one answer for the whole sample, wherever in it things lie.
WHOLE = ("classification", "multi-label", "regression")
#: Tasks of images whose answers move with the image.
IMAGES = (*WHOLE, "segmentation", "detection")

CHANCE = Param("chance", "float", 0.5, minimum=0, maximum=1, help="Share of samples it happens to")


@dataclass(frozen=True)
class Augmentation:
    """A kind of augmentation, for tasks it leaves meaningful: `prepare(facts, params)` gives the change.

    `prepare` raises DataProblem where data and parameters do not fit.
    """

    spec: OptionSpec
    tasks: tuple[str, ...]
    prepare: Callable[[DataFacts, Mapping[str, Value]], Change]


def needs(facts: DataFacts, met: bool, title: str, wanted: str) -> None:
    """Refuse data that an augmentation cannot change.

    Raises: DataProblem.
    """
    if not met:
        shape = "×".join(str(dim) for dim in facts.sample.shape)
        raise DataProblem(
            f"{title} needs {wanted}, but a sample is {shape}. Remove it from the augmentations."
        )


def happens(samples: Samples, chance: float, ndim: int) -> Tensor:
    """Return which samples something happens to, to be broadcast over `ndim` dimensions.

    Shapes: bool `[n, 1, …]`.
    """
    coins = torch.rand(len(samples), device=samples.inputs.device) < chance
    return coins.view(-1, *[1] * (ndim - 1))


def within(samples: Samples, low: float, high: float) -> Tensor:
    """Return a number between `low` and `high` for each sample. Shapes: `[n]`."""
    return torch.rand(len(samples), device=samples.inputs.device) * (high - low) + low
