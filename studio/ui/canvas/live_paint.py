"""What a run does inside a node, painted on its card: feature maps, a histogram, the gradient bar."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen, QPolygonF

from studio.engine.protocol import LayerStat
from studio.ui.canvas.faces import MAP_SIDE, MAPS_ROW, Face
from studio.ui.canvas.previews import along_bar, gradient_share
from studio.ui.theme import Theme
from studio.ui.views.pixels import rgb_image

_MAPS = 8


class LivePainter:
    """Paints previews in one theme, in the node's own coordinates."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme

    def card(self, painter: QPainter, face: Face) -> None:
        """Paint maps, and below them histogram and gradient."""
        top, maps = face.below, face.maps
        if maps is not None:
            self._maps(painter, face, maps)
            top += MAPS_ROW
        else:
            top += 5.0 if face.tight else 2.0
        if face.histogram:
            self.hill(painter, face.histogram, QRectF(14, top, 72, 18))
        if face.gradient is not None:
            left = 98.0 if face.histogram else 14.0
            self._gradient(painter, face.gradient, face.typical, left, top, face.size[0] - 12)

    def hill(self, painter: QPainter, counts: tuple[int, ...], box: QRectF) -> None:
        """Paint a histogram; heights are square roots."""
        heights = np.sqrt(np.asarray(counts, dtype=np.float64))
        tallest = float(heights.max()) or 1.0
        xs = np.linspace(box.left(), box.right(), len(heights))
        ys = box.bottom() - heights / tallest * box.height()
        points = [QPointF(x, y) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]
        area = QPolygonF([QPointF(box.left(), box.bottom()), *points, box.bottomRight()])
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("series.1", 0.65))
        painter.drawPolygon(area)

    def edited(self, painter: QPainter, right: float, base: float) -> float:
        """Paint the badge of what was measured before the graph was edited; return what is left of it."""
        color = self._theme.color
        box = QRectF(right - 18, base - 13.5, 18, 18)
        painter.setPen(QPen(color("warn"), 1))
        painter.setBrush(color("warn.soft"))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        at = QPointF(box.left() + 3, box.top() + 3)
        self._theme.draw_icon(painter, at, "history", "warn", 12, 2.0)
        return right - 24

    def _maps(self, painter: QPainter, face: Face, maps: np.ndarray) -> None:
        picture = self._theme.sequential(maps.astype(np.float32) / 255)
        step = (face.size[0] - 24) / _MAPS
        side = min(step - 2, MAP_SIDE)
        top = face.below + (MAP_SIDE - side) / 2
        for n in range(min(_MAPS, len(picture))):
            painter.drawImage(QRectF(14 + n * step, top, side, side), rgb_image(picture[n]))

    def _gradient(
        self,
        painter: QPainter,
        stat: LayerStat,
        typical: float | None,
        left: float,
        top: float,
        right: float,
    ) -> None:
        """Paint the gradient's norm, and as a bar its share of the weights' norm.

        A tick stands where the middle one of all layers is.
        """
        color = self._theme.color
        assert stat.grad is not None
        small = self._theme.font("caption")
        painter.setFont(small)
        painter.setPen(color("text.2"))
        painter.drawText(QPointF(left, top + 9), "grad")
        text = f"{stat.grad:.3f}" if 0.001 <= stat.grad < 100 else f"{stat.grad:.1e}"
        painter.setPen(color("text.1"))
        room = QFontMetricsF(small).horizontalAdvance(text)
        painter.drawText(QPointF(right - room, top + 9), text)
        share = gradient_share(stat)
        if share is None:  # a run from before weights were measured
            return
        track = QRectF(left, top + 14, right - left, 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("line"))
        painter.drawRoundedRect(track, 2, 2)
        painter.setBrush(color("series.2"))
        filled = QRectF(track)
        filled.setWidth(track.width() * along_bar(share))
        painter.drawRoundedRect(filled, 2, 2)
        if typical is not None:
            x = track.left() + track.width() * along_bar(typical)
            painter.fillRect(QRectF(x - 0.75, track.top() - 2, 1.5, 8), color("text.1"))
