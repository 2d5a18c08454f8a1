"""One histogram a moment, overlapping downwards in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from studio.ui.theme import MINUS, Theme
from studio.ui.views.axis import rounds
from studio.ui.views.numbers import short
from studio.ui.views.view import Table, View


class Moment(NamedTuple):
    """Counts in equal bins from `low` to `high`, at a time named by `label`."""

    label: str
    low: float
    high: float
    counts: np.ndarray


class Ridges(View):
    """Histograms over time; all share one horizontal axis, each is scaled to its own peak."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__(theme, name)
        self._moments: tuple[Moment, ...] = ()
        self._chosen: int | None = None
        self.setMinimumSize(180, 120)

    def set_moments(self, moments: Sequence[Moment], chosen: int | None = None) -> None:
        """Show these, the newest last; the `chosen` one stands out."""
        self._moments, self._chosen = tuple(moments), chosen
        self.update()

    @property
    def moments(self) -> tuple[Moment, ...]:
        """What is shown, the newest last."""
        return self._moments

    def is_empty(self) -> bool:
        return not self._moments

    def table(self) -> Table:
        rows: Table = []
        for moment in self._moments:
            edges = np.linspace(moment.low, moment.high, moment.counts.size + 1)
            rows += [
                (moment.label, float(edges[k]), float(edges[k + 1]), int(count))
                for k, count in enumerate(moment.counts)
            ]
        return [("at", "from", "to", "count"), *rows] if rows else []

    def tip(self, at: QPointF) -> str:
        area = self._area()
        if not area.contains(at):
            return ""
        low, high = self._range()
        value = low + (at.x() - area.left()) / area.width() * (high - low)
        moment = self._moments[self._row_at(at.y(), area)]
        return (
            f"{moment.label}: around {short(value)}, of {short(moment.low)} to {short(moment.high)}"
        )

    def draw(self, painter: QPainter) -> None:
        area, (low, high) = self._area(), self._range()
        count = len(self._moments)
        peak = min(max(2.6 * area.height() / count, 18.0), area.height() * 0.4)
        gap = (area.height() - peak) / max(1, count - 1)
        colours = self.theme.sequential(np.linspace(0.35, 0.88, count))
        if self.theme.name == "light":
            colours = self.theme.sequential(np.linspace(0.88, 0.35, count))[::-1]
        labels = max(1, int(np.ceil(16 / max(gap, 1.0))))
        panel = self.theme.color("bg.panel")
        for k, moment in enumerate(self._moments):
            base = area.bottom() - (count - 1 - k) * gap
            colour = QColor(*(int(part) for part in colours[k]))
            chosen = k == self._chosen
            if chosen:
                colour = self.theme.color("accent")
            shape = self._shape(moment, area, low, high, base, peak)
            fill = QColor(colour)
            fill.setAlphaF(0.22)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(panel)
            painter.setOpacity(0.55)
            painter.drawPolygon(shape)
            painter.setOpacity(1.0)
            painter.setBrush(fill)
            painter.drawPolygon(shape)
            painter.setPen(QPen(colour, 2.0 if chosen else 1.2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline(shape)
            regular = k == count - 1 or (k % labels == 0 and k < count - labels)
            if chosen or (regular and (self._chosen is None or abs(k - self._chosen) >= labels)):
                painter.setPen(self.theme.color("text.2" if k == count - 1 or chosen else "text.3"))
                box = QRectF(0, base - 8, area.left() - 8, 16)
                flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                painter.drawText(box, flags, moment.label)
        self._draw_axis(painter, area, low, high)

    def _shape(
        self, moment: Moment, area: QRectF, low: float, high: float, base: float, peak: float
    ) -> QPolygonF:
        size = moment.counts.size
        edges = np.linspace(moment.low, moment.high, size + 1)
        x = area.left() + ((edges[:-1] + edges[1:]) / 2 - low) / (high - low) * area.width()
        # The root keeps a spike at zero (after a ReLU) from flattening all the rest.
        tall = np.sqrt(moment.counts / max(1.0, float(moment.counts.max(initial=0))))
        points = [QPointF(area.left(), base), QPointF(float(x[0]), base)]
        points += [QPointF(float(a), base - float(b) * peak) for a, b in zip(x, tall, strict=True)]
        points += [QPointF(float(x[-1]), base), QPointF(area.right(), base)]
        return QPolygonF(points)

    def _draw_axis(self, painter: QPainter, area: QRectF, low: float, high: float) -> None:
        if low < 0 < high:
            x = area.left() - low / (high - low) * area.width()
            pen = QPen(self.theme.color("warn"), 1, Qt.PenStyle.DotLine)
            painter.setPen(pen)
            painter.drawLine(QLineF(x, area.top(), x, area.bottom()))
        painter.setPen(self.theme.color("text.3"))
        for value in rounds(low, high, 4):
            x = area.left() + (value - low) / (high - low) * area.width()
            text = short(value).replace("-", MINUS)
            box = QRectF(x - 32, area.bottom() + 2, 64, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, text)

    def _row_at(self, y: float, area: QRectF) -> int:
        share = (y - area.top()) / area.height()
        return min(max(int(share * len(self._moments)), 0), len(self._moments) - 1)

    def _range(self) -> tuple[float, float]:
        low = min(moment.low for moment in self._moments)
        high = max(moment.high for moment in self._moments)
        return (low, high) if high > low else (low - 0.5, high + 0.5)

    def _area(self) -> QRectF:
        return QRectF(48, 4, max(40, self.width() - 60), max(24, self.height() - 24))
