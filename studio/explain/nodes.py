"""Names and kinds of a project's nodes by id path, blocks opened."""

from __future__ import annotations

from dataclasses import dataclass

from studio.graph.project import Project
from studio.graph.unfold import unfold


@dataclass(frozen=True)
class NamedNode:
    """A node's kind, and its name as in code: `res1.conv1`."""

    kind: str
    name: str


def nodes_by_path(project: Project, network: str = "main") -> dict[str, NamedNode]:
    """Return the nodes of a network, those inside its blocks as `res1/conv1` (`res1/0/conv1` where the
    block is repeated)."""
    return {
        found.path: NamedNode(found.node.kind, found.dotted) for found in unfold(project, network)
    }
