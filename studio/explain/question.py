"""What is asked of a network: one sample, one score, and the means to compute it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from studio.data import Dataset, Samples
from studio.explain.nodes import NamedNode, nodes_by_path
from studio.graph.facts import DataFacts
from studio.graph.project import Project

Tap = Callable[[str, str, Tensor], Tensor]

#: Samples a forward pass; large samples go in smaller batches.
BATCH = 64
_BATCH_VALUES = 1 << 22


class ExplainProblem(ValueError):
    """Something that cannot be explained; the message is a sentence for the person."""


class Cancelled(Exception):
    """The answer is no longer wanted."""


class Tapped(Protocol):
    """A module whose second forward shows every tensor to `tap(id path, port, tensor)`."""

    def forward_tapped(self, x: Tensor, tap: Tap) -> Tensor: ...


@dataclass(frozen=True)
class Question:
    """One sample and the score to explain: `raw[target]`, or `raw[target] − raw[against]`.

    Shapes: `x` `[1, …]`; `raw` `[outputs]`, before softmax; `train` `[n, …]`, for baselines.
    """

    module: nn.Module
    facts: DataFacts
    nodes: Mapping[str, NamedNode]
    train: Tensor
    x: Tensor
    raw: Tensor
    target: int
    against: int | None
    cancelled: Callable[[], bool]
    report: Callable[[int, int], None]

    @property
    def batch(self) -> int:
        """How many copies of the sample go through the network at once."""
        return max(1, min(BATCH, _BATCH_VALUES // max(1, self.x.numel())))

    @property
    def value(self) -> float:
        """The score of the sample itself."""
        return float(self.pick(self.raw[None]))

    def pick(self, raw: Tensor) -> Tensor:
        """Return the score `[n]` in outputs `[n, outputs]`."""
        score = raw[:, self.target]
        return score if self.against is None else score - raw[:, self.against]

    def scorer(self, passes: int) -> Callable[[Tensor], Tensor]:
        """Return `f(inputs [n, …]) -> scores [n]`, which reports its progress towards `passes`.

        Raises: `Cancelled` from a call once the answer is no longer wanted.
        """
        done = 0

        def score(inputs: Tensor) -> Tensor:
            nonlocal done
            self.stop_if_cancelled()
            scores = self.pick(run(self.module, inputs))
            if inputs.requires_grad and not scores.requires_grad:
                raise ExplainProblem(
                    "No gradient can flow from the output back to the input of this network. "
                    "Choose Occlusion, which needs none."
                )
            done += len(inputs)
            self.report(min(done, passes), passes)
            return scores

        return score

    def score_tapped(self, x: Tensor, tap: Tap) -> Tensor:
        """Return the score `[n]` of `x`, showing every tensor on the way to `tap`."""
        self.stop_if_cancelled()
        return self.pick(run_tapped(self.module, x, tap))

    def sample_with_gradient(self, method: str) -> Tensor:
        """Return a copy of the sample that gradients can be taken of.

        Raises: `ExplainProblem` where the input holds whole numbers.
        """
        if not self.x.is_floating_point():
            raise ExplainProblem(
                f"{method} needs numbers that can change a little as input, but this network reads "
                "whole numbers. Choose Occlusion."
            )
        return self.x.clone().requires_grad_(True)

    def stop_if_cancelled(self) -> None:
        """Raise `Cancelled` once the answer is no longer wanted."""
        if self.cancelled():
            raise Cancelled


def pose(
    project: Project,
    module: nn.Module,
    dataset: Dataset,
    split: str,
    index: int,
    target: int | None = None,
    against: int | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Question:
    """Return the question about one sample; without a target, about the class that is predicted.

    Raises: `ExplainProblem` where there is no such sample or output, or the output is no number.
    """
    if module.training:
        raise ExplainProblem(
            "Explaining needs a network in evaluation mode, but got one that is training. "
            "Make a replica first."
        )
    x = sample(dataset, split, index)
    with torch.no_grad():
        raw = run(module, x)[0]
    if not bool(raw.isfinite().all()):
        raise ExplainProblem(
            f"The network answers this sample with {_unusual(raw)}, which cannot be explained. "
            "Choose weights from an earlier step."
        )
    outputs = len(raw)
    classification = dataset.facts.task == "classification"
    for chosen in (target, against):
        if chosen is not None and not 0 <= chosen < outputs:
            noun = "class" if classification else "output"
            raise ExplainProblem(
                f"There is no {noun} {chosen}: this network has {outputs}, numbered 0 to {outputs - 1}."
            )
    if target is None:
        target = int(raw.argmax()) if classification else 0
    if against == target:
        raise ExplainProblem(
            f"Class {target} against itself makes no difference to explain. Choose two classes."
        )
    return Question(
        module=module,
        facts=dataset.facts,
        nodes=nodes_by_path(project),
        train=dataset.train.inputs,
        x=x,
        raw=raw,
        target=target,
        against=against,
        cancelled=cancelled,
        report=report,
    )


def samples(dataset: Dataset, split: str) -> Samples:
    """Return a split that has samples.

    Raises: `ExplainProblem`.
    """
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    if split not in splits:
        raise ExplainProblem(
            f"There is no split named {split!r}. Choose one of {', '.join(splits)}."
        )
    if not len(splits[split].inputs):
        full = [name for name, part in splits.items() if len(part.inputs)]
        raise ExplainProblem(
            f"The {split} split holds no samples. Choose {' or '.join(full) or 'other data'}."
        )
    return splits[split]


def sample(dataset: Dataset, split: str, index: int) -> Tensor:
    """Return one sample as a batch of one, on the CPU, apart from the data set's own memory.

    Raises: `ExplainProblem`.
    """
    inputs = samples(dataset, split).inputs
    if not 0 <= index < len(inputs):
        raise ExplainProblem(
            f"There is no sample {index} in the {split} split: it has {len(inputs)}, "
            f"numbered 0 to {len(inputs) - 1}."
        )
    x = inputs[index : index + 1].detach().to("cpu", copy=True)
    return x.float() if x.is_floating_point() else x


def run(module: nn.Module, x: Tensor) -> Tensor:
    """Return the outputs `[n, outputs]` of a module.

    Raises: `ExplainProblem` where it fails, or where its output is not one row a sample.
    """
    with _failures_named():
        raw = module(x)
    return _rows(raw, len(x))


def run_tapped(module: nn.Module, x: Tensor, tap: Tap) -> Tensor:
    """Return the outputs `[n, outputs]` of a module, showing every tensor on the way to `tap`.

    Raises: `ExplainProblem`.
    """
    with _failures_named():
        raw = cast(Tapped, module).forward_tapped(x, tap)
    return _rows(raw, len(x))


@contextmanager
def _failures_named() -> Iterator[None]:
    """Turn what a layer raises into a sentence; a lack of memory is not the layer's doing."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        if isinstance(error, ExplainProblem) or "memory" in str(error):
            raise
        raise ExplainProblem(f"The network cannot be run on this sample: {error}") from error


def _rows(raw: object, count: int) -> Tensor:
    if not isinstance(raw, Tensor):
        raise ExplainProblem(
            "Explaining needs a network with one output, but this one has several. "
            "Keep a single Output node."
        )
    if raw.dim() == 1 and len(raw) == count:
        raw = raw[:, None]
    if raw.dim() != 2:
        shape = "×".join(["N", *map(str, raw.shape[1:])])
        raise ExplainProblem(
            f"Explaining needs one row of outputs a sample (N×outputs), but got {shape}. "
            "Pool or flatten before the Output node."
        )
    return raw


def _unusual(raw: Tensor) -> str:
    return "NaN" if any(math.isnan(value) for value in raw.tolist()) else "an infinite number"
