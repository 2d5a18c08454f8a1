"""Blocks that differ in nothing but sizes as one block, whose instances set the sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from studio.graph.blocks import TAKEN
from studio.graph.edits.instances import blocks_in
from studio.graph.graph import BLOCK, Graph, Node, is_name
from studio.graph.params import Param, ParamType, Value
from studio.graph.project import Block, Sheet
from studio.graph.spec import LayerSpec
from studio.graph.unfold import REPEAT

#: A block with more settings than this is harder to use than several blocks.
MOST = 6
#: What a setting of a block can be, by the type of its value.
_TYPES: Mapping[type, ParamType] = {bool: "bool", int: "int", float: "float", tuple: "ints"}
#: What formulas call something else by.

#: A setting of a node: the node's id and the parameter's name.
_Spot = tuple[str, str]


def one_for_all_sizes(
    graph: Graph,
    blocks: Mapping[str, Block],
    titles: Mapping[str, str],
    specs: Mapping[str, LayerSpec],
) -> tuple[Graph, dict[str, Block]]:
    """Return a network and its blocks with those of one title that differ only in sizes as one.

    What differs becomes a setting of the block, which its nodes read by a formula. Where graphs differ, or
    more than a few settings would, the blocks stay apart. `titles` are the classes that blocks stand for.
    """
    found: dict[str, Block] = {}
    became: dict[str, tuple[str, Mapping[str, Value]]] = {}
    waiting = dict(blocks)
    while waiting:
        ready = [
            name
            for name, block in waiting.items()
            if not any(inner in waiting for inner in blocks_in(block.sheet.graph))
        ]
        alike: dict[object, list[str]] = {}
        graphs = {name: _followed(waiting.pop(name).sheet.graph, became) for name in ready}
        for name in ready:
            alike.setdefault((titles[name], _shape(graphs[name])), []).append(name)
        for names in alike.values():
            merged = _merged([graphs[name] for name in names], specs)
            if merged is None:
                found |= {name: Block(Sheet(graphs[name])) for name in names}
                continue
            block, values = merged
            found[names[0]] = block
            became |= {name: (names[0], given) for name, given in zip(names, values, strict=True)}
    return _followed(graph, became), {name: found[name] for name in blocks if name in found}


def _followed(graph: Graph, became: Mapping[str, tuple[str, Mapping[str, Value]]]) -> Graph:
    """Return a graph whose instances are of the blocks that their own have become."""
    nodes: dict[str, Node] = {}
    for key, node in graph.nodes.items():
        name = node.kind.removeprefix(BLOCK) if node.kind.startswith(BLOCK) else ""
        if name in became:
            other, values = became[name]
            node = replace(node, kind=BLOCK + other, params={**node.params, **values})
        nodes[key] = node
    return Graph(nodes, graph.links)


def _shape(graph: Graph) -> object:
    """Return everything of a graph but the values of its settings."""
    nodes = tuple(
        (key, node.kind, node.name, node.shares, node.flags) for key, node in graph.nodes.items()
    )
    return nodes, graph.links


def _merged(
    graphs: Sequence[Graph], specs: Mapping[str, LayerSpec]
) -> tuple[Block, list[dict[str, Value]]] | None:
    """Return the block for graphs that differ in values only, and what each of them sets; None for none."""
    first = graphs[0]
    columns: dict[tuple[Any, ...], list[_Spot]] = {}
    for key in first.nodes:
        settings = dict.fromkeys(name for graph in graphs for name in graph.nodes[key].params)
        for name in settings:
            values = tuple(_value(graph.nodes[key], name, specs) for graph in graphs)
            if any(value != values[0] for value in values):
                columns.setdefault(values, []).append((key, name))
    if len(graphs) < 2 or len(columns) > MOST or not all(map(_type_of, columns)):
        return None
    params: list[Param] = []
    nodes = dict(first.nodes)
    for values, spots in columns.items():
        kind = _type_of(values)
        assert kind is not None
        wanted = [name for _, name in spots] + [f"{first.nodes[k].name}_{n}" for k, n in spots]
        taken = {param.name for param in params}
        name = next((w for w in wanted if is_name(w) and w not in (*taken, *TAKEN)), "")
        if not name:
            return None
        params.append(Param(name, kind, values[0]))
        for key, setting in spots:
            node = nodes[key]
            nodes[key] = replace(node, params={**node.params, setting: f"={name}"})
    block = Block(Sheet(Graph(nodes, first.links)), params=tuple(params))
    given = [
        {param.name: values[row] for param, values in zip(params, columns, strict=True)}
        for row in range(len(graphs))
    ]
    return block, given


def _value(node: Node, name: str, specs: Mapping[str, LayerSpec]) -> Value:
    """Return what a setting of a node is; where it is left out it has its default."""
    if name in node.params:
        return node.params[name]
    spec = specs.get(node.kind)
    param = REPEAT if name == REPEAT.name else spec.param(name) if spec is not None else None
    return param.default if param is not None else None


def _type_of(values: tuple[Any, ...]) -> ParamType | None:
    """Return what a setting with these values is, None where no formula could stand for it."""
    kinds = {_TYPES.get(type(value)) for value in values}
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind == "ints" and not all(type(part) is int for value in values for part in value):
        return None
    return kind
