"""What came in: samples to look at, how many, of which shape and class, and what is odd about them."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from studio.engine import protocol as p
from studio.graph.facts import DataFacts
from studio.session import events as e
from studio.session.session import Session
from studio.ui.controls import column, label
from studio.ui.data_samples import SampleGrid
from studio.ui.theme import Theme
from studio.ui.views.numbers import percent, short, size

_SAMPLES = 10
_BARS = 12


class DataReport(QWidget):
    """The engine's answer about the data, or its sentence about what is wrong with it."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        self._shown = ""
        self._wanted = ""
        layout = column(self, spacing=6)
        self.problem = label(theme, tone="error", wrap=True)
        layout.addWidget(self.problem)
        self.samples = SampleGrid(theme)
        layout.addWidget(self.samples)
        self._facts_box = QWidget()
        self._facts = QGridLayout(self._facts_box)
        self._facts.setContentsMargins(0, 0, 0, 0)
        self._facts.setHorizontalSpacing(12)
        self._facts.setVerticalSpacing(4)
        self._facts.setColumnStretch(1, 1)
        layout.addWidget(self._facts_box)
        self.parts = SplitBar(theme)
        layout.addWidget(self.parts)
        self.classes = ClassBars(theme)
        layout.addWidget(self.classes)
        self.notes = label(theme, tone="3", role="caption", wrap=True)
        layout.addWidget(self.notes)
        self.warnings = label(theme, tone="warn", wrap=True)
        layout.addWidget(self.warnings)
        self._show(None)

    def on_event(self, event: e.SessionEvent) -> None:
        """Follow the engine's facts about the data."""
        match event:
            case e.FactsChanged(facts=facts):
                self._show(facts.data)
            case e.DocumentOpened():
                self._show(None)
            case _:
                pass

    def _show(self, data: DataFacts | None) -> None:
        facts = self._session.facts
        sentences = [one.message for one in facts.problems if not one.node] if facts else []
        waiting = "" if facts else "The data is being read."
        self.problem.setText("\n".join(sentences) if data is None and sentences else waiting)
        self.problem.setProperty("tone", "error" if facts else "3")
        self.problem.style().polish(self.problem)
        self.problem.setVisible(data is None)
        for widget in (self.samples, self._facts_box):
            widget.setVisible(data is not None)
        # Every split of a graph is the same graph; how many nodes each knows is among the notes.
        self.parts.setVisible(data is not None and data.form != "graph")
        self.classes.setVisible(data is not None and bool(data.balance))
        self.notes.setVisible(data is not None and bool(data.notes))
        self.warnings.setVisible(data is not None and bool(data.warnings))
        if data is None:
            self._shown = self._wanted = ""
            return
        self._show_facts(data)
        self.parts.show_counts(data.train, data.validation, data.test)
        self.classes.show_classes(data.classes, data.balance)
        self.notes.setText("\n".join(data.notes))
        self.warnings.setText("\n".join(data.warnings))
        if data.fingerprint != self._shown or not data.fingerprint:
            self._ask_samples(data)

    def _show_facts(self, data: DataFacts) -> None:
        while self._facts.count():
            taken = self._facts.takeAt(0)
            widget = taken.widget() if taken else None
            if widget is not None:
                widget.deleteLater()
        outputs = len(data.classes) or int(np.prod(data.target_shape or (1,)))
        low, high = data.value_range
        values = ("values", f"{short(low)} to {short(high)}, {data.sample.dtype}")
        if data.vocabulary:
            values = ("tokens", f"{self._theme.number(len(data.vocabulary))} different")
        lines = [
            ("one sample", "×".join(str(dim) for dim in data.sample.shape)),
            values,
            ("task", f"{data.task}, {outputs} {'classes' if data.classes else 'outputs'}"),
            ("samples", self._theme.number(data.train + data.validation + data.test)),
            ("in memory", size(data.bytes)),
        ]
        if data.features:
            lines.insert(1, ("features", _some(data.features)))
        if data.target_names:
            lines.insert(3, ("predicts", _some(data.target_names)))
        for at, (name, text) in enumerate(lines):
            self._facts.addWidget(label(self._theme, name, tone="3", role="caption"), at, 0)
            self._facts.addWidget(
                label(self._theme, text, tone="1", role="caption", wrap=True), at, 1
            )

    def _ask_samples(self, data: DataFacts) -> None:
        self._wanted = data.fingerprint
        count = min(_SAMPLES, data.validation or data.train)
        split = "validation" if data.validation else "train"
        project = self._session.document.project

        def take(answer: p.Answer) -> None:
            if isinstance(answer, p.SampleSet) and self._wanted == data.fingerprint:
                self._shown = data.fingerprint
                self.samples.show_samples(answer, data)

        request = p.GetSamples(project.data, split, tuple(range(count)))
        # The data may have changed meanwhile; the facts' own problem says what is wrong then.
        self._session.ask(request, take, lambda refused: None)


