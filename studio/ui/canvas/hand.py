"""What pointer and keys mean on the canvas: which gesture begins, where the selection walks."""

from __future__ import annotations

import html
from typing import Protocol

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
)
from PySide6.QtWidgets import QGraphicsPathItem, QToolTip

from studio.graph.graph import End, Link
from studio.graph.project import Place
from studio.ui.canvas.drops import Drops
from studio.ui.canvas.editor import Editor
from studio.ui.canvas.node_drag import MoveNodes, MoveNote
from studio.ui.canvas.overlays import OVERLAY_Z
from studio.ui.canvas.overview import OVERVIEW_SCALE
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.tools import BoxSelect, CutWires, Gesture, Lasso, Pan
from studio.ui.canvas.view import CanvasView
from studio.ui.canvas.walk import Walk
from studio.ui.canvas.wire_drag import DragWire
from studio.ui.canvas.words import node_words, wire_words


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
    def put_kept(self, name: str, at: QPointF) -> None: ...
    def leave(self) -> bool: ...
    def say(self, words: str) -> None: ...
    def guided(self) -> bool: ...


_GUIDED_BY = (Qt.Key.Key_Alt, Qt.Key.Key_Control, Qt.Key.Key_Shift)


class PointerHand:
    """Turns events into gestures, walks and edits. Holds at most one gesture at a time."""

    def __init__(self, scene: SheetScene, view: CanvasView, editor: Editor, desk: Desk) -> None:
        self._scene = scene
        self._view = view
        self._editor = editor
        self._desk = desk
        self.gesture: Gesture | None = None
        #: The tool that the next drag on empty canvas uses.
        self.tool = "box"
        self._space = False
        self._pressed_repair: tuple[str, int] | None = None
        self._toggled: tuple[str, ...] | None = None
        self._from = self._last = QPointF()
        self._moves = 0
        self.walk = Walk(scene, view, editor, desk.say)
        self.drops = Drops(scene, view, editor, desk)

    # -------------------------------------------------------------------------------------- pointer

    def pressed(self, event: QMouseEvent, pos: QPointF) -> None:
        if self.gesture is not None:
            self.cancel()
        self.walk.stop_connecting()
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
        self._move_selected(node, pos)

    def _move_selected(self, grabbed: str, pos: QPointF) -> None:
        if not self._scene.told.training:
            say, guided = self._desk.say, self._desk.guided()
            self.gesture = MoveNodes(
                self._scene, self._view, self._editor, pos, grabbed, say, guided
            )

    def _press_paper(self, pos: QPointF, keys: Qt.KeyboardModifier, adds: bool) -> None:
        scene = self._scene
        note, frame, link = scene.note_at(pos), scene.frame_at(pos), scene.link_at(pos)
        if keys & Qt.KeyboardModifier.ControlModifier or self.tool == "cut":
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
                self._move_selected(scene.selection[0], pos)
        elif keys & Qt.KeyboardModifier.ShiftModifier or self.tool == "lasso":
            self.gesture = Lasso(scene, pos, scene.selection if adds else ())
        else:
            self.gesture = BoxSelect(scene, pos, ())

    def _offer(self, end: End, gives: bool, pos: QPointF) -> None:
        self._desk.search(pos, after=end if gives else None, before=None if gives else end)

    def moved(self, event: QMouseEvent, pos: QPointF) -> None:
        if self.gesture is not None:
            far = ((pos - self._from) * self._view.scale_now).manhattanLength()
            if self._moves or far > 3 or isinstance(self.gesture, Pan):
                self._moves += 1
                self._last = pos
                self.gesture.move(pos, event.modifiers())
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
            self.use_tool("box")
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
        elif (link := scene.link_at(pos)) is not None:
            self.reroute(link.link, pos)
        else:
            self._desk.search(pos)

    def reroute(self, link: Link, pos: QPointF) -> None:
        """Lead a wire through a point, and select that."""
        point = self._editor.stitching.reroute(link, Place(pos.x(), pos.y()))
        if point:
            self._scene.select((point,))

    def menu_here(self) -> None:
        """Show the menu of what is selected, as the menu key asks for."""
        scene, view = self._scene, self._view
        chosen = [scene.nodes[key].rect for key in scene.selection[-1:]]
        chosen += [scene.links[link].path().boundingRect() for link in scene.selected_links[-1:]]
        chosen += [
            note.sceneBoundingRect() for note in (scene.notes.get(scene.selected_note),) if note
        ]
        spot = chosen[0].center() if chosen else view.seen().center()
        at = view.viewport().mapToGlobal(view.mapFromScene(spot))
        self._desk.show_menu(spot, at)

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

    def use_tool(self, tool: str) -> None:
        """Let the next drag on empty canvas draw a lasso or cut wires; `box` is the usual one."""
        if tool != self.tool:
            self.tool = tool
            said = {
                "lasso": "Draw around nodes to select them.",
                "cut": "Draw through wires to cut them.",
            }
            self._desk.say(said.get(tool, ""))

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
        key = event.key()
        if key == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = down
            shape = Qt.CursorShape.OpenHandCursor
            self._view.viewport().setCursor(shape) if down else self._view.viewport().unsetCursor()
            return True
        if key in _GUIDED_BY and self.gesture is not None and self._moves:
            self.gesture.move(self._last, event.modifiers())
            return True
        if not down:
            return False
        if key == Qt.Key.Key_Escape:
            return self._escape()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return self._enter()
        if key == Qt.Key.Key_Backtab and self.walk.connecting:
            self.walk.next_port(back=True)
            return True
        if key == Qt.Key.Key_Backspace:  # with something selected it deletes, as a command
            return self._desk.leave()
        return self.walk.arrow(event)

    def _escape(self) -> bool:
        if self.gesture is not None:
            self.cancel()
        elif self.walk.connecting:
            self.walk.stop_connecting()
        elif self.tool != "box":
            self.use_tool("box")
        elif self._scene.selection or self._scene.selected_links or self._scene.selected_note:
            self._scene.select()
        else:
            return self._desk.leave()
        return True

    def _enter(self) -> bool:
        if self.walk.connecting:
            self.walk.finish()
            return True
        scene = self._scene
        if len(scene.selection) == 1:
            self._desk.open_node(scene.selection[0])
        elif scene.selected_note:
            self._desk.edit_note(scene.selected_note)
        elif len(scene.selected_links) == 1:
            self._desk.search_here()
        else:
            return False
        return True

    # --------------------------------------------------------------------------------- drag and drop

    def drag_entered(self, event: QDragEnterEvent) -> bool:
        return self.drops.entered(event)

    def drag_moved(self, event: QDragMoveEvent, pos: QPointF) -> bool:
        return self.drops.moved(event, pos)

    def drag_left(self) -> None:
        self._scene.hover(None)

    def dropped(self, event: QDropEvent, pos: QPointF) -> bool:
        return self.drops.dropped(event, pos)

    def overlay(self, painter: QPainter) -> None:
        """Paint what a gesture shows over the overview."""
        for item in self._scene.items():
            if isinstance(item, QGraphicsPathItem) and item.zValue() >= OVERLAY_Z:
                painter.setPen(item.pen())
                painter.setBrush(item.brush())
                painter.drawPath(item.path())
