"""The canvas by keyboard: walk along wires and to notes, choose several, move, connect port to port."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem

from studio.graph.connect import check_connect, first_input
from studio.graph.geometry import SNAP
from studio.graph.graph import End, Link
from studio.ui.canvas.editor import Editor
from studio.ui.canvas.node_item import NodeItem
from studio.ui.canvas.node_paint import outline
from studio.ui.canvas.overlays import overlay_on
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.view import CanvasView

_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class Walk:
    """Where arrows lead. While a wire is aimed, they choose its other end, and Tab the port there."""

    def __init__(
        self, scene: SheetScene, view: CanvasView, editor: Editor, say: Callable[[str], None]
    ) -> None:
        self._scene = scene
        self._view = view
        self._editor = editor
        self._say = say
        self._candidate = ""
        self._output = 0
        self._input = ""
        self._ghost: QGraphicsPathItem | None = None

    # -------------------------------------------------------------------------------------- arrows

    def arrow(self, event: QKeyEvent) -> bool:
        """Walk; with Shift choose what is walked to as well; with Alt move what is selected.

        Tells whether the key was an arrow's.
        """
        key, keys = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if key not in _ARROWS:
            return False
        dx, dy = _ARROWS[Qt.Key(key)]
        shift = bool(keys & Qt.KeyboardModifier.ShiftModifier)
        if keys & Qt.KeyboardModifier.AltModifier:
            self._move(dx, dy, SNAP * (4 if shift else 1))
            return True
        if keys & ~Qt.KeyboardModifier.ShiftModifier:
            return False
        self._walk(dx, dy, shift)
        return True

    def _move(self, dx: int, dy: int, reach: float) -> None:
        note = self._scene.sheet.notes.get(self._scene.selected_note)
        if note is not None:
            moved = replace(note, x=note.x + dx * reach, y=note.y + dy * reach)
            self._editor.margins.set_note(self._scene.selected_note, moved)
        else:
            self._editor.move(dx * reach, dy * reach, gesture="keys")

    def _walk(self, dx: int, dy: int, adds: bool) -> None:
        """Go along a wire (up and down), else to the nearest node that way."""
        scene = self._scene
        if self._candidate:
            goal = self._nearest(scene.nodes[self._candidate].rect, dx, dy, {scene.selection[0]})
            if goal:
                self._aim(goal)
            return
        if len(scene.selected_links) == 1 and dy:
            link = scene.selected_links[0]
            goal = link.target.node if dy > 0 else link.source.node
        elif scene.selection:
            here = scene.selection[-1]
            goal = self._along(here, dy) if dy else ""
            goal = goal or self._nearest(scene.nodes[here].rect, dx, dy, {here})
        elif scene.selected_note:
            box = scene.notes[scene.selected_note].sceneBoundingRect()
            goal = self._nearest(box, dx, dy, set())
        else:
            first = min(
                scene.nodes.values(), key=lambda one: (one.pos().y(), one.pos().x()), default=None
            )
            goal = first.node.id if first else ""
        if goal:
            # The last of the selection is where the walk stands.
            rest = tuple(key for key in scene.selection if key != goal) if adds else ()
            scene.select((*rest, goal))
            self._view.show_point(scene.nodes[goal].rect)

    def _along(self, here: str, dy: int) -> str:
        graph = self._scene.sheet.graph
        links = graph.outgoing.get(here, ()) if dy > 0 else graph.incoming.get(here, ())
        if not links:
            return ""
        return links[0].target.node if dy > 0 else links[0].source.node

    def _nearest(self, box: QRectF, dx: int, dy: int, but: set[str]) -> str:
        center = box.center()
        best, least = "", float("inf")
        for key, item in self._scene.nodes.items():
            step = item.rect.center() - center
            along = step.x() * dx + step.y() * dy
            aside = abs(step.x() * dy) + abs(step.y() * dx)
            if key in but or along < 8:
                continue
            if along + 2 * aside < least:
                best, least = key, along + 2 * aside
        return best

    # ----------------------------------------------------------------------------- wires and notes

    def next_wire(self) -> None:
        """Select a wire of the selected node, and from one wire the next of the same node."""
        scene = self._scene
        graph = scene.sheet.graph
        if scene.selection:
            here = scene.selection[-1]
            wires = (*graph.outgoing.get(here, ()), *graph.incoming.get(here, ()))
            chosen = wires[0] if wires else None
        elif scene.selected_links:
            now = scene.selected_links[-1]
            source, target = now.source.node, now.target.node
            around = [
                wire
                for node in (source, target)
                for wire in (*graph.outgoing.get(node, ()), *graph.incoming.get(node, ()))
            ]
            wires = tuple(dict.fromkeys(around))
            chosen = wires[(wires.index(now) + 1) % len(wires)]
        else:
            chosen = graph.links[0] if graph.links else None
        if chosen is None:
            self._say("No wire begins or ends here.")
            return
        scene.select(links=(chosen,))
        self._view.show_point(scene.links[chosen].path().boundingRect().adjusted(-8, -8, 8, 8))

    def next_note(self) -> None:
        """Select a note, and from one the next."""
        notes = list(self._scene.notes)
        if not notes:
            self._say("There are no notes on this sheet. N adds one.")
            return
        now = self._scene.selected_note
        goal = notes[(notes.index(now) + 1) % len(notes)] if now in notes else notes[0]
        self._scene.select(note=goal)
        self._view.show_point(self._scene.notes[goal].sceneBoundingRect())

    # ---------------------------------------------------------------------------------- connecting

    @property
    def connecting(self) -> bool:
        """Whether a wire is aimed."""
        return bool(self._candidate)

    def start_connecting(self) -> None:
        """Begin a wire at the selected node; asked again, begin it at the node's next output."""
        if self._candidate:
            item = self._scene.nodes[self._scene.selection[0]]
            self._output = (self._output + 1) % len(item.face.outputs)
            self._aim(self._candidate)
            return
        self._output = 0
        source = self._source()
        if source is None:
            self._say("This node has no output to begin a wire at.")
            return
        below = [key for key in self._scene.nodes if key != source.node]
        if below:
            here = self._scene.nodes[source.node].rect.center()
            near = min(below, key=lambda key: _distance(here, self._scene.nodes[key]))
            self._aim(near)

    def next_port(self, back: bool = False) -> None:
        """Aim at the next input of the node that is aimed at."""
        ports = [spot.port for spot in self._scene.nodes[self._candidate].face.inputs]
        if ports:
            at = ports.index(self._input) if self._input in ports else 0
            self._aim(self._candidate, ports[(at + (-1 if back else 1)) % len(ports)])

    def finish(self) -> None:
        """Lay the wire that is aimed."""
        source, goal, port = self._source(), self._candidate, self._input
        self.stop_connecting()
        if source is not None and goal in self._scene.nodes and port:
            self._editor.connect(Link(source, End(goal, port)))

    def stop_connecting(self) -> None:
        """End it without a wire."""
        if self._candidate:
            self._say("")
        self._candidate = self._input = ""
        if self._ghost is not None:
            self._scene.removeItem(self._ghost)
            self._ghost = None

    def _source(self) -> End | None:
        chosen = self._scene.selection
        if len(chosen) != 1 or chosen[0] not in self._scene.nodes:
            return None
        outputs = self._scene.nodes[chosen[0]].face.outputs
        return (
            End(chosen[0], outputs[min(self._output, len(outputs) - 1)].port) if outputs else None
        )

    def _aim(self, goal: str, port: str = "") -> None:
        """Show the wire to a node's input: the one named, else the first that takes it."""
        source = self._source()
        if source is None:
            return
        item = self._scene.nodes[goal]
        graph, specs = self._scene.sheet.graph, self._editor.specs
        link = first_input(graph, specs, source, goal)
        usual = link.target.port if link else next((s.port for s in item.face.inputs), "")
        self._candidate, self._input = goal, port or usual
        if self._ghost is None:
            self._ghost = overlay_on(self._scene)
        reason = self._refusal(source)
        tone = "error" if reason else "accent"
        self._ghost.setPen(outline(self._scene.theme.color(tone), 2, dashed=True))
        start, box = self._scene.port_pos(source, True), item.rect
        path = QPainterPath(start)
        end = QPointF(box.center().x(), box.top())
        if self._input:
            end = self._scene.port_pos(End(goal, self._input), False)
        path.cubicTo(start + QPointF(0, 40), end - QPointF(0, 40), end)
        path.addEllipse(end, 5, 5)
        path.addRoundedRect(box.adjusted(-3, -3, 3, 3), 11, 11)
        self._ghost.setPath(path)
        self._view.show_point(box)
        name, here = item.node.name, self._scene.nodes[source.node].node.name
        words = f"{here}.{source.port} → {name}.{self._input or 'no input'}"
        keys = "Enter lays it, Tab: next input, C: next output, Esc: leave."
        self._say(f"{words}   {reason or keys}")

    def _refusal(self, source: End) -> str:
        if not self._input:
            return "This node takes nothing."
        link = Link(source, End(self._candidate, self._input))
        return check_connect(self._scene.sheet.graph, self._editor.specs, link)


def _distance(here: QPointF, item: NodeItem) -> float:
    step = item.rect.center() - here
    return abs(step.x()) + abs(step.y()) + (500 if step.y() < 0 else 0)
