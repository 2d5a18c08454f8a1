"""An instance of a block opened where it stands: its nodes, in its place."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from msgspec.structs import replace

from studio.graph.edits.edit import BaseEdit, EditRefused, node_at, sheet_at, with_graph
from studio.graph.edits.instances import FIXED, block_at, block_of
from studio.graph.edits.sharing import group
from studio.graph.formulas import FormulaError, evaluate, is_formula, substituted
from studio.graph.geometry import CARD, ROW_GAP, WIDTH, node_size, snap
from studio.graph.graph import INPUT, OUTPUT, STATE, End, Graph, Link, Names, Node
from studio.graph.params import Value
from studio.graph.project import Block, Frame, Note, Place, Project, Sheet
from studio.graph.scope import names_at
from studio.graph.unfold import REPEAT, SHARE_WEIGHTS

#: A block repeated so often that more nodes than these would stand on the sheet stays a block.
MOST_NODES = 2000


class Unpack(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Put a block's nodes in the place of one of its instances; a repeated one becomes a series.

    What the instance sets stands in the nodes' parameters then, as values or in their formulas.
    """

    where: str
    node: str

    @property
    def title(self) -> str:
        return "Unpack block"

    def apply(self, project: Project) -> Project:
        node = node_at(project, self.where, self.node)
        if not block_of(node):
            raise EditRefused(f"{node.name} is no block, so there is nothing to unpack.")
        block = block_at(project, block_of(node))
        sheet = sheet_at(project, self.where)
        times = self._times(project, sheet.graph, node, block)
        given = [_given(project, self.where, node, block, n, times) for n in range(times)]
        copies = _Copies(sheet, node, block.sheet, given)
        # The nodes stand in the order where the instance stood.
        nodes: dict[str, Node] = {}
        for key, other in sheet.graph.nodes.items():
            nodes |= copies.nodes if key == node.id else {key: other}
        shifted, places = copies.places(), dict(sheet.places)
        at = places.pop(node.id, None)
        if at is not None:
            places = _with_room(places, at, shifted) | shifted
        return with_graph(
            project,
            self.where,
            Graph(nodes, copies.links()),
            places=places,
            frames=copies.frames(),
            notes=copies.notes(),
        )

    def _times(self, project: Project, graph: Graph, node: Node, block: Block) -> int:
        """Return how often the block runs; see that it can be unpacked at all."""
        if block.sheet.graph.of_kind(STATE):
            raise EditRefused(
                f"{node.name} runs its block over time, step by step, which nodes on a sheet cannot do. "
                "Enter the block to change it."
            )
        if "bypassed" in node.flags:
            raise EditRefused(f"{node.name} is bypassed. End that first, or delete it.")
        others = [key for key in group(graph, node.id) if key != node.id]
        if others:
            raise EditRefused(
                f"{node.name} and {graph.nodes[others[0]].name} use the same weights. "
                "End the sharing first."
            )
        names = names_at(project, self.where, "")
        try:
            times = _worked_out(node.params.get(REPEAT.name, 1), names)
            shared = _worked_out(node.params.get(SHARE_WEIGHTS.name, False), names)
        except FormulaError as error:
            raise EditRefused(str(error)) from None
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            raise EditRefused(f"{node.name} is to run {times!r} times. Set Repeat to 1 first.")
        if times > 1 and shared:
            raise EditRefused(
                f"{node.name} runs {times} times with the same weights. Set Repeat to 1, or end "
                "sharing weights, before it is unpacked."
            )
        if times * len(block.sheet.graph.nodes) > MOST_NODES:
            raise EditRefused(
                f"Unpacked, {node.name} would be more than {MOST_NODES:,} nodes. Leave it a block."
            )
        return times


def _worked_out(value: Value, names: Mapping[str, Value]) -> Value:
    return evaluate(value, names) if is_formula(value) else value


def _given(
    project: Project, where: str, node: Node, block: Block, index: int, times: int
) -> dict[str, Value]:
    """Return what names inside the block stand for outside, in one of its passes."""
    here = names_at(project, where, "")
    # A constant that the block around hides from its formulas stands for its value.
    hidden = {n: v for n, v in project.constants.items() if here.get(n, v) is not v}
    own = {p.name: node.params.get(p.name, p.default) for p in block.params}
    return hidden | {"index": index, REPEAT.name: times} | own


