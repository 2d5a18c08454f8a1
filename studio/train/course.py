"""A run under way: the parts it consists of, where it stands, and what ends an epoch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from studio.data import Dataset
from studio.engine import protocol as p
from studio.graph.params import Value
from studio.graph.project import Project
from studio.train.checkpoint import Weights, load_weights, weights_of
from studio.train.controls import Controls
from studio.train.good_states import GoodStates
from studio.train.keeping import Keeping
from studio.train.learner import Learner
from studio.train.ledger import Ledger
from studio.train.load import Gauge
from studio.train.looking import Looking
from studio.train.standing import Standing
from studio.train.stepper import ModuleFor, Stepper
from studio.train.stopwatch import Stopwatch
from studio.train.telling import Telling
from studio.train.watch import Columns, Hit, Watch


@dataclass
class Wishes:
    """What a person made of the run: held, held after one step, or ended."""

    paused: bool = False
    single: bool = False
    stopping: bool = False


class Course:
    """What takes part in a run, put together from its job."""

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

        def fresh(project: Project) -> Stepper:
            return Stepper(project, module_for, dataset, learner, device)

        self.job, self.facts, self.controls, self.device = job, dataset.facts, controls, device
        self.recipe = job.project.recipe
        self.fresh = fresh
        self.stepper = stepper = fresh(job.project)
        self.standing = Standing(learner.score(dataset.facts), self.recipe)
        self.watch = Watch(self.recipe.breakpoints, stepper.network, stepper.nodes)
        self.ledger = Ledger(stepper.learning, stepper.sizes, self._check)
        self.looking = Looking(job, stepper, dataset, self.watch.rate_hz)
        self.clock = Stopwatch()
        self.telling = Telling(job, stepper, self.ledger, self.looking, self.clock, Gauge(device))
        self.telling.add(*self.looking.news())
        self.good = GoodStates(stepper)
        self.keeping = Keeping(job, stepper, self.standing, self._state)
        self.wishes = Wishes()
        self.early = self.keep_due = False
        self._test: dict[str, float] = {}

    def _check(self, first: int, columns: Columns) -> Hit | None:
        return self.watch.steps(first, self.stepper.epoch + 1, columns)

    def _state(self) -> dict[str, Any]:
        """Return what going on exactly needs beside what steps are made of."""
        return {
            "standing": self.standing.state(),
            "figures": self.ledger.state(),
            "seconds": self.clock.elapsed,
            "passed": self.telling.passed,
        }

    @property
    def done(self) -> bool:
        """Whether no step is left to take."""
        stepper, until = self.stepper, self.job.until
        return self.early or stepper.epoch >= self.recipe.epochs or 0 < until <= stepper.step

    def started(self) -> p.Started:
        """Return what the run begins with; its time counts from here."""
        self.clock.restart()
        recipe, facts, stepper = self.recipe, self.facts, self.stepper
        networks = stepper.networks.values()
        learns = [q for net in networks for q in net.parameters() if q.requires_grad]
        return p.Started(
            folder=self.job.folder,
            name=self.job.name,
            device=str(self.device),
            threads=torch.get_num_threads(),
            epochs=recipe.epochs,
            steps_per_epoch=stepper.steps,
            batch_size=stepper.batch_size,
            train_samples=facts.train,
            validation_samples=facts.validation,
            task=facts.task,
            classes=facts.classes,
            nodes=self.looking.nodes,
            parameters=sum(parameter.numel() for parameter in learns),
            time=time.time(),
            learner=recipe.learner,
            score=self.standing.score,
        )

    def summary(self, status: str, message: str = "") -> p.RunSummary:
        """Return how the run stands."""
        return p.RunSummary(
            self.job.folder,
            status,
            self.stepper.epoch,
            self.stepper.step,
            self.clock.elapsed,
            self.standing.last | self._test,
            self.standing.best,
            message or (self.standing.words if self.early else ""),
        )

    def end_epoch(self) -> p.EpochDone:
        """Measure on validation and go on to the next epoch. Call within `with stepper.stream:`.

        Raises: NotFinite, Hit.
        """
        stepper = self.stepper
        self.ledger.read()
        metrics, confusion = self.ledger.end_epoch(), None
        if len(stepper.validation):
            with stepper.answering():
                evaluation = stepper.learning.evaluate(stepper.validation)
            metrics |= {f"val_{name}": value for name, value in evaluation.metrics.items()}
            confusion = evaluation.confusion
        loss = metrics.get("val_loss", metrics["train_loss"])
        self.telling.passed += stepper.feed.used
        resized = stepper.end_epoch(loss)
        if resized:
            self.ledger.resize(stepper.sizes)
            change: dict[str, Value] = {"batch_size": stepper.batch_size}
            self.telling.add(p.ControlApplied("set", stepper.step, change))
        done = p.EpochDone(stepper.epoch, stepper.step, metrics, self.clock.elapsed, confusion)
        self.telling.add(*(p.ProblemFound(done.step, w) for w in self.watch.missing(metrics)), done)
        self.standing.take(done, loss, self.answering)
        self.early = self.standing.out_of_patience
        every = self.recipe.keep_every
        self.keep_due = every > 0 and stepper.epoch % every == 0
        return done

    def answering(self) -> Weights:
        """Return copies of the weights that are measured and kept."""
        with self.stepper.answering():
            return weights_of(self.stepper.networks)

    def measure_test(self) -> None:
        """Measure the best weights on the test split, once, at the very end."""
        stepper = self.stepper
        if not len(stepper.test):
            return
        last = weights_of(stepper.networks)
        best = self.standing.kept
        load_weights(stepper.networks, best.weights if best else self.answering())
        with stepper.stream:
            figures = stepper.learning.evaluate(stepper.test).metrics
        load_weights(stepper.networks, last)
        self._test = {f"test_{name}": value for name, value in figures.items()}

    def hold(self) -> Iterator[p.Event]:
        """Pause, with everything that is to be seen."""
        self.wishes.paused, self.wishes.single = True, False
        yield from self.looking.now()
        yield from self.keeping.save()
        yield p.ControlApplied("paused", self.stepper.step)
