"""Losses: those of `torch.nn` that compare outputs with targets, by introspection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from msgspec.structs import replace
from torch import Tensor, nn
from torch.nn.functional import one_hot

from studio.graph.facts import DataFacts
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec
from studio.train.options import TrainProblem, checked, option_spec

PREFIX = "torch.nn."
#: How a loss wants its targets: class indices, one number a class, or numbers.
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
_LEFT_OUT = ("weight", "pos_weight", "size_average", "reduce", "reduction", "ignore_index")
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
        spec = option_spec(PREFIX + name, getattr(nn, name), _LEFT_OUT, _GIVEN)
        if spec is not None:
            specs[spec.kind] = replace(spec, title=title, doc=doc)
    return specs


class Loss:
    """A loss that fits outputs and targets to each other as its kind wants them."""

    def __init__(
        self,
        kind: str,
        values: Mapping[str, Value],
        facts: DataFacts,
        class_weights: Tensor | None = None,
    ) -> None:
        """Raises: TrainProblem."""
        classes = facts.task == "classification"
        kind = kind or PREFIX + ("CrossEntropyLoss" if classes else "MSELoss")
        specs = losses()
        if kind not in specs:
            raise TrainProblem(
                f"There is no loss named {kind!r}. Choose one of {', '.join(sorted(specs))}."
            )
        name = kind.removeprefix(PREFIX)
        if not classes and name not in _NUMBERS:
            raise TrainProblem(
                f"{name} compares classes, but {facts.title} has numbers as targets. "
                "Choose MSELoss, L1Loss or HuberLoss."
            )
        self.name = name
        self._classes = len(facts.classes)
        self._index = name in _INDEX
        arguments: dict[str, Any] = checked(specs[kind], values, "loss")
        if class_weights is not None and name in _INDEX:
            arguments["weight"] = class_weights
        self._module: nn.Module = getattr(nn, name)(**arguments)

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch, in float32.

        Raises: TrainProblem, where the network's outputs do not fit the targets.
        """
        if self._index:
            if outputs.ndim != 2 or outputs.shape[1] != self._classes:
                raise TrainProblem(self._misfit(outputs))
            return self._mean(outputs, targets)
        if self._classes:
            targets = self._numbers(outputs, targets)
        if outputs.shape != targets.shape:
            if outputs.numel() != targets.numel():
                raise TrainProblem(_wrong_size(outputs, targets))
            outputs = outputs.reshape(targets.shape)
        return self._mean(outputs, targets)

    def _mean(self, outputs: Tensor, targets: Tensor) -> Tensor:
        loss: Tensor = self._module(outputs, targets)
        return loss

    def _numbers(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if self._classes == 2 and outputs.numel() == len(targets):
            return targets.to(outputs.dtype)
        if outputs.ndim != 2 or outputs.shape[1] != self._classes:
            raise TrainProblem(self._misfit(outputs))
        return one_hot(targets, self._classes).to(outputs.dtype)

    def _misfit(self, outputs: Tensor) -> str:
        shape = "×".join(["N", *(str(dim) for dim in outputs.shape[1:])])
        return (
            f"The network gives {shape}, but the data has {self._classes} classes and {self.name} "
            f"needs N×{self._classes}. Make its last layer give {self._classes} numbers a sample."
        )


def _wrong_size(outputs: Tensor, targets: Tensor) -> str:
    wanted = targets[0].numel()
    return (
        f"The network gives {outputs[0].numel()} numbers a sample, but the data has {wanted} "
        f"to predict. Make its last layer give {wanted}."
    )


def balanced(facts: DataFacts, device: torch.device) -> Tensor:
    """Return class weights that make every class count as much as another."""
    counts = torch.tensor(facts.balance, dtype=torch.float32, device=device)
    return counts.sum() / (len(facts.balance) * counts.clamp(min=1))
