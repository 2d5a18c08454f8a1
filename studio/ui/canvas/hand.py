"""What pointer and keys mean on the canvas: which gesture begins, where the selection walks."""

from __future__ import annotations

import html
from typing import Protocol

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
)
from PySide6.QtWidgets import QGraphicsPathItem, QToolTip

from studio.graph.connect import first_input
from studio.graph.geometry import SNAP
from studio.graph.graph import End, Link
from studio.ui.canvas.editor import Editor
from studio.ui.canvas.link_item import LinkItem
from studio.ui.canvas.node_item import NodeItem
from studio.ui.canvas.node_paint import outline
from studio.ui.canvas.overview import OVERVIEW_SCALE
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.tools import (
    BoxSelect,
    CutWires,
    DragWire,
    Gesture,
    MoveNodes,
    MoveNote,
    Pan,
)
from studio.ui.canvas.view import CanvasView
from studio.ui.canvas.words import node_words, wire_words

KIND_MIME = "application/x-neuroloom-kind"

_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class Desk(Protocol):
    """What the hand asks of the canvas around it."""

    def search(self, at: QPointF, after: End | None = None, before: End | None = None) -> None: ...
    def search_here(self) -> None: ...
    def open_node(self, node: str) -> None: ...
    def rename_node(self, node: str) -> None: ...
    def rename_frame(self, key: str) -> None: ...
    def edit_note(self, key: str) -> None: ...
    def repair(self, node: str, index: int) -> None: ...
    def show_menu(self, pos: QPointF, at: QPoint) -> None: ...
    def is_architecture(self, kind: str) -> bool: ...
    def draw_architecture(self, kind: str) -> None: ...
    def leave(self) -> bool: ...


