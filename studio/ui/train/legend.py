"""What the marks on a live layer mean, over the canvas's lower left corner."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from studio.ui.theme import Theme
from studio.ui.views.pixels import sequential_image
from studio.ui.views.view import View

_ROWS = (
    "strongest maps, probe image",
    "activations, probe batch",
    "gradient norm, log scale",
    "needs a look",
)


class Legend(View):
    """Four marks and their words; the mouse passes through to the canvas."""

    def __init__(self, theme: Theme, host: QWidget) -> None:
        super().__init__(theme, "Legend: " + ", ".join(_ROWS), host)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.resize(222, 126)
        host.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show) and isinstance(watched, QWidget):
            self.move(16, watched.height() - self.height() - 16)
            self.raise_()
        return False

    def draw(self, painter: QPainter) -> None:
        colour = self.theme.color
        painter.setPen(QPen(colour("line"), 1))
        painter.setBrush(colour("bg.panel", 0.94))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        painter.setFont(self.theme.font("caption", 600))
        painter.setPen(colour("text.2"))
        painter.drawText(QRectF(14, 10, 200, 16), Qt.AlignmentFlag.AlignVCenter, "On each layer")
        painter.setFont(self.theme.font("caption"))
        for k, words in enumerate(_ROWS):
            y = 32 + k * 22
            painter.setPen(colour("text.2"))
            painter.drawText(QRectF(52, y, 166, 16), Qt.AlignmentFlag.AlignVCenter, words)
        grain = np.abs(np.sin(np.arange(36.0).reshape(6, 6) * 1.7)) * np.linspace(0.3, 1, 6)
        painter.drawImage(QRectF(16, 32, 16, 16), sequential_image(self.theme, grain, 0, 1.4))
        x = np.linspace(-2.2, 2.2, 24)
        hill = [QPointF(14 + 20 * k / 23, 70 - 13 * float(np.exp(-v * v))) for k, v in enumerate(x)]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("series.1", 0.7))
        painter.drawPolygon(QPolygonF([QPointF(14, 70), *hill, QPointF(34, 70)]))
        painter.setBrush(colour("series.2"))
        painter.drawRoundedRect(QRectF(16, 83, 14, 3), 1.5, 1.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour("warn"), 2))
        painter.drawRoundedRect(QRectF(14, 101, 20, 11), 4, 4)
