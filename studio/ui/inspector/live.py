"""One layer while it trains: how its activations are spread, and what it tells the optimiser."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QGridLayout, QWidget

from studio.engine.protocol import LayerStat
from studio.session.session import Session
from studio.ui.controls import column, label
from studio.ui.theme import Theme
from studio.ui.views.numbers import percent, short
from studio.ui.views.view import Table, View

WAITING = "Train to see how this layer's activations and gradients develop."


class LiveLayer(QWidget):
    """The newest statistics of a layer, and their course over the run."""

    _NAMES = ("mean", "standard deviation", "zeros", "gradient norm", "dead units", "seen at step")

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._path = ""
        layout = column(self, margins=16, spacing=8)
        self.note = label(theme, WAITING, tone="3", wrap=True)
        layout.addWidget(self.note)
        self.box = QWidget()
        inside = column(self.box, spacing=8)
        inside.addWidget(label(theme, "Activations, probe samples", tone="3", role="caption"))
        self.histogram = Histogram(theme)
        inside.addWidget(self.histogram)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        self.values = {}
        for at, name in enumerate(self._NAMES):
            grid.addWidget(label(theme, name, tone="2"), at, 0)
            self.values[name] = label(theme, weight=500)
            grid.addWidget(self.values[name], at, 1)
        inside.addLayout(grid)
        inside.addWidget(label(theme, "Gradient norm, log scale", tone="3", role="caption"))
        self.gradient = Course(theme)
        inside.addWidget(self.gradient)
        layout.addWidget(self.box)
        layout.addStretch(1)

    def show_layer(self, path: str, name: str) -> None:
        """Follow another layer."""
        self._path = path
        self.histogram.setAccessibleName(f"Histogram of activations of {name}")
        self.gradient.setAccessibleName(f"Gradient norm of {name} over the run")
        self._fill()

    def refresh(self) -> None:
        """Show the newest statistics, if anyone is looking."""
        if self.isVisible():
            self._fill()

    def showEvent(self, event: object) -> None:
        self._fill()

    def _fill(self) -> None:
        history = self._session.history
        stat = history.layers.get(self._path)
        self.box.setVisible(stat is not None)
        self.note.setVisible(stat is None)
        if stat is None:
            self.note.setText(
                "The shown run says nothing about this layer." if history.layers else WAITING
            )
            return
        self._fill_values(stat, history.layer_steps[-1] if history.layer_steps else 0)
        self.histogram.show_stat(stat)
        series = history.layer_series.get(self._path, [])
        steps = history.layer_steps[-len(series) :] if series else []
        self.gradient.show_values(steps, [one.grad for one in series])

    def _fill_values(self, stat: LayerStat, step: int) -> None:
        dead = f"{round(stat.dead * stat.units)} of {stat.units}" if stat.units else "–"
        texts = (
            short(stat.mean),
            short(stat.std),
            percent(stat.zero),
            short(stat.grad) if stat.grad is not None else "no weights",
            dead,
            Theme.number(step),
        )
        for name, text in zip(self._NAMES, texts, strict=True):
            self.values[name].setText(text)


class Histogram(View):
    """Counts in equal bins, with zero marked."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Histogram of activations")
        self._stat: LayerStat | None = None
        self.empty_text = "No activations yet."
        self.setFixedHeight(96)

    def show_stat(self, stat: LayerStat) -> None:
        """Show another histogram."""
        self._stat = stat
        self.update()

    def is_empty(self) -> bool:
        return self._stat is None or not any(self._stat.histogram)

    def table(self) -> Table:
        if self._stat is None:
            return []
        edges = np.linspace(self._stat.low, self._stat.high, len(self._stat.histogram) + 1)
        rows = zip(edges[:-1], edges[1:], self._stat.histogram, strict=True)
        return [("from", "to", "count"), *((float(a), float(b), n) for a, b, n in rows)]

    def draw(self, painter: QPainter) -> None:
        assert self._stat is not None
        stat, counts = self._stat, self._stat.histogram
        area = QRectF(self.rect()).adjusted(1, 4, -1, -18)
        width, most = area.width() / len(counts), max(counts)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for at, count in enumerate(counts):
            height = area.height() * count / most
            bar = QRectF(area.left() + at * width, area.bottom() - height, width - 1, height)
            painter.fillRect(bar, self.theme.color("series.1"))
        painter.setPen(self.theme.color("line.strong"))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        if stat.low < 0 < stat.high:
            x = area.left() + area.width() * -stat.low / (stat.high - stat.low)
            painter.setPen(QPen(self.theme.color("text.3"), 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        painter.setPen(self.theme.color("text.3"))
        below = QRectF(area.left(), area.bottom() + 2, area.width(), 16)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, short(stat.low))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, short(stat.high))


class Course(View):
    """One value over the run on a logarithmic scale."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Gradient norm over the run")
        self._steps = np.zeros(0)
        self._values = np.zeros(0)
        self.empty_text = "This layer has no gradients."
        self.setFixedHeight(80)

    def show_values(self, steps: list[int], values: list[float | None]) -> None:
        """Show another course; moments without a value are left out."""
        pairs = [(s, v) for s, v in zip(steps, values, strict=True) if v is not None and v > 0]
        table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
        self._steps, self._values = table[:, 0], table[:, 1]
        self.update()

    def is_empty(self) -> bool:
        return self._values.size < 2

    def table(self) -> Table:
        rows = zip(self._steps, self._values, strict=True)
        return [("step", "gradient norm"), *((int(s), float(v)) for s, v in rows)]

    def draw(self, painter: QPainter) -> None:
        area = QRectF(self.rect()).adjusted(1, 4, -1, -18)
        logs = np.log10(self._values)
        low, high = float(logs.min()), float(logs.max())
        span = max(high - low, 0.1)
        first, last = self._steps[0], self._steps[-1]
        x = area.left() + area.width() * (self._steps - first) / max(last - first, 1)
        y = area.bottom() - area.height() * (logs - low) / span
        painter.setPen(QPen(self.theme.color("series.2"), 1))
        points = [QPointF(a, b) for a, b in zip(x, y, strict=True)]
        painter.drawPolyline(QPolygonF(points))
        painter.setPen(self.theme.color("text.3"))
        below = QRectF(area.left(), area.bottom() + 2, area.width(), 16)
        lowest, highest = short(10**low), short(10**high)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, f"{lowest} to {highest}")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, f"step {Theme.number(int(last))}")
