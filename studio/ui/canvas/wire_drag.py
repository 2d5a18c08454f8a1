"""A wire that follows the hand, from a port to wherever it is let go."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from PySide6.QtCore import QLineF, QPointF, Qt
from PySide6.QtGui import QPainterPath

from studio.graph.connect import check_connect, first_input, input_port, reached
from studio.graph.graph import End, Graph, Link
from studio.ui.canvas.editor import Editor
from studio.ui.canvas.node_paint import outline
from studio.ui.canvas.overlays import overlay_on
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.tools import NO_KEYS


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
            scene.wires.show(moving, False)
        scene.fade_ports(self._able(), gives)

    def move(self, pos: QPointF, keys: Qt.KeyboardModifier = NO_KEYS) -> None:
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
        if self._moving is not None and self._moving in self._scene.links:
            self._scene.wires.show(self._moving, True)

    def _graph(self) -> Graph:
        graph = self._scene.sheet.graph
        if self._moving is None:
            return graph
        return replace(graph, links=tuple(x for x in graph.links if x != self._moving))

    def _able(self) -> list[End]:
        """Return the ports that suit this wire: one walk for cycles, then types, then dimensions."""
        graph, specs = self._graph(), self._editor.specs
        able = []
        behind = reached(graph, self._end.node, forwards=not self._gives)
        for key, item in self._scene.nodes.items():
            if key in behind:
                continue
            for spot in item.face.inputs if self._gives else item.face.outputs:
                end = End(key, spot.port)
                link = Link(self._end, end) if self._gives else Link(end, self._end)
                if not check_connect(graph, specs, link, walked=True) and self._shaped(link):
                    able.append(end)
        return able

    def _shaped(self, link: Link) -> bool:
        """Tell whether the input takes as many dimensions as the wire has, as far as is known."""
        tensor = self._scene.tensor(link.source)
        port = input_port(self._scene.sheet.graph, self._editor.specs, link.target)
        return tensor is None or port is None or not port.ranks or len(tensor.shape) in port.ranks

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
