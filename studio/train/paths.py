"""From a module's dotted names to the graph's id paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from studio.graph.graph import BLOCK, Graph
from studio.graph.project import Project


@dataclass(frozen=True)
class NodePath:
    """A node by its place in the code (`res1.conv1`) and in the graph (`res1/conv1`, by ids)."""

    dotted: str
    path: str
    name: str
    kind: str
    frozen: bool


def node_paths(project: Project, network: str) -> tuple[NodePath, ...]:
    """Return every node of a network, those inside blocks included."""
    return tuple(_walk(project, project.networks[network].graph, "", "", False, 0))


def _walk(
    project: Project, graph: Graph, dotted: str, path: str, frozen: bool, depth: int
) -> Iterator[NodePath]:
    for node in graph.nodes.values():
        cold = frozen or "frozen" in node.flags
        yield NodePath(dotted + node.name, path + node.id, node.name, node.kind, cold)
        block = project.blocks.get(node.kind.removeprefix(BLOCK))
        # A block can hold others, but nothing sane nests this deep: a loop of blocks ends here.
        if node.kind.startswith(BLOCK) and block is not None and depth < 16:
            yield from _walk(
                project,
                block.sheet.graph,
                f"{dotted}{node.name}.",
                f"{path}{node.id}/",
                cold,
                depth + 1,
            )


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
