"""How networks learn: the contract between the loop, which knows no task, and a learner, which knows one.

The loop owns time: batches, controls, the schedule, live views, checkpoints, events. A learner owns
meaning: which networks it needs (`roles`), what a step is, what is measured, what a person reads off
the outputs. An adversarial learner has two roles and two optimisers; one that acts in a world makes
its own samples in `step` and ignores the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from studio.data import Samples
from studio.graph.facts import DataFacts
from studio.graph.params import Value
from studio.graph.project import Recipe
from studio.graph.spec import OptionSpec
from studio.train.updates import Updates

#: What a step leaves behind: detached tensors on the device, read many steps at a time.
Trace = tuple[Tensor, ...]


@dataclass(frozen=True)
class Setup:
    """What a learner learns with: its networks by role, on `device`, in training mode.

    `inputs` are the names of each network's inputs, in the order of its `forward`: a batch is given as
    `networks[role](*batch.fed(inputs[role]))`.
    """

    networks: Mapping[str, nn.Module]
    inputs: Mapping[str, tuple[str, ...]]
    facts: DataFacts
    recipe: Recipe
    device: torch.device

    def answer(self, role: str, batch: Samples) -> Tensor:
        """Return what a network answers a batch, in float32, computed in the recipe's precision."""
        inputs = batch.fed(self.inputs[role])
        if self.recipe.precision != "bf16":
            outputs: Tensor = self.networks[role](*inputs)
            return outputs
        with torch.autocast(self.device.type, torch.bfloat16):
            outputs = self.networks[role](*inputs)
        return outputs.float()

    def updates(self, *roles: str, values: Mapping[str, Value] | None = None) -> Updates:
        """Return the recipe's optimiser for the weights of networks; `values` go before its settings.

        Raises: TrainProblem.
        """
        recipe = self.recipe
        parameters = [p for role in roles for p in self.networks[role].parameters()]
        settings = {**recipe.optimizer_params, **(values or {})}
        return Updates(recipe.optimizer, settings, parameters, self.device, recipe.clip_norm)


@dataclass(frozen=True)
class Evaluation:
    """Figures of a split by plain name (`loss`, `accuracy`); `confusion` is `[true, predicted]`."""

    metrics: dict[str, float]
    confusion: NDArray[np.int64] | None = None


class Learning(Protocol):
    """One run of a learner: it has state, in its networks and optimisers."""

    optimizers: tuple[Optimizer, ...]

    def step(self, batch: Samples) -> Trace:
        """Learn from one batch. Never waits for the device: no `.item()`, no copy to the host."""

    def figures(self, traces: Sequence[Trace]) -> dict[str, Tensor]:
        """Return one value a step by name (`train_loss` is always among them)."""

    def evaluate(self, samples: Samples) -> Evaluation:
        """Measure on samples without changing anything; networks are in evaluation mode."""

    def present(self, outputs: Tensor) -> Tensor:
        """Return what a person reads off the first role's raw outputs: probabilities, or values."""


class Learner(Protocol):
    """A way of learning, as the catalogue lists it. `score` is the metric whose best is kept."""

    @property
    def spec(self) -> OptionSpec: ...

    @property
    def roles(self) -> tuple[str, ...]: ...

    def score(self, facts: DataFacts) -> str:
        """Return the metric that decides which weights are the best (`val_accuracy`)."""

    def start(self, setup: Setup) -> Learning:
        """Begin a run.

        Raises: TrainProblem, where networks, data and recipe do not fit each other.
        """


@dataclass
class Modes:
    """Evaluation mode for a while: `with Modes(networks):` puts every module's own mode back."""

    networks: Sequence[nn.Module]
    _before: list[tuple[nn.Module, bool]] = field(default_factory=list)

    def __enter__(self) -> None:
        self._before = [(m, m.training) for net in self.networks for m in net.modules()]
        for module, _ in self._before:
            module.training = False

    def __exit__(self, *exception: object) -> None:
        for module, training in self._before:
            module.training = training
