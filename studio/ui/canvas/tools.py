"""Gestures as objects: each lives from a press to its release, and leaves one edit or none."""

from __future__ import annotations

import itertools
from typing import Protocol

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainterPath, QPen, QPolygonF

from studio.graph.graph import Link
from studio.ui.canvas.editor import Editor
from studio.ui.canvas.link_item import LinkItem
from studio.ui.canvas.node_paint import outline
from studio.ui.canvas.overlays import overlay_on
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.view import CanvasView

NO_KEYS = Qt.KeyboardModifier.NoModifier


class Gesture(Protocol):
    """One drag; `keys` are those held at the time. `cancel` leaves everything as it was."""

    def move(self, pos: QPointF, keys: Qt.KeyboardModifier = NO_KEYS) -> None: ...
    def release(self, pos: QPointF) -> None: ...
    def cancel(self) -> None: ...


class Pan:
    """The paper follows the hand."""

    def __init__(self, view: CanvasView, at: QPointF) -> None:
        self._view = view
        self._from = at
        view.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)

    def move(self, pos: QPointF, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        step = (pos - self._from) * self._view.scale_now
        self._view.pan(step.x(), step.y())

    def release(self, pos: QPointF) -> None:
        self._view.viewport().unsetCursor()

    def cancel(self) -> None:
        self._view.viewport().unsetCursor()


class BoxSelect:
    """A rubber band; nodes that it touches are selected."""

    def __init__(self, scene: SheetScene, pos: QPointF, keep: tuple[str, ...]) -> None:
        self._scene = scene
        self._from = pos
        self._keep = keep
        self._before = scene.selection
        self._band = overlay_on(scene)
        self._band.setPen(QPen(scene.theme.color("accent"), 0))
        self._band.setBrush(scene.theme.color("accent", 0.12))
        self.moved = False

    def move(self, pos: QPointF, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        self.moved = True
        box = QRectF(self._from, pos).normalized()
        path = QPainterPath()
        path.addRect(box)
        self._band.setPath(path)
        inside = [key for key, item in self._scene.nodes.items() if item.rect.intersects(box)]
        self._scene.select((*self._keep, *inside))

    def release(self, pos: QPointF) -> None:
        self._scene.removeItem(self._band)
        if not self.moved:
            self._scene.select(self._keep)

    def cancel(self) -> None:
        self._scene.removeItem(self._band)
        self._scene.select(self._before)


class Lasso:
    """A line drawn around nodes; those whose middle it encloses are selected."""

    def __init__(self, scene: SheetScene, pos: QPointF, keep: tuple[str, ...]) -> None:
        self._scene = scene
        self._keep = keep
        self._before = scene.selection
        self._points = [pos]
        self._line = overlay_on(scene)
        self._line.setPen(QPen(scene.theme.color("accent"), 0))
        self._line.setBrush(scene.theme.color("accent", 0.12))

    def move(self, pos: QPointF, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        self._points.append(pos)
        ring = QPainterPath()
        ring.addPolygon(QPolygonF(self._points))
        ring.closeSubpath()
        self._line.setPath(ring)
        near = ring.boundingRect()
        inside = [
            key
            for key, item in self._scene.nodes.items()
            if near.contains(item.rect.center()) and ring.contains(item.rect.center())
        ]
        self._scene.select((*self._keep, *inside))

    def release(self, pos: QPointF) -> None:
        self._scene.removeItem(self._line)

    def cancel(self) -> None:
        self._scene.removeItem(self._line)
        self._scene.select(self._before)


class CutWires:
    """A line drawn through wires; release cuts them."""

    def __init__(self, scene: SheetScene, editor: Editor, pos: QPointF) -> None:
        self._scene = scene
        self._editor = editor
        self._path = QPainterPath(pos)
        self._line = overlay_on(scene)
        self._line.setPen(outline(scene.theme.color("error"), 2, dashed=True))

    def move(self, pos: QPointF, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        self._path.lineTo(pos)
        self._line.setPath(self._path)
        cut = self.cut()
        self._scene.select((), cut)

    def cut(self) -> tuple[Link, ...]:
        """Return the wires that the line crosses."""
        found = []
        for item in self._scene.items(self._path.controlPointRect().adjusted(-1, -1, 1, 1)):
            if isinstance(item, LinkItem) and item.route and item.isVisible():
                stroke = [QPointF(x, y) for x, y in item.route.points]
                if _cross(stroke, self._path):
                    found.append(item.link)
        return tuple(found)

    def release(self, pos: QPointF) -> None:
        self._scene.removeItem(self._line)
        cut = self.cut()
        self._scene.select()
        self._editor.disconnect(cut)

    def cancel(self) -> None:
        self._scene.removeItem(self._line)
        self._scene.select()


def _cross(corners: list[QPointF], path: QPainterPath) -> bool:
    drawn = [QPointF(path.elementAt(n).x, path.elementAt(n).y) for n in range(path.elementCount())]
    bounded = QLineF.IntersectionType.BoundedIntersection
    for a, b in itertools.pairwise(corners):
        wire = QLineF(a, b)
        for c, d in itertools.pairwise(drawn):
            if wire.intersects(QLineF(c, d))[0] == bounded:
                return True
    return False
