"""What is explained: a run's project, weights of one step, the data, and which sample is chosen."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from PySide6.QtCore import QObject, Signal

from studio.engine import protocol as p
from studio.graph.facts import DataFacts
from studio.graph.graph import BLOCK
from studio.graph.kinds import spec_of
from studio.graph.project import Project
from studio.session.session import Session

SPLIT = "validation"
#: Samples asked for at a time: an answer of this size comes within a frame.
_CHUNK = 64
_KEPT = 4000


class Ticket(Protocol):
    """A question under way."""

    def cancel(self) -> None: ...


class Subject(QObject):
    """Holds one private copy's answers. Asks by callbacks; answers to older questions are dropped.

    `changed` follows every new set of predictions, `sample_changed` every choice of a sample.
    """

    changed = Signal()
    sample_changed = Signal(int)
    sample_arrived = Signal(int)
    working = Signal(int, int)
    refused = Signal(str)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._round = 0
        self._tickets: list[Ticket] = []
        self._samples: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._asked: set[int] = set()
        self._data: object = None
        self.project: Project = session.subject
        self.weights, self.step = "", 0
        self.live = False
        self.facts: DataFacts | None = None
        self.predictions: p.Predictions | None = None
        self.sample = -1
        self.stale = True

    # ------------------------------------------------------------------------------------- questions

    def refresh(self, checkpoint: p.CheckpointSaved | None = None) -> None:
        """Take the newest weights (or one checkpoint's) and read the whole split with them."""
        self._round += 1
        number = self._round
        for ticket in self._tickets:
            ticket.cancel()
        self._tickets.clear()
        self.stale = False
        self.project = self._session.subject
        self.live = checkpoint is None and self._session.training in ("running", "paused")
        if self._data != self.project.data:
            self._data = self.project.data
            self._samples.clear()
            self.facts, self.predictions, self.sample = None, None, -1
        self._asked.clear()
        self.working.emit(0, 0)

        def ready(path: str, step: int) -> None:
            if number == self._round:
                self._ask_all(path, step)

        if checkpoint is not None:
            ready(checkpoint.path, checkpoint.step)
        else:
            self._session.weights(ready, lambda refused: self._on_refused(number, refused))

    def _ask_all(self, path: str, step: int) -> None:
        number = self._round

        def data(answer: p.Answer) -> None:
            if number == self._round and isinstance(answer, p.DataAnswer):
                self.facts = answer.facts
                self._arrive(path, step, None)

        def predicted(answer: p.Answer) -> None:
            if number == self._round and isinstance(answer, p.Predictions):
                self._arrive(path, step, answer)

        def progress(event: p.Event) -> None:
            if number == self._round and isinstance(event, p.Working):
                self.working.emit(event.done, event.total)

        def refused(answer: p.Refused) -> None:
            self._on_refused(number, answer)

        self._coming: p.Predictions | None = None
        if self.facts is None:
            self._ask(p.GetData(self.project.data), data, refused)
        self._ask(p.Predict(self.project, path, SPLIT), predicted, refused, progress)

    def _ask(self, request: p.Request, *callbacks: object) -> None:
        self._tickets.append(self._session.ask(request, *callbacks))  # type: ignore[arg-type]

    def _arrive(self, path: str, step: int, predictions: p.Predictions | None) -> None:
        self._coming = predictions or self._coming
        if self._coming is None or self.facts is None:
            return
        self.predictions, self.weights, self.step = self._coming, path, step
        if self.sample >= self.count:
            self.sample = -1
        self.changed.emit()

    def _on_refused(self, number: int, refused: p.Refused) -> None:
        if number == self._round and not refused.cancelled:
            self.predictions = None
            self.refused.emit(refused.message)

    # --------------------------------------------------------------------------------------- samples

    @property
    def count(self) -> int:
        """How many samples there are."""
        return 0 if self.predictions is None else len(self.predictions.targets)

    @property
    def is_classification(self) -> bool:
        """Whether outputs are probabilities of classes."""
        return self.facts is not None and self.facts.task == "classification"

    def choose(self, index: int) -> None:
        """Make a sample the chosen one; its values are fetched."""
        if index != self.sample and 0 <= index < self.count:
            self.sample = index
            self.fetch((index,))
            self.sample_changed.emit(index)

    def values(self, index: int) -> np.ndarray | None:
        """Return a sample as the network gets it, or None before it was fetched."""
        held = self._samples.get(index)
        return held[0] if held else None

    def fetch(self, indices: tuple[int, ...]) -> None:
        """Get samples; `sample_arrived` follows for each."""
        held = [k for k in indices if k in self._samples]
        for k in held:
            self.sample_arrived.emit(k)
        missing = [k for k in indices if k not in self._samples and k not in self._asked]
        self._asked.update(missing)
        data = self._data
        for start in range(0, len(missing), _CHUNK):
            part = tuple(missing[start : start + _CHUNK])

            def arrived(answer: p.Answer, data: object = data) -> None:
                if data == self._data and isinstance(answer, p.SampleSet):
                    self._keep(answer)

            def refused(answer: p.Refused, part: tuple[int, ...] = part) -> None:
                self._asked.difference_update(part)

            request = p.GetSamples(self.project.data, SPLIT, part)
            self._session.ask(request, arrived, refused)

    def _keep(self, answer: p.SampleSet) -> None:
        for place, index in enumerate(answer.indices):
            self._samples[index] = (answer.inputs[place], answer.targets[place])
            self._asked.discard(index)
        while len(self._samples) > _KEPT:
            self._samples.pop(next(iter(self._samples)))
        for index in answer.indices:
            self.sample_arrived.emit(index)

    # --------------------------------------------------------------------------------------- readings

    def read(self, index: int) -> int:
        """Return the predicted class."""
        assert self.predictions is not None
        return int(np.argmax(self.predictions.outputs[index]))

    def true(self, index: int) -> int:
        """Return the true class."""
        assert self.predictions is not None
        return int(self.predictions.targets[index])

    def class_name(self, k: int) -> str:
        """Return a class's (or output's) name."""
        names: tuple[str, ...] = ()
        if self.facts is not None:
            names = self.facts.classes if self.is_classification else self.facts.target_names
        return names[k] if k < len(names) else str(k)

    def categories(self) -> frozenset[str]:
        """Return the categories of all layers in use, those inside blocks included."""
        found: set[str] = set()
        waiting = [sheet.graph for sheet in self.project.networks.values()]
        seen: set[str] = set()
        while waiting:
            for node in waiting.pop().nodes.values():
                name = node.kind.removeprefix(BLOCK)
                if node.kind.startswith(BLOCK) and name not in seen:
                    seen.add(name)
                    if name in self.project.blocks:
                        waiting.append(self.project.blocks[name].sheet.graph)
                spec = spec_of(node, self._session.catalog.layers)
                if spec is not None:
                    found.add(spec.category)
        return frozenset(found)
