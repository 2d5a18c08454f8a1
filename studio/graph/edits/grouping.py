"""Nodes made a block: the wires that were cut become its ports."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from msgspec.structs import replace

from studio.graph.edits.edit import BaseEdit, EditRefused, node_at, sheet_at, with_graph
from studio.graph.edits.instances import FIXED, check_block_name
from studio.graph.formulas import FormulaError, is_formula, names_in
from studio.graph.geometry import PILL, ROW_GAP, WIDTH, node_size, snap
from studio.graph.graph import (
    BLOCK,
    INPUT,
    OUTPUT,
    End,
    Graph,
    Link,
    Names,
    Node,
    free_name,
    name_for,
)
from studio.graph.params import Param
from studio.graph.project import Block, Place, Project, Sheet
from studio.graph.scope import renamed
from studio.graph.topology import order
from studio.graph.unfold import REPEAT


class MakeBlock(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Make nodes a block called `name`, with one instance, of the id `instance`, where they stood.

    Wires that lead in and out become ports; so do the unwired `inputs` and `outputs`. Inputs, outputs
    and states among the nodes stay where they are.
    """

    where: str
    nodes: tuple[str, ...]
    name: str
    instance: str
    inputs: tuple[End, ...] = ()
    outputs: tuple[End, ...] = ()

    @property
    def title(self) -> str:
        return f"Make block {self.name}"

    def apply(self, project: Project) -> Project:
        check_block_name(project, self.name)
        sheet = sheet_at(project, self.where)
        for key in self.nodes:
            node_at(project, self.where, key)
        graph = sheet.graph
        chosen = {key for key in self.nodes if graph.nodes[key].kind not in FIXED}
        if not chosen:
            raise EditRefused(
                "A block is made of layers. Choose some; inputs and outputs stay on their sheet."
            )
        if self.instance in graph.nodes.keys() - chosen:
            raise EditRefused(f"A node with the id {self.instance!r} is already on {self.where}.")
        _check_closed(graph, chosen)
        _check_sharing(graph, chosen)
        cut = _cut(graph, chosen, self.inputs, self.outputs)
        handed = _handed_on(project, self.where, graph, chosen)
        inside = _inside(sheet, chosen, cut, handed)
        block = Block(inside, params=tuple(handed.values()))
        project = replace(project, blocks=project.blocks | {self.name: block})
        return self._collapsed(project, sheet, chosen, cut, handed)

    def _collapsed(
        self,
        project: Project,
        sheet: Sheet,
        chosen: set[str],
        cut: _Cut,
        handed: dict[str, Param],
    ) -> Project:
        """Return the project with the instance on the sheet where the nodes were."""
        graph = sheet.graph
        names = {node.name for key, node in graph.nodes.items() if key not in chosen}
        kind = BLOCK + self.name
        values = {param.name: f"={outside}" for outside, param in handed.items()}
        instance = Node(self.instance, kind, name_for(kind, names), values)
        inputs = {source: port.name for port, source in cut.inputs if source is not None}
        outputs = {source: port.name for port, source in cut.outputs}
        links = []
        for wire in graph.links:
            leaves, enters = wire.source.node in chosen, wire.target.node in chosen
            if leaves and enters:
                continue
            source, target = wire.source, wire.target
            if leaves:
                source = End(self.instance, outputs[source])
            if enters:
                target = End(self.instance, inputs[source])
            links.append(Link(source, target))
        # The instance stands in the order where the first of its nodes stood.
        first = next(key for key in graph.nodes if key in chosen)
        nodes = {
            self.instance if key == first else key: instance if key == first else node
            for key, node in graph.nodes.items()
            if key == first or key not in chosen
        }
        places = {key: place for key, place in sheet.places.items() if key not in chosen}
        moved = [place for key, place in sheet.places.items() if key in chosen]
        if moved:
            middle_y = (min(at.y for at in moved) + max(at.y for at in moved)) / 2
            beside = [source for _, source in cut.inputs[:1] if source is not None]
            for _, end in cut.outputs[:1]:
                beside += [w.target for w in graph.out_of(end.node, end.port)]
            nodes_beside = {end.node: graph.nodes[end.node] for end in beside if end.node in places}
            column = _column(nodes_beside, places, moved)
            places[self.instance] = Place(snap(column), snap(middle_y))
        frames = {}
        for key, frame in sheet.frames.items():
            left = tuple(node for node in frame.nodes if node not in chosen)
            if len(left) < len(frame.nodes):
                left = (*left, self.instance) if chosen <= set(frame.nodes) else left
            if left and set(left) != {self.instance}:
                frames[key] = replace(frame, nodes=left)
        inner = project.blocks[self.name].sheet
        return with_graph(
            project,
            self.where,
            Graph(nodes, tuple(dict.fromkeys(links))),
            places=places,
            frames=frames,
            notes={key: note for key, note in sheet.notes.items() if key not in inner.notes},
        )


