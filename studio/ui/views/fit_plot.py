"""Predicted numbers against true ones, or by how much they are off."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPen

from studio.ui.theme import Theme
from studio.ui.views.axis import Scale, polygons
from studio.ui.views.numbers import short
from studio.ui.views.plot_painting import draw_axes
from studio.ui.views.view import Table, View

_LEFT, _FOOT, _TOP, _RIGHT = 52.0, 36.0, 8.0, 14.0
#: Of more samples, every so many are drawn.
_DRAWN = 4000
_NEAR = 7.0


class FitPlot(View):
    """A point a sample; the line is where it should be. A click picks one (`sample_picked`)."""

    sample_picked = Signal(int)

    def __init__(self, theme: Theme, name: str = "Predicted against true") -> None:
        super().__init__(theme, name)
        self._true = self._predicted = np.zeros(0)
        self._samples = np.zeros(0, np.int64)
        self._residuals = False
        self._under = -1
        self.setMinimumSize(160, 110)

    def set_values(self, predicted: np.ndarray, true: np.ndarray) -> None:
        """Show one output of all samples. Shapes: `[n]`, `[n]`."""
        stride = max(1, -(-len(true) // _DRAWN))
        self._samples = np.arange(0, len(true), stride)
        self._true = true[::stride].astype(np.float64)
        self._predicted = predicted[::stride].astype(np.float64)
        self._under = -1
        self.update()

    def set_residuals(self, on: bool) -> None:
        """Show by how much predictions are off instead."""
        self._residuals = on
        self._under = -1
        self.update()

    def is_empty(self) -> bool:
        return not self._true.size

    def table(self) -> Table:
        if self.is_empty():
            return []
        columns = (self._samples, self._true, self._predicted, self._predicted - self._true)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [("sample", "true", "predicted", "off by"), *rows]

    def tip(self, at: QPointF) -> str:
        place = self._nearest(at)
        if place < 0:
            return ""
        predicted, true = float(self._predicted[place]), float(self._true[place])
        return f"Sample {self._samples[place]}: {short(predicted)}, true {short(true)}"

    def draw(self, painter: QPainter) -> None:
        across, up = self._scales()
        area, colour = self._area(), self.theme.color
        draw_axes(painter, self.theme, area, across, up, form_x=short, form_y=short)
        painter.setFont(self.theme.font("caption"))
        painter.setPen(colour("text.3"))
        words = (
            "true value across, error up" if self._residuals else "true value across, predicted up"
        )
        foot = QRectF(area.left(), area.bottom() + 19, area.width(), 14)
        painter.drawText(foot, Qt.AlignmentFlag.AlignHCenter, words)
        painter.setPen(QPen(colour("text.3"), 1, Qt.PenStyle.DashLine))
        ends = np.array([across.low, across.high])
        heights = up.pixels(np.zeros(2) if self._residuals else ends)
        painter.save()
        painter.setClipRect(area)
        painter.drawLine(
            QPointF(area.left(), float(heights[0])), QPointF(across.end, float(heights[1]))
        )
        painter.restore()
        pen = QPen(colour("series.1", 0.75), 4)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        x, y = self._places()
        for polygon in polygons(x, y):
            painter.drawPoints(polygon)
        if self._under >= 0:
            painter.setPen(QPen(colour("text.1"), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QPointF(float(x[self._under]), float(y[self._under])), 4.5, 4.5)

    def _heights(self) -> np.ndarray:
        return self._predicted - self._true if self._residuals else self._predicted

    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        across, up = self._scales()
        return across.pixels(self._true), up.pixels(self._heights())

    def _scales(self) -> tuple[Scale, Scale]:
        area, heights = self._area(), self._heights()
        low, high = _span(self._true)
        if self._residuals:
            most = float(np.abs(heights).max(initial=0.0)) * 1.06 or 1.0
            bottom, top = -most, most
        else:
            bottom, top = _span(heights)
        return (
            Scale(low, high, area.left(), area.right()),
            Scale(bottom, top, area.bottom(), area.top()),
        )

    def _area(self) -> QRectF:
        width, height = self.width() - _LEFT - _RIGHT, self.height() - _TOP - _FOOT
        return QRectF(_LEFT, _TOP, max(40.0, width), max(40.0, height))

    # ---------------------------------------------------------------------------------- interaction

    def _nearest(self, at: QPointF) -> int:
        if self.is_empty():
            return -1
        x, y = self._places()
        away = np.hypot(x - at.x(), y - at.y())
        nearest = int(away.argmin())
        return nearest if away[nearest] <= _NEAR else -1

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._look_at(self._nearest(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._look_at(-1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self._nearest(event.position())
        if place >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.sample_picked.emit(int(self._samples[place]))

    def _look_at(self, place: int) -> None:
        if place != self._under:
            self._under = place
            self.update()


def _span(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    pad = 0.05 * (high - low) or 0.5
    return low - pad, high + pad
