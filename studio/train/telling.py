"""What a run tells: its figures since the last time, then what happened on the way."""

from __future__ import annotations

import time
from collections.abc import Iterator

from msgspec import structs

from studio.engine import protocol as p
from studio.graph.problems import Problem
from studio.train.ledger import Ledger
from studio.train.load import Gauge
from studio.train.looking import Looking
from studio.train.stepper import Stepper
from studio.train.stopwatch import Stopwatch

#: Seconds between two Progress events.
FLUSH_S = 0.25


class Telling:
    """Gathers what is to be told; `passed` counts the samples of the epochs that are over."""

    def __init__(
        self,
        job: p.Job,
        stepper: Stepper,
        ledger: Ledger,
        looking: Looking,
        watch: Stopwatch,
        gauge: Gauge,
    ) -> None:
        self._epochs, self._until = job.project.recipe.epochs, job.until
        self._stepper, self._ledger, self._looking = stepper, ledger, looking
        self._watch, self._gauge = watch, gauge
        self._untold: list[p.Event] = []
        self._samples = 0
        self.passed = 0
        #: Whether figures have been told; the first are told at once, that a person sees it learn.
        self.begun = False

    @property
    def deadline(self) -> float:
        """When figures are to be told next, by `time.perf_counter`."""
        return self._watch.told + (FLUSH_S if self.begun else 0.0)

    def add(self, *events: p.Event) -> None:
        """Take in what happened; it is told after the figures of the steps before it."""
        self._untold += events

    def warn(self, sentence: str) -> None:
        """Take in a warning."""
        self.add(p.ProblemFound(self._stepper.step, Problem(sentence, severity="warning")))

    def drop_looks_after(self, step: int) -> None:
        """Forget what was seen of steps that are gone back over."""
        later = (p.LayerStats, p.Pictures)
        self._untold = [
            each for each in self._untold if not (isinstance(each, later) and each.step > step)
        ]

    def tell(self) -> Iterator[p.Event]:
        """Yield the figures of the steps since the last time, then what happened on the way."""
        now = time.perf_counter()
        stepper, elapsed = self._stepper, self._watch.elapsed
        samples = self.passed + stepper.seen
        left = (self._epochs - stepper.epoch) * stepper.steps - stepper.batch
        if self._until:
            left = min(left, self._until - stepper.step)
        event = self._ledger.progress(
            epoch=min(stepper.epoch + 1, self._epochs),
            seconds=now - self._watch.told,
            samples=samples - self._samples,
            steps_left=max(0, left),
            overhead=self._looking.seconds / max(elapsed, 1e-9),
        )
        if news := stepper.feed.news():
            self.warn(news)
        untold, self._untold = self._untold, []
        if event is not None:
            self.begun = True
            self._watch.tell(now)
            self._samples = samples
            yield structs.replace(event, elapsed_s=self._watch.elapsed, load=self._gauge.read())
        yield from untold

    def begin_at(self, passed: int) -> None:
        """Count samples from where the stepper stands, after `passed` in the epochs before."""
        self.passed = passed
        self._samples = passed + self._stepper.seen

    def undo(self) -> p.ControlApplied:
        """Forget what was told of steps that were gone back over."""
        stepper = self._stepper
        self._ledger.back_to(stepper.step)
        self.begin_at(stepper.epoch * stepper.feed.used)
        return p.ControlApplied("back", stepper.step)
