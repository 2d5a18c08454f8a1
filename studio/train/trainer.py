"""A run's clockwork: steps in bursts, and between bursts everything that is not a step."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from msgspec import structs
from safetensors import SafetensorError
from safetensors.torch import load_file

from studio.data import Dataset, Samples
from studio.engine import protocol as p
from studio.engine.runs import MomentWriter, is_continued
from studio.graph.breakpoints import Breakpoint
from studio.graph.edits import SetRecipe
from studio.graph.params import Value
from studio.graph.problems import Problem, Repair
from studio.graph.project import Project
from studio.train import live_changes
from studio.train.checkpoint import (
    Keeper,
    State,
    Weights,
    is_finite,
    load_weights,
    read_state,
    weights_of,
)
from studio.train.compiling import compile_networks
from studio.train.controls import Command, Controls
from studio.train.forking import take_over
from studio.train.insight import Insights
from studio.train.learner import Learner
from studio.train.ledger import Ledger, NotFinite
from studio.train.load import Gauge
from studio.train.options import TrainProblem
from studio.train.previews import Previews
from studio.train.probes import Probes
from studio.train.recording import Recorder
from studio.train.standing import Standing
from studio.train.stepper import ModuleFor, Stepper
from studio.train.trial import compare
from studio.train.walking import walk
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
        self._standing = Standing(learner.score(dataset.facts), self._recipe)

        def fresh(project: Project) -> Stepper:
            return Stepper(project, module_for, dataset, learner, device)

        self._fresh = fresh
        self._stepper = fresh(job.project)
        self._watch = Watch(self._recipe.breakpoints, self._stepper.network, self._stepper.nodes)
        self._ledger = Ledger(self._stepper.learning, self._stepper.sizes, self._check)
        watched = self._stepper.validation if self._facts.validation else self._stepper.train_part
        self._probes = Probes(
            self._stepper.network,
            self._stepper.nodes,
            self._stepper.shown(watched),
            dataset.facts,
            self._stepper.learning.present,
            max(RATE_HZ if job.live else 0.0, self._watch.rate_hz),
            time.perf_counter,
            self._stepper.inputs[learner.roles[0]],
            self._recorder(dataset, self._stepper.shown(watched)) if job.live else None,
        )
        self._previews = Previews(
            self._stepper.learning,
            tuple(self._stepper.networks.values()),
            watched,
            time.perf_counter,
        )
        self._keeper = Keeper(job.folder)
        self._gauge = Gauge(device)
        self._paused = self._single = self._stopping = False
        self._start = self._flushed = time.perf_counter()
        self._idle = self._seconds_before = 0.0
        self._samples = 0
        self._untold: list[p.Event] = []
        self._test: dict[str, float] = {}
        self._early = self._keep_due = False
        self._passed = 0
        self._rate_hz = RATE_HZ if job.live else 0.0
        self._good: State = self._stepper.capture()
        #: The good state before that one, where no setting has changed in between.
        self._good_before: State | None = None
        self._good_due = self._start + _GOOD_S
        self._save_due = self._start
        if job.resume:
            self._begin_from(Path(job.resume))

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
            lambda: self._previews.last,
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
            self._standing.last | self._test,
            self._standing.best,
            message or (self._standing.words if self._early else ""),
        )

    def close(self) -> None:
        """End what works in the background."""
        self._stepper.close()

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
        if self._recipe.compile:
            yield from self._compile()
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
        while not self._stopping and (self._paused or not self._done):
            if self._single and self._done:
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
            if self._keep_due:
                self._keep_due = False
                yield self._save_last(keep=True)
            if self._single:
                self._single = False
                yield from self._look()
                yield p.ControlApplied("stepped", self._stepper.step)
            if time.perf_counter() >= self._save_due:
                yield from self._save()
        yield from self._look()
        yield from self._save()

    def _compile(self) -> Iterator[p.Event]:
        yield p.Working(0, 0, "Compiling")
        told = compile_networks(self._stepper)
        if told:
            without = Repair("Turn Compile off", (SetRecipe({"compile": False}),))
            problem = Problem(told, network="", severity="warning", repairs=(without,))
            yield p.ProblemFound(self._stepper.step, problem)
        self._start = self._flushed = time.perf_counter()

    @property
    def _done(self) -> bool:
        """Whether no step is left to take."""
        stepper, until = self._stepper, self._job.until
        return self._early or stepper.epoch >= self._recipe.epochs or 0 < until <= stepper.step

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
            steps_per_epoch=self._stepper.steps,
            batch_size=self._stepper.batch_size,
            train_samples=facts.train,
            validation_samples=facts.validation,
            task=facts.task,
            classes=facts.classes,
            nodes=self._probes.nodes,
            parameters=sum(parameter.numel() for parameter in learns),
            time=time.time(),
            learner=recipe.learner,
            score=self._standing.score,
        )

    def _burst(self) -> None:
        """Take steps until there is something to tell. Nothing here waits for the device but a view.

        Raises: NotFinite, Hit.
        """
        stepper, ledger, probes, watch = self._stepper, self._ledger, self._probes, self._watch
        controls, clock = self._controls, time.perf_counter
        several, until = self._recipe.accumulate > 1, self._job.until or math.inf
        deadline = self._flushed + FLUSH_S
        with stepper.stream:
            while True:
                rate = stepper.lr
                parts = stepper.take_step()
                ledger.add(parts, rate, stepper.part_sizes if several else ())
                if watch.each_step:
                    watch.after_step()
                now = clock()
                if probes.due(now):
                    self._untold += self._previews.take(stepper.step)  # a moment keeps it too
                    self._untold += probes.take(stepper.step)
                    if watch.rate_hz:
                        self._look_through()
                if stepper.at_epoch_end:
                    self._untold.append(done := self._end_epoch())
                    if (hit := watch.epoch(done)) is not None:
                        raise hit
                    if self._done or self._keep_due:
                        break
                if stepper.step >= until:
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
            with stepper.answering():
                evaluation = stepper.learning.evaluate(stepper.validation)
            metrics |= {f"val_{name}": value for name, value in evaluation.metrics.items()}
            confusion = evaluation.confusion
        loss = metrics.get("val_loss", metrics["train_loss"])
        self._passed += stepper.feed.used
        resized = stepper.end_epoch(loss)
        if resized:
            self._ledger.resize(stepper.sizes)
            change: dict[str, Value] = {"batch_size": stepper.batch_size}
            self._untold.append(p.ControlApplied("set", stepper.step, change))
        done = p.EpochDone(stepper.epoch, stepper.step, metrics, self._elapsed(), confusion)
        self._untold += [p.ProblemFound(done.step, each) for each in self._watch.missing(metrics)]
        self._standing.take(done, loss, self._answering)
        self._early = self._standing.out_of_patience
        every = self._recipe.keep_every
        self._keep_due = every > 0 and stepper.epoch % every == 0
        return done

    def _answering(self) -> Weights:
        """Return copies of the weights that are measured and kept."""
        with self._stepper.answering():
            return weights_of(self._stepper.networks)

    def _tell(self) -> Iterator[p.Event]:
        """Yield the steps since the last time, then what happened on the way."""
        now = time.perf_counter()
        stepper = self._stepper
        epochs = self._recipe.epochs
        samples = self._passed + stepper.seen
        left = (epochs - stepper.epoch) * stepper.steps - stepper.batch
        if self._job.until:
            left = min(left, self._job.until - stepper.step)
        event = self._ledger.progress(
            epoch=min(stepper.epoch + 1, epochs),
            seconds=now - self._flushed,
            samples=samples - self._samples,
            steps_left=max(0, left),
            overhead=(self._probes.seconds + self._previews.seconds) / max(self._elapsed(), 1e-9),
        )
        news = stepper.feed.news()
        if news:
            problem = Problem(news, severity="warning")
            self._untold.append(p.ProblemFound(stepper.step, problem))
        untold, self._untold = self._untold, []
        if event is not None:
            self._flushed, self._samples = now, samples
            yield structs.replace(event, elapsed_s=self._elapsed(), load=self._gauge.read())
        yield from untold

    def _look(self) -> Iterator[p.Event]:
        """Show the state reached, at a pause, when anybody watches."""
        if self._probes.on and self._stepper.step:
            yield from self._previews.take(self._stepper.step, now=True)
            yield from self._probes.take(self._stepper.step, record=True)

    def _elapsed(self) -> float:
        return self._seconds_before + time.perf_counter() - self._start - self._idle

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
        best, step = self._standing.kept, self._stepper.step
        if best is not None and best.step not in (self._keeper.best, step):
            size = self._keeper.save_best(best.step, best.weights, self._about(best.metrics))
            path = str(self._keeper.path(best.step))
            yield p.CheckpointSaved(path, best.step, best.epoch, best=True, size=size)
        if step and step != self._keeper.last:
            yield self._save_last()
        done = time.perf_counter()
        self._save_due = done + max(_SAVE_S, (done - start) / _SAVE_SHARE)

    def _save_last(self, *, keep: bool = False) -> p.CheckpointSaved:
        """Raises: OSError, and NotFinite: broken weights are never kept."""
        state = self._stepper.capture()
        if not is_finite(state.weights):
            raise NotFinite
        state = replace(state, course=self._course_state())
        best = self._standing.kept is not None and self._standing.kept.step == state.step
        size = self._keeper.save_last(state, self._about(self._standing.last), best, keep)
        path = str(self._keeper.path(state.step))
        return p.CheckpointSaved(path, state.step, state.epoch, best=best, kept=keep, size=size)

    def _course_state(self) -> dict[str, Any]:
        """Return what going on exactly needs beside what steps are made of."""
        return {
            "standing": self._standing.state(),
            "figures": self._ledger.state(),
            "seconds": self._elapsed(),
            "passed": self._passed,
        }

    def _begin_from(self, path: Path) -> None:
        """Begin with the weights of another run, or where this one stood.

        Raises: TrainProblem, where the checkpoint does not fit.
        """
        if self._job.parent:
            told = take_over(self._stepper.networks, path)
            if told:
                problem = Problem(told, severity="warning")
                self._untold.append(p.ProblemFound(0, problem))
            if self._stepper.average is not None:
                self._stepper.average.restore(weights_of(self._stepper.networks))
            self._good = self._stepper.capture()
            return
        try:
            self._go_on(path)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise TrainProblem(
                f"The run cannot go on from {path.name}: its state should be that of this network and "
                f"optimiser, but is not ({reason}). Fork from it: weights that fit are taken over."
            ) from None

    def _go_on(self, path: Path) -> None:
        """Begin where a checkpoint of the same job stands, as if the run had never stopped."""
        state = read_state(path)
        self._stepper.restore(state)
        self._ledger.resize(self._stepper.sizes)
        course = state.course
        self._ledger.restore(state.step, course.get("figures", {}))
        self._passed = course.get("passed", 0)
        self._samples = self._passed + self._stepper.seen
        self._seconds_before = course.get("seconds", 0.0)
        if is_continued(self._job):
            self._keeper = Keeper(self._job.folder, since=state.step)
        if "standing" in course:
            self._standing.restore(course["standing"], lambda step: _weights_beside(path, step))
        self._good, self._good_before = self._stepper.capture(), None

    def _about(self, metrics: dict[str, float]) -> dict[str, Any]:
        return {"seed": self._recipe.seed, "metrics": metrics}

    def _measure_test(self) -> None:
        """Measure the best weights on the test split, once, at the very end."""
        stepper = self._stepper
        if not len(stepper.test):
            return
        last = weights_of(stepper.networks)
        best = self._standing.kept
        load_weights(stepper.networks, best.weights if best else self._answering())
        with stepper.stream:
            figures = stepper.learning.evaluate(stepper.test).metrics
        load_weights(stepper.networks, last)
        self._test = {f"test_{name}": value for name, value in figures.items()}

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
        stepper = self._stepper
        # Counted back from here: batches may have had another size in earlier epochs.
        epoch, batch = stepper.epoch, stepper.batch - (stepper.step - step) - 1
        if batch < 0:
            epoch, batch = epoch - 1, batch + stepper.steps
        together = self._recipe.accumulate
        of_step = range(batch * together, min((batch + 1) * together, stepper.feed.steps))
        return tuple(at for part in of_step for at in stepper.feed.positions(epoch, part))

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
        kept = kept if self._good_due else []  # a setting has changed since
        if not kept or not self._ledger.reaches(step):
            message = (
                f"There is no step back from step {step + 1}: a state to go back to is kept about "
                "every second, and anew where a setting changes. Go on, or train again."
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
        self._passed = stepper.epoch * stepper.feed.used
        self._samples = self._passed + stepper.seen
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
            case "walk":
                if self._paused and not self._done:
                    yield walk(self._stepper)
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
            case "try":
                self._try(command)

    def _answer(self, command: Command) -> None:
        answer = command.answer
        if answer is None or not answer.set_running_or_notify_cancel():
            return
        step, started = self._stepper.step, time.perf_counter()
        try:
            path = self._keeper.snapshot(step, self._answering())
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

    def _try(self, command: Command) -> None:
        """Try a change from here; the clock of the run stands still meanwhile."""
        trial = command.trial
        if trial is None or not trial.answer.set_running_or_notify_cancel():
            return
        started, state = time.perf_counter(), self._stepper.capture()
        try:
            tried = compare(
                self._fresh,
                self._job.project,
                trial.changed,
                state,
                trial.steps,
                lambda: self._controls.waiting,
            )
        except Exception as error:  # a changed network may fail in any way, and the run goes on
            trial.answer.set_exception(
                RuntimeError(f"The change could not be tried: {error} The run is as it was.")
            )
        else:
            trial.answer.set_result(tried)
        took = time.perf_counter() - started
        self._idle += took
        self._flushed += took

    def _change(self, values: dict[str, Value]) -> Iterator[p.Event]:
        step = self._stepper.step
        applied, wrong = live_changes.apply(self._stepper, values)
        for sentence in wrong:
            yield p.ProblemFound(step, Problem(sentence, severity="warning"))
        later = {name: applied.pop(name) for name in ("batch_size",) if name in applied}
        if later:  # the epoch that it begins with says when it has come into force
            yield p.ControlApplied("asked", step, later)
        if applied:
            self._good_due = 0.0  # steps must not be repeated with other settings than they had
            yield p.ControlApplied("set", step, applied)


def _weights_beside(path: Path, step: int) -> Weights | None:
    """Return the weights of another step of the same run, None where they are not there any more."""
    try:
        return load_file(path.with_name(f"{step}.safetensors"))
    except (OSError, SafetensorError):
        return None
