"""Dotted lines between nodes with the same weights, while one of them is selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsPathItem

if TYPE_CHECKING:
    from studio.ui.canvas.scene import SheetScene

_TIE_Z = 9.0
_BEND = 48.0


class Ties:
    """Keeps the lines where the nodes of a scene are."""

    def __init__(self, scene: SheetScene) -> None:
        self._scene = scene
        self.items: dict[tuple[str, str], QGraphicsPathItem] = {}

    def forget(self) -> None:
        """Begin again; the scene has been cleared."""
        self.items = {}

    def follow(self) -> None:
        """Draw the lines of what is selected, where its nodes are now."""
        wanted = self._wanted()
        for pair in self.items.keys() - wanted:
            self._scene.removeItem(self.items.pop(pair))
        for pair in wanted:
            if pair not in self.items:
                item = self.items[pair] = QGraphicsPathItem()
                item.setZValue(_TIE_Z)
                item.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
                self._scene.addItem(item)
            pen = QPen(self._scene.theme.color("accent"), 2, Qt.PenStyle.DotLine)
            self.items[pair].setPen(pen)
            self.items[pair].setPath(self._path(*pair))

    def _wanted(self) -> set[tuple[str, str]]:
        """Return each owner and sharer of which one is selected."""
        scene = self._scene
        chosen = set(scene.selection)
        if not chosen:
            return set()
        return {
            (owner, user)
            for owner, users in scene.sheet.graph.sharers.items()
            for user in users
            if (owner in chosen or user in chosen) and {owner, user} <= scene.nodes.keys()
        }

    def _path(self, owner: str, user: str) -> QPainterPath:
        """Return a line between the sides that face each other, or around the left ones."""
        one, other = self._scene.nodes[owner].rect, self._scene.nodes[user].rect
        if other.left() > one.right():
            start, end = QPointF(one.right(), one.center().y()), other.center()
            end.setX(other.left())
            out, back = _BEND, -_BEND
        elif one.left() > other.right():
            start, end = QPointF(one.left(), one.center().y()), other.center()
            end.setX(other.right())
            out, back = -_BEND, _BEND
        else:
            start, end = one.center(), other.center()
            start.setX(one.left())
            end.setX(other.left())
            out = back = -_BEND
        path = QPainterPath(start)
        path.cubicTo(start + QPointF(out, 0), end + QPointF(back, 0), end)
        return path
