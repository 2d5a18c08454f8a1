"""One sheet as items. Redrawn from the difference of two sheets; never writes back."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext

from PySide6.QtCore import QObject, QPointF, QRectF, Signal
from PySide6.QtWidgets import QGraphicsScene

from studio.graph.facts import TensorType
from studio.graph.geometry import Size
from studio.graph.graph import End, Graph, Link, Node, rewired
from studio.graph.layout import all_places
from studio.graph.project import Place, Sheet
from studio.ui.canvas.faces import Face, Told, make_face
from studio.ui.canvas.frame_item import FrameItem, NoteItem
from studio.ui.canvas.link_item import LinkItem
from studio.ui.canvas.node_item import NodeItem
from studio.ui.canvas.node_paint import NodePainter
from studio.ui.canvas.sprites import Sprites
from studio.ui.canvas.standing import Standing
from studio.ui.canvas.ties import Ties
from studio.ui.canvas.turns import Turns
from studio.ui.canvas.wires import Wires
from studio.ui.canvas.writings import Writings
from studio.ui.theme import Theme

_ROOM = 4000.0
#: From so many nodes more or fewer on, the scene is indexed anew rather than node by node.
_MANY = 400


class SheetScene(QGraphicsScene):
    """The items of one sheet, what is selected, and where things are."""

    selection_changed = Signal()
    redrawn = Signal()

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.sheet = Sheet()
        self.told = Told()
        self.nodes: dict[str, NodeItem] = {}
        self._turns = Turns()
        self._standing = Standing(self)
        self.selection: tuple[str, ...] = ()
        self.selected_links: tuple[Link, ...] = ()
        self.selected_note = ""
        self.hovered: Link | None = None
        self.shapes = True
        self.sprites = Sprites()
        self.revision = 0
        self._painter = NodePainter(theme)
        self.wires = Wires(self)
        self.ties = Ties(self)
        self.writings = Writings(self)
        self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.BspTreeIndex)

    @property
    def places(self) -> Mapping[str, Place]:
        """The places of all nodes, those included that the sheet gives none."""
        return self._standing.places

    @property
    def down(self) -> Mapping[str, float]:
        """How far below its place each node is drawn, because of others that have grown."""
        return self._standing.down

    @property
    def links(self) -> dict[Link, LinkItem]:
        """The items of the wires."""
        return self.wires.items

    @property
    def frames(self) -> dict[str, FrameItem]:
        """The items of the frames."""
        return self.writings.frames

    @property
    def notes(self) -> dict[str, NoteItem]:
        """The items of the notes."""
        return self.writings.notes

    # ----------------------------------------------------------------------------------- the sheet

    def show_sheet(self, sheet: Sheet, told: Told) -> None:
        """Draw another sheet from nothing."""
        with self._in_bulk():
            self._empty()
            self.told = told
            self._sync(sheet)
        self.selection_changed.emit()

    def sync(self, sheet: Sheet) -> None:
        """Redraw what differs between the sheet shown and this one."""
        many = abs(len(sheet.graph.nodes) - len(self.nodes)) > _MANY
        with self._in_bulk() if many else nullcontext():
            self._sync(sheet)

    @contextmanager
    def _in_bulk(self) -> Iterator[None]:
        """Put or take many items: the index of where they are is made once, at the end."""
        self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        collects = gc.isenabled()
        gc.disable()  # nothing made now is garbage, and looking for it takes up to a fifth of the time
        try:
            yield
        finally:
            if collects:
                gc.enable()
            # A new index learns how large the scene is only from a change; without, it is one flat list.
            room = self.sceneRect()
            self.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.BspTreeIndex)
            self.setSceneRect(QRectF())
            self.setSceneRect(room)

    def _sync(self, sheet: Sheet) -> None:
        before, self.sheet = self.sheet, sheet
        old, new = before.graph, sheet.graph
        cut, laid = rewired(old.links, new.links)
        for link in cut:
            self.wires.drop(link)
            self.hovered = None if self.hovered == link else self.hovered
        for key in self.nodes.keys() - new.nodes.keys():
            self._drop_node(key)
        stood = self.places
        self._standing.places = all_places(sheet, self.told.specs, not self.told.top)
        changed = {key for key, node in new.nodes.items() if old.nodes.get(key) is not node}
        shifted = {key for key, place in self.places.items() if stood.get(key) is not place}
        touched = {end.node for link in (*cut, *laid) for end in (link.source, link.target)}
        if old.sharers != new.sharers or _names(old) != _names(new):
            touched |= {key for graph in (old, new) for key in _sharing(graph)}
        touched &= new.nodes.keys()
        turned = self._turns.follow(before, sheet, self.places, changed | shifted, (*cut, *laid))
        resized: set[str] = set()
        stale = changed | touched | turned
        for key in new.nodes if len(stale) == len(new.nodes) else stale:
            node, item = new.nodes[key], self.nodes.get(key)
            face = self._face(node)
            if item is None:
                item = self.nodes[key] = NodeItem(node, face, self._painter, self.sprites)
                self.addItem(item)
                resized.add(key)
            else:
                item.node = node
                if item.set_face(face):
                    resized.add(key)
        # Where a wire went, ports that it had hidden show again.
        moved = self._standing.settle(stale | shifted) | resized | touched
        if before.frames != sheet.frames:
            moved |= {node for frame in before.frames.values() for node in frame.nodes}
            moved |= {node for frame in sheet.frames.values() for node in frame.nodes}
            moved &= self.nodes.keys()
        for link in laid:
            self.wires.add(link)
        self.wires.follow(moved)
        if before.notes is not sheet.notes:
            self.writings.sync_notes()
        self.writings.sync_frames()
        self._keep_selection()
        if self.told.strength:
            self.wires.show_strength()
        self.ties.follow()
        self._changed(moved)

    def tell(self, told: Told, only: Iterable[str] | None = None) -> None:
        """Take in what became known; `only` names the nodes that it is about, None all."""
        self.told = told
        keys = self.nodes.keys() if only is None else set(only) & self.nodes.keys()
        grown: set[str] = set()
        for key in keys:
            item = self.nodes[key]
            face = self._face(item.node)
            if face != item.face and item.set_face(face):
                grown.add(key)
        if grown:
            self.wires.follow(self._standing.settle(None if only is None else grown) | grown)
        self.wires.show_strength()
        for link in self.links.values() if only is None else self.wires.at(keys):
            self.wires.label(link)
        if grown or only is None:
            self.writings.sync_frames()
        self.ties.follow()
        self._changed()

    def watch(self, told: Told, keys: Iterable[str]) -> None:
        """Take in what a run told about nodes: previews and strengths, nothing else has changed."""
        self.told = told
        grown: set[str] = set()
        warned = False
        for key in set(keys) & self.nodes.keys():
            item = self.nodes[key]
            before, face = item.face, self._face(item.node)
            warned = warned or before.warning != face.warning
            if face != before and item.set_face(face):
                grown.add(key)
        stronger = told.strength and self.wires.show_strength()
        if grown:
            self.wires.follow(self._standing.settle(grown) | grown)
            self.writings.sync_frames()
            self.ties.follow()
        if grown or warned or stronger:
            self._changed()

    def set_room(self, room: Size) -> None:
        """Say how large the window is that a watched run is folded for, in pixels."""
        self._standing.room = room
        if self.told.training:
            moved = self._standing.settle()
            self.wires.follow(moved)
            self.writings.sync_frames()
            self._changed(moved)

    def _face(self, node: Node) -> Face:
        return make_face(node, self.sheet.graph, self.told, self.theme, self._turns[node.id])

    def dress(self) -> None:
        """Paint everything again, as a change of theme needs."""
        self.sprites.clear()
        self.wires.look.dress()
        for link in self.links.values():
            self.wires.label(link)
        self.update()
        self._changed()

    def show_shapes(self, on: bool) -> None:
        """Write shapes on wires, or not."""
        self.shapes = on
        for link in self.links.values():
            self.wires.label(link)

    def _empty(self) -> None:
        self.clear()
        self.wires.forget()
        self.ties.forget()
        self.writings.forget()
        self.nodes = {}
        self.sheet = Sheet()
        self._turns = Turns()
        self._standing.forget()
        self.selection, self.selected_links, self.selected_note = (), (), ""
        self.hovered = None

    # -------------------------------------------------------------------------------------- places

    def preview(self, offsets: dict[str, QPointF]) -> None:
        """Show nodes away from their places, as while they are dragged; {} puts them back."""
        moved = set(offsets) or self._standing.settle(())
        self._standing.lead(offsets)
        self.wires.follow(moved, dragging=bool(offsets))
        self.writings.sync_frames(set(offsets) or None)

    def place_at(self, pos: QPointF, size: Size) -> Place:
        """Return the place for a node that is to be drawn at `pos`, where grown ones push down."""
        return self._standing.place_at(pos, size)

    def tensor(self, end: End) -> TensorType | None:
        """Return what an output gives, where that is known."""
        facts = self.told.facts.get(end.node)
        return facts.outputs.get(end.port) if facts else None

    def port_pos(self, end: End, gives: bool) -> QPointF:
        """Return where a port is in the scene."""
        item = self.nodes[end.node]
        spot = item.spot(end.port, gives)
        if spot is None:
            return item.rect.center()
        return item.pos() + QPointF(spot.x, spot.y)

    def fade_ports(self, able: Iterable[End] | None, gives: bool) -> None:
        """While a wire is dragged, fade the ports that cannot take it; None ends that."""
        keep = None if able is None else set(able)
        for key, item in self.nodes.items():
            faded: set[str] = set()
            if keep is not None:
                ins, outs = item.face.inputs, item.face.outputs
                faded |= {f"in {s.port}" for s in ins if not gives or End(key, s.port) not in keep}
                faded |= {f"out {s.port}" for s in outs if gives or End(key, s.port) not in keep}
            item.set_ports(item.bare, frozenset(faded))

    def _drop_node(self, key: str) -> None:
        self.removeItem(self.nodes.pop(key))
        self.wires.drop_node(key)
        self._standing.drop(key)

    # ----------------------------------------------------------------------------------- selection

    def select(self, nodes: Iterable[str] = (), links: Iterable[Link] = (), note: str = "") -> None:
        """Select these and nothing else."""
        chosen = tuple(dict.fromkeys(key for key in nodes if key in self.nodes))
        wires = tuple(link for link in links if link in self.links)
        note = note if note in self.notes else ""
        if (chosen, wires, note) == (self.selection, self.selected_links, self.selected_note):
            return
        before, ringed = self.selected_links, set(chosen)
        for key in {*self.selection, *chosen}:
            if key in self.nodes:
                self.nodes[key].set_selected(key in ringed)
        for key in {self.selected_note, note} - {""}:
            if key in self.notes:
                self.notes[key].set_selected(key == note)
        self.selection, self.selected_links, self.selected_note = chosen, wires, note
        for link in {*before, *wires}:
            if link in self.links:
                self.wires.label(self.links[link])
        self.ties.follow()
        self.selection_changed.emit()

    def _keep_selection(self) -> None:
        self.select(self.selection, self.selected_links, self.selected_note)

    def hover(self, link: Link | None) -> None:
        """Make one wire bright."""
        if link == self.hovered:
            return
        before, self.hovered = self.hovered, link
        for one in (before, link):
            if one in self.links:
                self.wires.label(self.links[one])
                for end in (one.source.node, one.target.node):
                    self._light(end)

    def _light(self, key: str) -> None:
        """Show a dot together with the wire that is hovered."""
        item, link = self.nodes.get(key), self.hovered
        if item is not None and item.face.dot:
            item.set_lit(link is not None and key in (link.source.node, link.target.node))

    # ---------------------------------------------------------------------------------- what is at

    def node_at(self, pos: QPointF) -> NodeItem | None:
        """Return the node at a point."""
        for item in self.items(pos):
            if isinstance(item, NodeItem) and item.rect.contains(pos):
                return item
        return None

    def port_at(self, pos: QPointF, reach: float = 11.0) -> tuple[End, bool] | None:
        """Return the port near a point, and whether it gives."""
        box = QRectF(pos.x() - reach, pos.y() - reach, 2 * reach, 2 * reach)
        for item in self.items(box):
            if isinstance(item, NodeItem):
                found = item.spot_at(pos, reach)
                if found:
                    return End(item.node.id, found[0].port), found[1]
        return None

    def link_at(self, pos: QPointF, reach: float = 6.0) -> LinkItem | None:
        """Return the wire (or the wire of the label) near a point."""
        box = QRectF(pos.x() - reach, pos.y() - reach, 2 * reach, 2 * reach)
        for item in self.wires.labels.within(box):
            return item
        for found in self.items(box):
            if not isinstance(found, LinkItem) or not found.route:
                continue
            if found.route.is_near(pos.toTuple(), reach):
                return found
        return None

    def note_at(self, pos: QPointF) -> NoteItem | None:
        """Return the note at a point."""
        return next((one for one in self.items(pos) if isinstance(one, NoteItem)), None)

    def frame_at(self, pos: QPointF) -> FrameItem | None:
        """Return the frame whose header is at a point."""
        return next((f for f in self.frames.values() if f.header.rect.contains(pos)), None)

    def content(self) -> QRectF:
        """Return the rectangle that everything on the sheet takes up."""
        rect = QRectF()
        for item in self.nodes.values():
            rect = rect.united(item.rect)
        for frame in self.frames.values():
            rect = rect.united(frame.rect)
        for note in self.notes.values():
            rect = rect.united(note.sceneBoundingRect())
        for link in self.links.values():
            if link.route is not None and len(link.route.points) > 4:
                rect = rect.united(link.path().controlPointRect())
        return rect

    def _changed(self, moved: Iterable[str] = ()) -> None:
        self.revision += 1
        box = QRectF()
        for key in moved:
            if key in self.nodes:
                box = box.united(self.nodes[key].rect)
        box.adjust(-_ROOM, -_ROOM, _ROOM, _ROOM)
        if not self.sceneRect().contains(box):
            self.setSceneRect(self.sceneRect().united(box))
        self.redrawn.emit()


def _sharing(graph: Graph) -> set[str]:
    """Return the nodes that use others' weights, and those whose weights are used."""
    return {key for owner, users in graph.sharers.items() for key in (owner, *users)}


def _names(graph: Graph) -> list[str]:
    """Return the names of the nodes whose weights others use: cards of these say them."""
    return [graph.nodes[key].name for key in graph.sharers if key in graph.nodes]
