"""The canvas by keyboard: walk along wires, move, connect."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent, QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem

from studio.graph.connect import first_input
from studio.graph.geometry import SNAP
from studio.graph.graph import End, Link
from studio.ui.canvas.editor import Editor
from studio.ui.canvas.node_item import NodeItem
from studio.ui.canvas.node_paint import outline
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.tools import overlay_on
from studio.ui.canvas.view import CanvasView

_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class Walk:
    """Where arrows lead. While a wire is aimed, they choose its other end."""

    def __init__(self, scene: SheetScene, view: CanvasView, editor: Editor) -> None:
        self._scene = scene
        self._view = view
        self._editor = editor
        self._candidate = ""
        self._ghost: QGraphicsPathItem | None = None

    @property
    def connecting(self) -> bool:
        """Whether a wire is aimed."""
        return bool(self._candidate)

    def arrow(self, event: QKeyEvent) -> bool:
        """Walk, or with Alt move what is selected; tells whether the key was an arrow's."""
        key, keys = event.key(), event.modifiers()
        if key not in _ARROWS:
            return False
        dx, dy = _ARROWS[Qt.Key(key)]
        if keys & Qt.KeyboardModifier.AltModifier:
            reach = SNAP * (4 if keys & Qt.KeyboardModifier.ShiftModifier else 1)
            self._editor.move(dx * reach, dy * reach, gesture="keys")
            return True
        if keys & ~Qt.KeyboardModifier.KeypadModifier:
            return False
        self._walk(dx, dy)
        return True

    def finish(self) -> None:
        """Lay the wire that is aimed."""
        source, goal = self._source(), self._candidate
        self.stop_connecting()
        if source is None or goal not in self._scene.nodes:
            return
        link = first_input(self._scene.sheet.graph, self._editor.specs, source, goal)
        inputs = self._scene.nodes[goal].face.inputs
        if link is None and inputs:
            link = Link(source, End(goal, inputs[0].port))
        if link is not None:
            self._editor.connect(link)

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
            self._ghost = overlay_on(self._scene)
            self._ghost.setPen(outline(self._scene.theme.color("accent"), 2, dashed=True))
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


def _distance(here: QPointF, item: NodeItem) -> float:
    step = item.rect.center() - here
    return abs(step.x()) + abs(step.y()) + (500 if step.y() < 0 else 0)
