"""What can be done to a sheet, each as one undoable edit through the session."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec.structs import replace

from studio.graph.catalog import Catalog
from studio.graph.connect import check_connect, fits, input_port, output_port
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
    SimpleEdit,
    Swap,
)
from studio.graph.facts import ProjectFacts
from studio.graph.fragments import Fragment, NotAGraph, cut_out, from_text, paste, to_text
from studio.graph.geometry import snap
from studio.graph.graph import REROUTE, End, Link, Node, name_for, new_id
from studio.graph.kinds import spec_of
from studio.graph.offers import entry
from studio.graph.problems import Repair
from studio.graph.project import Place, Project, Sheet
from studio.graph.spec import LayerSpec
from studio.ui.canvas.margins import Margins
from studio.ui.canvas.room import Room
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.stitching import Stitching
from studio.ui.canvas.words import passing_words


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
        self.room = Room(scene)
        self.margins = Margins(self)
        self.stitching = Stitching(self, scene)
        self.where = "main"

    @property
    def specs(self) -> dict[str, LayerSpec]:
        """What kinds of node are known, blocks included."""
        return self._scene.told.specs

    @property
    def sheet(self) -> Sheet:
        """The sheet as it is shown."""
        return self._scene.sheet

    @property
    def project(self) -> Project:
        """The document as it is now."""
        return self._session.document.project

    def say(self, words: str) -> None:
        """Tell the person why something cannot be done."""
        self._say(words)

    def do(self, edit: AnyEdit) -> bool:
        """Apply an edit; one that is refused changes nothing."""
        return self._session.do(edit)

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
            links = (Link(End(node.id, self.exit(spec, before)), before),)
        places = {node.id: Place(snap(place.x), snap(place.y))}
        edits: list[SimpleEdit] = [AddNodes(self.where, (node,), places)]
        edits += [Connect(self.where, link, self.many(link, node)) for link in links]
        edit = edits[0] if len(edits) == 1 else Batch(f"Add {node.name}", tuple(edits))
        return self.done(edit, node.id)

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
        place, shifted = self.room.in_wire(link, node)
        first, last = self.entry(spec, link.source), self.exit(spec, link.target)
        graph = self._scene.sheet.graph.with_node(node)
        ends = (Link(link.source, End(node.id, first)), Link(End(node.id, last), link.target))
        reason = next((why for end in ends if (why := check_connect(graph, self.specs, end))), "")
        if reason:
            self._say(reason)
            return ""
        insert = Insert(self.where, node, link, first, last, place)
        moves = (MoveNodes(self.where, shifted),) if shifted else ()
        return self.done(Batch(insert.title, (insert, *moves)), node.id)

    def swap(self, key: str, kind: str) -> str:
        """Make a node one of another kind; wires and settings that both kinds have stay."""
        node = self._scene.sheet.graph.nodes[key]
        if kind not in self.specs:
            return ""
        edit = Swap.to(self.where, node, spec_of(node, self.specs), self.specs[kind])
        return self.done(edit, key)

    def connect(self, link: Link) -> bool:
        """Lay a wire, or say why it cannot be."""
        graph = self._scene.sheet.graph
        if link in graph.links:
            return True
        reason = check_connect(graph, self.specs, link)
        if reason:
            self._say(reason)
            return False
        return self._session.do(Connect(self.where, link, self.many(link)))

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
        cut, lay = Disconnect(self.where, (old,)), Connect(self.where, new, self.many(new))
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
        graph = scene.sheet.graph
        if scene.selection:
            points = all(graph.nodes[key].kind == REROUTE for key in scene.selection)
            self._session.do(RemoveNodes(self.where, scene.selection, heal=points))
        elif scene.selected_links:
            self._session.do(Disconnect(self.where, scene.selected_links))
        elif scene.selected_note:
            self.margins.remove_note(scene.selected_note)

    def move(
        self,
        dx: float,
        dy: float,
        gesture: str = "",
        ids: Iterable[str] | None = None,
        frame: str = "",
    ) -> None:
        """Move nodes (those selected), as one step with others of the same gesture; into a frame."""
        scene = self._scene
        if scene.told.training:
            return  # there they are not at their places
        places = {}
        for key in scene.selection if ids is None else ids:
            at = scene.places[key]
            places[key] = Place(snap(at.x + dx), snap(at.y + dy))
        if places and any(scene.sheet.places.get(key) != at for key, at in places.items()):
            moved = MoveNodes(self.where, places, gesture=gesture)
            taken = self.margins.taken_in(frame, places) if frame else None
            self._session.do(Batch(moved.title, (moved, taken)) if taken else moved)

    def set_flag(self, flag: str) -> None:
        """Bypass or freeze what is selected; where all of it is already, end that."""
        nodes = self._scene.sheet.graph.nodes
        chosen = tuple(key for key in self._scene.selection if key in nodes)
        if chosen:
            on = not all(flag in nodes[key].flags for key in chosen)
            words = passing_words(chosen, self._scene) if on and flag == "bypassed" else ""
            if self._session.do(SetFlag(self.where, chosen, flag, on)) and words:
                self._say(words)

    def rename(self, node: str, name: str) -> bool:
        """Give a node another name."""
        if self._scene.sheet.graph.nodes[node].name == name:
            return True
        return self._session.do(Rename(self.where, node, name))

    def copy(self) -> str:
        """Return what is selected as text."""
        return to_text(self._chosen())

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
        return self._put(fragment.renewed(dx, dy), "Paste")

    def copied(self) -> None:
        """Begin to count again how far pasted nodes stand from those that were copied."""
        self._pasted = 0

    def duplicate(self) -> tuple[str, ...]:
        """Put what is selected once more beside it; return the new ids."""
        fragment = self._chosen().renewed(24.0, 24.0)
        return self._put(fragment, "Duplicate") if fragment.nodes else ()

    def _chosen(self) -> Fragment:
        return cut_out(self._session.document.project, self.where, self._scene.selection)

    def _put(self, fragment: Fragment, verb: str) -> tuple[str, ...]:
        edit = paste(self._session.document.project, self.where, fragment, verb)
        return tuple(node.id for node in fragment.nodes) if self._session.do(edit) else ()

    # ---------------------------------------------------------------------------------------- parts

    def _new_node(self, kind: str) -> Node | None:
        if kind not in self.specs:
            self._say(
                f"There is no layer of the kind {kind!r} here. Install the pack that it is from."
            )
            return None
        taken = [node.name for node in self._scene.sheet.graph.nodes.values()]
        return Node(new_id(), kind, name_for(kind, taken))

    def entry(self, spec: LayerSpec, source: End) -> str:
        """Return the input by which a wire from `source` enters a new node."""
        giver = output_port(self._scene.sheet.graph, self.specs, source)
        tensor = self._scene.tensor(source)
        rank = len(tensor.shape) if tensor else 0
        port = entry(spec, giver.type if giver else "any", rank)
        return port.name if port else spec.inputs[0].name

    def exit(self, spec: LayerSpec, target: End) -> str:
        """Return the output by which a wire to `target` leaves a new node."""
        taker = input_port(self._scene.sheet.graph, self.specs, target)
        wanted = taker.type if taker else "any"
        able = (port.name for port in spec.outputs if fits(port.type, wanted))
        return next(able, spec.outputs[0].name)

    def _link_from(self, source: End, node: Node) -> Link | None:
        """Return the wire from an output to a new node, None where nothing in it takes that."""
        graph, spec = self._scene.sheet.graph.with_node(node), self.specs[node.kind]
        if not spec.inputs:
            return None
        link = Link(source, End(node.id, self.entry(spec, source)))
        return None if check_connect(graph, self.specs, link) else link

    def many(self, link: Link, node: Node | None = None) -> bool:
        graph = self._scene.sheet.graph
        if node is not None:
            graph = graph.with_node(node)
        port = input_port(graph, self.specs, link.target)
        return port is not None and port.many

    def done(self, edit: AnyEdit, node: str) -> str:
        return node if self._session.do(edit) else ""
