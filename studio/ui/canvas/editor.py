"""What can be done to a sheet, each as one undoable edit through the session."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec.structs import replace

from studio.graph.catalog import Catalog
from studio.graph.connect import check_connect, first_input, input_port
from studio.graph.document import Document
from studio.graph.edits import (
    AddNodes,
    AnyEdit,
    Batch,
    Connect,
    Disconnect,
    Insert,
    MoveNodes,
    RemoveNodes,
    Rename,
    SetFlag,
    SetFrame,
    SetNote,
    SimpleEdit,
)
from studio.graph.facts import ProjectFacts
from studio.graph.geometry import DOCK, ROW_GAP, WIDTH, node_size, snap
from studio.graph.graph import End, Link, Node, name_for, new_id
from studio.graph.layout import arrange
from studio.graph.problems import Repair
from studio.graph.project import Frame, Note, Place
from studio.graph.spec import LayerSpec
from studio.ui.canvas.faces import base_size
from studio.ui.canvas.fragment import NotAGraph, cut_out, from_text, to_text
from studio.ui.canvas.scene import SheetScene


class CanvasSession(Protocol):
    """The part of a session that a canvas uses."""

    document: Document

    @property
    def catalog(self) -> Catalog: ...
    @property
    def facts(self) -> ProjectFacts | None: ...
    def do(self, edit: AnyEdit) -> bool: ...
    def spec(self, node: Node) -> LayerSpec | None: ...


class Editor:
    """Edits the sheet that the scene shows. `say` tells the person why something cannot be done."""

    def __init__(
        self, session: CanvasSession, scene: SheetScene, say: Callable[[str], None]
    ) -> None:
        self._session = session
        self._scene = scene
        self._say = say
        self._pasted = 0
        self.where = "main"

    @property
    def specs(self) -> dict[str, LayerSpec]:
        """What kinds of node are known, blocks included."""
        return self._scene.told.specs

    # ------------------------------------------------------------------------------ adding, wiring

    def add(
        self, kind: str, place: Place, after: End | None = None, before: End | None = None
    ) -> str:
        """Put a node of `kind`, wired behind one port or before another; return its id or ""."""
        node = self._new_node(kind)
        if node is None:
            return ""
        spec = self.specs[kind]
        links: tuple[Link, ...] = ()
        if after is not None:
            link = self._link_from(after, node)
            links = (link,) if link else ()
        elif before is not None and spec.outputs:
            links = (Link(End(node.id, spec.outputs[0].name), before),)
        places = {node.id: Place(snap(place.x), snap(place.y))}
        edits: list[SimpleEdit] = [AddNodes(self.where, (node,), places)]
        edits += [Connect(self.where, link, self._many(link, node)) for link in links]
        edit = edits[0] if len(edits) == 1 else Batch(f"Add {node.name}", tuple(edits))
        return self._done(edit, node.id)

    def splice(self, kind: str, link: Link) -> str:
        """Put a node of `kind` into a wire, with room made for it; return its id or ""."""
        node = self._new_node(kind)
        spec = self.specs.get(kind)
        if node is None or spec is None:
            return ""
        if not spec.inputs or not spec.outputs:
            lack = "output" if spec.inputs else "input"
            self._say(f"{spec.title} has no {lack}, so it fits into no wire.")
            return ""
        place, shifted = self._room(link, kind)
        first, last = spec.inputs[0].name, spec.outputs[0].name
        insert = Insert(self.where, node, link, first, last, place)
        moves = (MoveNodes(self.where, shifted),) if shifted else ()
        return self._done(Batch(insert.title, (insert, *moves)), node.id)

    def connect(self, link: Link) -> bool:
        """Lay a wire, or say why it cannot be."""
        graph = self._scene.sheet.graph
        if link in graph.links:
            return True
        reason = check_connect(graph, self.specs, link)
        if reason:
            self._say(reason)
            return False
        return self._session.do(Connect(self.where, link, self._many(link)))

    def reconnect(self, old: Link, new: Link | None) -> bool:
        """Move the end of a wire to another port, or take the wire away."""
        if new == old:
            return True
        if new is None:
            return self._session.do(Disconnect(self.where, (old,)))
        graph = self._scene.sheet.graph
        rest = replace(graph, links=tuple(link for link in graph.links if link != old))
        reason = check_connect(rest, self.specs, new)
        if reason:
            self._say(reason)
            return False
        cut, lay = Disconnect(self.where, (old,)), Connect(self.where, new, self._many(new))
        return self._session.do(Batch("Move wire", (cut, lay)))

    def disconnect(self, links: Iterable[Link]) -> None:
        """Take wires away."""
        links = tuple(links)
        if links:
            self._session.do(Disconnect(self.where, links))

    def apply(self, repair: Repair) -> None:
        """Do what a repair proposes, as one step."""
        edits: list[SimpleEdit] = []
        for edit in repair.edits:
            edits += edit.edits if isinstance(edit, Batch) else (edit,)
        self._session.do(Batch(repair.title, tuple(edits)))

    # ------------------------------------------------------------------------------- what is chosen

    def delete(self) -> None:
        """Take away what is selected: nodes, wires or a note."""
        scene = self._scene
        if scene.selection:
            self._session.do(RemoveNodes(self.where, scene.selection))
        elif scene.selected_links:
            self._session.do(Disconnect(self.where, scene.selected_links))
        elif scene.selected_note:
            self._session.do(SetNote(self.where, scene.selected_note, None))

    def move(
        self, dx: float, dy: float, gesture: str = "", ids: Iterable[str] | None = None
    ) -> None:
        """Move nodes (those selected), as one step with others of the same gesture."""
        scene = self._scene
        if scene.told.training:
            return  # there they are not at their places
        places = {}
        for key in scene.selection if ids is None else ids:
            at = scene.places[key]
            places[key] = Place(snap(at.x + dx), snap(at.y + dy))
        if places and any(scene.sheet.places.get(key) != at for key, at in places.items()):
            self._session.do(MoveNodes(self.where, places, gesture=gesture))

    def set_flag(self, flag: str) -> None:
        """Bypass or freeze what is selected; where all of it is already, end that."""
        nodes = self._scene.sheet.graph.nodes
        chosen = tuple(key for key in self._scene.selection if key in nodes)
        if chosen:
            on = not all(flag in nodes[key].flags for key in chosen)
            self._session.do(SetFlag(self.where, chosen, flag, on))

    def rename(self, node: str, name: str) -> bool:
        """Give a node another name."""
        if self._scene.sheet.graph.nodes[node].name == name:
            return True
        return self._session.do(Rename(self.where, node, name))

    def copy(self) -> str:
        """Return what is selected as text."""
        return to_text(cut_out(self._scene.sheet, self._scene.selection))

    def paste(self, text: str, at: Place | None = None) -> tuple[str, ...]:
        """Put nodes from text beside where they were, or at a place; return their ids."""
        try:
            fragment = from_text(text)
        except NotAGraph as refusal:
            self._say(str(refusal))
            return ()
        dx = dy = 24.0 * (self._pasted + 1)
        if at is not None and fragment.places:
            dx = snap(at.x - min(place.x for place in fragment.places.values()))
            dy = snap(at.y - min(place.y for place in fragment.places.values()))
        else:
            self._pasted += 1
        fragment = fragment.renewed(dx, dy)
        edit = AddNodes(self.where, fragment.nodes, fragment.places, fragment.links, verb="Paste")
        return tuple(node.id for node in fragment.nodes) if self._session.do(edit) else ()

    def copied(self) -> None:
        """Begin to count again how far pasted nodes stand from those that were copied."""
        self._pasted = 0

    def duplicate(self) -> tuple[str, ...]:
        """Put what is selected once more beside it; return the new ids."""
        sheet = self._scene.sheet
        fragment = cut_out(sheet, self._scene.selection).renewed(24.0, 24.0)
        if not fragment.nodes:
            return ()
        edit = AddNodes(self.where, fragment.nodes, fragment.places, fragment.links, "Duplicate")
        return tuple(node.id for node in fragment.nodes) if self._session.do(edit) else ()

    def tidy(self) -> None:
        """Lay the sheet out anew, as one step."""
        sheet = self._scene.sheet
        places = arrange(
            sheet.graph, self.specs, frames=sheet.frames, inside=not self._scene.told.top
        )
        if sheet.places:
            left = min(place.x for place in sheet.places.values())
            top = min(place.y for place in sheet.places.values())
            places = {key: Place(snap(at.x + left), snap(at.y + top)) for key, at in places.items()}
        if places and places != sheet.places:
            self._session.do(MoveNodes(self.where, places, verb="Tidy"))

    def frame(self) -> None:
        """Draw a frame around what is selected, or take away the one that is there."""
        chosen = self._scene.selection
        frames = self._scene.sheet.frames
        for key, frame in frames.items():
            if set(frame.nodes) == set(chosen):
                self._session.do(SetFrame(self.where, key, None))
                return
        if chosen:
            self._session.do(SetFrame(self.where, _free_key(frames, "f"), Frame("Group", chosen)))

    def retitle(self, key: str, title: str) -> None:
        """Give a frame another title."""
        frame = self._scene.sheet.frames.get(key)
        if frame and title and title != frame.title:
            self._session.do(SetFrame(self.where, key, replace(frame, title=title)))

    def add_note(self, at: Place) -> str:
        """Put an empty note; return its key or ""."""
        key = _free_key(self._scene.sheet.notes, "note")
        note = Note("", snap(at.x), snap(at.y))
        return key if self._session.do(SetNote(self.where, key, note)) else ""

    def set_note(self, key: str, note: Note) -> None:
        """Change a note; one without words goes away."""
        before = self._scene.sheet.notes.get(key)
        if before != note:
            self._session.do(SetNote(self.where, key, note if note.text.strip() else None))

    # --------------------------------------------------------------------------------------- places

    def place_below(self, end: End, kind: str) -> Place:
        """Return where a node of `kind` behind this port belongs: docked, or a row below, where it is free."""
        scene = self._scene
        width, height = self.size_of(kind)
        at = scene.places[end.node]
        spec = self.specs.get(kind)
        first = not scene.sheet.graph.outgoing.get(end.node)
        gap = DOCK if spec and spec.keeps_shape and first else ROW_GAP
        x, y = at.x, at.y + self._height(end.node) + gap
        while self._taken(x, y, (width, height), {end.node}):
            x += width + ROW_GAP
        return Place(x, y)

    def _room(self, link: Link, kind: str) -> tuple[Place, dict[str, Place]]:
        """Return where a node in this wire belongs, and the new places of those that make room."""
        places = self._scene.places
        spec = self.specs.get(kind)
        width, height = self.size_of(kind)
        above, below = link.source.node, link.target.node
        top = places[above].y + self._height(above)
        docks = spec is not None and spec.keeps_shape
        gap = DOCK if docks and len(self._scene.sheet.graph.outgoing[above]) == 1 else ROW_GAP
        x, y = places[above].x, top + gap
        same = abs(places[below].x - x) < width and places[below].y >= top
        after = DOCK if same and places[below].y - top <= DOCK else ROW_GAP
        column = [
            key
            for key, at in places.items()
            if key != above and abs(at.x - x) < width and at.y >= top - 1
        ]
        push = y + height + after - min((places[key].y for key in column), default=float("inf"))
        if push <= 0:
            return Place(snap(x), snap(y)), {}
        return Place(snap(x), snap(y)), {
            key: Place(places[key].x, snap(places[key].y + push)) for key in column
        }

    def _height(self, key: str) -> float:
        return base_size(self._scene.nodes[key].node, self._scene.told)[1]

    def _taken(self, x: float, y: float, size: tuple[float, float], but: set[str]) -> bool:
        return any(
            at.x < x + size[0]
            and x < at.x + WIDTH
            and at.y < y + size[1]
            and y < at.y + self._height(key)
            for key, at in self._scene.places.items()
            if key not in but
        )

    def size_of(self, kind: str) -> tuple[float, float]:
        """Return how large a new node of this kind is."""
        return node_size(Node("", kind, ""), self.specs.get(kind), not self._scene.told.top)

    # -------------------------------------------------------------------------------------- helpers

    def _new_node(self, kind: str) -> Node | None:
        if kind not in self.specs:
            self._say(
                f"There is no layer of the kind {kind!r} here. Install the pack that it is from."
            )
            return None
        taken = [node.name for node in self._scene.sheet.graph.nodes.values()]
        return Node(new_id(), kind, name_for(kind, taken))

    def _link_from(self, source: End, node: Node) -> Link | None:
        graph = self._scene.sheet.graph.with_node(node)
        return first_input(graph, self.specs, source, node.id)

    def _many(self, link: Link, node: Node | None = None) -> bool:
        graph = self._scene.sheet.graph
        if node is not None:
            graph = graph.with_node(node)
        port = input_port(graph, self.specs, link.target)
        return port is not None and port.many

    def _done(self, edit: AnyEdit, node: str) -> str:
        return node if self._session.do(edit) else ""


def _free_key(taken: Iterable[str], stem: str) -> str:
    keys = set(taken)
    number = 1
    while f"{stem}{number}" in keys:
        number += 1
    return f"{stem}{number}"