class _Copies:
    """A block's nodes as they stand on the sheet around: one copy for each pass, in series."""

    def __init__(
        self, sheet: Sheet, node: Node, inner: Sheet, given: Sequence[Mapping[str, Value]]
    ) -> None:
        self._sheet, self._node, self._inner = sheet, node, inner
        self._body = [n for n in inner.graph.nodes.values() if n.kind not in FIXED]
        self.nodes: dict[str, Node] = {}
        #: For every copy, the id on the sheet of each node inside.
        self._ids: list[dict[str, str]] = []
        taken = sheet.graph.nodes.keys() - {node.id}
        names = Names(other.name for key, other in sheet.graph.nodes.items() if key in taken)
        for values in given:
            ids: dict[str, str] = {}
            for one in self._body:
                ids[one.id] = _free_id({*taken, *self.nodes, *ids.values()}, one.id)
            for one in self._body:
                self.nodes[ids[one.id]] = replace(
                    one,
                    id=ids[one.id],
                    name=names.take(one.name),
                    params=_params(one, values),
                    flags=tuple(sorted({*one.flags, *node.flags})),
                    shares=ids.get(one.shares, ""),
                )
            self._ids.append(ids)

    def links(self) -> tuple[Link, ...]:
        """Return the sheet's wires with those of the block led on from outside to outside."""
        outer, graph = self._sheet.graph, self._inner.graph
        fed: dict[str, End | None] = {}
        for port in graph.of_kind(INPUT):
            wires = outer.into(self._node.id, port.name)
            fed[port.name] = wires[0].source if wires else None
        inside: list[Link] = []
        left: dict[str, End | None] = {}
        for ids in self._ids:
            if left:  # by position, as many as both have
                fed |= dict(zip(fed, left.values(), strict=False))
            left = {}
            for port in graph.of_kind(OUTPUT):
                wires = graph.incoming.get(port.id, ())
                left[port.name] = self._end(wires[0].source, ids, fed) if wires else None
            for wire in graph.links:
                source = self._end(wire.source, ids, fed)
                if source is not None and wire.target.node in ids:
                    inside.append(Link(source, End(ids[wire.target.node], wire.target.port)))
        around = []
        for wire in outer.links:
            given = left.get(wire.source.port) if wire.source.node == self._node.id else wire.source
            if given is not None and wire.target.node != self._node.id:
                around.append(Link(given, wire.target))
        return tuple(dict.fromkeys((*around, *inside)))

    def _end(self, end: End, ids: Mapping[str, str], fed: Mapping[str, End | None]) -> End | None:
        """Return where what a port inside gives comes from on the sheet around."""
        if end.node in ids:
            return End(ids[end.node], end.port)
        return fed.get(self._inner.graph.nodes[end.node].name)

    def places(self) -> dict[str, Place]:
        """Return where the nodes stand: from the instance's place down, copy below copy."""
        at = self._sheet.places.get(self._node.id)
        dx, dy, step = self._moved()
        if at is None:
            return {}
        return {
            ids[key]: Place(snap(place.x + dx), snap(place.y + dy + number * step))
            for number, ids in enumerate(self._ids)
            for key, place in self._inner.places.items()
            if key in ids
        }

    def frames(self) -> dict[str, Frame]:
        """Return the sheet's frames, with the nodes in those that held the instance, and the block's own."""
        mine = self._node.id
        frames = {
            key: replace(
                frame,
                nodes=tuple(
                    inner
                    for outer in frame.nodes
                    for inner in (self.nodes if outer == mine else (outer,))
                ),
            )
            for key, frame in self._sheet.frames.items()
        }
        frames = {key: frame for key, frame in frames.items() if frame.nodes}
        for ids in self._ids:
            for key, frame in self._inner.frames.items():
                nodes = tuple(ids[node] for node in frame.nodes if node in ids)
                if nodes:
                    frames[_free_id(frames, key)] = replace(frame, nodes=nodes)
        return frames

    def notes(self) -> dict[str, Note]:
        """Return the sheet's notes and the block's, once."""
        dx, dy, _ = self._moved()
        notes = dict(self._sheet.notes)
        for key, note in self._inner.notes.items():
            notes[_free_id(notes, key)] = replace(note, x=snap(note.x + dx), y=snap(note.y + dy))
        return notes

    def _moved(self) -> tuple[float, float, float]:
        """Return how far nodes move from where they stand inside, and how far copies lie apart."""
        at = self._sheet.places.get(self._node.id, Place(0.0, 0.0))
        stood = [
            (self._inner.places[one.id], node_size(one, None))
            for one in self._body
            if one.id in self._inner.places
        ]
        if not stood:
            return 0.0, 0.0, 0.0
        left = min(place.x for place, _ in stood)
        right = max(place.x + size[0] for place, size in stood)
        top = min(place.y for place, _ in stood)
        bottom = max(place.y + size[1] for place, size in stood)
        middle = at.x + CARD[0] / 2
        return middle - (left + right) / 2, at.y - top, bottom - top + ROW_GAP


def _params(node: Node, values: Mapping[str, Value]) -> dict[str, Value]:
    try:
        return {
            name: substituted(value, values) if is_formula(value) else value
            for name, value in node.params.items()
        }
    except FormulaError as error:
        raise EditRefused(str(error)) from None


def _free_id(taken: Container[str], wish: str) -> str:
    if wish not in taken:
        return wish
    number = 2
    while f"{wish}_{number}" in taken:
        number += 1
    return f"{wish}_{number}"


def _with_room(
    places: Mapping[str, Place], at: Place, put: Mapping[str, Place]
) -> dict[str, Place]:
    """Return the places with what stands below the instance moved down by as much as is added."""
    if not put:
        return dict(places)
    left = min(place.x for place in put.values())
    right = max(place.x for place in put.values()) + WIDTH
    push = max(place.y for place in put.values()) - at.y
    return {
        key: Place(place.x, snap(place.y + push))
        if place.y > at.y and left < place.x + WIDTH and place.x < right
        else place
        for key, place in places.items()
    }
