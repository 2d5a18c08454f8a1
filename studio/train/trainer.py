"""A run's clockwork: steps in bursts, and between bursts everything that is not a step."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from studio.data import Dataset, Samples
from studio.engine import protocol as p
from studio.engine.runs import MomentWriter, better, is_low_best
from studio.graph.breakpoints import Breakpoint
from studio.graph.params import Value
from studio.graph.problems import Problem
from studio.train.checkpoint import Keeper, State, Weights, is_finite, load_weights, weights_of
from studio.train.controls import Command, Controls
from studio.train.insight import Insights
from studio.train.learner import Learner
from studio.train.ledger import Ledger, NotFinite
from studio.train.options import TrainProblem
from studio.train.probes import Probes
from studio.train.recording import Recorder
from studio.train.stepper import ModuleFor, Stepper
from studio.train.watch import Columns, Hit, Watch

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
        self._watch = Watch(self._recipe.breakpoints, self._stepper.network, self._stepper.nodes)
        self._ledger = Ledger(self._stepper.learning, feed.sizes, self._check)
        watched = self._stepper.validation if self._facts.validation else self._stepper.train_part
        self._probes = Probes(
            self._stepper.network,
            self._stepper.nodes,
            watched,
            dataset.facts,
            self._stepper.learning.present,
            max(RATE_HZ if job.live else 0.0, self._watch.rate_hz),
            time.perf_counter,
            self._stepper.inputs[learner.roles[0]],
            self._recorder(dataset, watched) if job.live else None,
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
        self._rate_hz = RATE_HZ if job.live else 0.0
        self._good: State = self._stepper.capture()
        #: The good state before that one, where no setting has changed in between.
        self._good_before: State | None = None
        self._good_due = self._start + _GOOD_S
        self._save_due = self._start

    def _recorder(self, dataset: Dataset, watched: Samples) -> Recorder:
        """Return what keeps moments of this run."""
        stepper, facts = self._stepper, self._facts
        split = "validation" if facts.validation else "train"
        present, inputs = stepper.learning.present, next(iter(stepper.inputs.values()))
        return Recorder(
            lambda: Insights(
                stepper.network,
                stepper.nodes,
                dataset.train,
                watched,
                split,
                facts,
                present,
                inputs,
            ),
            MomentWriter(Path(self._job.folder), int(self._job.moments_mb * 2**20)),
        )

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
        while not self._stopping and (self._paused or self._stepper.epoch < self._recipe.epochs):
            if self._single and self._stepper.epoch == self._recipe.epochs:
                break
            if self._controls.waiting or (self._paused and not self._single):
                yield from self._obey()
                continue
            try:
                self._keep_good()
                self._burst()
            except Hit as hit:
                yield from self._halt(hit)
                continue
            except NotFinite:
                if self._watch.finite is None:
                    raise
                yield from self._halt_broken(self._watch.finite)
                continue
            yield from self._tell()
            if self._single:
                self._single = False
                yield from self._look()
                yield p.ControlApplied("stepped", self._stepper.step)
            if time.perf_counter() >= self._save_due:
                yield from self._save()
        yield from self._look()
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

        Raises: NotFinite, Hit.
        """
        stepper, ledger, probes, watch = self._stepper, self._ledger, self._probes, self._watch
        controls, clock = self._controls, time.perf_counter
        deadline = self._flushed + FLUSH_S
        with stepper.stream:
            while True:
                rate = stepper.lr
                ledger.add(stepper.take_step(), rate)
                if watch.each_step:
                    watch.after_step()
                now = clock()
                if probes.due(now):
                    self._untold += probes.take(stepper.step)
                    if watch.rate_hz:
                        self._look_through()
                if stepper.at_epoch_end:
                    self._untold.append(done := self._end_epoch())
                    if (hit := watch.epoch(done)) is not None:
                        raise hit
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
        self._untold += [p.ProblemFound(done.step, each) for each in self._watch.missing()]
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
            yield from self._probes.take(self._stepper.step, record=True)

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
        # A due time of zero: settings have changed, and what was before cannot be repeated.
        self._good_before = self._good if self._good_due else None
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

    # --------------------------------------------------------------------------------- breakpoints

    def _check(self, first: int, columns: Columns) -> Hit | None:
        return self._watch.steps(first, self._stepper.epoch + 1, columns)

    def _look_through(self) -> None:
        """Look for breakpoints in what the probe has just seen.

        Raises: NotFinite, Hit.
        """
        seen = [event for event in self._untold if isinstance(event, p.LayerStats)][-1]
        hit = self._watch.layers(seen)
        self._ledger.read()  # a step before may have hit another one
        if hit is not None:
            raise hit

    def _halt(self, hit: Hit) -> Iterator[p.Event]:
        """Pause right after the step of a hit, which is gone back to where others followed it."""
        stepper = self._stepper
        if hit.step < stepper.step:
            stepper.replay(self._good, hit.step)
            later = (p.LayerStats, p.Pictures)
            self._untold = [
                each
                for each in self._untold
                if not (isinstance(each, later) and each.step > hit.step)
            ]
        samples = self._samples_of(hit.step)
        if stepper.at_epoch_end:
            with stepper.stream:
                self._untold.append(done := self._end_epoch())
            self._watch.epoch(done)
        yield from self._tell()
        yield p.BreakpointHit(hit.step, hit.breakpoint, hit.what, hit.value, hit.node, samples)
        yield from self._hold()

    def _halt_broken(self, breakpoint: Breakpoint) -> Iterator[p.Event]:
        """Pause before the step that broke the numbers.

        Raises: Diverged, where that is too far back to go on from.
        """
        yield from self._tell()
        step = self._stepper.step
        found = self._stepper.trace_back(self._good, step)
        if not self._ledger.reaches(self._stepper.step):
            raise found
        if self._stepper.step < step:
            yield from self._undone()
        samples = self._samples_of(found.step)
        value = math.nan
        yield p.BreakpointHit(found.step, breakpoint, found.what, value, found.node, samples)
        yield from self._hold()

    def _samples_of(self, step: int) -> tuple[int, ...]:
        epoch, batch = divmod(step - 1, self._stepper.feed.steps)
        return self._stepper.feed.positions(epoch, batch)

    def _hold(self) -> Iterator[p.Event]:
        """Pause, with everything that is to be seen."""
        self._paused, self._single = True, False
        yield from self._look()
        yield from self._save()
        yield p.ControlApplied("paused", self._stepper.step)

    def _step_back(self) -> Iterator[p.Event]:
        """Go back to before the last step, and pause."""
        step = self._stepper.step - 1
        kept = [each for each in (self._good, self._good_before) if each and each.step <= step]
        if not kept or not self._ledger.reaches(step):
            message = (
                f"No state before step {step + 1} is kept: a state is kept about every second, and "
                "a changed setting begins anew. Go on, or start again from a checkpoint."
            )
            yield p.ProblemFound(step + 1, Problem(message, severity="warning"))
            return
        self._good, self._good_before = kept[0], kept[1] if len(kept) > 1 else None
        self._stepper.replay(self._good, step)
        yield from self._undone()
        yield from self._hold()

    def _undone(self) -> Iterator[p.Event]:
        """Forget what was told of steps that were gone back over."""
        stepper = self._stepper
        self._ledger.back_to(stepper.step)
        self._samples = stepper.epoch * stepper.feed.used + stepper.feed.seen(stepper.batch)
        yield p.ControlApplied("back", stepper.step)

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
            case "back":
                yield from self._step_back()
            case "breakpoints":
                self._watch.set(command.breakpoints)
                self._probes.watch(max(self._rate_hz, self._watch.rate_hz))
            case "watch":
                self._rate_hz = command.rate_hz
                self._probes.watch(max(self._rate_hz, self._watch.rate_hz))
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
