"""What training takes of the device's memory, part by part, as one bar."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from studio.graph.facts import TrainingMemory
from studio.ui.controls import column, label
from studio.ui.inspector.cost import byte_text
from studio.ui.reporting import reported
from studio.ui.theme import Theme


class Part(NamedTuple):
    """A share of the memory: its name, how much, and its colour."""

    name: str
    size: int
    token: str


def parts_of(memory: TrainingMemory) -> tuple[Part, ...]:
    """Return the parts of an estimate, what grows with the batch last."""
    return (
        Part("Weights", memory.weights, "series.1"),
        Part("Gradients", memory.gradients, "series.2"),
        Part("Optimiser", memory.optimizer, "series.4"),
        Part("Data", memory.data, "text.3"),
        Part("Activations", memory.activations, "series.3"),
        Part("Backward step", memory.working, "series.6"),
    )


class MemoryBar(QWidget):
    """Parts beside each other, on the device's memory as ground."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._memory = TrainingMemory()
        self.setFixedHeight(10)
        theme.changed.connect(self.update)

    def show_memory(self, memory: TrainingMemory) -> None:
        """Show an estimate."""
        self._memory = memory
        self.update()

    @reported
    def paintEvent(self, event: QPaintEvent) -> None:
        memory, color = self._memory, self._theme.color
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        whole = QRectF(0, 0, self.width(), self.height())
        painter.setBrush(color("bg.input"))
        painter.drawRoundedRect(whole, 4, 4)
        room = max(memory.available, memory.total, 1)
        at = 0.0
        painter.setClipRect(whole)
        for part in parts_of(memory):
            width = whole.width() * part.size / room
            painter.setBrush(color(part.token))
            painter.drawRect(QRectF(at, 0, width, whole.height()))
            at += width
        if 0 < memory.available < memory.total:
            edge = whole.width() * memory.available / room
            painter.setBrush(color("error"))
            painter.drawRect(QRectF(edge - 1, 0, 2, whole.height()))
        painter.end()


class MemoryView(QWidget):
    """A sentence, the bar, and how large each part is."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        layout = column(self, spacing=6)
        self.sentence = label(theme, tone="2", wrap=True)
        layout.addWidget(self.sentence)
        self.bar = MemoryBar(theme)
        layout.addWidget(self.bar)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(2)
        self.sizes = {}
        for at, part in enumerate(parts_of(TrainingMemory())):
            name = label(theme, part.name, tone="3", role="caption")
            size = self.sizes[part.name] = label(theme, role="caption")
            dot = _Dot(theme, part.token)
            size.setAlignment(Qt.AlignmentFlag.AlignRight)
            for column_at, widget in enumerate((dot, name, size)):
                grid.addWidget(widget, at, column_at)
        grid.setColumnStretch(1, 1)
        layout.addLayout(grid)

    def show_memory(self, memory: TrainingMemory | None, batch: int) -> None:
        """Show an estimate at a batch size, or that there is none yet."""
        self.bar.setVisible(memory is not None)
        if memory is None:
            self.sentence.setText("Not known yet.")
            return
        need = byte_text(memory.total)
        place = "this machine" if memory.device == "cpu" else memory.device
        text = f"About {need} to train at batch {self._theme.number(batch)}"
        if memory.available:
            text += f", of {byte_text(memory.available)} on {place}"
        if 0 < memory.available < memory.total:
            text += ". That does not fit: Problems has a batch size that would"
        self.sentence.setText(text + ".")
        self.bar.show_memory(memory)
        for part in parts_of(memory):
            self.sizes[part.name].setText(byte_text(part.size))
        listed = ", ".join(f"{part.name} {byte_text(part.size)}" for part in parts_of(memory))
        self.bar.setAccessibleName(f"Training memory: {listed}")


class _Dot(QWidget):
    """The colour of a part."""

    def __init__(self, theme: Theme, token: str) -> None:
        super().__init__()
        self._theme, self._token = theme, token
        self.setFixedSize(8, 8)
        theme.changed.connect(self.update)

    @reported
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.color(self._token))
        painter.end()
