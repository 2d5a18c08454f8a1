"""Losses: those of `torch.nn` that compare outputs with targets, by introspection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from msgspec.structs import replace
from torch import Tensor, nn
from torch.nn.functional import one_hot

from studio.graph.facts import LEFT_OUT, DataFacts
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec
from studio.train.options import TrainProblem, checked, option_spec

PREFIX = "torch.nn."

#: What is compared: one class a sample, one a place (pixel, step or node), yes or no a class, numbers,
#: or samples that are given back.
Kind = Literal["class", "places", "labels", "numbers", "copies"]

#: Losses by how they want their targets: class indices, one number a class, or numbers.
_INDEX = {
    "CrossEntropyLoss": ("Cross entropy", "The usual one for classes; outputs are logits."),
    "NLLLoss": (
        "Negative log likelihood",
        "For classes, when outputs are log-probabilities already.",
    ),
    "MultiMarginLoss": ("Multi-class hinge", "The right class has to win by a margin."),
}
_ONE_A_CLASS = {
    "BCEWithLogitsLoss": (
        "Binary cross entropy",
        "Every class a yes or no of its own; outputs are logits.",
    ),
    "MultiLabelSoftMarginLoss": (
        "Multi-label soft margin",
        "One class against all others, softly.",
    ),
}
_NUMBERS = {
    "MSELoss": ("Mean squared error", "The usual one for numbers; large errors count most."),
    "L1Loss": ("Mean absolute error", "All errors count by their size; outliers pull less."),
    "SmoothL1Loss": ("Smooth L1", "Squared for small errors, absolute for large ones."),
    "HuberLoss": ("Huber", "Squared up to delta, straight beyond it."),
    "PoissonNLLLoss": ("Poisson", "For counts; outputs are logarithms of the expected count."),
}
_BINARY = "BCEWithLogitsLoss"

#: The losses of each kind of comparison, the usual one first.
_FITTING: Mapping[Kind, tuple[str, ...]] = {
    "class": (*_INDEX, *_ONE_A_CLASS, *_NUMBERS),
    "places": ("CrossEntropyLoss", "NLLLoss"),
    "labels": (*_ONE_A_CLASS, *_NUMBERS),
    "numbers": tuple(_NUMBERS),
    "copies": ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", _BINARY),
}
_WORDS: Mapping[Kind, str] = {
    "class": "one class a sample",
    "places": "a class at each place",
    "labels": "several classes a sample",
    "numbers": "numbers",
    "copies": "samples themselves",
}
_KINDS: Mapping[str, Kind] = {
    "classification": "class",
    "multi-label": "labels",
    "regression": "numbers",
    "segmentation": "places",
    "tokens": "places",
    "nodes": "places",
}

_LEFT = ("weight", "pos_weight", "size_average", "reduce", "reduction", "ignore_index")
_GIVEN = {
    "label_smoothing": Param(
        "label_smoothing",
        "float",
        0.0,
        minimum=0,
        maximum=1,
        help="Share given to the other classes",
    ),
    "p": Param("p", "choice", 1, choices=(1, 2), help="Power of the margin"),
    "delta": Param("delta", "float", 1.0, minimum=1e-12, help="Where square turns into straight"),
    "beta": Param("beta", "float", 1.0, minimum=0, help="Where square turns into straight"),
}


def losses() -> dict[str, OptionSpec]:
    """Return every loss that can be chosen, by kind; an empty choice means the task's usual one."""
    specs: dict[str, OptionSpec] = {}
    for name, (title, doc) in (_INDEX | _ONE_A_CLASS | _NUMBERS).items():
        spec = option_spec(PREFIX + name, getattr(nn, name), _LEFT, _GIVEN)
        if spec is not None:
            specs[spec.kind] = replace(spec, title=title, doc=doc)
    return specs


def kind_of(facts: DataFacts) -> Kind:
    """Return how a task's targets are compared."""
    return _KINDS.get(facts.task, "numbers")


def unfit(kind: str, compared: Kind, title: str) -> str:
    """Return why a loss cannot compare this ("" where it can, or where there is no such loss)."""
    name = kind.removeprefix(PREFIX)
    known = name in _INDEX or name in _ONE_A_CLASS or name in _NUMBERS
    fitting = _FITTING[compared]
    if not known or name in fitting:
        return ""
    does = "numbers" if name in _NUMBERS else "classes"
    return (
        f"{name} compares {does}, but {title} has {_WORDS[compared]} to compare. "
        f"Choose {', '.join(fitting[:-1][:3])} or {fitting[min(len(fitting) - 1, 3)]}."
    )


