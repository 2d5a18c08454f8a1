"""Order and ports of a graph, whatever its nodes compute."""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from studio.graph.formulas import FormulaError
from studio.graph.graph import BLOCK, INPUT, NEXT, OUTPUT, REROUTE, STATE, Graph, Node
from studio.graph.params import Value
from studio.graph.project import Block, Project
from studio.graph.spec import LayerSpec, Port
from studio.graph.unfold import REPEAT, SHARE_WEIGHTS, Names, passes, resolved

_NO_LAYERS = (INPUT, OUTPUT, STATE, NEXT, REROUTE)
_EVERY_INSTANCE = (REPEAT.name, SHARE_WEIGHTS.name)
_START = "What the first step finds. Without a wire: zeros, or what the block learned."
_END = "What the last step leaves."


def order(graph: Graph) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the ids in an order in which data can flow, and the ids that lie on or behind a cycle.

    Among nodes that are ready, the one that was added first comes first, so that code is stable.
    """
    keys = list(graph.nodes)
    rank = {key: number for number, key in enumerate(keys)}
    waiting = dict.fromkeys(keys, 0)
    leads: dict[str, list[str]] = {}  # each target once, however many wires lead to it
    for key, wires in graph.incoming.items():
        sources: tuple[str, ...] = (wires[0].source.node,)
        if len(wires) > 1:
            sources = tuple(dict.fromkeys([wire.source.node for wire in wires]))
        waiting[key] = len(sources)
        for source in sources:
            leads.setdefault(source, []).append(key)
    ready = [rank[key] for key, count in waiting.items() if not count]
    heapq.heapify(ready)
    done: list[str] = []
    while ready:
        key = keys[heapq.heappop(ready)]
        done.append(key)
        for target in leads.get(key, ()):
            waiting[target] -= 1
            if not waiting[target]:
                heapq.heappush(ready, rank[target])
    return tuple(done), frozenset(graph.nodes) - frozenset(done)


def block_spec(project: Project, kind: str) -> LayerSpec | None:
    """Return the spec of a node of kind `block.NAME`, made from the block's own ports, or None.

    Its parameters are the block's own, then `repeat` and `share_weights`. Each state of a block that runs
    over time is an optional input (its start) and an output (its final value).
    """
    name = kind.removeprefix(BLOCK)
    block = project.blocks.get(name) if kind.startswith(BLOCK) else None
    if block is None:
        return None
    graph = block.sheet.graph
    states = graph.of_kind(STATE)
    inner = sum(node.kind not in _NO_LAYERS for node in graph.nodes.values())
    own = tuple(param for param in block.params if param.name not in _EVERY_INSTANCE)
    return LayerSpec(
        kind=kind,
        title=name,
        category="seq" if states else "tensor",
        doc=block.doc or f"A block of {inner} layers; every instance follows its definition.",
        inputs=(
            *(Port(node.name, "any") for node in graph.of_kind(INPUT)),
            *(Port(node.name, "state", optional=True, help=_START) for node in states),
        ),
        outputs=(
            *(Port(node.name, "any") for node in graph.of_kind(OUTPUT)),
            *(Port(node.name, "state", help=_END) for node in states),
        ),
        params=(*own, REPEAT, SHARE_WEIGHTS),
        summary=tuple(param.name for param in own),
    )


def runs_over_time(graph: Graph) -> bool:
    """Tell whether a block with this graph is run step by step, handing states on."""
    return any(node.kind == STATE for node in graph.nodes.values())


def block_users(project: Project, name: str) -> tuple[str, ...]:
    """Return the sheets that hold an instance of the block named `name`."""
    wanted = BLOCK + name
    places = {where: sheet.graph for where, sheet in project.networks.items()}
    places |= {BLOCK + other: block.sheet.graph for other, block in project.blocks.items()}
    return tuple(where for where, graph in places.items() if graph.of_kind(wanted))


def name_path(project: Project, network: str, path: str) -> str:
    """Return the dotted name (`res1.0.conv1`) of an id path (`n4/0/n2`); unknown ids stay as they are."""
    graph: Graph | None = project.networks[network].graph if network in project.networks else None
    names: Names = project.constants
    found: list[str] = []
    through: dict[str, Names] = {}
    block: Block | None = None
    for key in path.split("/"):
        if block is not None and key in through:
            found.append(key)
            graph, names, block = block.sheet.graph, through[key], None
            continue
        node = graph.nodes.get(key) if graph else None
        found.append(node.name if node else key)
        graph, block, through = None, None, {}
        if node is None or not node.kind.startswith(BLOCK):
            continue
        block = project.blocks.get(node.kind.removeprefix(BLOCK))
        if block is not None:
            through = dict(passes(project, block, _known(node, names)))
            if "" in through:
                graph, names, block = block.sheet.graph, through[""], None
    return ".".join(found)


def _known(node: Node, names: Names) -> Mapping[str, Value]:
    """Return a node's parameters with formulas worked out, as they stand where one cannot be."""
    try:
        return resolved(node, names).params
    except FormulaError:
        return node.params