class SplitBar(QWidget):
    """How many samples train, validate and test, as one bar with its words."""

    _PARTS = (("train", "series.1"), ("validation", "series.2"), ("test", "series.3"))

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._counts = (0, 0, 0)
        self.setFixedHeight(28)
        theme.changed.connect(self.update)

    def show_counts(self, train: int, validation: int, test: int) -> None:
        """Show these counts."""
        self._counts = (train, validation, test)
        self.setAccessibleName(self._words())
        self.setToolTip(self._words())
        self.update()

    def _words(self) -> str:
        pairs = zip(self._PARTS, self._counts, strict=True)
        return " · ".join(f"{self._theme.number(n)} {name}" for (name, _), n in pairs if n)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        total = max(1, sum(self._counts))
        left = 0.0
        for (_, token), count in zip(self._PARTS, self._counts, strict=True):
            width = self.width() * count / total
            painter.fillRect(QRectF(left, 0, max(0.0, width - 1), 6), self._theme.color(token))
            left += width
        painter.setFont(self._theme.font("caption"))
        painter.setPen(self._theme.color("text.2"))
        painter.drawText(
            QRectF(0, 10, self.width(), 16), Qt.AlignmentFlag.AlignVCenter, self._words()
        )
        painter.end()


class ClassBars(QWidget):
    """How many samples each class has."""

    _ROW = 18

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._classes: tuple[str, ...] = ()
        self._balance: tuple[int, ...] = ()
        theme.changed.connect(self.update)

    def show_classes(self, classes: tuple[str, ...], balance: tuple[int, ...]) -> None:
        """Show the first classes with their counts."""
        self._classes, self._balance = classes, balance
        rows = min(len(balance), _BARS) + (len(balance) > _BARS)
        self.setFixedHeight(rows * self._ROW)
        pairs = zip(classes, balance, strict=False)
        self.setToolTip("\n".join(f"{name}: {self._theme.number(n)}" for name, n in pairs)[:600])
        self.setAccessibleName(f"Samples of {len(classes)} classes")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self._theme.font("caption"))
        metrics = painter.fontMetrics()
        most, total = max([1, *self._balance]), max(1, sum(self._balance))
        label_width = 72
        middle = Qt.AlignmentFlag.AlignVCenter
        for at, (name, count) in enumerate(
            list(zip(self._classes, self._balance, strict=False))[:_BARS]
        ):
            top = at * self._ROW
            painter.setPen(self._theme.color("text.2"))
            name = metrics.elidedText(name, Qt.TextElideMode.ElideRight, label_width - 8)
            painter.drawText(QRectF(0, top, label_width, self._ROW), middle, name)
            room = self.width() - label_width - 92
            bar = QRectF(label_width, top + 6, max(1.0, room * count / most), 6)
            painter.fillRect(bar, self._theme.color("series.1"))
            painter.setPen(self._theme.color("text.3"))
            words = f"{self._theme.number(count)} · {percent(count / total)}"
            painter.drawText(
                QRectF(self.width() - 88, top, 88, self._ROW),
                middle | Qt.AlignmentFlag.AlignRight,
                words,
            )
        if len(self._balance) > _BARS:
            painter.setPen(self._theme.color("text.3"))
            area = QRectF(0, _BARS * self._ROW, self.width(), self._ROW)
            painter.drawText(area, middle, f"{len(self._balance) - _BARS} more classes")
        painter.end()


def _some(names: tuple[str, ...], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
