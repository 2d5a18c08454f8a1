"""Names and kinds of a project's nodes by id path, blocks opened."""

from __future__ import annotations

from dataclasses import dataclass

from studio.graph.graph import BLOCK, Graph
from studio.graph.project import Project


@dataclass(frozen=True)
class NamedNode:
    """A node's kind, and its name as in code: `res1.conv1`."""

    kind: str
    name: str


def nodes_by_path(project: Project, network: str = "main") -> dict[str, NamedNode]:
    """Return the nodes of a network, those inside its blocks as `res1/conv1`."""
    found: dict[str, NamedNode] = {}

    def walk(graph: Graph, path: str, name: str, inside: frozenset[str]) -> None:
        for node in graph.nodes.values():
            found[path + node.id] = NamedNode(node.kind, name + node.name)
            block = node.kind.removeprefix(BLOCK) if node.kind.startswith(BLOCK) else ""
            if block in project.blocks and block not in inside:
                inner = project.blocks[block].sheet.graph
                walk(inner, f"{path}{node.id}/", f"{name}{node.name}.", inside | {block})

    if network in project.networks:
        walk(project.networks[network].graph, "", "", frozenset())
    return found
