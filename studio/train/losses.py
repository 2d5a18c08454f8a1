"""Losses: those of `torch.nn` that compare outputs with targets, by introspection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from studio.graph.facts import DataFacts
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec
from studio.train.options import TrainProblem, checked, option_spec

PREFIX = "torch.nn."
#: How a loss wants its targets: class indices, one number a class, or numbers.
_INDEX = ("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss")
_ONE_A_CLASS = ("BCEWithLogitsLoss", "MultiLabelSoftMarginLoss")
_NUMBERS = ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "PoissonNLLLoss")
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
    for name in (*_INDEX, *_ONE_A_CLASS, *_NUMBERS):
        cls = getattr(nn, name)
        spec = option_spec(PREFIX + name, cls, _LEFT_OUT, _GIVEN)
        if spec is not None:
            specs[spec.kind] = spec
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
