"""What steps are made of: networks, optimisers, schedule, batches, random numbers, and where they stand.

Everything here is a function of the job alone; no clock and no control is looked at. That is what
makes a run repeat itself bit by bit, and what lets a bad stretch of it be gone through again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import nn

from studio.data import Dataset, Samples
from studio.graph.facts import DataFacts
from studio.graph.project import Project
from studio.train.average import Average
from studio.train.checkpoint import State, copied, load_weights, restore_optimizers, weights_of
from studio.train.conduct import Conduct
from studio.train.diagnose import (
    Diverged,
    Origin,
    bad_gradients,
    first_output,
    origin_of_gradient,
    origin_of_weights,
)
from studio.train.feed import Feed
from studio.train.feeding import make_feed
from studio.train.learner import Learner, Preparing, Setup, Trace
from studio.train.options import TrainProblem
from studio.train.paths import NodePath, Owners, input_names, node_paths
from studio.train.schedules import Span, build_schedule
from studio.train.steering import Steering
from studio.train.stream import Stream

ModuleFor = Callable[[Project, str, DataFacts], nn.Module]
#: The traces of a step: one a batch that it takes.
Parts = tuple[Trace, ...]


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
        nodes = {role: node_paths(project, role) for role in learner.roles}
        self.nodes = nodes[self._first]
        images = dataset.train.inputs.ndim == 4
        convolves = any(isinstance(m, nn.Conv2d) for m in self.network.modules())
        # A third off a convolutional step, on CPUs as well as on GPUs; nothing else gains by it.
        channels_last = images and convolves and device.type in ("cpu", "cuda")
        for role, network in self.networks.items():
            _freeze(network, nodes[role])
            network.to(device)
            if channels_last:
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            network.train()
        self._dataset, self._channels_last, self._device = dataset, channels_last, device
        self._project, self._recipe = project, recipe
        self._batch_size = self._next_batch_size = recipe.batch_size
        self.feed = self._make_feed()
        self.validation = _placed(dataset.validation, device, channels_last)
        self.test = _placed(dataset.test, device, channels_last)
        self.train_part = _placed(dataset.train.slice(0, 256), device, channels_last)
        self.conduct = Conduct()
        self.learning = learner.start(
            Setup(self.networks, self.inputs, facts, recipe, device, project, self.conduct)
        )
        self.learning.evaluate(self.train_part.slice(0, 2))  # outputs that do not fit fail here
        self.optimizers = self.learning.optimizers
        self.schedule = build_schedule(
            recipe.schedule, recipe.schedule_params, self.optimizers, self._span()
        )
        self.steering = Steering(self.networks, nodes)
        self.average = Average(self.networks, recipe.ema) if recipe.ema else None
        self.step = self.epoch = self.batch = 0
        self._epoch_losses: dict[int, float] = {}

    def _make_feed(self) -> Feed:
        return make_feed(
            self._project, self._dataset, self._batch_size, self._device, self._channels_last
        )

    def _span(self) -> Span:
        return Span(self._recipe.epochs, self._recipe.epochs * self.steps)

    @property
    def batch_size(self) -> int:
        """Samples of a batch in this epoch."""
        return self._batch_size

    @property
    def steps(self) -> int:
        """Steps of an epoch: each takes one batch, or as many as are accumulated."""
        return -(-self.feed.steps // self._recipe.accumulate)

    @property
    def sizes(self) -> list[int]:
        """The numbers of samples of an epoch's steps."""
        together = self._recipe.accumulate
        sizes = self.feed.sizes
        return [sum(sizes[at : at + together]) for at in range(0, len(sizes), together)]

    @property
    def seen(self) -> int:
        """Samples of this epoch that steps have been taken with."""
        return self.feed.seen(min(self.batch * self._recipe.accumulate, self.feed.steps))

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

    def set_batch_size(self, size: int) -> None:
        """Take batches of `size` from the next epoch on; the schedule keeps its course over the epochs.

        Raises: TrainProblem.
        """
        if size < 1:
            raise TrainProblem(f"A batch needs at least 1 sample, but {size} came.")
        self.schedule.check_respan()
        self._next_batch_size = size

    def shown(self, samples: Samples) -> Samples:
        """Return samples as the first role's network is looked into with, the same every time."""
        if not isinstance(self.learning, Preparing):
            return samples
        generator = torch.Generator(samples.inputs.device).manual_seed(self._recipe.seed)
        prepared = self.learning.prepared(samples, generator)
        return replace(samples, inputs=prepared.inputs, more=prepared.more)

    def take_step(self) -> Parts:
        """Take the next step. Call within `with stepper.stream:`."""
        if self.batch == 0:
            self.feed.begin(self.epoch)
        if self._recipe.accumulate == 1:
            parts: Parts = (self.learning.step(self.feed.batch(self.batch)),)
        else:
            parts = tuple(self._accumulate())
        self.schedule.after_step()
        self.step += 1
        self.batch += 1
        if self.average is not None:
            self.average.follow(self.step)
        return parts

    def _accumulate(self) -> Iterator[Trace]:
        """Take a step with several batches: each counts by its samples, as in one large batch."""
        together, conduct = self._recipe.accumulate, self.conduct
        first = self.batch * together
        last = min(first + together, self.feed.steps) - 1
        whole = sum(self.feed.sizes[first : last + 1])
        for at in range(first, last + 1):
            conduct.share = self.feed.sizes[at] / whole
            conduct.first, conduct.last = at == first, at == last
            yield self.learning.step(self.feed.batch(at))

    @property
    def part_sizes(self) -> list[int]:
        """The samples of each batch of the step just taken."""
        together = self._recipe.accumulate
        return self.feed.sizes[(self.batch - 1) * together : self.batch * together]

    @property
    def at_epoch_end(self) -> bool:
        """Whether the epoch's last step has been taken and `end_epoch` has not been called."""
        return self.batch == self.steps

    def end_epoch(self, loss: float) -> bool:
        """Go on to the next epoch; `loss` is what a schedule may watch.

        Returns whether its batches have another size.
        """
        self._epoch_losses[self.epoch] = loss
        self.schedule.after_epoch(loss)
        self.epoch += 1
        self.batch = 0
        if self._next_batch_size == self._batch_size:
            return False
        self._take_batch_size(self._next_batch_size)
        return True

    def _take_batch_size(self, size: int) -> None:
        self._batch_size = self._next_batch_size = size
        self.feed.close()
        self.feed = self._make_feed()
        self.schedule.respan(self._span(), self.epoch)

    def close(self) -> None:
        """End what works in the background."""
        self.feed.close()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Let the networks answer with the weights that are measured and kept: averaged ones, if any."""
        with self.average.shown() if self.average is not None else nullcontext():
            yield

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
            self.average.state() if self.average is not None else {},
            tuple(scaler.state_dict() for scaler in self.conduct.scalers),
            {
                **self.steering.state(),
                "batch_size": self._batch_size,
                "next_batch_size": self._next_batch_size,
            },
        )

    def restore(self, state: State) -> None:
        """Go back to a state that this run, or one of the same job, was in."""
        self.step, self.epoch, self.batch = state.step, state.epoch, state.batch
        load_weights(self.networks, state.weights)
        self.steering.restore(state.steered)
        if (size := state.steered.get("batch_size", self._batch_size)) != self._batch_size:
            self._take_batch_size(size)
        self._next_batch_size = state.steered.get("next_batch_size", self._batch_size)
        restore_optimizers(self.optimizers, state.optimizers)
        self.schedule.restore(state.schedule)
        if self.average is not None:
            self.average.restore(state.answering)
        for scaler, scaled in zip(self.conduct.scalers, state.scalers, strict=False):
            scaler.load_state_dict(scaled)
        self.stream.state = copied(state.random)
        if self.batch:
            self.feed.begin(self.epoch)

    def replay(self, state: State, until: int) -> None:
        """Go back to `state` and take the steps after it again, up to `until`."""
        self.restore(state)
        while self.step < until:
            if self.at_epoch_end:
                self.end_epoch(self._epoch_losses.get(self.epoch, 0.0))
            with self.stream:
                self.take_step()

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
                parts = self.take_step()
            loss = self.learning.figures(parts)["train_loss"]
            after = weights_of(self.networks)
            if bool(loss.isfinite().all()) and all(
                bool(t.isfinite().all()) for t in after.values() if t.is_floating_point()
            ):
                continue
            bad, value = bad_gradients(self.network, self.nodes), float(loss.mean())
            self.restore(before)
            with self.stream:
                self.feed.begin(self.epoch)
                at = self.batch * self._recipe.accumulate
                fed = self.shown(self.feed.batch(at)).fed(self.inputs[self._first])
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
        advice = f"Lower the learning rate (now {self.lr:g}), clip the gradient, or check the data."
        what = f"{what} at step {self.step + 1}: {origin.what}."
        return Diverged(what, advice, self.step + 1, origin.node)


def _placed(samples: Samples, device: torch.device, channels_last: bool) -> Samples:
    placed = samples.to(device)
    if channels_last and placed.inputs.ndim == 4:
        inputs = placed.inputs.contiguous(memory_format=torch.channels_last)
        return replace(placed, inputs=inputs)
    return placed


def _freeze(network: nn.Module, nodes: tuple[NodePath, ...]) -> None:
    owners = Owners(network, nodes).of
    for name, parameter in network.named_parameters():
        owner = owners[name]
        if owner is not None and owner.frozen:
            parameter.requires_grad_(False)
