"""What steps are made of: networks, optimisers, schedule, batches, random numbers, and where they stand.

Everything here is a function of the job alone; no clock and no control is looked at. That is what
makes a run repeat itself bit by bit, and what lets a bad stretch of it be gone through again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from studio.data import Dataset, Samples
from studio.graph.facts import DataFacts
from studio.graph.project import Project
from studio.train.checkpoint import State, copied, load_weights, restore_optimizers, weights_of
from studio.train.diagnose import (
    Diverged,
    Origin,
    bad_gradients,
    first_output,
    origin_of_gradient,
    origin_of_weights,
)
from studio.train.feed import Feed
from studio.train.learner import Learner, Setup, Trace
from studio.train.options import TrainProblem
from studio.train.paths import Owners, input_names, node_paths
from studio.train.schedules import Span, build_schedule
from studio.train.stream import Stream

ModuleFor = Callable[[Project, str, DataFacts], nn.Module]


class Stepper:
    """Takes a job's steps one by one. `epoch` and `batch` are those of the next step, from 0."""

    def __init__(
        self,
        project: Project,
        module_for: ModuleFor,
        dataset: Dataset,
        learner: Learner,
        device: torch.device,
    ) -> None:
        """Raises: TrainProblem, where networks, data and recipe do not fit each other."""
        recipe, facts = project.recipe, dataset.facts
        missing = [role for role in learner.roles if role not in project.networks]
        if missing:
            raise TrainProblem(
                f"{learner.spec.title} learning needs a network named {missing[0]!r}, but the project "
                f"has {', '.join(project.networks) or 'none'}. Draw it, or choose another learner."
            )
        self.stream = Stream(recipe.seed, device)
        with self.stream:
            self.networks = {role: module_for(project, role, facts) for role in learner.roles}
        self.inputs = {role: input_names(project, role) for role in learner.roles}
        self._first = learner.roles[0]
        self.network = self.networks[self._first]
        self.nodes = node_paths(project, self._first)
        images = dataset.train.inputs.ndim == 4
        convolves = any(isinstance(m, nn.Conv2d) for m in self.network.modules())
        # A third off a convolutional step, on CPUs as well as on GPUs; nothing else gains by it.
        channels_last = images and convolves and device.type in ("cpu", "cuda")
        for role, network in self.networks.items():
            _freeze(network, project, role)
            network.to(device)
            if channels_last:
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            network.train()
        self.feed = Feed(dataset.train, recipe.batch_size, recipe.seed, device, channels_last)
        self.validation = _placed(dataset.validation, device, channels_last)
        self.test = _placed(dataset.test, device, channels_last)
        self.train_part = _placed(dataset.train.slice(0, 256), device, channels_last)
        self.learning = learner.start(Setup(self.networks, self.inputs, facts, recipe, device))
        self.learning.evaluate(self.train_part.slice(0, 2))  # outputs that do not fit fail here
        self.optimizers = self.learning.optimizers
        span = Span(recipe.epochs, recipe.epochs * self.feed.steps)
        self.schedule = build_schedule(
            recipe.schedule, recipe.schedule_params, self.optimizers, span
        )
        self.step = self.epoch = self.batch = 0
        self._epoch_losses: dict[int, float] = {}

    @property
    def lr(self) -> float:
        """The learning rate that the next step takes."""
        return float(self.optimizers[0].param_groups[0]["lr"])

    def set_lr(self, lr: float) -> None:
        """Take `lr` from the next step on; the schedule goes on from there in proportion.

        Raises: TrainProblem, where the schedule has brought the rate to zero.
        """
        if self.lr <= 0 or lr <= 0:
            raise TrainProblem(
                f"The learning rate is {self.lr:g} and was to become {lr:g}; a schedule moves it in "
                "proportion, which zero does not allow. Choose a rate above zero, earlier in the run."
            )
        self.schedule.rescale(lr / self.lr)

    def take_step(self) -> Trace:
        """Take the next step. Call within `with stepper.stream:`."""
        if self.batch == 0:
            self.feed.begin(self.epoch)
        trace = self.learning.step(self.feed.batch(self.batch))
        self.schedule.after_step()
        self.step += 1
        self.batch += 1
        return trace

    @property
    def at_epoch_end(self) -> bool:
        """Whether the epoch's last step has been taken and `end_epoch` has not been called."""
        return self.batch == self.feed.steps

    def end_epoch(self, loss: float) -> None:
        """Go on to the next epoch; `loss` is what a schedule may watch."""
        self._epoch_losses[self.epoch] = loss
        self.schedule.after_epoch(loss)
        self.epoch += 1
        self.batch = 0

    # ------------------------------------------------------------------------------ there and back

    def capture(self) -> State:
        """Return a copy of everything that the next step depends on. Call outside the stream."""
        return State(
            self.step,
            self.epoch,
            self.batch,
            weights_of(self.networks),
            tuple(copied(optimizer.state_dict()) for optimizer in self.optimizers),
            dict(self.schedule.state()),
            copied(self.stream.state),
        )

    def restore(self, state: State) -> None:
        """Go back to a state that this run, or one of the same job, was in."""
        load_weights(self.networks, state.weights)
        restore_optimizers(self.optimizers, state.optimizers)
        self.schedule.restore(state.schedule)
        self.stream.state = copied(state.random)
        self.step, self.epoch, self.batch = state.step, state.epoch, state.batch
        if self.batch:
            self.feed.begin(self.epoch)

    def trace_back(self, good: State, until: int) -> Diverged:
        """Go through the steps after `good` again, up to the first that gives no finite number.

        Leaves the state before that step. Where the stretch goes well this time (devices that do not
        repeat themselves), the step is given without a layer.
        """
        self.restore(good)
        while self.step < until:
            if self.at_epoch_end:
                self.end_epoch(self._epoch_losses.get(self.epoch, 0.0))
            before = self.capture()
            with self.stream:
                trace = self.take_step()
            loss = self.learning.figures([trace])["train_loss"]
            after = weights_of(self.networks)
            if bool(loss.isfinite().all()) and all(
                bool(t.isfinite().all()) for t in after.values() if t.is_floating_point()
            ):
                continue
            bad, value = bad_gradients(self.network, self.nodes), float(loss[0])
            self.restore(before)
            with self.stream:
                self.feed.begin(self.epoch)
                fed = self.feed.batch(self.batch).fed(self.inputs[self._first])
                origin, order = first_output(self.network, self.nodes, fed)
            self.restore(before)
            origin = (
                origin
                or origin_of_gradient(bad, order)
                or origin_of_weights(self.network, self.nodes, after)
                or Origin("", "every layer's output was finite, the loss was not")
            )
            return self._diverged(origin, value)
        self.restore(good)
        return self._diverged(Origin("", "it did not happen again when the steps were repeated"))

    def _diverged(self, origin: Origin, loss: float = float("nan")) -> Diverged:
        said = "not a number" if loss != loss else "infinite" if abs(loss) == float("inf") else ""
        what = f"The loss became {said}" if said else f"The loss was {loss:.4g} but weights broke"
        message = (
            f"{what} at step {self.step + 1}: {origin.what}. Training stopped. "
            f"Lower the learning rate (now {self.lr:g}), clip the gradient, or check the data."
        )
        return Diverged(message, self.step + 1, origin.node)


def _placed(samples: Samples, device: torch.device, channels_last: bool) -> Samples:
    placed = samples.to(device)
    if channels_last and placed.inputs.ndim == 4:
        inputs = placed.inputs.contiguous(memory_format=torch.channels_last)
        return replace(placed, inputs=inputs)
    return placed


def _freeze(network: nn.Module, project: Project, role: str) -> None:
    owners = Owners(network, node_paths(project, role)).of
    for name, parameter in network.named_parameters():
        owner = owners[name]
        if owner is not None and owner.frozen:
            parameter.requires_grad_(False)