def _column(beside: dict[str, Node], places: dict[str, Place], moved: list[Place]) -> float:
    """Return the x of the instance: where the wire to one of the nodes `beside` it is straight.

    Where none of these stands above or below the nodes that were there, it is their middle.
    """
    left, right = min(at.x for at in moved), max(at.x for at in moved)
    for key, node in beside.items():
        x = places[key].x + (node_size(node, None)[0] - WIDTH) / 2
        if left <= x <= right:
            return x
    return (left + right) / 2


class _Cut(NamedTuple):
    """Ports of a block to be: the node that stands for each, and what feeds it from where it was.

    An input without a source was not wired; `targets` are the ends that it feeds then.
    """

    inputs: list[tuple[Node, End | None]]
    outputs: list[tuple[Node, End]]
    targets: dict[str, End]


def _check_closed(graph: Graph, chosen: set[str]) -> None:
    """See that no path leaves the nodes and comes back: the block would feed itself."""
    after = {wire.target.node for key in chosen for wire in graph.outgoing.get(key, ())} - chosen
    seen, waiting = set(after), list(after)
    while waiting:
        for wire in graph.outgoing.get(waiting.pop(), ()):
            if wire.target.node not in seen and wire.target.node not in chosen:
                seen.add(wire.target.node)
                waiting.append(wire.target.node)
    between = [
        graph.nodes[key].name
        for key in graph.nodes
        if key in seen and any(wire.target.node in chosen for wire in graph.outgoing.get(key, ()))
    ]
    if between:
        raise EditRefused(
            f"{between[0]} lies between the chosen nodes: the block would feed itself through it. "
            "Choose it too."
        )


def _check_sharing(graph: Graph, chosen: set[str]) -> None:
    for key, node in graph.nodes.items():
        if node.shares in graph.nodes and (key in chosen) != (node.shares in chosen):
            raise EditRefused(
                f"{node.name} uses the weights of {graph.nodes[node.shares].name}, and weights are "
                "shared on one sheet only. Choose both, or end the sharing first."
            )


def _cut(
    graph: Graph, chosen: set[str], open_inputs: tuple[End, ...], open_outputs: tuple[End, ...]
) -> _Cut:
    """Return the ports that the cut wires make, in the order in which data flows."""
    rank = {key: number for number, key in enumerate(order(graph)[0])}
    names, ids = Names(graph.nodes[key].name for key in chosen), Names(chosen)

    def port(kind: str, wish: str) -> Node:
        name = names.take(wish)
        return Node(ids.take(name), kind, name)

    wires = sorted(graph.links, key=lambda wire: rank.get(wire.target.node, len(rank)))
    cut = _Cut([], [], {})
    for wire in wires:
        enters = wire.target.node in chosen and wire.source.node not in chosen
        if enters and all(source != wire.source for _, source in cut.inputs):
            cut.inputs.append((port(INPUT, wire.target.port), wire.source))
    for end in open_inputs:
        if end.node in chosen and not graph.into(end.node, end.port):
            node = port(INPUT, end.port)
            cut.inputs.append((node, None))
            cut.targets[node.id] = end
    wires.sort(key=lambda wire: rank.get(wire.source.node, len(rank)))
    leaving = [w.source for w in wires if w.source.node in chosen and w.target.node not in chosen]
    unused = [e for e in open_outputs if e.node in chosen and not graph.out_of(e.node, e.port)]
    for end in dict.fromkeys((*leaving, *unused)):
        cut.outputs.append((port(OUTPUT, end.port), end))
    return cut


