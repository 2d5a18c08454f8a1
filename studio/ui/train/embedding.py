"""How the network sets samples apart: the last layer but one, in a plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from PySide6.QtWidgets import QWidget

from studio.engine import protocol as p
from studio.session.history import History
from studio.session.session import Session
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.views.numbers import percent, short
from studio.ui.views.panel import Panel
from studio.ui.views.redraw import Redraw
from studio.ui.views.scatter import Scatter
from studio.ui.views.tiles import sample_image

#: Pictures of samples that are kept.
_KEPT = 500


class Ticket(Protocol):
    """A question under way."""

    def cancel(self) -> None: ...


class EmbeddingPanel(Panel):
    """Points are samples, coloured by their class; a mistake has a ring. Hover shows the sample.

    A click picks one, to follow it through time. By principal components, or by t-SNE, which the engine
    works out for the moment that is shown.
    """

    def __init__(
        self, session: Session, theme: Theme, redraw: Redraw, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, "Embedding", parent=parent)
        self._session, self._theme, self._redraw = session, theme, redraw
        self.linear = controls.chip(theme, "PCA", checked=True)
        self.linear.setToolTip("Principal components: directions in which samples differ most")
        self.near = controls.chip(theme, "t-SNE")
        self.near.setToolTip("Keeps neighbours together; takes some seconds, beside the training")
        for chip in (self.linear, self.near):
            self.add_to_head(chip)
        self.linear.clicked.connect(self._on_linear)
        self.near.clicked.connect(self._on_near)
        self.view = Scatter(theme, "Samples as the last layer but one sets them apart")
        self.view.empty_text = "The embedding appears with the first moment that is kept."
        self.view.hovered.connect(self._on_hovered)
        self.body.addWidget(self.view, 1)
        self._history = History()
        self._name: Callable[[str], str] = str
        self._shown: p.Embedding | None = None
        self._step = 0
        self._ticket: Ticket | None = None
        #: The plane that t-SNE gave, and the step whose points it is of.
        self._plane: tuple[int, np.ndarray] | None = None
        self._pictures: dict[tuple[str, int], np.ndarray] = {}
        redraw.register(self.view, self._fill)

    def show_history(self, history: History, name: Callable[[str], str]) -> None:
        """Draw another run; `name` words a layer's path."""
        self._history, self._name = history, name
        self._pictures.clear()
        self._plane = None
        self._give_up()
        self._on_linear()
        self.view.choose(-1)

    def mark(self) -> None:
        """Say that an embedding came, or that another moment is shown."""
        self._redraw.mark(self.view)

    # --------------------------------------------------------------------------------------- drawing

    def _fill(self) -> None:
        insight = self._history.shown.insight
        self._shown = insight.embedding if insight is not None else None
        self._step = insight.step if insight is not None else 0
        if self._shown is None:
            if insight is not None:
                self.view.empty_text = (
                    "There is no layer before the last one with weights that tells a row for each "
                    "sample, so there is nothing to lay out."
                )
            self.remark.put("")
            self.view.set_points(np.zeros((0, 2)), np.zeros(0, np.int64), (), ())
            return
        points = self._points(self._shown)
        classes = self._classes()
        kinds = self._shown.targets.astype(np.int64)
        if classes:
            wrong = self._shown.read.astype(np.int64) != kinds
            self.view.set_points(points, kinds, classes, self._words(classes), marked=wrong)
            return
        values = self._shown.targets.astype(np.float64)
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        ramp = (values - low) / max(high - low, 1e-12)
        zeros = np.zeros(len(points), np.int64)
        self.view.set_points(points, zeros, (), self._words(()), ramp=ramp)

    def _points(self, shown: p.Embedding) -> np.ndarray:
        """Return the plane: t-SNE's where it is of this very moment, else the first two components."""
        layer = f"{self._name(shown.node)}, {len(shown.points)} {shown.split} samples"
        if self.near.isChecked():
            if self._plane is not None and self._plane[0] == self._step:
                self.remark.put(f"{layer}, t-SNE of step {Theme.number(self._step)}")
                return self._plane[1]
            if self._ticket is None and self._history.at is not None:
                self._ask(shown)  # looked back at: it stays, so its plane is worth the seconds
            elif self._plane is not None and len(self._plane[1]) == len(shown.points):
                self.remark.put(f"{layer}, t-SNE of step {Theme.number(self._plane[0])}")
                return self._plane[1]
        told = percent(sum(shown.shares[:2]), 0)
        if self._ticket is None:
            self.remark.put(f"{layer}; two directions hold {told} of it")
        points = shown.points.astype(np.float32)
        return points[:, :2] if points.shape[1] > 1 else np.repeat(points, 2, axis=1)

    def _classes(self) -> Sequence[str]:
        started = self._history.started
        single = started is not None and started.task == "classification"
        return started.classes if started is not None and single else ()

    def _words(self, classes: Sequence[str]) -> list[str]:
        assert self._shown is not None
        read, targets = self._shown.read.tolist(), self._shown.targets.tolist()
        started = self._history.started
        if not classes and (started is None or started.task != "regression"):
            return [f"sample {place}" for place in self._shown.samples.tolist()]
        if not classes:
            pairs = zip(read, targets, strict=True)
            return [f"{short(float(r))}\ntrue {short(float(t))}" for r, t in pairs]

        def name(k: float) -> str:
            return classes[int(k)] if 0 <= int(k) < len(classes) else str(int(k))

        return [
            name(t) if int(r) == int(t) else f"{name(t)}\nread as {name(r)}"
            for r, t in zip(read, targets, strict=True)
        ]

    # ----------------------------------------------------------------------------------------- t-SNE

    def _on_linear(self) -> None:
        self.linear.setChecked(True)
        self.near.setChecked(False)
        self._give_up()
        self.mark()

    def _on_near(self) -> None:
        """Ask for t-SNE of what is shown; pressed while it is worked out, give it up."""
        if self._ticket is not None:
            self._on_linear()
            return
        self.linear.setChecked(False)
        self.near.setChecked(True)
        if self._shown is not None:
            self._ask(self._shown)
        self.mark()

    def _ask(self, shown: p.Embedding) -> None:
        step = self._step
        if self._plane is not None and self._plane[0] == step:
            return
        self.near.setText("Cancel")
        self.remark.put("t-SNE is worked out…")

        def came(answer: p.Answer) -> None:
            assert isinstance(answer, p.Embedded)
            self._plane = (step, answer.points)
            self._done()

        def told(event: p.Event) -> None:
            if isinstance(event, p.Working) and self._ticket is not None and event.total:
                self.remark.put(f"t-SNE is worked out, {percent(event.done / event.total, 0)}")

        def refused(answer: p.Refused) -> None:
            self._done()
            if not answer.cancelled:
                self._on_linear()
                self.remark.put(answer.message)

        points = shown.points.astype(np.float32)
        self._ticket = self._session.ask(p.Embed(points), came, refused, told)

    def _done(self) -> None:
        self._ticket = None
        self.near.setText("t-SNE")
        self.mark()

    def _give_up(self) -> None:
        if self._ticket is not None:
            ticket, self._ticket = self._ticket, None
            ticket.cancel()
            self.near.setText("t-SNE")

    # --------------------------------------------------------------------------------------- samples

    def _on_hovered(self, index: int) -> None:
        if index < 0 or self._shown is None:
            self.view.show_card(None)
            return
        key = (self._shown.split, int(self._shown.samples[index]))
        found = self._pictures.get(key)
        if found is not None:
            self.view.show_card(sample_image(self._theme, found))
            return

        def came(answer: p.Answer) -> None:
            assert isinstance(answer, p.SampleSet)
            if len(self._pictures) >= _KEPT:
                self._pictures.clear()
            self._pictures[key] = answer.inputs[0]
            if self.view.looked_at == index:
                self.view.show_card(sample_image(self._theme, answer.inputs[0]))

        request = p.GetSamples(self._session.subject.data, key[0], (key[1],))
        self._session.ask(request, came, lambda refused: None)
