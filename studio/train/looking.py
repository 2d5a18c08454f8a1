"""What is looked at while a run trains: layers, pictures and previews, and the moments kept of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from studio.data import Dataset, Samples
from studio.engine import protocol as p
from studio.engine.runs import MomentWriter
from studio.train.insight import Insights
from studio.train.left_out import LeftOut
from studio.train.previews import Previews
from studio.train.probes import Probes
from studio.train.recording import Recorder
from studio.train.stepper import Stepper

#: How often a second layers and samples are looked at, until somebody wishes otherwise.
RATE_HZ = 4.0
#: What cannot be shown where looking fails.
LAYERS = "Feature maps, predictions and the figures of layers (also for breakpoints)"
PREVIEW = "The learner's preview"


class Looking:
    """Looks at fixed samples, from time to time; nothing that a step depends on is changed by it.

    A look that fails, as an unusual layer or learner may make it, is left out from then on.
    `least_hz` is how often a second layers are looked at for breakpoints, watched by anybody or not.
    """

    def __init__(self, job: p.Job, stepper: Stepper, dataset: Dataset, least_hz: float) -> None:
        facts = dataset.facts
        watched = stepper.validation if facts.validation else stepper.train_part
        self._stepper = stepper
        self._rate_hz = RATE_HZ if job.live else 0.0
        self._left_out = LeftOut()
        self._probes = self._left_out.look(
            LAYERS, lambda: self._make_probes(job, dataset, stepper.shown(watched), least_hz), None
        )
        self._previews = Previews(
            stepper.learning, tuple(stepper.networks.values()), watched, time.perf_counter
        )

    def _make_probes(
        self, job: p.Job, dataset: Dataset, watched: Samples, least_hz: float
    ) -> Probes:
        stepper = self._stepper
        return Probes(
            stepper.network,
            stepper.nodes,
            watched,
            dataset.facts,
            stepper.learning.present,
            max(self._rate_hz, least_hz),
            time.perf_counter,
            next(iter(stepper.inputs.values())),
            self._recorder(job, dataset, watched) if job.live else None,
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
            self._left_out,
        )

    @property
    def nodes(self) -> tuple[str, ...]:
        """The id paths of the nodes that are looked at, in order of execution."""
        return self._probes.nodes if self._probes is not None else ()

    @property
    def seconds(self) -> float:
        """What looking has taken so far."""
        probing = self._probes.seconds if self._probes is not None else 0.0
        return probing + self._previews.seconds

    def wish(self, rate_hz: float, least_hz: float) -> None:
        """Look as often as somebody wishes, and as breakpoints need."""
        self._rate_hz = rate_hz
        self.need(least_hz)

    def need(self, least_hz: float) -> None:
        """Look at least as often as breakpoints need."""
        if self._probes is not None:
            self._probes.watch(max(self._rate_hz, least_hz))

    def due(self, now: float) -> bool:
        """Tell whether to look after the step just taken. Call after every step."""
        return self._probes is not None and self._probes.due(now)

    def news(self) -> list[p.Event]:
        """Return what cannot be shown any more, each once."""
        return self._left_out.news(self._stepper.step)

    def take(self, asked: bool = False) -> list[p.Event]:
        """Look at the step just taken; with `asked`, show and keep all, due or not.

        Raises: OSError, where a moment cannot be written.
        """
        step, probes = self._stepper.step, self._probes
        found: list[p.Event] = []  # the preview first: a moment keeps it too
        found += self._left_out.look(PREVIEW, lambda: self._previews.take(step, asked), [])
        if probes is not None:
            found += self._left_out.look(LAYERS, lambda: probes.take(step, asked), [])
            if LAYERS in self._left_out:
                self._probes = None
        return found + self.news()

    def now(self) -> Iterator[p.Event]:
        """Show the state reached, at a pause, when anybody watches; it is kept as a moment.

        Raises: OSError.
        """
        if self._probes is not None and self._probes.on and self._stepper.step:
            yield from self.take(asked=True)