class PointerHand:
    """Turns events into gestures, walks and edits. Holds at most one gesture at a time."""

    def __init__(self, scene: SheetScene, view: CanvasView, editor: Editor, desk: Desk) -> None:
        self._scene = scene
        self._view = view
        self._editor = editor
        self._desk = desk
        self.gesture: Gesture | None = None
        self._space = False
        self._pressed_repair: tuple[str, int] | None = None
        self._toggled: tuple[str, ...] | None = None
        self._from = QPointF()
        self._moves = 0
        self._candidate = ""
        self._ghost: QGraphicsPathItem | None = None

    # -------------------------------------------------------------------------------------- pointer

    def pressed(self, event: QMouseEvent, pos: QPointF) -> None:
        if self.gesture is not None:
            self.cancel()
        self.stop_connecting()
        self._from = pos
        button, keys = event.button(), event.modifiers()
        if button == Qt.MouseButton.MiddleButton or (
            button == Qt.MouseButton.LeftButton and self._space
        ):
            self.gesture = Pan(self._view, pos)
        elif button == Qt.MouseButton.LeftButton:
            self._press_left(pos, keys)
        elif button == Qt.MouseButton.RightButton:
            self._choose_at(pos)

    def _press_left(self, pos: QPointF, keys: Qt.KeyboardModifier) -> None:
        scene = self._scene
        adds = bool(
            keys & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier)
        )
        far = self._view.scale_now < OVERVIEW_SCALE
        item = scene.node_at(pos)
        if item is not None:
            index = item.repair_at(pos)
            if index is not None and not far:
                self._pressed_repair = (item.node.id, index)
                return
        port = None if far else scene.port_at(pos)
        if port is not None and not adds:
            self._press_port(*port)
        elif item is not None:
            self._press_node(item.node.id, adds, pos)
        else:
            self._press_paper(pos, keys, adds)

    def _press_port(self, end: End, gives: bool) -> None:
        scene = self._scene
        laid = () if gives else scene.sheet.graph.into(end.node, end.port)
        if laid and len(laid) == 1:
            self.gesture = DragWire(
                scene, self._editor, laid[0].source, True, self._offer, moving=laid[0]
            )
        else:
            self.gesture = DragWire(scene, self._editor, end, gives, self._offer)

    def _press_node(self, node: str, adds: bool, pos: QPointF) -> None:
        scene = self._scene
        chosen = scene.selection
        if adds:
            rest = tuple(key for key in chosen if key != node)
            scene.select(rest if node in chosen else (*chosen, node))
            return
        if node not in chosen:
            scene.select((node,))
        else:
            self._toggled = (node,)
        self.gesture = MoveNodes(scene, self._editor, pos, node)

    def _press_paper(self, pos: QPointF, keys: Qt.KeyboardModifier, adds: bool) -> None:
        scene = self._scene
        note, frame, link = scene.note_at(pos), scene.frame_at(pos), scene.link_at(pos)
        if keys & Qt.KeyboardModifier.ControlModifier:
            self.gesture = CutWires(scene, self._editor, pos)
        elif note is not None:
            scene.select(note=note.key)
            self.gesture = MoveNote(scene, self._editor, pos, note.key)
        elif link is not None:
            scene.select(links=(link.link,))
        elif frame is not None:
            inside = scene.sheet.frames[frame.key].nodes
            scene.select(inside)
            if scene.selection:
                self.gesture = MoveNodes(scene, self._editor, pos, scene.selection[0])
        else:
            self.gesture = BoxSelect(scene, pos, scene.selection if adds else ())

    def _offer(self, end: End, gives: bool, pos: QPointF) -> None:
        self._desk.search(pos, after=end if gives else None, before=None if gives else end)

    def moved(self, event: QMouseEvent, pos: QPointF) -> None:
        if self.gesture is not None:
            far = ((pos - self._from) * self._view.scale_now).manhattanLength()
            if self._moves or far > 3 or isinstance(self.gesture, Pan):
                self._moves += 1
                self.gesture.move(pos)
                self._view.redraw()
            return
        self._hover(pos)

    def _hover(self, pos: QPointF) -> None:
        scene, viewport = self._scene, self._view.viewport()
        if self._view.scale_now < OVERVIEW_SCALE:
            return
        item = scene.node_at(pos)
        port = scene.port_at(pos)
        link = None if item or port else scene.link_at(pos)
        scene.hover(link.link if link else None)
        if self._space:
            viewport.setCursor(Qt.CursorShape.OpenHandCursor)
        elif port is not None:
            viewport.setCursor(Qt.CursorShape.CrossCursor)
        elif item is not None and item.repair_at(pos) is not None:
            viewport.setCursor(Qt.CursorShape.PointingHandCursor)
        else:
            viewport.unsetCursor()

    def released(self, event: QMouseEvent, pos: QPointF) -> None:
        if self._pressed_repair is not None:
            node, index = self._pressed_repair
            self._pressed_repair = None
            item = self._scene.nodes.get(node)
            if item is not None and item.repair_at(pos) == index:
                self._desk.repair(node, index)
            return
        gesture, self.gesture = self.gesture, None
        clicked = self._toggled is not None and not self._moves
        self._moves = 0
        if gesture is not None:
            gesture.release(pos)
            self._view.redraw()
        if clicked and self._toggled is not None:
            self._scene.select(self._toggled)
        self._toggled = None

    def double_clicked(self, event: QMouseEvent, pos: QPointF) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        scene = self._scene
        item, note, frame = scene.node_at(pos), scene.note_at(pos), scene.frame_at(pos)
        if item is not None:
            self._desk.open_node(item.node.id)
        elif note is not None:
            self._desk.edit_note(note.key)
        elif frame is not None:
            self._desk.rename_frame(frame.key)
        elif scene.link_at(pos) is None:
            self._desk.search(pos)

    def menu(self, pos: QPointF, at: QPoint) -> None:
        self._choose_at(pos)
        self._desk.show_menu(pos, at)

    def _choose_at(self, pos: QPointF) -> None:
        """Select what is below the pointer, unless it is selected already."""
        scene = self._scene
        item, link, note = scene.node_at(pos), scene.link_at(pos), scene.note_at(pos)
        if item is not None:
            if item.node.id not in scene.selection:
                scene.select((item.node.id,))
        elif note is not None:
            scene.select(note=note.key)
        elif link is not None and link.link not in scene.selected_links:
            scene.select(links=(link.link,))

    def cancel(self) -> None:
        """Leave everything as it was before the gesture."""
        gesture, self.gesture = self.gesture, None
        self._moves = 0
        self._toggled = self._pressed_repair = None
        if gesture is not None:
            gesture.cancel()
            self._view.redraw()

    def tip(self, pos: QPointF, at: QPoint) -> None:
        scene = self._scene
        text = ""
        item, port = scene.node_at(pos), scene.port_at(pos)
        if port is not None:
            end, gives = port
            name = scene.sheet.graph.nodes[end.node].name
            spot = scene.nodes[end.node].spot(end.port, gives)
            kind = spot.type if spot else "any"
            text = f"{'Output' if gives else 'Input'} {end.port} of {name} ({kind})"
        elif item is not None and (index := item.repair_at(pos)) is not None:
            title, result = item.face.repairs[index]
            text = f"{title}: then the shape here is {result}" if result else title
        elif item is not None:
            text = node_words(item, scene)
        else:
            link = scene.link_at(pos)
            text = wire_words(link.link, scene) if link else ""
        plain = html.escape(text).replace("\n", "<br>")
        QToolTip.showText(at, f"<qt>{plain}</qt>" if text else "", self._view.viewport())

    # ----------------------------------------------------------------------------------------- keys

    def key(self, event: QKeyEvent) -> bool:
        """Handle a key that no action has; tells whether it was one of the canvas'."""
        down = event.type() == QEvent.Type.KeyPress
        key, keys = event.key(), event.modifiers()
        if key == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = down
            shape = Qt.CursorShape.OpenHandCursor
            self._view.viewport().setCursor(shape) if down else self._view.viewport().unsetCursor()
            return True
        if not down:
            return False
        plain = not keys & ~Qt.KeyboardModifier.KeypadModifier
        if key == Qt.Key.Key_Escape:
            return self._escape()
        if key in _ARROWS and keys & Qt.KeyboardModifier.AltModifier:
            dx, dy = _ARROWS[Qt.Key(key)]
            reach = SNAP * (4 if keys & Qt.KeyboardModifier.ShiftModifier else 1)
            self._editor.move(dx * reach, dy * reach, gesture="keys")
            return True
        if key in _ARROWS and plain:
            self._walk(*_ARROWS[Qt.Key(key)])
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and plain:
            return self._enter()
        if key in (Qt.Key.Key_Tab,) and plain:
            self._desk.search_here()
            return True
        return False

    def _escape(self) -> bool:
        if self.gesture is not None:
            self.cancel()
        elif self._candidate:
            self.stop_connecting()
        elif self._scene.selection or self._scene.selected_links or self._scene.selected_note:
            self._scene.select()
        else:
            return self._desk.leave()
        return True

    def _enter(self) -> bool:
        chosen = self._scene.selection
        if self._candidate and len(chosen) == 1:
            source = self._source()
            goal, graph = self._candidate, self._scene.sheet.graph
            self.stop_connecting()
            if source is not None:
                link = first_input(graph, self._editor.specs, source, goal)
                inputs = self._scene.nodes[goal].face.inputs
                if link is None and inputs:
                    link = Link(source, End(goal, inputs[0].port))
                if link is not None:
                    self._editor.connect(link)
            return True
        if len(chosen) == 1:
            self._desk.open_node(chosen[0])
            return True
        return False

    def start_connecting(self) -> None:
        """Begin a wire at the selected node; arrows choose the other end, Enter lays it."""
        source = self._source()
        if source is None:
            return
        below = [key for key in self._scene.nodes if key != source.node]
        if below:
            here = self._scene.nodes[source.node].rect.center()
            near = min(below, key=lambda key: _distance(here, self._scene.nodes[key]))
            self._aim(near)

    def stop_connecting(self) -> None:
        """End it without a wire."""
        self._candidate = ""
        if self._ghost is not None:
            self._scene.removeItem(self._ghost)
            self._ghost = None

    def _source(self) -> End | None:
        chosen = self._scene.selection
        if len(chosen) != 1 or chosen[0] not in self._scene.nodes:
            return None
        outputs = self._scene.nodes[chosen[0]].face.outputs
        return End(chosen[0], outputs[0].port) if outputs else None

    def _aim(self, goal: str) -> None:
        source = self._source()
        if source is None:
            return
        if self._ghost is None:
            self._ghost = QGraphicsPathItem()
            self._ghost.setZValue(50)
            self._ghost.setPen(outline(self._scene.theme.color("accent"), 2, dashed=True))
            self._scene.addItem(self._ghost)
        self._candidate = goal
        item = self._scene.nodes[goal]
        start, box = self._scene.port_pos(source, True), item.rect
        path = QPainterPath(start)
        end = QPointF(box.center().x(), box.top())
        path.cubicTo(start + QPointF(0, 40), end - QPointF(0, 40), end)
        path.addRoundedRect(box.adjusted(-3, -3, 3, 3), 11, 11)
        self._ghost.setPath(path)
        self._view.show_point(box)

    def _walk(self, dx: int, dy: int) -> None:
        """Go along a wire (up and down), else to the nearest node that way."""
        scene = self._scene
        if self._candidate:
            goal = self._nearest(self._candidate, dx, dy, {scene.selection[0]})
            if goal:
                self._aim(goal)
            return
        if not scene.selection:
            first = min(
                scene.nodes.values(), key=lambda one: (one.pos().y(), one.pos().x()), default=None
            )
            goal = first.node.id if first else ""
        else:
            here = scene.selection[-1]
            goal = self._along(here, dy) if dy else ""
            goal = goal or self._nearest(here, dx, dy, set())
        if goal:
            scene.select((goal,))
            self._view.show_point(scene.nodes[goal].rect)

    def _along(self, here: str, dy: int) -> str:
        graph = self._scene.sheet.graph
        links = graph.outgoing.get(here, ()) if dy > 0 else graph.incoming.get(here, ())
        if not links:
            return ""
        return links[0].target.node if dy > 0 else links[0].source.node

    def _nearest(self, here: str, dx: int, dy: int, but: set[str]) -> str:
        center = self._scene.nodes[here].rect.center()
        best, least = "", float("inf")
        for key, item in self._scene.nodes.items():
            step = item.rect.center() - center
            along = step.x() * dx + step.y() * dy
            aside = abs(step.x() * dy) + abs(step.y() * dx)
            if key == here or key in but or along < 8:
                continue
            if along + 2 * aside < least:
                best, least = key, along + 2 * aside
        return best

    # --------------------------------------------------------------------------------- drag and drop

    def drag_entered(self, event: QDragEnterEvent) -> bool:
        return event.mimeData().hasFormat(KIND_MIME)

    def drag_moved(self, event: QDragMoveEvent, pos: QPointF) -> bool:
        if not event.mimeData().hasFormat(KIND_MIME):
            return False
        link = self._wire_for(_kind(event), pos)
        self._scene.hover(link.link if link else None)
        return True

    def drag_left(self) -> None:
        self._scene.hover(None)

    def dropped(self, event: QDropEvent, pos: QPointF) -> bool:
        if not event.mimeData().hasFormat(KIND_MIME):
            return False
        kind = _kind(event)
        self._scene.hover(None)
        # What the drop leads to may open a dialog: the drag must be over by then.
        QTimer.singleShot(0, self._view, lambda: self.drop(kind, pos))
        event.acceptProposedAction()
        return True

    def drop(self, kind: str, pos: QPointF) -> None:
        """Put what was dragged at a point of the scene, or into the wire there."""
        if self._desk.is_architecture(kind):
            self._desk.draw_architecture(kind)
            return
        link = self._wire_for(kind, pos)
        if link is not None:
            added = self._editor.splice(kind, link.link)
        else:
            size = self._editor.size_of(kind)
            corner = QPointF(pos.x() - size[0] / 2, pos.y() - size[1] / 2)
            added = self._editor.add(kind, self._scene.place_at(corner, size))
        if added:
            self._scene.select((added,))
            self._view.setFocus()

    def _wire_for(self, kind: str, pos: QPointF) -> LinkItem | None:
        spec = self._editor.specs.get(kind)
        if spec is None or not spec.inputs or not spec.outputs or self._scene.node_at(pos):
            return None
        return self._scene.link_at(pos, 14.0)

    def overlay(self, painter: QPainter) -> None:
        """Paint what a gesture shows over the overview."""
        for item in self._scene.items():
            if isinstance(item, QGraphicsPathItem) and item.zValue() >= 50:
                painter.setPen(item.pen())
                painter.setBrush(item.brush())
                painter.drawPath(item.path())


def _kind(event: QDropEvent) -> str:
    return bytes(event.mimeData().data(KIND_MIME).data()).decode("utf-8", "replace")


def _distance(here: QPointF, item: NodeItem) -> float:
    step = item.rect.center() - here
    return abs(step.x()) + abs(step.y()) + (500 if step.y() < 0 else 0)
