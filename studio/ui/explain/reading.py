"""What the network reads in the chosen sample: the sample large, its bars, one sentence."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from studio.ui import controls
from studio.ui.explain.subject import Subject
from studio.ui.theme import Theme
from studio.ui.views.bars import Bars
from studio.ui.views.numbers import percent, short
from studio.ui.views.tiles import fitted, sample_image
from studio.ui.views.view import Table, View


class LargeSample(View):
    """One sample, each of its values a square."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Chosen sample")
        self._values: np.ndarray | None = None
        self._image: QImage | None = None
        self._names: tuple[str, ...] = ()
        self.setMinimumSize(160, 160)

    def set_values(self, values: np.ndarray | None, names: tuple[str, ...] = ()) -> None:
        """Show a sample, or nothing."""
        self._values, self._names = values, names
        self._image = None if values is None else sample_image(self.theme, values)
        self.update()

    @property
    def image(self) -> QImage | None:
        """The picture shown."""
        return self._image

    def is_empty(self) -> bool:
        return self._image is None

    def table(self) -> Table:
        if self._values is None:
            return []
        values = self._values[0] if self._values.ndim == 3 else self._values
        return [[float(v) for v in row] for row in np.atleast_2d(values)]

    def tip(self, at: QPointF) -> str:
        if self._image is None or self._values is None:
            return ""
        place = fitted(self._image, self._box())
        if not place.contains(at):
            return ""
        values = self._values
        height, width = self._image.height(), self._image.width()
        row = min(int((at.y() - place.top()) / place.height() * height), height - 1)
        column = min(int((at.x() - place.left()) / place.width() * width), width - 1)
        if values.ndim == 1:
            name = self._names[column] if column < len(self._names) else str(column)
            return f"{name}: {float(values[column]):.5g}"
        told = values[..., row, column]
        words = ", ".join(f"{float(v):.4g}" for v in np.ravel(told))
        return f"row {row}, column {column}: {words}"

    def draw(self, painter: QPainter) -> None:
        assert self._image is not None
        box = self._box().adjusted(-0.5, -0.5, 0.5, 0.5)
        painter.setPen(QPen(self.theme.color("line"), 1))
        painter.setBrush(self.theme.color("bg.input"))
        painter.drawRect(box)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(fitted(self._image, self._box()), self._image)

    def _box(self) -> QRectF:
        side = min(self.width(), self.height()) - 2.0
        return QRectF(1, 1, side, side)


class Reading(QWidget):
    """Sample, probabilities and what they say."""

    def __init__(self, theme: Theme, subject: Subject, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._subject = subject
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumHeight(200)
        line = controls.row(self, spacing=20)
        line.setContentsMargins(16, 16, 16, 16)
        self.large = LargeSample(theme)
        self.large.empty_text = "Choose a sample."
        line.addWidget(self.large)
        middle = controls.column(spacing=4)
        self.title = controls.label(theme, "Class probability", weight=600)
        middle.addWidget(self.title)
        self.bars = Bars(theme)
        middle.addWidget(self.bars, 1)
        line.addLayout(middle, 4)
        words = controls.column(spacing=8)
        self.head = controls.label(theme, "", role="heading", weight=600, wrap=True)
        self.lines = controls.label(theme, "", "2", wrap=True)
        self.question = controls.label(theme, "", "2", wrap=True)
        self.warning = controls.label(theme, "", "warn", wrap=True)
        for widget in (self.head, self.lines, self.question, self.warning):
            words.addWidget(widget)
        words.addStretch(1)
        line.addLayout(words, 4)
        subject.sample_changed.connect(lambda index: self._show())
        subject.changed.connect(self._show)
        subject.sample_arrived.connect(self._on_arrived)
        subject.refused.connect(lambda message: self._clear())

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.large.setFixedWidth(max(160, min(self.height() - 32, int(0.42 * self.width()))))

    def set_question(self, sentence: str) -> None:
        """Say what the maps explain."""
        self.question.setText(sentence)

    def _on_arrived(self, index: int) -> None:
        if index == self._subject.sample:
            self._show_sample()

    def _show_sample(self) -> None:
        subject = self._subject
        values = subject.values(subject.sample) if subject.sample >= 0 else None
        names = subject.facts.features if subject.facts is not None else ()
        self.large.set_values(values, names)

    def _clear(self) -> None:
        self.large.set_values(None)
        self.bars.clear()
        for words in (self.head, self.lines, self.question, self.warning):
            words.setText("")

    def _show(self) -> None:
        subject, index = self._subject, self._subject.sample
        if index < 0 or subject.predictions is None:
            self._clear()
            return
        self._show_sample()
        self.warning.setText("" if subject.weights else _UNTRAINED)
        outputs = subject.predictions.outputs[index]
        name = subject.class_name
        if not subject.is_classification:
            self._show_outputs(np.ravel(outputs), np.ravel(subject.predictions.targets[index]))
            return
        read, true = subject.read(index), subject.true(index)
        self.title.setText("Class probability")
        names = [name(k) for k in range(len(outputs))]
        self.bars.set_probabilities(outputs, names, read, true)
        verdict = "and that is right" if read == true else f"truly {name(true)}"
        self.head.setText(f"Reads {name(read)}, {verdict}")
        second = int(np.argsort(outputs)[-2]) if len(outputs) > 1 else read
        said = f"{percent(float(outputs[read]))} sure of {name(read)}"
        if read != true:
            said += f"; {name(true)} gets {percent(float(outputs[true]))}"
        elif second != read:
            said += f"; next is {name(second)} with {percent(float(outputs[second]))}"
        self.lines.setText(f"Sample {Theme.number(index)}: {said}.")

    def _show_outputs(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        subject = self._subject
        self.title.setText("Output")
        names = [
            subject.class_name(k) if len(outputs) > 1 else "output" for k in range(len(outputs))
        ]
        self.bars.set_outputs(outputs, targets, names)
        self.head.setText(f"Says {short(float(outputs[0]))}, truly {short(float(targets[0]))}")
        off = float(outputs[0] - targets[0])
        much = "too much" if off > 0 else "too little"
        where = Theme.number(subject.sample)
        self.lines.setText(f"Sample {where}: {short(abs(off))} {much}.")


_UNTRAINED = (
    "These weights are untrained: the maps show a network that has learnt nothing. "
    "Train it, then look again."
)
