"""A run's clockwork: steps in bursts, and between bursts everything that is not a step."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from studio.data import Dataset
from studio.engine import protocol as p
from studio.graph.edits import SetRecipe
from studio.graph.problems import Problem, Repair
from studio.train.beginning import begin_from
from studio.train.compiling import compile_networks
from studio.train.controls import Controls
from studio.train.course import Course
from studio.train.granting import obey
from studio.train.halting import halt, halt_broken
from studio.train.learner import Learner
from studio.train.ledger import NotFinite
from studio.train.stepper import ModuleFor
from studio.train.watch import Hit


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
        self._course = Course(job, module_for, dataset, controls, learner, device)
        self._look_owed = False
        if job.resume:
            begin_from(self._course, Path(job.resume))

    # ------------------------------------------------------------------------------- what is asked

    @property
    def step(self) -> int:
        """Steps taken."""
        return self._course.stepper.step

    @property
    def newest(self) -> int | None:
        """The step of the newest weights on disk."""
        return self._course.keeping.newest

    def summary(self, status: str, message: str = "") -> p.RunSummary:
        """Return how the run stands."""
        return self._course.summary(status, message)

    def close(self) -> None:
        """End what works in the background."""
        self._course.stepper.close()

    def salvage(self) -> list[p.Event]:
        """Write the best and the newest good weights after an error, as far as that can be done."""
        return self._course.keeping.salvage(self._course.good)

    # ---------------------------------------------------------------------------------- the course

    def events(self) -> Iterator[p.Event]:
        """Yield the run's events, the last of which is Finished or Stopped.

        Raises: Diverged, OSError, and whatever a layer raises.
        """
        course = self._course
        yield course.started()
        if course.recipe.compile:
            yield from self._compile()
        try:
            yield from self._train()
        except NotFinite:
            yield from course.telling.tell()
            raise course.stepper.trace_back(course.good.newest, self.step) from None
        if course.wishes.stopping:
            yield p.Stopped(course.summary("stopped"))
            return
        course.measure_test()
        yield p.Finished(course.summary("finished"))

    def _compile(self) -> Iterator[p.Event]:
        yield p.Working(0, 0, "Compiling")
        told = compile_networks(self._course.stepper)
        if told:
            without = Repair("Turn Compile off", (SetRecipe({"compile": False}),))
            problem = Problem(told, network="", severity="warning", repairs=(without,))
            yield p.ProblemFound(self.step, problem)
        self._course.clock.restart()

    def _train(self) -> Iterator[p.Event]:
        """Yield what happens until the last epoch or a stop.

        Raises: NotFinite.
        """
        course, wishes = self._course, self._course.wishes
        while not wishes.stopping and (wishes.paused or not course.done):
            if wishes.single and course.done:
                break
            if course.controls.waiting or (wishes.paused and not wishes.single):
                yield from obey(course)
                continue
            try:
                course.good.keep()
                self._burst()
            except Hit as hit:
                yield from halt(course, hit)
                continue
            except NotFinite:
                if course.watch.finite is None:
                    raise
                yield from halt_broken(course, course.watch.finite)
                continue
            yield from course.telling.tell()
            if course.keep_due:
                course.keep_due = False
                yield course.keeping.save_newest(keep=True)
            if wishes.single:
                wishes.single = False
                yield from course.looking.now()
                yield p.ControlApplied("stepped", self.step)
            if course.keeping.due:
                yield from course.keeping.save()
        yield from course.looking.now()
        yield from course.keeping.save()

    def _burst(self) -> None:
        """Take steps until there is something to tell. Nothing here waits for the device but a view.

        Raises: NotFinite, Hit.
        """
        course = self._course
        stepper, ledger, looking, watch = (
            course.stepper,
            course.ledger,
            course.looking,
            course.watch,
        )
        controls, wishes, clock = course.controls, course.wishes, time.perf_counter
        several, until = course.recipe.accumulate > 1, course.job.until or math.inf
        deadline = course.telling.deadline
        if self._look_owed:
            self._look()
        with stepper.stream:
            while True:
                rate = stepper.lr
                parts = stepper.take_step()
                ledger.add(parts, rate, stepper.part_sizes if several else ())
                if watch.each_step:
                    watch.after_step()
                now = clock()
                if looking.due(now):
                    if course.telling.begun:
                        self._look()
                    else:
                        self._look_owed = True  # a first look takes longer than the first step
                if stepper.at_epoch_end:
                    done = course.end_epoch()
                    if (hit := watch.epoch(done)) is not None:
                        raise hit
                    if course.done or course.keep_due:
                        break
                if stepper.step >= until:
                    break
                if now >= deadline or controls.waiting or wishes.single or ledger.full:
                    break
        ledger.read()

    def _look(self) -> None:
        """Look at the step just taken, also for breakpoints.

        Raises: NotFinite, Hit.
        """
        course, self._look_owed = self._course, False
        seen = course.looking.take()
        course.telling.add(*seen)
        if not course.watch.rate_hz:
            return
        hits = [course.watch.layers(each) for each in seen if isinstance(each, p.LayerStats)]
        course.ledger.read()  # a step before may have hit another one
        for hit in filter(None, hits):
            raise hit