class Loss:
    """A loss that fits outputs and targets to each other as its kind wants them.

    Shapes: classes `[n, classes]` and `[n]`, or, mixed, `[n, classes]` shares; places `[n, classes, h, w]`
    and `[n, h, w]`, or `[n, t, classes]` and `[n, t]`; else targets of the outputs' own shape.
    """

    def __init__(
        self,
        kind: str,
        values: Mapping[str, Value],
        facts: DataFacts,
        class_weights: Tensor | None = None,
        compared: Kind | None = None,
    ) -> None:
        """`compared` is the task's own kind unless it is given. Raises: TrainProblem."""
        self._compared = compared or kind_of(facts)
        kind = kind or PREFIX + _FITTING[self._compared][0]
        specs = losses()
        if kind not in specs:
            raise TrainProblem(
                f"There is no loss named {kind!r}. Choose one of {', '.join(sorted(specs))}."
            )
        if why := unfit(kind, self._compared, facts.title):
            raise TrainProblem(why)
        self.name = kind.removeprefix(PREFIX)
        self._classes = len(facts.classes or facts.vocabulary)
        self._index = self.name in _INDEX
        self._last = facts.task in ("tokens", "nodes")
        arguments: dict[str, Any] = checked(specs[kind], values, "loss")
        if class_weights is not None and self.name in _INDEX:
            arguments["weight"] = class_weights
        self._module: nn.Module = getattr(nn, self.name)(**arguments)

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch, in float32.

        Raises: TrainProblem, where the network's outputs do not fit the targets.
        """
        if self._compared == "places":
            return self._of_places(outputs, targets)
        if self._index:
            if outputs.ndim != 2 or outputs.shape[1] != self._classes:
                raise TrainProblem(self._misfit(outputs))
            if targets.is_floating_point() and self.name != "CrossEntropyLoss":
                raise TrainProblem(
                    f"{self.name} compares with one class a sample, but mixed samples have shares of "
                    "several. Choose CrossEntropyLoss, or take the mixing out."
                )
            return self._mean(outputs, targets)
        if self._compared == "class":
            targets = self._numbers(outputs, targets)
        if outputs.shape != targets.shape:
            if outputs.numel() != targets.numel():
                raise TrainProblem(_wrong_size(outputs, targets))
            outputs = outputs.reshape(targets.shape)
        return self._mean(outputs, targets)

    def _mean(self, outputs: Tensor, targets: Tensor) -> Tensor:
        loss: Tensor = self._module(outputs, targets)
        return loss

    def _of_places(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean over all places that are not left out; 0 where all of them are."""
        axis = outputs.ndim - 1 if self._last else 1
        places = outputs.shape[:axis] + outputs.shape[axis + 1 :]
        if outputs.ndim < 3 or outputs.shape[axis] != self._classes or places != targets.shape:
            raise TrainProblem(self._misfit(outputs, targets))
        if self._last:
            outputs, targets = outputs.flatten(0, -2), targets.flatten()
        loss = self._mean(outputs, targets)
        # A mean over nothing is no number, although there is simply nothing to learn.
        return torch.where((targets != LEFT_OUT).any(), loss, loss.new_zeros(()))

    def _numbers(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if targets.is_floating_point() and targets.shape == outputs.shape:
            return targets
        if self._classes == 2 and outputs.numel() == len(targets):
            second = targets[:, 1] if targets.is_floating_point() else targets
            return second.to(outputs.dtype)
        if outputs.ndim != 2 or outputs.shape[1] != self._classes:
            raise TrainProblem(self._misfit(outputs))
        return one_hot(targets, self._classes).to(outputs.dtype)

    def _misfit(self, outputs: Tensor, targets: Tensor | None = None) -> str:
        shape = "×".join(["N", *(str(dim) for dim in outputs.shape[1:])])
        if targets is None:
            return (
                f"The network gives {shape}, but the data has {self._classes} classes and {self.name} "
                f"needs N×{self._classes}. Make its last layer give {self._classes} numbers a sample."
            )
        places = [str(dim) for dim in targets.shape[1:]]
        sizes = [*places, str(self._classes)] if self._last else [str(self._classes), *places]
        wanted = "×".join(["N", *sizes])
        return (
            f"The network gives {shape}, but {wanted} is needed: {self._classes} scores for each of "
            f"{'×'.join(places)} places. Make its last layer give that."
        )


def _wrong_size(outputs: Tensor, targets: Tensor) -> str:
    wanted = targets[0].numel()
    return (
        f"The network gives {outputs[0].numel()} numbers a sample, but the data has {wanted} "
        f"to predict. Make its last layer give {wanted}."
    )


def balanced(facts: DataFacts, device: torch.device) -> Tensor:
    """Return class weights that make every class count as much as another.

    Raises: TrainProblem, where nobody has counted the classes.
    """
    if not facts.balance:
        raise TrainProblem(
            f"Balanced class weights need classes that are counted, which those of {facts.title} are "
            "not. Choose equal class weights."
        )
    counts = torch.tensor(facts.balance, dtype=torch.float32, device=device)
    return counts.sum() / (len(facts.balance) * counts.clamp(min=1))


def dice(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return one minus the mean overlap of classes that are there, softly counted.

    Shapes: outputs `[n, classes, h, w]` logits, targets `[n, h, w]`.
    Source: Milletari et al. 2016, V-Net, section 3.
    """
    counted = (targets != LEFT_OUT)[:, None]
    truth = one_hot(targets.clamp(min=0), outputs.shape[1]).movedim(-1, 1) * counted
    share = outputs.softmax(1) * counted
    both = (share * truth).sum((0, 2, 3))
    sizes = (share.square() + truth).sum((0, 2, 3))
    there = truth.sum((0, 2, 3)) > 0
    overlap = torch.where(there, 2 * both / sizes.clamp(min=1e-6), 0)
    return torch.where(there.any(), 1 - overlap.sum() / there.sum().clamp(min=1), 0 * overlap.sum())
