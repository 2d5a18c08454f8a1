"""A run's clockwork: steps in bursts, and between bursts everything that is not a step."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import torch

from studio.data import Dataset
from studio.engine import protocol as p
from studio.engine.runs import better, is_low_best
from studio.graph.params import Value
from studio.graph.problems import Problem
from studio.train.checkpoint import Keeper, State, Weights, is_finite, load_weights, weights_of
from studio.train.controls import Command, Controls
from studio.train.learner import Learner
from studio.train.ledger import Ledger, NotFinite
from studio.train.options import TrainProblem
from studio.train.probes import Probes
from studio.train.stepper import ModuleFor, Stepper

#: Seconds between two Progress events, and how often a second layers and samples are looked at.
FLUSH_S, RATE_HZ = 0.25, 4.0
#: Seconds between two checkpoints, and the share of the time that writing them may take.
_SAVE_S, _SAVE_SHARE = 5.0, 0.03
#: The same for the copy in memory to go back to when numbers break.
_GOOD_S, _GOOD_SHARE = 1.0, 0.01


class Trainer:
    """One run. `events` yields until it is finished or stopped, and raises where it fails."""

    def __init__(
        self,
        job: p.Job,
        module_for: ModuleFor,
        dataset: Dataset,
        controls: Controls,
        learner: Learner,
        device: torch.device,
    ) -> None:
        """Raises: TrainProblem."""
        self._job = job
        self._recipe = job.project.recipe
        self._facts = dataset.facts
        self._controls = controls
        self._device = device
        self._score = learner.score(dataset.facts)
        self._stepper = Stepper(job.project, module_for, dataset, learner, device)
        feed = self._stepper.feed
        self._ledger = Ledger(self._stepper.learning, feed.sizes)
        watched = self._stepper.validation if self._facts.validation else self._stepper.train_part
        self._probes = Probes(
            self._stepper.network,
            self._stepper.nodes,
            watched,
            dataset.facts,
            self._stepper.learning.present,
            RATE_HZ if job.live else 0.0,
            time.perf_counter,
            self._stepper.inputs[learner.roles[0]],
        )
        self._keeper = Keeper(job.folder)
        self._paused = self._single = self._stopping = False
        self._start = self._flushed = time.perf_counter()
        self._idle = 0.0
        self._samples = 0
        self._untold: list[p.Event] = []
        self._last: dict[str, float] = {}
        self._best: dict[str, dict[str, float]] = {}
        self._best_weights: tuple[int, Weights, dict[str, float]] | None = None
        self._best_rank = (-math.inf, -math.inf)
        self._good: State = self._stepper.capture()
        self._good_due = self._start + _GOOD_S
        self._save_due = self._start

    # ------------------------------------------------------------------------------- what is asked

    @property
    def step(self) -> int:
        """Steps taken."""
        return self._stepper.step

    @property
    def newest(self) -> int | None:
        """The step of the newest weights on disk."""
        return self._keeper.newest

    def summary(self, status: str, message: str = "") -> p.RunSummary:
        """Return how the run stands."""
        return p.RunSummary(
            self._job.folder,
            status,
            self._stepper.epoch,
            self._stepper.step,
            self._elapsed(),
            self._last,
            self._best,
            message,
        )

    def salvage(self) -> list[p.Event]:
        """Write the best and the newest good weights after an error, as far as that can be done."""
        saved: list[p.Event] = []
        try:
            if not is_finite(weights_of(self._stepper.networks)):
                self._stepper.restore(self._good)
            saved.extend(self._save())
        except (OSError, RuntimeError, MemoryError, NotFinite):
            pass  # the error that ended the run is the one to tell
        return saved

    # ---------------------------------------------------------------------------------- the course

    def events(self) -> Iterator[p.Event]:
        """Yield the run's events, the last of which is Finished or Stopped.

        Raises: Diverged, OSError, and whatever a layer raises.
        """
        yield self._started()
        try:
            yield from self._course()
        except NotFinite:
            yield from self._tell()
            raise self._stepper.trace_back(self._good, self._stepper.step) from None
        if self._stopping:
            yield p.Stopped(self.summary("stopped"))
            return
        self._measure_test()
        yield p.Finished(self.summary("finished"))

    def _course(self) -> Iterator[p.Event]:
        """Yield what happens until the last epoch or a stop.

        Raises: NotFinite.
        """
        while self._stepper.epoch < self._recipe.epochs and not self._stopping:
            if self._controls.waiting or (self._paused and not self._single):
                yield from self._obey()
                continue
            self._keep_good()
            self._burst()
            yield from self._tell()
            if self._single:
                self._single = False
                yield from self._look()
                yield p.ControlApplied("stepped", self._stepper.step)
            if time.perf_counter() >= self._save_due:
                yield from self._save()
        yield from self._save()

    def _started(self) -> p.Started:
        self._start = self._flushed = time.perf_counter()
        recipe, facts = self._recipe, self._facts
        networks = self._stepper.networks.values()
        learns = [q for net in networks for q in net.parameters() if q.requires_grad]
        return p.Started(
            folder=self._job.folder,
            name=self._job.name,
            device=str(self._device),
            threads=torch.get_num_threads(),
            epochs=recipe.epochs,
            steps_per_epoch=self._stepper.feed.steps,
            batch_size=recipe.batch_size,
            train_samples=facts.train,
            validation_samples=facts.validation,
            task=facts.task,
            classes=facts.classes,
            nodes=self._probes.nodes,
            parameters=sum(parameter.numel() for parameter in learns),
            time=time.time(),
        )

    def _burst(self) -> None:
        """Take steps until there is something to tell. Nothing here waits for the device but a view.

        Raises: NotFinite.
        """
        stepper, ledger, probes = self._stepper, self._ledger, self._probes
        controls, clock = self._controls, time.perf_counter
        deadline = self._flushed + FLUSH_S
        with stepper.stream:
            while True:
                rate = stepper.lr
                ledger.add(stepper.take_step(), rate)
                now = clock()
                if probes.due(now):
                    self._untold += probes.take(stepper.step)
                if stepper.at_epoch_end:
                    self._untold.append(self._end_epoch())
                    if stepper.epoch == self._recipe.epochs:
                        break
                if now >= deadline or controls.waiting or self._single or ledger.full:
                    break
        ledger.read()

    def _end_epoch(self) -> p.EpochDone:
        """Measure on validation and go on to the next epoch.

        Raises: NotFinite.
        """
        stepper = self._stepper
        self._ledger.read()
        metrics, confusion = self._ledger.end_epoch(), None
        if len(stepper.validation):
            evaluation = stepper.learning.evaluate(stepper.validation)
            metrics |= {f"val_{name}": value for name, value in evaluation.metrics.items()}
            confusion = evaluation.confusion
        loss = metrics.get("val_loss", metrics["train_loss"])
        stepper.end_epoch(loss)
        done = p.EpochDone(stepper.epoch, stepper.step, metrics, self._elapsed(), confusion)
        self._last = metrics
        self._best = better(self._best, done)
        self._remember_best(metrics, loss)
        return done

    def _remember_best(self, metrics: dict[str, float], loss: float) -> None:
        value = metrics.get(self._score, -loss)
        sign = -1 if is_low_best(self._score) else 1
        # Of equal scores the lower loss is better: a small validation set ties often.
        rank = (sign * value, -loss)
        if math.isfinite(loss) and rank > self._best_rank:
            self._best_rank = rank
            weights = weights_of(self._stepper.networks)
            self._best_weights = (self._stepper.step, weights, metrics)

    def _tell(self) -> Iterator[p.Event]:
        """Yield the steps since the last time, then what happened on the way."""
        now = time.perf_counter()
        stepper = self._stepper
        feed, epochs = stepper.feed, self._recipe.epochs
        samples = stepper.epoch * feed.used + feed.seen(stepper.batch)
        event = self._ledger.progress(
            epoch=min(stepper.epoch + 1, epochs),
            seconds=now - self._flushed,
            samples=samples - self._samples,
            steps_left=epochs * feed.steps - stepper.step,
            overhead=self._probes.seconds / max(self._elapsed(), 1e-9),
        )
        untold, self._untold = self._untold, []
        if event is not None:
            self._flushed, self._samples = now, samples
            yield event
        yield from untold

    def _look(self) -> Iterator[p.Event]:
        """Show the state reached, at a pause, when anybody watches."""
        if self._probes.on and self._stepper.step:
            yield from self._probes.take(self._stepper.step)

    def _elapsed(self) -> float:
        return time.perf_counter() - self._start - self._idle

    # ------------------------------------------------------------------------------------- keeping

    def _keep_good(self) -> None:
        """Copy the state, from time to time, to go back to when numbers break.

        Raises: NotFinite.
        """
        now = time.perf_counter()
        if now < self._good_due:
            return
        state = self._stepper.capture()
        if not is_finite(state.weights):
            raise NotFinite
        self._good = state
        done = time.perf_counter()
        self._good_due = done + max(_GOOD_S, (done - now) / _GOOD_SHARE)

    def _save(self) -> Iterator[p.Event]:
        """Write the best and the last weights, where they are not on disk yet."""
        start = time.perf_counter()
        best, step = self._best_weights, self._stepper.step
        if best is not None and best[0] not in (self._keeper.best, step):
            size = self._keeper.save_best(best[0], best[1], self._about(best[2]))
            path = str(self._keeper.path(best[0]))
            epoch = -(-best[0] // self._stepper.feed.steps)
            yield p.CheckpointSaved(path, best[0], epoch, best=True, size=size)
        if step and step != self._keeper.last:
            yield self._save_last()
        done = time.perf_counter()
        self._save_due = done + max(_SAVE_S, (done - start) / _SAVE_SHARE)

    def _save_last(self) -> p.CheckpointSaved:
        """Raises: OSError, and NotFinite: broken weights are never kept."""
        state = self._stepper.capture()
        if not is_finite(state.weights):
            raise NotFinite
        best = self._best_weights is not None and self._best_weights[0] == state.step
        size = self._keeper.save_last(state, self._about(self._last), best)
        path = str(self._keeper.path(state.step))
        return p.CheckpointSaved(path, state.step, state.epoch, best=best, size=size)

    def _about(self, metrics: dict[str, float]) -> dict[str, Any]:
        return {"seed": self._recipe.seed, "metrics": metrics}

    def _measure_test(self) -> None:
        """Measure the best weights on the test split, once, at the very end."""
        stepper = self._stepper
        if not len(stepper.test):
            return
        last = weights_of(stepper.networks)
        load_weights(stepper.networks, self._best_weights[1] if self._best_weights else last)
        with stepper.stream:
            figures = stepper.learning.evaluate(stepper.test).metrics
        load_weights(stepper.networks, last)
        self._last = self._last | {f"test_{name}": value for name, value in figures.items()}

    # ------------------------------------------------------------------------------------ controls

    def _obey(self) -> Iterator[p.Event]:
        """Grant what is wished for; while paused, wait for a wish."""
        start = time.perf_counter()
        commands = self._controls.take(0.5 if self._paused else 0.0)
        waited = time.perf_counter() - start
        self._idle += waited
        self._flushed += waited
        for command in commands:
            yield from self._grant(command)

    def _grant(self, command: Command) -> Iterator[p.Event]:
        step = self._stepper.step
        match command.action:
            case "pause":
                if not self._paused:
                    self._paused = True
                    yield from self._look()
                    yield from self._save()
                    yield p.ControlApplied("paused", step)
            case "resume":
                if self._paused:
                    self._paused = False
                    yield p.ControlApplied("resumed", step)
            case "step":
                self._paused = self._single = True
            case "stop":
                self._stopping = True
            case "set":
                yield from self._change(dict(command.values))
            case "watch":
                self._probes.watch(command.rate_hz)
                if self._paused:
                    yield from self._look()
            case "snapshot":
                self._answer(command)

    def _answer(self, command: Command) -> None:
        answer = command.answer
        if answer is None or not answer.set_running_or_notify_cancel():
            return
        step, started = self._stepper.step, time.perf_counter()
        try:
            path = self._keeper.snapshot(step, weights_of(self._stepper.networks))
        except OSError as error:
            reason = error.strerror or str(error)
            answer.set_exception(
                RuntimeError(
                    f"The weights of step {step} could not be written ({reason.lower()}). "
                    "Free some space and ask again; training goes on."
                )
            )
        else:
            answer.set_result(p.Weights(str(path), step, time.perf_counter() - started))

    def _change(self, values: dict[str, Value]) -> Iterator[p.Event]:
        groups = [group for opt in self._stepper.optimizers for group in opt.param_groups]
        known = [name for name in groups[0] if _is_number(groups[0][name]) and name != "initial_lr"]
        applied: dict[str, Value] = {}
        for name, value in values.items():
            if name not in known or not _is_number(value) or not 0 <= value < math.inf:
                message = (
                    f"{name} was to be set to {value!r} while training. Settings that can change "
                    f"are {', '.join(known)}, to a number of at least 0."
                )
                problem = Problem(message, severity="warning")
                yield p.ProblemFound(self._stepper.step, problem)
                continue
            if name == "lr":
                try:
                    self._stepper.set_lr(float(value))
                except TrainProblem as error:
                    yield p.ProblemFound(
                        self._stepper.step, Problem(str(error), severity="warning")
                    )
                    continue
            else:
                for group in groups:
                    if name in group:
                        group[name] = type(group[name])(value)
            applied[name] = value
        if applied:
            self._good_due = 0.0  # steps must not be repeated with other settings than they had
            yield p.ControlApplied("set", self._stepper.step, applied)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
