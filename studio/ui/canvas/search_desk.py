"""Where a new layer goes: behind a wire's end, into a wire, in place of a node, or at the pointer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF
from PySide6.QtGui import QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem

from studio.engine import protocol as p
from studio.graph.connect import input_port, output_port
from studio.graph.document import Document
from studio.graph.geometry import ROW_GAP, Size
from studio.graph.graph import BLOCK, NEXT, REROUTE, STATE, End, Link
from studio.graph.offers import Gap
from studio.graph.spec import LayerSpec
from studio.graph.topology import block_users
from studio.ui.canvas.editor import Editor
from studio.ui.canvas.node_paint import outline
from studio.ui.canvas.offering import Known, Wish
from studio.ui.canvas.overlays import overlay_on
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.search import LayerSearch
from studio.ui.canvas.view import CanvasView
from studio.ui.theme import Theme


class Question(Protocol):
    """What has been asked, and can be given up."""

    def cancel(self) -> None: ...


class Asking(Protocol):
    """The part of a session that a search uses."""

    document: Document

    def ask(
        self,
        request: p.Request,
        on_answer: Callable[[p.Answer], None],
        on_refused: Callable[[p.Refused], None],
    ) -> Question | None: ...


@dataclass(frozen=True)
class Purpose:
    """What a search is for: behind `after`, before `before`, into a wire, or in place of a node."""

    after: End | None = None
    before: End | None = None
    into: Link | None = None
    swap: str = ""


class SearchDesk:
    """Opens the layer search with what it is for, and puts what was chosen."""

    def __init__(
        self, session: Asking, scene: SheetScene, view: CanvasView, editor: Editor, theme: Theme
    ) -> None:
        self._session = session
        self._scene = scene
        self._view = view
        self._editor = editor
        self._theme = theme
        self.popup = LayerSearch(theme, view)
        self.popup.chosen.connect(self._on_chosen)
        self.popup.closed.connect(self._on_closed)
        self.spot = QPointF()
        self._purpose = Purpose()
        self._asked = 0
        self._question: Question | None = None
        self._ghost: QGraphicsPathItem | None = None

    # ----------------------------------------------------------------------------------- beginning

    def open(self, at: QPointF, after: End | None = None, before: End | None = None) -> None:
        """Offer layers at a point of the scene, to be wired behind or before a port."""
        self._begin(at, Purpose(after, before))

    def open_into(self, link: Link) -> None:
        """Offer layers that can go into a wire."""
        item = self._scene.links[link]
        middle = QPointF(*item.route.label) if item.route else QPointF()
        self._begin(middle, Purpose(link.source, link.target, link))

    def open_swap(self, node: str) -> None:
        """Offer kinds that can take the place of a node."""
        beside = self._scene.nodes[node].rect.topRight() + QPointF(12, 0)
        self._begin(beside, Purpose(swap=node))

    def open_here(self, at: QPointF | None = None) -> None:
        """Offer layers behind the selected node, into the selected wire, else `at` or in the middle."""
        scene = self._scene
        if len(scene.selected_links) == 1:
            self.open_into(scene.selected_links[0])
            return
        end = self._selected_end()
        if end is not None:
            self._begin(scene.port_pos(end, True) + QPointF(0, 60), Purpose(end))
        else:
            self._begin(at or self._view.seen().center(), Purpose())

    def add_here(self, kind: str) -> None:
        """Put a layer of a known kind where `open_here` would."""
        links = self._scene.selected_links
        into = links[0] if len(links) == 1 else None
        self._purpose = Purpose(self._selected_end(), into=into)
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

    def _begin(self, at: QPointF, purpose: Purpose) -> None:
        self.close()
        self.spot, self._purpose = at, purpose
        corner = self._view.mapFromScene(at)
        after, before = purpose.after, purpose.before
        if after is not None and purpose.into is None:
            self._draw_ghost(self._scene.port_pos(after, True), at)
        elif before is not None and purpose.into is None:
            self._draw_ghost(at, self._scene.port_pos(before, False))
        room = self._view.viewport().rect().adjusted(4, 4, -4, -4)
        spot = QPoint(corner.x() - 108, corner.y() + 12) if after or before else corner
        gap, wish = self._gap()
        used = self._used()
        self.popup.open(self._specs(), wish, Known(used=used), spot, QRect(room))
        if gap is not None:
            self._try(gap, used)

    def _try(self, gap: Gap, used: Counter[str]) -> None:
        """Ask the engine what each kind would do there; the search shows it when it comes."""
        self._asked += 1
        number = self._asked

        def arrived(answer: p.Answer) -> None:
            if isinstance(answer, p.Offers) and number == self._asked and self.popup.isVisible():
                self.popup.refine(Known(answer.offers, used))

        request = p.GetOffers(gap, self._session.document.project.blocks)
        # Without an answer, types and numbers of dimensions have to do.
        self._question = self._session.ask(request, arrived, lambda refused: None)

    # ----------------------------------------------------------------------------- what it is for

    def _specs(self) -> dict[str, LayerSpec]:
        """Return the kinds that may stand on this sheet."""
        where = self._editor.where
        project = self._session.document.project
        hidden = {REROUTE}
        if where.startswith(BLOCK):
            # A block cannot hold itself, nor one that holds it.
            around = {where}
            while around:
                hidden |= around
                users = {user for one in around for user in block_users(project, one[len(BLOCK) :])}
                around = {user for user in users if user.startswith(BLOCK)} - hidden
        else:
            hidden |= {STATE, NEXT}
        return {kind: spec for kind, spec in self._editor.specs.items() if kind not in hidden}

    def _used(self) -> Counter[str]:
        """Return how often each kind stands on this sheet."""
        return Counter(node.kind for node in self._scene.sheet.graph.nodes.values())

    def _gap(self) -> tuple[Gap | None, Wish]:
        """Return what the engine is asked, and what the search says and demands."""
        purpose, scene = self._purpose, self._scene
        graph = scene.sheet.graph
        after, before = purpose.after, purpose.before
        if purpose.swap:
            feeds = graph.incoming.get(purpose.swap, ())
            takers = graph.outgoing.get(purpose.swap, ())
            after = feeds[0].source if feeds else None
            before = takers[0].target if takers else None
        specs = self._editor.specs
        feed = output_port(graph, specs, after) if after else None
        taker = input_port(graph, specs, before) if before else None
        tensor = self._scene.tensor(after) if after else None
        kind = graph.nodes[after.node].kind if after else ""
        spec = specs.get(kind)
        wish = Wish(
            self._words(),
            feed,
            tensor,
            spec.category if spec else "",
            taker,
            self._swapped(),
            first=not graph.nodes,
        )
        if tensor is None and before is None:
            return None, wish
        if after is not None and tensor is None:
            return None, wish  # shapes above it are not known yet
        others = {}
        for link in graph.incoming.get(before.node, ()) if before else ():
            came = self._scene.tensor(link.source)
            if came is not None and link.target != before:
                others[link.target.port] = came
        gap = Gap(
            tensor,
            feed.type if feed else "any",
            graph.nodes[before.node] if before else None,
            before.port if before else "",
            others,
        )
        return gap, wish

    def _words(self) -> str:
        purpose, nodes = self._purpose, self._scene.nodes
        if purpose.swap:
            return f"Swap {nodes[purpose.swap].face.title} for…"
        if purpose.after is not None:
            verb = "Insert" if purpose.into else "Add"
            return f"{verb} after {nodes[purpose.after.node].face.title}…"
        if purpose.before is not None:
            return f"Add before {nodes[purpose.before.node].face.title}…"
        return "Add a layer…"

    def _swapped(self) -> str:
        swap = self._purpose.swap
        return self._scene.sheet.graph.nodes[swap].kind if swap else ""

    # ------------------------------------------------------------------------------------ putting

    def _on_chosen(self, kind: str) -> None:
        self._put(kind, below=False)

    def _put(self, kind: str, below: bool) -> None:
        scene, editor, purpose = self._scene, self._editor, self._purpose
        size = editor.room.size_of(kind)
        corner = QPointF(self.spot.x() - size[0] / 2, self.spot.y())
        after, before = purpose.after, purpose.before
        if purpose.swap:
            added = editor.swap(purpose.swap, kind)
        elif purpose.into is not None and purpose.into in scene.links:
            added = editor.splice(kind, purpose.into)
        elif after is not None and after.node in scene.nodes:
            place = editor.room.below(after, kind)
            far = abs(self.spot.x() - scene.port_pos(after, True).x()) > 120
            if not below and (far or self.spot.y() > place.y + 120):
                place = scene.place_at(corner, size)
            added = editor.add(kind, place, after=after)
        else:
            up = QPointF(0, size[1] if before is not None else 0)
            place = scene.place_at(self._clear(corner - up, size), size)
            added = editor.add(kind, place, before=before)
        if added:
            scene.select((added,))
            self._view.show_point(scene.nodes[added].rect)

    def _clear(self, corner: QPointF, size: Size) -> QPointF:
        """Return the nearest corner to the right where a node covers no other."""
        box = QRectF(corner.x(), corner.y(), *size)
        while found := [one.rect for one in self._scene.nodes.values() if one.rect.intersects(box)]:
            box.moveLeft(max(other.right() for other in found) + ROW_GAP)
        return box.topLeft()

    def _on_closed(self) -> None:
        if self._question is not None:
            self._question.cancel()
            self._question = None
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
