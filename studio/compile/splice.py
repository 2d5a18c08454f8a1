"""New nodes in a wire, with room made for them on the sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studio.graph.edits import AnyEdit, Insert, MoveNodes
from studio.graph.geometry import ROW_GAP, WIDTH, node_size, snap
from studio.graph.graph import End, Graph, Link, Node, free_name, name_for
from studio.graph.kinds import spec_of
from studio.graph.params import Value
from studio.graph.project import Place, Project, Sheet
from studio.graph.spec import LayerSpec


def free_node(graph: Graph, kind: str, params: Mapping[str, Value], wish: str = "") -> Node:
    """Return a new node; its id is its name, so that the same repair is the same value each time."""
    taken = {*graph.nodes, *(node.name for node in graph.nodes.values())}
    name = free_name(taken, wish) if wish else name_for(kind, taken)
    return Node(name, kind, name, dict(params))


def room_below(
    where: str,
    sheet: Sheet,
    key: str,
    fresh: tuple[Node, ...],
    specs: Mapping[str, LayerSpec],
    behind: bool = False,
) -> tuple[dict[str, Place], tuple[AnyEdit, ...]]:
    """Return places for `fresh` where the node `key` is (or `behind` it), and who has to move down."""
    at = sheet.places.get(key)
    if at is None:
        return {}, ()
    node = sheet.graph.nodes[key]
    x, y = at.x, at.y
    if behind:
        y += node_size(node, spec_of(node, specs))[1] + ROW_GAP
    top, places = y, {}
    for new in fresh:
        places[new.id] = Place(snap(x), snap(y))
        y += node_size(new, spec_of(new, specs))[1] + ROW_GAP
    if behind:
        return places, ()
    column = {
        other: Place(place.x, snap(place.y + y - top))
        for other, place in sheet.places.items()
        if abs(place.x - x) < WIDTH and place.y >= top
    }
    return places, (MoveNodes(where, column),)


@dataclass(frozen=True)
class Splice:
    """A wire into which nodes may be put."""

    project: Project
    where: str
    wire: Link
    specs: Mapping[str, LayerSpec]

    def edits(self, *layers: tuple[str, Mapping[str, Value]]) -> tuple[tuple[AnyEdit, ...], str]:
        """Return the edits that put layers into the wire one behind the other, and the last's id."""
        sheet = self.project.sheet(self.where)
        graph, wire = sheet.graph, self.wire
        fresh: list[Node] = []
        for kind, params in layers:
            node = free_node(graph, kind, params)
            graph = graph.with_node(node)
            fresh.append(node)
        places, moves = room_below(self.where, sheet, wire.target.node, tuple(fresh), self.specs)
        edits: list[AnyEdit] = []
        for node in fresh:
            edits.append(Insert(self.where, node, wire, place=places.get(node.id)))
            wire = Link(End(node.id, "out"), wire.target)
        return (*edits, *moves), fresh[-1].id
