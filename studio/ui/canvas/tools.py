"""Gestures as objects: each lives from a press to its release, and leaves one edit or none."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsPathItem

from studio.graph.connect import check_connect, first_input, reached
from studio.graph.geometry import snap
from studio.graph.graph import End, Graph, Link
from studio.ui.canvas.editor import Editor
from studio.ui.canvas.link_item import LinkItem
from studio.ui.canvas.node_paint import outline
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.view import CanvasView

#: What gestures show lies above this.
OVERLAY_Z = 50.0


class Gesture(Protocol):
    """One drag. `cancel` leaves everything as it was."""

    def move(self, pos: QPointF) -> None: ...
    def release(self, pos: QPointF) -> None: ...
    def cancel(self) -> None: ...


class Pan:
    """The paper follows the hand."""

    def __init__(self, view: CanvasView, at: QPointF) -> None:
        self._view = view
        self._from = at
        view.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)

    def move(self, pos: QPointF) -> None:
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

    def move(self, pos: QPointF) -> None:
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


class MoveNodes:
    """What is selected follows the hand in steps of 4 px; release makes one edit."""

    def __init__(self, scene: SheetScene, editor: Editor, pos: QPointF, grabbed: str) -> None:
        self._scene = scene
        self._editor = editor
        self._from = pos
        self._ids = scene.selection
        self._step = QPointF()
        at = scene.nodes[grabbed].pos()
        self._origin = at

    def move(self, pos: QPointF) -> None:
        to = self._origin + pos - self._from
        self._step = QPointF(snap(to.x()), snap(to.y())) - self._origin
        if self._step.manhattanLength() or self._scene.nodes:
            self._scene.preview({key: self._step for key in self._ids if key in self._scene.nodes})

    def release(self, pos: QPointF) -> None:
        step, self._step = self._step, QPointF()
        if step.manhattanLength():
            self._editor.move(step.x(), step.y(), ids=self._ids)
        self._scene.preview({})

    def cancel(self) -> None:
        self._scene.preview({})


class MoveNote:
    """A note follows the hand."""

    def __init__(self, scene: SheetScene, editor: Editor, pos: QPointF, key: str) -> None:
        self._scene = scene
        self._editor = editor
        self._offset = scene.notes[key].pos() - pos
        self._key = key

    def move(self, pos: QPointF) -> None:
        to = pos + self._offset
        self._scene.notes[self._key].setPos(snap(to.x()), snap(to.y()))

    def release(self, pos: QPointF) -> None:
        item = self._scene.notes[self._key]
        self._editor.set_note(self._key, replace(item.note, x=item.pos().x(), y=item.pos().y()))

    def cancel(self) -> None:
        item = self._scene.notes[self._key]
        item.setPos(item.note.x, item.note.y)


class DragWire:
    """A wire from a port to wherever the hand is. In the void, `offer` is asked what to put there.

    `moving` is a wire whose end was picked up: released in the void, it is gone.
    """

    def __init__(
        self,
        scene: SheetScene,
        editor: Editor,
        end: End,
        gives: bool,
        offer: Callable[[End, bool, QPointF], None],
        moving: Link | None = None,
    ) -> None:
        self._scene = scene
        self._editor = editor
        self._end = end
        self._gives = gives
        self._offer = offer
        self._moving = moving
        self._start = scene.port_pos(end, gives)
        self._far = False
        self._ghost = overlay_on(scene)
        self._ghost.setPen(outline(scene.theme.color("accent"), 2, dashed=True))
        if moving is not None:
            scene.links[moving].setVisible(False)
            self._label(False)
        scene.fade_ports(self._able(), gives)

    def move(self, pos: QPointF) -> None:
        if QLineF(pos, self._start).length() > 12:
            self._far = True
        link = self._link_to(pos)
        goal = pos
        if link is not None:
            other = link.target if self._gives else link.source
            goal = self._scene.port_pos(other, not self._gives)
        first, last = (self._start, goal) if self._gives else (goal, self._start)
        bend = max(20.0, min(80.0, abs(last.y() - first.y()) / 2))
        path = QPainterPath(first)
        path.cubicTo(first + QPointF(0, bend), last - QPointF(0, bend), last)
        path.addEllipse(goal, 5, 5)
        self._ghost.setPath(path)

    def release(self, pos: QPointF) -> None:
        self._clean()
        link = self._link_to(pos, checked=False)
        if link is not None and self._moving is not None:
            self._editor.reconnect(self._moving, link)
        elif link is not None:
            self._editor.connect(link)
        elif self._moving is not None and self._far:
            self._editor.reconnect(self._moving, None)
        elif self._far:
            self._offer(self._end, self._gives, pos)

    def cancel(self) -> None:
        self._clean()

    def _clean(self) -> None:
        self._scene.removeItem(self._ghost)
        self._scene.fade_ports(None, self._gives)
        if self._moving in self._scene.links:
            self._scene.links[self._moving].setVisible(True)
            self._label(True)

    def _label(self, shown: bool) -> None:
        assert self._moving is not None
        label = self._scene.links[self._moving].label
        if label:
            label.setVisible(shown)

    def _graph(self) -> Graph:
        graph = self._scene.sheet.graph
        if self._moving is None:
            return graph
        return replace(graph, links=tuple(x for x in graph.links if x != self._moving))

    def _able(self) -> list[End]:
        """Return the ports that this wire may go to: one walk for cycles, then types."""
        graph, specs = self._graph(), self._editor.specs
        able = []
        behind = reached(graph, self._end.node, forwards=not self._gives)
        for key, item in self._scene.nodes.items():
            if key in behind:
                continue
            for spot in item.face.inputs if self._gives else item.face.outputs:
                end = End(key, spot.port)
                link = Link(self._end, end) if self._gives else Link(end, self._end)
                if not check_connect(graph, specs, link, walked=True):
                    able.append(end)
        return able

    def _link_to(self, pos: QPointF, checked: bool = True) -> Link | None:
        """Return the wire to what is under the hand: a port, else a node's best port."""
        graph, specs = self._graph(), self._editor.specs
        found = self._scene.port_at(pos, 14.0)
        if found and found[1] != self._gives and found[0].node != self._end.node:
            link = Link(self._end, found[0]) if self._gives else Link(found[0], self._end)
            return None if checked and check_connect(graph, specs, link) else link
        node = self._scene.node_at(pos)
        if node is None or node.node.id == self._end.node:
            return None
        if self._gives:
            return first_input(graph, specs, self._end, node.node.id) or (
                None
                if checked or not node.face.inputs
                else Link(self._end, End(node.node.id, node.face.inputs[0].port))
            )
        for spot in node.face.outputs:
            link = Link(End(node.node.id, spot.port), self._end)
            if not checked or not check_connect(graph, specs, link):
                return link
        return None


class CutWires:
    """A line drawn through wires; release cuts them."""

    def __init__(self, scene: SheetScene, editor: Editor, pos: QPointF) -> None:
        self._scene = scene
        self._editor = editor
        self._path = QPainterPath(pos)
        self._line = overlay_on(scene)
        self._line.setPen(outline(scene.theme.color("error"), 2, dashed=True))

    def move(self, pos: QPointF) -> None:
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


def overlay_on(scene: SheetScene) -> QGraphicsPathItem:
    item = QGraphicsPathItem()
    item.setZValue(OVERLAY_Z)
    scene.addItem(item)
    return item


def _cross(corners: list[QPointF], path: QPainterPath) -> bool:
    drawn = [QPointF(path.elementAt(n).x, path.elementAt(n).y) for n in range(path.elementCount())]
    bounded = QLineF.IntersectionType.BoundedIntersection
    for a, b in itertools.pairwise(corners):
        wire = QLineF(a, b)
        for c, d in itertools.pairwise(drawn):
            if wire.intersects(QLineF(c, d))[0] == bounded:
                return True
    return False
