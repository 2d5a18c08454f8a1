"""The whole sheet in a corner, and what of it is in sight."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QTransform
from PySide6.QtWidgets import QWidget

from studio.ui.canvas.overview import Overview
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.view import CanvasView
from studio.ui.reporting import reported
from studio.ui.theme import Theme


class Minimap(QWidget):
    """Press or drag in it to look elsewhere."""

    def __init__(self, scene: SheetScene, view: CanvasView, theme: Theme, host: QWidget) -> None:
        super().__init__(host)
        self._scene = scene
        self._view = view
        self._theme = theme
        self._overview = Overview(scene, theme)
        self.setFixedSize(QSize(177, 109))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip("The whole sheet. Press or drag to look elsewhere.")
        self.setAccessibleName("Minimap")

    @reported
    def paintEvent(self, event: QPaintEvent) -> None:
        color = self._theme.color
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(color("line.strong"), 1))
        painter.setBrush(color("bg.panel"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        fit = self._fit()
        painter.setClipRect(self.rect().adjusted(2, 2, -2, -2))
        painter.setWorldTransform(fit)
        self._overview.paint(painter, wires=False, bar=1e9)
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        seen = fit.mapRect(self._view.seen()).intersected(
            QRectF(self.rect()).adjusted(3, 3, -3, -3)
        )
        painter.setPen(QPen(color("accent"), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(seen, 3, 3)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._look(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._look(event.position())

    def _look(self, at: QPointF) -> None:
        inverse, _ = self._fit().inverted()
        step = self._view.seen().center() - inverse.map(at)
        self._view.pan(step.x() * self._view.scale_now, step.y() * self._view.scale_now)

    def _fit(self) -> QTransform:
        content = self._scene.content()
        room = QRectF(self.rect()).adjusted(9, 8, -9, -8)
        if content.isEmpty():
            return QTransform()
        scale = min(room.width() / content.width(), room.height() / content.height(), 0.2)
        fit = QTransform.fromTranslate(room.center().x(), room.center().y())
        fit.scale(scale, scale)
        return fit.translate(-content.center().x(), -content.center().y())