def _handed_on(project: Project, where: str, graph: Graph, chosen: set[str]) -> dict[str, Param]:
    """Return what these nodes read of the block around, by name: the new block's parameters.

    Which pass of a repeat this is, the new block would answer for itself: it gets another name.
    """
    read: set[str] = set()
    for key in chosen:
        for value in graph.nodes[key].params.values():
            with suppress(FormulaError):  # it is shown as a problem, here as there
                read |= names_in(value) if is_formula(value) else set()
    around = project.blocks.get(where.removeprefix(BLOCK)) if where.startswith(BLOCK) else None
    params = around.params if around is not None else ()
    found = {param.name: param for param in params if param.name in read}
    taken = {*read, *project.constants, *(param.name for param in params)}
    for name, start in (("index", 0), (REPEAT.name, 1)):
        if name in read and name not in found:
            found[name] = Param(free_name(taken, f"outer_{name}"), "int", start, minimum=0)
    return found


def _reading(node: Node, handed: dict[str, Param]) -> Node:
    """Return the node with formulas that read what is handed on by the name that it has inside."""
    params = dict(node.params)
    for outside, param in handed.items():
        for name, value in params.items():
            if is_formula(value):
                params[name] = renamed(value, outside, param.name)
    return replace(node, params=params) if params != node.params else node


def _inside(sheet: Sheet, chosen: set[str], cut: _Cut, handed: dict[str, Param]) -> Sheet:
    """Return the block's sheet: the nodes as they stood, its inputs above and its outputs below."""
    graph = sheet.graph
    sources = {source: node for node, source in cut.inputs if source is not None}
    outputs = [node for node, _ in cut.outputs]
    nodes = [node for node, _ in cut.inputs]
    nodes += [_reading(node, handed) for key, node in graph.nodes.items() if key in chosen]
    nodes += outputs
    links = [
        Link(End(sources[w.source].id, "out") if w.source in sources else w.source, w.target)
        for w in graph.links
        if w.target.node in chosen
    ]
    links += [Link(End(key, "out"), end) for key, end in cut.targets.items()]
    links += [Link(end, End(node.id, "x")) for node, end in cut.outputs]
    inner = Graph({node.id: node for node in nodes}, tuple(links))
    stood = {key: place for key, place in sheet.places.items() if key in chosen}
    left = min((at.x for at in stood.values()), default=0.0)
    top = min((at.y for at in stood.values()), default=0.0) - PILL[1] - ROW_GAP
    places = {key: Place(snap(at.x - left), snap(at.y - top)) for key, at in stood.items()}
    bottom = max(
        (places[key].y + node_size(graph.nodes[key], None)[1] for key in places), default=0
    )
    fed = {wire.source.node: wire.target.node for wire in reversed(links)}
    feeding = {wire.target.node: wire.source.node for wire in links}
    _in_row(places, [node.id for node, _ in cut.inputs], fed, 0.0)
    _in_row(places, [node.id for node in outputs], feeding, snap(bottom + ROW_GAP))
    frames = {key: f for key, f in sheet.frames.items() if f.nodes and set(f.nodes) <= chosen}
    right = max((at.x for at in stood.values()), default=0.0) + WIDTH
    notes = {
        key: replace(note, x=snap(note.x - left), y=snap(note.y - top))
        for key, note in sheet.notes.items()
        if stood and left <= note.x < right and top + PILL[1] + ROW_GAP <= note.y < top + bottom
    }
    return Sheet(inner, places, frames, notes)


def _in_row(places: dict[str, Place], keys: list[str], beside: dict[str, str], y: float) -> None:
    """Place port nodes in a row, each over or under the node at its wire where that is free."""
    x = float("-inf")
    for key in sorted(keys, key=lambda key: places.get(beside.get(key, ""), Place(0, 0)).x):
        wish = places.get(beside.get(key, ""), Place(0.0, 0.0)).x
        x = max(wish, x + WIDTH + ROW_GAP)
        places[key] = Place(x, y)
