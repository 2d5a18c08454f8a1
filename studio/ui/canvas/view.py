"""The window onto the sheet: pan, zoom, what lies under the pointer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPixmap,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QGraphicsView, QWidget

from studio.ui.canvas.overview import BAR, OVERVIEW_SCALE, TITLES_SCALE, Overview
from studio.ui.canvas.scene import SheetScene
from studio.ui.reporting import reported
from studio.ui.theme import Theme

LEAST_ZOOM, MOST_ZOOM = 0.05, 4.0
_GRID = 16
_EXTENT = 200_000.0
_BY_KEY = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)


class Hand(Protocol):
    """What the view hands its pointer and keys to."""

    def pressed(self, event: QMouseEvent, pos: QPointF) -> None: ...
    def moved(self, event: QMouseEvent, pos: QPointF) -> None: ...
    def released(self, event: QMouseEvent, pos: QPointF) -> None: ...
    def double_clicked(self, event: QMouseEvent, pos: QPointF) -> None: ...
    def key(self, event: QKeyEvent) -> bool: ...
    def menu(self, pos: QPointF, at: QPoint) -> None: ...
    def menu_here(self) -> None: ...
    def drag_entered(self, event: QDragEnterEvent) -> bool: ...
    def drag_moved(self, event: QDragMoveEvent, pos: QPointF) -> bool: ...
    def drag_left(self) -> None: ...
    def dropped(self, event: QDropEvent, pos: QPointF) -> bool: ...
    def tip(self, pos: QPointF, at: QPoint) -> None: ...


class CanvasView(QGraphicsView):
    """Shows a scene. Below `OVERVIEW_SCALE` it paints everything itself, in batches."""

    zoomed = Signal(float)
    looked = Signal()
    resized = Signal()
    #: Whether the keyboard came here by a key (then it is shown), or is elsewhere or at the pointer.
    keyboard_came = Signal(bool)

    def __init__(self, scene: SheetScene, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(scene, parent)
        self.sheet_scene = scene
        self.hand: Hand | None = None
        self.overlay: Callable[[QPainter], None] | None = None
        self._theme = theme
        self._overview = Overview(scene, theme)
        self._tile = QPixmap()
        self._tile_scale = 0.0
        #: Whether the whole sheet is in sight because nobody has looked elsewhere since.
        self.fitted = False
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.SmartViewportUpdate)
        self.setRenderHints(QPainter.RenderHint.Antialiasing)
        self.setSceneRect(-_EXTENT, -_EXTENT, 2 * _EXTENT, 2 * _EXTENT)
        self.setAcceptDrops(True)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(140)
        self._settled.timeout.connect(self._on_settled)
        self.dress()

    def dress(self) -> None:
        """Take on the theme's colours."""
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Base, self._theme.color("bg.canvas"))
        self.setPalette(palette)
        self._tile_scale = 0.0
        self.viewport().update()

    # ---------------------------------------------------------------------------------------- zoom

    @property
    def scale_now(self) -> float:
        """The zoom: 1 is one scene pixel to one of the window."""
        return self.transform().m11()

    def set_zoom(self, scale: float, anchor: QPointF | None = None) -> None:
        """Zoom so that the scene point below `anchor` (viewport pixels) stays where it is."""
        scale = min(MOST_ZOOM, max(LEAST_ZOOM, scale))
        anchor = anchor or QPointF(self.viewport().rect().center())
        if abs(scale - self.scale_now) < 1e-6:
            return
        before = self.scene_pos(anchor)
        self.sheet_scene.sprites.sharp = False
        self._settled.start()
        self.setTransform(QTransform.fromScale(scale, scale))
        self._put(before, anchor)
        self.zoomed.emit(scale)

    def look_at(self, rect: QRectF, most: float = 1.0) -> None:
        """Zoom and pan so that a rectangle of the scene fills the window."""
        if rect.isEmpty():
            return
        room = self.viewport().rect()
        rect = rect.adjusted(-24, -32, 24, 32)
        scale = min(room.width() / rect.width(), room.height() / rect.height(), most)
        scale = min(MOST_ZOOM, max(LEAST_ZOOM, scale))
        self.setTransform(QTransform.fromScale(scale, scale))
        self.sheet_scene.sprites.sharp = True
        self._put(rect.center(), QPointF(room.center()))
        self.fitted = True
        self.zoomed.emit(scale)

    def pan(self, dx: float, dy: float) -> None:
        """Move the paper by viewport pixels."""
        across, along = self.horizontalScrollBar(), self.verticalScrollBar()
        self.fitted = False
        across.setValue(round(across.value() - dx))
        along.setValue(round(along.value() - dy))
        self.looked.emit()

    def show_point(self, rect: QRectF) -> None:
        """Pan just so far that a rectangle of the scene is in sight."""
        seen = self.seen().adjusted(24, 24, -24, -24)
        dx = min(0.0, rect.left() - seen.left()) + max(0.0, rect.right() - seen.right())
        dy = min(0.0, rect.top() - seen.top()) + max(0.0, rect.bottom() - seen.bottom())
        if dx or dy:
            self.pan(-dx * self.scale_now, -dy * self.scale_now)

    def seen(self) -> QRectF:
        """Return the rectangle of the scene that is in sight."""
        return self.mapToScene(self.viewport().rect()).boundingRect()

    def scene_pos(self, at: QPointF) -> QPointF:
        """Return the scene point below a point of the viewport."""
        inverse, _ = self.viewportTransform().inverted()
        return inverse.map(at)

    def _put(self, scene: QPointF, at: QPointF) -> None:
        """Scroll so that a scene point lies below a point of the viewport."""
        now = self.viewportTransform().map(scene)
        self.pan(at.x() - now.x(), at.y() - now.y())

    def _on_settled(self) -> None:
        self.sheet_scene.sprites.sharp = True
        self.viewport().update()

    # -------------------------------------------------------------------------------------- painting

    @reported
    def paintEvent(self, event: QPaintEvent) -> None:
        if self.scale_now >= OVERVIEW_SCALE:
            super().paintEvent(event)
            return
        painter = QPainter(self.viewport())
        painter.fillRect(self.viewport().rect(), self._theme.color("bg.canvas"))
        painter.setWorldTransform(self.viewportTransform())
        if self.scale_now >= TITLES_SCALE:
            self._overview.paint(painter, bar=BAR)
            self._overview.write(painter, self.seen())
        else:
            self._overview.paint(painter)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.overlay:
            self.overlay(painter)
        painter.end()

    @reported
    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        scale = self.scale_now
        if scale < 0.5:
            painter.fillRect(QRectF(rect), self._theme.color("bg.canvas"))
            return
        if self._tile_scale != scale:
            self._tile_scale = scale
            dots = (self._theme.color("bg.canvas"), self._theme.color("grid"))
            self._tile = _dots(*dots, scale, self.devicePixelRatioF())
        area = painter.worldTransform().mapRect(QRectF(rect)).toAlignedRect()
        zero = painter.worldTransform().map(QPointF(0, 0))
        side = self._tile.deviceIndependentSize().width()
        shift = QPointF((area.left() - zero.x()) % side, (area.top() - zero.y()) % side)
        painter.save()
        painter.resetTransform()
        painter.drawTiledPixmap(QRectF(area), self._tile, shift)
        painter.restore()

    def redraw(self) -> None:
        """Paint again after something moved in the overview."""
        if self.scale_now < OVERVIEW_SCALE:
            self._overview.forget()
            self.viewport().update()

    # ---------------------------------------------------------------------------------------- events

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom with a wheel, pan with two fingers (Ctrl zooms there), Shift goes sideways."""
        pixels, turn = event.pixelDelta(), event.angleDelta()
        zooms = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        fingers = not pixels.isNull() and event.phase() != Qt.ScrollPhase.NoScrollPhase
        if fingers and not zooms:
            self.pan(pixels.x(), pixels.y())
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier and not zooms:
            self.pan((turn.x() or turn.y()) / 2, 0)
        elif turn.y() or turn.x():
            self.set_zoom(self.scale_now * 1.0015 ** (turn.y() or turn.x()), event.position())
        event.accept()

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent):
            if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
                self.set_zoom(self.scale_now * (1 + event.value()), event.position())
                return True
        elif event.type() == QEvent.Type.ToolTip and self.hand:
            at = event.pos()  # type: ignore[attr-defined]
            self.hand.tip(self.scene_pos(QPointF(at)), event.globalPos())  # type: ignore[attr-defined]
            return True
        return super().viewportEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.keyboard_came.emit(False)
        if self.hand:
            self.hand.pressed(event, self.scene_pos(event.position()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.hand:
            self.hand.moved(event, self.scene_pos(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.hand:
            self.hand.released(event, self.scene_pos(event.position()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.hand:
            self.hand.double_clicked(event, self.scene_pos(event.position()))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.hand and event.reason() == QContextMenuEvent.Reason.Keyboard:
            self.hand.menu_here()
        elif self.hand:
            self.hand.menu(self.scene_pos(QPointF(event.pos())), event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not (self.hand and self.hand.key(event)):
            event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if not (self.hand and self.hand.key(event)):
            event.ignore()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Keep Tab on the canvas, where it adds a layer; F6 leaves."""
        return False

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.keyboard_came.emit(event.reason() in _BY_KEY)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.keyboard_came.emit(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.setAccepted(bool(self.hand and self.hand.drag_entered(event)))

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        hand = self.hand
        event.setAccepted(bool(hand and hand.drag_moved(event, self.scene_pos(event.position()))))

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        if self.hand:
            self.hand.drag_left()

    def dropEvent(self, event: QDropEvent) -> None:
        hand = self.hand
        event.setAccepted(bool(hand and hand.dropped(event, self.scene_pos(event.position()))))


def _dots(ground: QColor, dot: QColor, scale: float, dense: float) -> QPixmap:
    """Return a tile of eight by eight dots for a zoom; its side is a whole number of pixels."""
    side = round(8 * _GRID * scale * dense)
    tile = QPixmap(side, side)
    tile.fill(ground)
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(dot)
    step = side / 8
    for column in range(8):
        for row in range(8):
            middle = QPointF((column + 0.5) * step, (row + 0.5) * step)
            painter.drawEllipse(middle, max(0.75, scale) * dense, max(0.75, scale) * dense)
    painter.end()
    tile.setDevicePixelRatio(dense)
    return tile
