"""From a module's dotted names to the graph's id paths."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from studio.graph.graph import INPUT
from studio.graph.project import Project
from studio.graph.unfold import unfold


@dataclass(frozen=True)
class NodePath:
    """A node by its place in the code (`res1.conv1`) and in the graph (`res1/conv1`, by ids).

    A block that is repeated holds numbered ones: `res1.0.conv1`, `res1/0/conv1`.
    """

    dotted: str
    path: str
    name: str
    kind: str
    frozen: bool


def node_paths(project: Project, network: str) -> tuple[NodePath, ...]:
    """Return every node of a network, those inside blocks included."""
    return tuple(
        NodePath(found.dotted, found.path, found.node.name, found.node.kind, found.frozen)
        for found in unfold(project, network)
    )


def input_names(project: Project, network: str) -> tuple[str, ...]:
    """Return the names of a network's inputs, in the order of its `forward`."""
    return tuple(node.name for node in project.networks[network].graph.of_kind(INPUT))


class Owners:
    """Which node each parameter of a module belongs to: the innermost one whose name it begins with."""

    def __init__(self, module: nn.Module, nodes: tuple[NodePath, ...]) -> None:
        self._by_name = {node.dotted: node for node in nodes}
        self.of = {name: self._owner(name) for name, _ in module.named_parameters()}

    def _owner(self, parameter: str) -> NodePath | None:
        dotted = parameter  # a learned constant is a parameter of the node's own name
        while dotted:
            if dotted in self._by_name:
                return self._by_name[dotted]
            dotted = dotted.rpartition(".")[0]
        return None
