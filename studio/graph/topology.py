"""Order and ports of a graph, whatever its nodes compute."""

from __future__ import annotations

import heapq

from studio.graph.graph import BLOCK, INPUT, OUTPUT, Graph
from studio.graph.project import Project
from studio.graph.spec import LayerSpec, Port


def order(graph: Graph) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the ids in an order in which data can flow, and the ids that lie on or behind a cycle.

    Among nodes that are ready, the one that was added first comes first, so that code is stable.
    """
    rank = {key: number for number, key in enumerate(graph.nodes)}
    waiting = {
        key: len({wire.source.node for wire in graph.incoming.get(key, ())}) for key in graph.nodes
    }
    ready = [rank[key] for key, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    keys = list(graph.nodes)
    done: list[str] = []
    while ready:
        key = keys[heapq.heappop(ready)]
        done.append(key)
        for target in dict.fromkeys(wire.target.node for wire in graph.outgoing.get(key, ())):
            waiting[target] -= 1
            if waiting[target] == 0:
                heapq.heappush(ready, rank[target])
    return tuple(done), frozenset(graph.nodes) - frozenset(done)


def block_spec(project: Project, kind: str) -> LayerSpec | None:
    """Return the spec of a node of kind `block.NAME`, made from the block's own ports, or None."""
    block = project.blocks.get(kind.removeprefix(BLOCK)) if kind.startswith(BLOCK) else None
    if block is None:
        return None
    graph = block.sheet.graph
    inner = len(graph.nodes) - len(graph.of_kind(INPUT)) - len(graph.of_kind(OUTPUT))
    return LayerSpec(
        kind=kind,
        title=kind.removeprefix(BLOCK),
        category="tensor",
        doc=block.doc or f"A block of {inner} layers; every instance follows its definition.",
        inputs=tuple(Port(node.name, "any") for node in graph.of_kind(INPUT)),
        outputs=tuple(Port(node.name, "any") for node in graph.of_kind(OUTPUT)),
    )


def block_users(project: Project, name: str) -> tuple[str, ...]:
    """Return the sheets that hold an instance of the block named `name`."""
    wanted = BLOCK + name
    places = {where: sheet.graph for where, sheet in project.networks.items()}
    places |= {BLOCK + other: block.sheet.graph for other, block in project.blocks.items()}
    return tuple(where for where, graph in places.items() if graph.of_kind(wanted))


def name_path(project: Project, network: str, path: str) -> str:
    """Return the dotted name (`res1.conv1`) of an id path (`n4/n2`); unknown ids stay as they are."""
    graph: Graph | None = project.networks[network].graph if network in project.networks else None
    names = []
    for key in path.split("/"):
        node = graph.nodes.get(key) if graph else None
        names.append(node.name if node else key)
        block = project.blocks.get(node.kind.removeprefix(BLOCK)) if node else None
        graph = block.sheet.graph if block else None
    return ".".join(names)
