"""Nodes and notes that follow the hand: along guides, into a wire, or (with Alt) out of theirs."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsPathItem

from studio.graph.alignment import Box
from studio.graph.geometry import snap
from studio.graph.graph import Link
from studio.graph.rulers import Guide, Rulers
from studio.ui.canvas.editor import Editor
from studio.ui.canvas.node_item import NodeItem
from studio.ui.canvas.overlays import overlay_on
from studio.ui.canvas.overview import OVERVIEW_SCALE
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.tools import NO_KEYS
from studio.ui.canvas.view import CanvasView

#: How near, in pixels of the window, an edge must come to a line for the line to pull it.
_PULL = 6.0
#: Beyond this many nodes in sight lines are everywhere, and help nobody.
_MOST_RULED = 300

OUT_HINT = "Release to take it out; its wire is joined. Without Alt it keeps its wires."
MOVE_HINT = "Alt takes it out of its wire, Ctrl moves it freely, Esc puts it back."


class MoveNodes:
    """What is selected follows the hand; release makes one edit.

    Edges and middles line up with those of neighbours where `guided` says so; Ctrl moves freely in
    steps of 4 px. A single node without wires goes into the wire that it is dropped on; with Alt held,
    nodes leave their wires, which are joined behind them.
    """

    def __init__(
        self,
        scene: SheetScene,
        view: CanvasView,
        editor: Editor,
        pos: QPointF,
        grabbed: str,
        say: Callable[[str], None],
        guided: bool = True,
    ) -> None:
        self._scene, self._view, self._editor, self._say = scene, view, editor, say
        self._from = pos
        self._ids = scene.selection
        self._step = QPointF()
        self._origin = scene.nodes[grabbed].pos()
        self._grabbed = grabbed
        self._box = QRectF()
        for key in self._ids:
            self._box = self._box.united(scene.nodes[key].rect)
        self._guided = guided
        self._rulers: Rulers | None = None
        self._lines: QGraphicsPathItem | None = None
        self._into: Link | None = None
        self._out = False
        self._told = ""

    def move(self, pos: QPointF, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        free = bool(keys & Qt.KeyboardModifier.ControlModifier)
        self._out = bool(keys & Qt.KeyboardModifier.AltModifier)
        step = pos - self._from
        to = self._origin + step
        self._step = QPointF(snap(to.x()), snap(to.y())) - self._origin
        guides: tuple[Guide, ...] = ()
        if self._guided and not free:
            guides = self._pulled(step)
        self._draw(guides)
        self._scene.preview({key: self._step for key in self._ids if key in self._scene.nodes})
        self._into = None if self._out else self._wire_below(pos)
        self._scene.hover(self._into)
        self._tell(pos)

    def release(self, pos: QPointF) -> None:
        self._end()
        step, self._step = self._step, QPointF()
        if self._out and self._wired():
            self._editor.stitching.take_out(self._ids, step.x(), step.y())
        elif self._into is not None:
            self._editor.stitching.splice_node(self._ids[0], self._into)
        elif step.manhattanLength():
            frame = self._frame_below(pos)
            self._editor.move(step.x(), step.y(), ids=self._ids, frame=frame)
        self._scene.preview({})

    def cancel(self) -> None:
        self._end()
        self._scene.preview({})

    def _end(self) -> None:
        self._draw(())
        self._scene.hover(None)
        if self._told:
            self._say("")

    # -------------------------------------------------------------------------------------- guides

    def _pulled(self, step: QPointF) -> tuple[Guide, ...]:
        """Correct the step to the nearest lines; return those."""
        if self._rulers is None:
            self._rulers = Rulers(self._neighbours())
        box = self._box.translated(step)
        reach = _PULL / self._view.scale_now
        pull = self._rulers.pull(Box(box.x(), box.y(), box.width(), box.height()), reach)
        if pull.dx is not None:
            self._step.setX(step.x() + pull.dx)
        if pull.dy is not None:
            self._step.setY(step.y() + pull.dy)
        return pull.guides

    def _neighbours(self) -> list[Box]:
        """Return the boxes in sight that stay where they are; none from far away, where lines are
        everywhere."""
        if self._view.scale_now < OVERVIEW_SCALE:
            return []
        inside = set(self._ids)
        items = [
            item
            for item in self._scene.items(self._view.seen())
            if isinstance(item, NodeItem) and item.node.id not in inside
        ]
        if len(items) > _MOST_RULED:
            return []
        return [Box(one.pos().x(), one.pos().y(), *one.face.size) for one in items]

    def _draw(self, guides: tuple[Guide, ...]) -> None:
        if not guides:
            if self._lines is not None:
                self._scene.removeItem(self._lines)
                self._lines = None
            return
        if self._lines is None:
            self._lines = overlay_on(self._scene)
            pen = QPen(self._scene.theme.color("accent"), 2)
            pen.setCosmetic(True)
            self._lines.setPen(pen)
        path = QPainterPath()
        for guide in guides:
            first, last = (guide.at, guide.start - 12), (guide.at, guide.end + 12)
            if not guide.upright:
                first, last = first[::-1], last[::-1]
            path.moveTo(*first)
            path.lineTo(*last)
        self._lines.setPath(path)

    # -------------------------------------------------------------------------- into and out of wires

    def _wire_below(self, pos: QPointF) -> Link | None:
        """Return the wire that a single free node would go into."""
        if len(self._ids) != 1 or self._wired():
            return None
        item = self._scene.nodes[self._ids[0]]
        for spot in (pos, item.rect.center()):
            found = self._scene.link_at(spot, 12.0)
            if found is not None and not self._editor.stitching.why_no_splice(
                self._ids[0], found.link
            ):
                return found.link
        return None

    def _wired(self) -> bool:
        graph = self._scene.sheet.graph
        return any(graph.incoming.get(key) or graph.outgoing.get(key) for key in self._ids)

    def _tell(self, pos: QPointF) -> None:
        words = ""
        frame = self._frame_below(pos)
        if self._into is not None:
            ends = self._scene.sheet.graph.nodes
            source, target = self._into.source.node, self._into.target.node
            words = f"Release to put it between {ends[source].name} and {ends[target].name}."
        elif self._out and self._wired():
            words = OUT_HINT
        elif frame:
            words = f"Release to put it into the frame {self._editor.sheet.frames[frame].title}."
        elif self._wired():
            words = MOVE_HINT
        if words != self._told:
            self._told = words
            self._say(words)

    def _frame_below(self, pos: QPointF) -> str:
        """Return the smallest frame at a point that does not hold the nodes yet, or ""."""
        frames = self._editor.sheet.frames
        found = [
            item
            for key, item in self._scene.frames.items()
            if item.rect.contains(pos) and not set(self._ids) <= set(frames[key].nodes)
        ]
        return (
            min(found, key=lambda item: item.rect.width() * item.rect.height()).key if found else ""
        )


class MoveNote:
    """A note follows the hand."""

    def __init__(self, scene: SheetScene, editor: Editor, pos: QPointF, key: str) -> None:
        self._scene = scene
        self._editor = editor
        self._offset = scene.notes[key].pos() - pos
        self._key = key

    def move(self, pos: QPointF, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
        to = pos + self._offset
        self._scene.notes[self._key].setPos(snap(to.x()), snap(to.y()))

    def release(self, pos: QPointF) -> None:
        item = self._scene.notes[self._key]
        moved = replace(item.note, x=item.pos().x(), y=item.pos().y())
        self._editor.margins.set_note(self._key, moved)

    def cancel(self) -> None:
        item = self._scene.notes[self._key]
        item.setPos(item.note.x, item.note.y)
