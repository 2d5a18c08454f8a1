"""Nodes put into wires and taken out of them, and wires led through points."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from studio.graph.connect import check_connect
from studio.graph.edits import (
    Batch,
    Connect,
    Disconnect,
    Insert,
    MoveNodes,
    RemoveNodes,
    SimpleEdit,
)
from studio.graph.geometry import snap
from studio.graph.graph import REROUTE, End, Link, Node, name_for, new_id
from studio.graph.kinds import spec_of
from studio.graph.project import Place
from studio.ui.canvas.scene import SheetScene

if TYPE_CHECKING:
    from studio.ui.canvas.editor import Editor


class Stitching:
    """Edits of the sheet that the editor edits, in which wires and nodes change together."""

    def __init__(self, editor: Editor, scene: SheetScene) -> None:
        self._editor = editor
        self._scene = scene

    def why_no_splice(self, key: str, link: Link) -> str:
        """Return why a node that is on the sheet cannot go into a wire, "" where it can."""
        graph = self._scene.sheet.graph
        node = graph.nodes[key]
        spec = spec_of(node, self._editor.specs)
        if key in (link.source.node, link.target.node):
            return f"{node.name} is at an end of this wire."
        if spec is None or not spec.inputs or not spec.outputs:
            return f"{node.name} needs an input and an output to go into a wire."
        if graph.incoming.get(key) or graph.outgoing.get(key):
            return f"{node.name} has wires of its own. Drag it with Alt held to take it out first."
        first = Link(link.source, End(key, self._editor.entry(spec, link.source)))
        last = Link(End(key, self._editor.exit(spec, link.target)), link.target)
        return check_connect(graph, self._editor.specs, first) or check_connect(
            graph, self._editor.specs, last
        )

    def splice_node(self, key: str, link: Link) -> bool:
        """Put a node that is on the sheet, and has no wires, into one, with room made for it."""
        node = self._scene.sheet.graph.nodes[key]
        reason = self.why_no_splice(key, link)
        if reason:
            self._editor.say(reason)
            return False
        spec = spec_of(node, self._editor.specs)
        assert spec is not None  # it can go into a wire
        place, shifted = self._editor.room.in_wire(link, node, but=(key,))
        first = Link(link.source, End(key, self._editor.entry(spec, link.source)))
        last = Link(End(key, self._editor.exit(spec, link.target)), link.target)
        edits: tuple[SimpleEdit, ...] = (
            Disconnect(self._editor.where, (link,)),
            Connect(self._editor.where, first, self._editor.many(first)),
            Connect(self._editor.where, last, self._editor.many(last)),
            MoveNodes(self._editor.where, shifted | {key: place}),
        )
        return self._editor.do(Batch(f"Insert {node.name}", edits))

    def take_out(self, ids: Iterable[str], dx: float = 0.0, dy: float = 0.0) -> bool:
        """Take nodes out of their wires, which are joined behind them, and move them."""
        scene, ids = self._scene, tuple(ids)
        graph, inside = scene.sheet.graph, set(ids)
        joined, reason = self._joined(ids)
        cut = tuple(
            link
            for link in graph.links
            if (link.source.node in inside) != (link.target.node in inside)
        )
        places = {
            key: Place(snap(at.x + dx), snap(at.y + dy))
            for key in ids
            if (at := scene.places.get(key))
        }
        edits: list[SimpleEdit] = [Disconnect(self._editor.where, cut)] if cut else []
        edits += [Connect(self._editor.where, link, self._editor.many(link)) for link in joined]
        edits += [MoveNodes(self._editor.where, places), *self._editor.margins.left(ids)]
        names = graph.nodes[ids[0]].name if len(ids) == 1 else f"{len(ids)} nodes"
        done = self._editor.do(Batch(f"Take {names} out", tuple(edits)))
        if done and reason:
            self._editor.say(reason)
        return done

    def _joined(self, ids: tuple[str, ...]) -> tuple[list[Link], str]:
        """Return the wires that lead past nodes once they are gone, and why others cannot."""
        before = self._scene.sheet.graph
        healed = RemoveNodes(self._editor.where, ids, heal=True).apply(self._editor.project)
        graph = healed.sheet(self._editor.where).graph
        joined, reason = [], ""
        for link in graph.links:
            if link in before.links:
                continue
            rest = replace(graph, links=tuple(one for one in graph.links if one != link))
            why = check_connect(rest, self._editor.specs, link)
            reason = reason or why
            joined += [] if why else [link]
        return joined, reason

    def reroute(self, link: Link, at: Place) -> str:
        """Lead a wire through a point around `at`; return the id of the point's node or ""."""
        taken = [node.name for node in self._scene.sheet.graph.nodes.values()]
        node = Node(new_id(), REROUTE, name_for(REROUTE, taken))
        spec = self._editor.specs.get(REROUTE)
        if spec is None:
            self._editor.say("Wires can be led through points once the catalogue is loaded.")
            return ""
        width, height = self._editor.room.size_of(REROUTE)
        place = Place(snap(at.x - width / 2), snap(at.y - height / 2))
        first, last = spec.inputs[0].name, spec.outputs[0].name
        return self._editor.done(
            Insert(self._editor.where, node, link, first, last, place), node.id
        )

    def dissolve(self) -> None:
        """Take the selected nodes away and join the wires that they were in."""
        ids = self._scene.selection
        if not ids:
            return
        joined, reason = self._joined(ids)
        whole = RemoveNodes(self._editor.where, ids, heal=not reason)
        if not reason:
            self._editor.do(whole)
            return
        wires = tuple(Connect(self._editor.where, link, self._editor.many(link)) for link in joined)
        if self._editor.do(Batch(whole.title, (whole, *wires))):
            self._editor.say(reason)
