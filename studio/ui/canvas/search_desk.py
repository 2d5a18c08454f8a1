"""Where a new layer goes: behind the wire's end, behind what is selected, or where the pointer was."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRect
from PySide6.QtGui import QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem

from studio.graph.connect import input_port, output_port
from studio.graph.graph import End, Link
from studio.ui.canvas.editor import Editor
from studio.ui.canvas.node_paint import outline
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.search import LayerSearch, Wish
from studio.ui.canvas.tools import overlay_on
from studio.ui.canvas.view import CanvasView
from studio.ui.theme import Theme


class SearchDesk:
    """Opens the layer search with what it is for, and puts what was chosen."""

    def __init__(self, scene: SheetScene, view: CanvasView, editor: Editor, theme: Theme) -> None:
        self._scene = scene
        self._view = view
        self._editor = editor
        self._theme = theme
        self.popup = LayerSearch(theme, view)
        self.popup.chosen.connect(self._on_chosen)
        self.popup.closed.connect(self._on_closed)
        self.spot = QPointF()
        self._after: End | None = None
        self._before: End | None = None
        self._into: Link | None = None
        self._ghost: QGraphicsPathItem | None = None

    def open(self, at: QPointF, after: End | None = None, before: End | None = None) -> None:
        """Offer layers at a point of the scene, to be wired behind or before a port."""
        self._begin(at, after, before, None)

    def open_into(self, link: Link) -> None:
        """Offer layers that can go into a wire."""
        item = self._scene.links[link]
        middle = QPointF(*item.route.label) if item.route else QPointF()
        self._begin(middle, link.source, None, link)

    def open_here(self, at: QPointF | None = None) -> None:
        """Offer layers behind the selected node, into the selected wire, else `at` or in the middle."""
        scene = self._scene
        if len(scene.selected_links) == 1:
            self.open_into(scene.selected_links[0])
            return
        end = self._selected_end()
        if end is not None:
            below = scene.port_pos(end, True) + QPointF(0, 60)
            self._begin(below, end, None, None)
        else:
            self._begin(at or self._view.seen().center(), None, None, None)

    def add_here(self, kind: str) -> None:
        """Put a layer of a known kind where `open_here` would."""
        scene = self._scene
        self._into = scene.selected_links[0] if len(scene.selected_links) == 1 else None
        self._after, self._before = self._selected_end(), None
        self.spot = self._view.seen().center()
        self._put(kind, below=True)

    def close(self) -> None:
        """End the search with nothing chosen."""
        self.popup.close_popup()

    def _selected_end(self) -> End | None:
        scene = self._scene
        if len(scene.selection) != 1:
            return None
        outputs = scene.nodes[scene.selection[0]].face.outputs
        return End(scene.selection[0], outputs[0].port) if outputs else None

    def _begin(self, at: QPointF, after: End | None, before: End | None, into: Link | None) -> None:
        self.close()
        self.spot, self._after, self._before, self._into = at, after, before, into
        wish = self._wish()
        corner = self._view.mapFromScene(at)
        if after is not None and into is None:
            self._draw_ghost(self._scene.port_pos(after, True), at)
        elif before is not None:
            self._draw_ghost(at, self._scene.port_pos(before, False))
        room = self._view.viewport().rect().adjusted(4, 4, -4, -4)
        spot = QPoint(corner.x() - 108, corner.y() + 12) if after or before else corner
        self.popup.open(self._editor.specs, wish, spot, QRect(room))

    def _wish(self) -> Wish:
        scene, specs = self._scene, self._editor.specs
        graph = scene.sheet.graph
        if self._after is not None:
            title = scene.nodes[self._after.node].face.title
            facts = scene.told.facts.get(self._after.node)
            tensor = facts.outputs.get(self._after.port) if facts else None
            verb = "Insert" if self._into else "Add"
            port = output_port(graph, specs, self._after)
            return Wish(f"{verb} after {title}…", port, True, tensor)
        if self._before is not None:
            title = scene.nodes[self._before.node].face.title
            return Wish(f"Add before {title}…", input_port(graph, specs, self._before), False)
        return Wish()

    def _on_chosen(self, kind: str) -> None:
        self._put(kind, below=False)

    def _put(self, kind: str, below: bool) -> None:
        scene, editor = self._scene, self._editor
        size = editor.size_of(kind)
        corner = QPointF(self.spot.x() - size[0] / 2, self.spot.y())
        if self._into is not None and self._into in scene.links:
            added = editor.splice(kind, self._into)
        elif self._after is not None and self._after.node in scene.nodes:
            place = editor.place_below(self._after, kind)
            far = abs(self.spot.x() - scene.port_pos(self._after, True).x()) > 120
            if not below and (far or self.spot.y() > place.y + 120):
                place = scene.place_at(corner, size)
            added = editor.add(kind, place, after=self._after)
        else:
            up = QPointF(0, size[1] if self._before is not None else 0)
            added = editor.add(kind, scene.place_at(corner - up, size), before=self._before)
        if added:
            scene.select((added,))
            self._view.show_point(scene.nodes[added].rect)

    def _on_closed(self) -> None:
        if self._ghost is not None:
            self._scene.removeItem(self._ghost)
            self._ghost = None
        self._view.setFocus()

    def _draw_ghost(self, start: QPointF, end: QPointF) -> None:
        self._ghost = overlay_on(self._scene)
        self._ghost.setPen(outline(self._theme.color("accent"), 2, dashed=True))
        path = QPainterPath(start)
        bend = max(12.0, abs(end.y() - start.y()) / 2)
        path.cubicTo(start + QPointF(0, bend), end - QPointF(0, bend), end)
        path.addEllipse(end, 5, 5)
        self._ghost.setPath(path)
