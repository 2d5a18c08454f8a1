"""What is looked at while a run trains: layers, pictures and previews, and the moments kept of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from studio.data import Dataset, Samples
from studio.engine import protocol as p
from studio.engine.runs import MomentWriter
from studio.train.insight import Insights
from studio.train.previews import Previews
from studio.train.probes import Probes
from studio.train.recording import Recorder
from studio.train.stepper import Stepper

#: How often a second layers and samples are looked at, until somebody wishes otherwise.
RATE_HZ = 4.0


class Looking:
    """Looks at fixed samples, from time to time; nothing that a step depends on is changed by it.

    `least_hz` is how often a second layers are looked at for breakpoints, watched by anybody or not.
    """

    def __init__(self, job: p.Job, stepper: Stepper, dataset: Dataset, least_hz: float) -> None:
        facts = dataset.facts
        watched = stepper.validation if facts.validation else stepper.train_part
        self._stepper = stepper
        self._rate_hz = RATE_HZ if job.live else 0.0
        self._probes = Probes(
            stepper.network,
            stepper.nodes,
            stepper.shown(watched),
            facts,
            stepper.learning.present,
            max(self._rate_hz, least_hz),
            time.perf_counter,
            next(iter(stepper.inputs.values())),
            self._recorder(job, dataset, stepper.shown(watched)) if job.live else None,
        )
        self._previews = Previews(
            stepper.learning, tuple(stepper.networks.values()), watched, time.perf_counter
        )

    def _recorder(self, job: p.Job, dataset: Dataset, watched: Samples) -> Recorder:
        """Return what keeps moments of the run."""
        stepper, facts = self._stepper, dataset.facts
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
            MomentWriter(Path(job.folder), int(job.moments_mb * 2**20)),
            lambda: self._previews.last,
        )

    @property
    def nodes(self) -> tuple[str, ...]:
        """The id paths of the nodes that are looked at, in order of execution."""
        return self._probes.nodes

    @property
    def seconds(self) -> float:
        """What looking has taken so far."""
        return self._probes.seconds + self._previews.seconds

    def wish(self, rate_hz: float, least_hz: float) -> None:
        """Look as often as somebody wishes, and as breakpoints need."""
        self._rate_hz = rate_hz
        self.need(least_hz)

    def need(self, least_hz: float) -> None:
        """Look at least as often as breakpoints need."""
        self._probes.watch(max(self._rate_hz, least_hz))

    def due(self, now: float) -> bool:
        """Tell whether to look after the step just taken. Call after every step."""
        return self._probes.due(now)

    def take(self) -> list[p.Event]:
        """Look at the step just taken.

        Raises: OSError, where a moment cannot be written.
        """
        step = self._stepper.step
        preview = self._previews.take(step)  # first: a moment keeps it too
        return [*preview, *self._probes.take(step)]

    def now(self) -> Iterator[p.Event]:
        """Show the state reached, at a pause, when anybody watches; it is kept as a moment.

        Raises: OSError.
        """
        step = self._stepper.step
        if self._probes.on and step:
            yield from self._previews.take(step, now=True)
            yield from self._probes.take(step, record=True)
