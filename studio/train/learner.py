"""How networks learn: the contract between the loop, which knows no task, and a learner, which knows one.

The loop owns time: batches, controls, the schedule, live views, checkpoints, events. A learner owns
meaning: for which data it is (`suits`), which networks it needs (`roles`) and what they have to answer
(`wanted`), what a step is, what is measured, what a person reads off the outputs and is shown meanwhile.

How wide the contract is:

- *Several roles.* `setup.networks` holds one network a role, each a tab of the canvas; `setup.answer`
  calls one of them, and a tensor may go from one into the next. Live views look into the first role.
- *Several optimisers.* Every `setup.updates(roles…)` is one optimiser over these roles' weights, and
  `take(compute)` one step of it down its own loss: an adversarial pair makes two and takes two steps in
  `step`. `optimizers` names them all, so that checkpoints, schedules and controls reach them; the first
  one's rate is the one that is drawn.
- *Samples of its own.* `step` may take the batch as it is, change it (masks, noise) or ignore it, as one
  does that acts in a world: then a batch only sets the pace. Random numbers in `step` come from torch's
  own generator, which is the run's stream there: so a run repeats itself and resumes exactly. In
  `evaluate` and `preview` a generator of one's own is used, so that looking changes nothing.
- *Figures of its own.* `figures` and `Evaluation.metrics` are named as the learner likes beside
  `train_loss`; `score` names the one whose best weights are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from studio.data import Samples
from studio.engine import protocol as p
from studio.graph.answers import Wanted
from studio.graph.facts import DataFacts
from studio.graph.params import Value
from studio.graph.project import Project, Recipe
from studio.graph.spec import OptionSpec
from studio.train.conduct import Conduct
from studio.train.groups import Group, groups_of
from studio.train.updates import Updates

#: What a step leaves behind: detached tensors on the device, read many steps at a time.
Trace = tuple[Tensor, ...]
#: What a precision computes in where not in float32.
_HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Setup:
    """What a learner learns with: its networks by role, on `device`, in training mode.

    `inputs` are the names of each network's inputs, in the order of its `forward`: a batch is given as
    `networks[role](*batch.fed(inputs[role]))`. Nodes of the `project` may have optimiser settings of
    their own; `conduct` is how the step under way is taken.
    """

    networks: Mapping[str, nn.Module]
    inputs: Mapping[str, tuple[str, ...]]
    facts: DataFacts
    recipe: Recipe
    device: torch.device
    project: Project | None = None
    conduct: Conduct = field(default_factory=Conduct)

    def answer(self, role: str, batch: Samples) -> Tensor:
        """Return what a network answers a batch, in float32, computed in the recipe's precision."""
        inputs = batch.fed(self.inputs[role])
        half = _HALF.get(self.recipe.precision)
        if half is None:
            return self._forward(role, inputs)
        with torch.autocast(self.device.type, half):
            outputs = self._forward(role, inputs)
        return outputs.float()

    def _forward(self, role: str, inputs: Sequence[Tensor]) -> Tensor:
        network, conduct = self.networks[role], self.conduct
        outputs: Tensor
        if role in conduct.taps:
            outputs = network.forward_tapped(*inputs, conduct.taps[role])  # type: ignore[operator]
        elif network.training and role in conduct.compiled:
            outputs = conduct.compiled[role](*inputs)
        else:
            outputs = network(*inputs)
        return outputs

    def updates(self, *roles: str, values: Mapping[str, Value] | None = None) -> Updates:
        """Return the recipe's optimiser for the weights of networks; `values` go before its settings.

        What nodes have of their own goes before both.
        Raises: TrainProblem.
        """
        recipe, conduct = self.recipe, self.conduct
        if self.project is not None:
            groups = groups_of(self.project, self.networks, roles)
        else:
            groups = (Group([p for role in roles for p in self.networks[role].parameters()]),)
        settings = {**recipe.optimizer_params, **(values or {})}
        scaler = None
        if recipe.precision == "fp16":
            scaler = torch.amp.GradScaler(self.device.type)
            conduct.scalers.append(scaler)
        return Updates(
            recipe.optimizer, settings, groups, self.device, recipe.clip_norm, conduct, scaler
        )


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
        """Return what a person reads off the first role's raw outputs: probabilities, classes or values."""

    def preview(self, samples: Samples) -> p.Preview | None:
        """Return what the networks make of a few samples, None where the outputs themselves say it.

        Changes nothing; it is asked for now and then, while somebody watches. The loop sets its step.
        """


@runtime_checkable
class Preparing(Protocol):
    """A run whose network gets something else than the data's own samples: noise on them, masks, the time."""

    def prepared(self, batch: Samples, generator: torch.Generator | None = None) -> Samples:
        """Return a batch as the first role's network gets it; without a generator, from the run's stream."""


class Learner(Protocol):
    """A way of learning, as the catalogue lists it."""

    @property
    def spec(self) -> OptionSpec: ...

    @property
    def roles(self) -> tuple[str, ...]: ...

    def suits(self, facts: DataFacts) -> str:
        """Return why this data cannot be learned from in this way, "" where it can."""

    def wanted(self, facts: DataFacts, params: Mapping[str, Value]) -> Wanted:
        """Return what the networks have to answer, by role; a role that is left out is free.

        `params` are the learner's, checked; `suits` has been asked.
        """

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
