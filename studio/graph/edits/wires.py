"""Edits of wires: lay, cut, and the walk that finds what would flow in a circle."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from studio.graph.edits.edit import BaseEdit, EditRefused, node_at, sheet_at, with_graph
from studio.graph.graph import Graph, Link
from studio.graph.project import Project
from studio.graph.topology import order


class Connect(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Lay a wire. Unless the port takes `many`, the wire that was there makes room."""

    where: str
    link: Link
    many: bool = False

    @property
    def title(self) -> str:
        return "Connect"

    def apply(self, project: Project) -> Project:
        graph = sheet_at(project, self.where).graph
        for end in (self.link.source, self.link.target):
            node_at(project, self.where, end.node)
        target = self.link.target
        if self.link in graph.into(target.node, target.port):
            return project
        if reaches(graph, self.link.target.node, self.link.source.node):
            raise EditRefused(circle(graph.nodes[self.link.target.node].name))
        kept = graph.links
        if not self.many and graph.into(target.node, target.port):
            kept = tuple(wire for wire in kept if wire.target != target)
        return with_graph(project, self.where, replace(graph, links=(*kept, self.link)))


class Disconnect(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Take wires away."""

    where: str
    links: tuple[Link, ...]

    @property
    def title(self) -> str:
        return "Cut wire" if len(self.links) == 1 else f"Cut {len(self.links)} wires"

    def apply(self, project: Project) -> Project:
        graph = sheet_at(project, self.where).graph
        gone = set(self.links)
        kept = tuple(wire for wire in graph.links if wire not in gone)
        return with_graph(project, self.where, replace(graph, links=kept))


def circle(name: str) -> str:
    """Return why a wire that leads a node back into itself is refused."""
    return (
        f"This wire would lead {name} back into itself. Data flows one way through a network; "
        "what runs over time goes into a Scan block, through a state."
    )


def reaches(graph: Graph, start: str, goal: str) -> bool:
    """Tell whether `goal` is `start` or lies downstream of it: one walk with a visited set."""
    seen = {start}
    stack = [start]
    while stack:
        node = stack.pop()
        if node == goal:
            return True
        for wire in graph.outgoing.get(node, ()):
            if wire.target.node not in seen:
                seen.add(wire.target.node)
                stack.append(wire.target.node)
    return False


def with_links(graph: Graph, links: Sequence[Link], where: str) -> Graph:
    """Return the graph with wires laid beside those that are there, looked through for cycles once.

    Raises: EditRefused.
    """
    for wire in links:
        for end in (wire.source, wire.target):
            if end.node not in graph.nodes:
                raise EditRefused(f"There is no node {end.node!r} on {where} any more.")
    laid = replace(graph, links=tuple(dict.fromkeys((*graph.links, *links))))
    if links and order(laid)[1]:
        for wire in links:  # a file may have brought a cycle of its own: ask about each wire
            if reaches(laid, wire.target.node, wire.source.node):
                raise EditRefused(circle(graph.nodes[wire.target.node].name))
    return laid
