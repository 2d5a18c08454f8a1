"""What the marks on a live layer mean, below the canvas."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from studio.ui.theme import Theme
from studio.ui.views.pixels import sequential_image
from studio.ui.views.view import View

#: What each mark means.
_WORDS = ("strongest maps", "activations", "gradient norm, log", "needs a look")
_HEIGHT = 26
_MARK = 20.0


class Legend(View):
    """Four marks and their words, in one row."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Legend: " + ", ".join(_WORDS))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFixedHeight(_HEIGHT)

    def draw(self, painter: QPainter) -> None:
        colour = self.theme.color
        painter.fillRect(self.rect(), colour("bg.panel"))
        painter.setPen(QPen(colour("line"), 1))
        painter.drawLine(QPointF(0, 0.5), QPointF(self.width(), 0.5))
        painter.setFont(self.theme.font("caption"))
        metrics = painter.fontMetrics()
        needed = sum(_MARK + 6 + metrics.horizontalAdvance(words) for words in _WORDS)
        gap = min(24.0, max(8.0, (self.width() - 24 - needed) / (len(_WORDS) - 1)))
        left = 12.0
        marks = (self._maps, self._hill, self._bar, self._ring)
        for words, mark in zip(_WORDS, marks, strict=True):
            mark(painter, QRectF(left, 5, _MARK, 16))
            left += _MARK + 6
            width = metrics.horizontalAdvance(words)
            painter.setPen(colour("text.2"))
            box = QRectF(left, 0, width + 2, _HEIGHT)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, words)
            left += width + gap

    def _maps(self, painter: QPainter, box: QRectF) -> None:
        grain = np.abs(np.sin(np.arange(36.0).reshape(6, 6) * 1.7)) * np.linspace(0.3, 1, 6)
        square = QRectF(box.left() + 2, box.top(), 16, 16)
        painter.drawImage(square, sequential_image(self.theme, grain, 0, 1.4))

    def _hill(self, painter: QPainter, box: QRectF) -> None:
        x = np.linspace(-2.2, 2.2, 24)
        step, foot = box.width() / 23, box.bottom() - 1
        hill = [
            QPointF(box.left() + step * k, foot - 13 * float(np.exp(-v * v)))
            for k, v in enumerate(x)
        ]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.theme.color("series.1", 0.7))
        painter.drawPolygon(
            QPolygonF([QPointF(box.left(), foot), *hill, QPointF(box.right(), foot)])
        )

    def _bar(self, painter: QPainter, box: QRectF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.theme.color("series.2"))
        painter.drawRoundedRect(QRectF(box.left() + 2, box.center().y() - 2, 16, 4), 2, 2)

    def _ring(self, painter: QPainter, box: QRectF) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self.theme.color("warn"), 2))
        painter.drawRoundedRect(box.adjusted(1, 2, -1, -2), 4, 4)
