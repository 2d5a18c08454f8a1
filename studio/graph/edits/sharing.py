"""Nodes that use the weights of another one, and who owns them when nodes come and go."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from studio.graph.edits.edit import BaseEdit, EditRefused, node_at, sheet_at, with_graph
from studio.graph.edits.instances import FIXED
from studio.graph.graph import REROUTE, Graph, Node
from studio.graph.project import Project


class Share(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Let nodes use the weights of `owner`, with its parameters; "" gives each its own again."""

    where: str
    nodes: tuple[str, ...]
    owner: str = ""

    @property
    def title(self) -> str:
        return "Share weights" if self.owner else "End sharing"

    def apply(self, project: Project) -> Project:
        graph = sheet_at(project, self.where).graph
        nodes = [node_at(project, self.where, key) for key in self.nodes]
        if not self.owner:
            graph = released(graph, {node.id for node in nodes})
            alone = {node.id: replace(node, shares="") for node in nodes}
            return with_graph(project, self.where, replace(graph, nodes=graph.nodes | alone))
        owner = node_at(project, self.where, self.owner)
        owner = graph.nodes.get(owner.shares, owner)
        owners = {node.id for node in nodes}
        changed = {
            key: _sharing(node, owner)
            for key, node in graph.nodes.items()
            if key != owner.id and (key in owners or node.shares in owners)
        }
        return with_graph(project, self.where, replace(graph, nodes=graph.nodes | changed))


def _sharing(node: Node, owner: Node) -> Node:
    if owner.kind in (*FIXED, REROUTE):
        raise EditRefused(f"{owner.name} has no weights that another node could use.")
    if node.kind != owner.kind:
        raise EditRefused(
            f"Only nodes of one kind can share weights. {owner.name} is {_last(owner.kind)}, "
            f"{node.name} is {_last(node.kind)}."
        )
    return replace(node, shares=owner.id, params=owner.params)


def _last(kind: str) -> str:
    return kind.rpartition(".")[2]


def group(graph: Graph, node: str) -> tuple[str, ...]:
    """Return the node and all that have the same weights, the owner first."""
    owner = graph.nodes[node].shares or node
    if owner not in graph.nodes:
        return (node,)
    return owner, *(key for key, other in graph.nodes.items() if other.shares == owner)


def released(graph: Graph, leaving: Collection[str]) -> Graph:
    """Return the graph in which the weights of leaving nodes belong to the first that shared them."""
    heirs: dict[str, str] = {}
    changed: dict[str, Node] = {}
    for key, node in graph.nodes.items():
        if node.shares in leaving and node.shares and key not in leaving:
            heir = heirs.setdefault(node.shares, key)
            changed[key] = replace(node, shares="" if heir == key else heir)
    return replace(graph, nodes=graph.nodes | changed) if changed else graph


def settled(graph: Graph, added: Iterable[str]) -> Graph:
    """Return the graph in which each of these nodes shares only with one that it can share with.

    A copy of a node that shared keeps sharing where its owner stands on the sheet, unchanged.
    """
    changed: dict[str, Node] = {}
    for key in added:
        node = graph.nodes[key]
        if node.shares:
            owner = graph.nodes.get(node.shares)
            if owner is not None and owner.shares:
                owner = graph.nodes.get(owner.shares)
            fits = (
                owner is not None
                and owner.id != key
                and not owner.shares
                and (owner.kind, owner.params) == (node.kind, node.params)
                and node.kind not in (*FIXED, REROUTE)
            )
            wanted = owner.id if owner is not None and fits else ""
            if wanted != node.shares:
                changed[key] = replace(node, shares=wanted)
    return replace(graph, nodes=graph.nodes | changed) if changed else graph
