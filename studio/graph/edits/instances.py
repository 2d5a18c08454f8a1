"""Blocks and the nodes that stand for them: who uses whom, and ports that follow their definition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from studio.graph.edits.edit import EditRefused
from studio.graph.graph import BLOCK, INPUT, NEXT, OUTPUT, STATE, End, Graph, Link, Node, is_name
from studio.graph.project import Block, Project, Sheet

#: Kinds whose names are ports of the block that they stand in.
PORTS = (INPUT, OUTPUT, STATE)
#: Kinds that mean something on their own sheet only, and so stay there.
FIXED = (*PORTS, NEXT)


def sheets(project: Project) -> Iterator[tuple[str, Sheet]]:
    """Go through every sheet: networks first, then blocks."""
    yield from project.networks.items()
    for name, block in project.blocks.items():
        yield BLOCK + name, block.sheet


def block_of(node: Node) -> str:
    """Return the name of the block that a node stands for, or nothing."""
    return node.kind.removeprefix(BLOCK) if node.kind.startswith(BLOCK) else ""


def blocks_in(graph: Graph) -> frozenset[str]:
    """Return the blocks that a graph holds instances of."""
    return frozenset(block_of(node) for node in graph.nodes.values()) - {""}


def blocks_below(blocks: Mapping[str, Block], names: Iterable[str]) -> frozenset[str]:
    """Return these blocks and those that they are made of, as far as they exist."""
    found: set[str] = set()
    waiting = [name for name in names if name in blocks]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [inner for inner in blocks_in(blocks[name].sheet.graph) if inner in blocks]
    return frozenset(found)


def users(project: Project, name: str) -> tuple[str, ...]:
    """Return where a block is used, in words: `res1 on main`."""
    return tuple(
        f"{node.name} on {where}"
        for where, sheet in sheets(project)
        for node in sheet.graph.of_kind(BLOCK + name)
    )


def block_at(project: Project, name: str) -> Block:
    """Return a block.

    Raises: EditRefused.
    """
    if name not in project.blocks:
        raise EditRefused(f"There is no block named {name!r} any more.")
    return project.blocks[name]


def check_block_name(project: Project, name: str) -> None:
    """See that a new block may have this name.

    Raises: EditRefused.
    """
    if not is_name(name):
        raise EditRefused(
            "A block's name becomes a class in Python: letters, digits and underscores, starting "
            f"with a letter, not a word of Python or PyTorch. Got {name!r}."
        )
    if name in project.blocks:
        raise EditRefused(f"There is a block named {name} already. Choose another name.")


def check_kinds(project: Project, where: str, kinds: Iterable[str]) -> None:
    """See that nodes of these kinds may stand on a sheet: blocks must exist and not hold themselves.

    Raises: EditRefused.
    """
    wanted = {kind.removeprefix(BLOCK) for kind in kinds if kind.startswith(BLOCK)}
    missing = sorted(name for name in wanted if name not in project.blocks)
    if missing:
        raise EditRefused(
            f"There is no block named {missing[0]!r} in this project. "
            "Add the block first: a pasted fragment or a saved block brings it along."
        )
    here = where.removeprefix(BLOCK) if where.startswith(BLOCK) else ""
    if here:
        for name in sorted(wanted):
            if here in blocks_below(project.blocks, [name]):
                raise EditRefused(
                    f"{name} cannot stand inside {here}: the block would hold itself without end. "
                    "To repeat a block, set Repeat on its node."
                )


def with_instances(project: Project, name: str, kind: str) -> Project:
    """Return the project with every node that stands for a block made one of `kind`."""
    old = BLOCK + name
    for where, sheet in sheets(project):
        if sheet.graph.of_kind(old):
            nodes = {
                key: replace(node, kind=kind) if node.kind == old else node
                for key, node in sheet.graph.nodes.items()
            }
            graph = replace(sheet.graph, nodes=nodes)
            project = project.with_sheet(where, replace(sheet, graph=graph))
    return project


def follow_ports(project: Project, where: str, ports: Mapping[str, str]) -> Project:
    """Return the project with the wires at a block's instances moved to renamed ports.

    `ports` maps the old name of a port to the new one; "" takes its wires away. Nothing happens where
    `where` is no block.
    """
    if not where.startswith(BLOCK) or not ports:
        return project
    for other, sheet in sheets(project):
        mine = {node.id for node in sheet.graph.of_kind(where)}
        if mine:
            links = [_followed(wire, mine, ports) for wire in sheet.graph.links]
            kept = tuple(wire for wire in links if wire is not None)
            if kept != sheet.graph.links:
                graph = replace(sheet.graph, links=kept)
                project = project.with_sheet(other, replace(sheet, graph=graph))
    return project


def _followed(wire: Link, instances: set[str], ports: Mapping[str, str]) -> Link | None:
    ends = []
    for end in (wire.source, wire.target):
        port = ports.get(end.port, end.port) if end.node in instances else end.port
        if not port:
            return None
        ends.append(End(end.node, port))
    return Link(ends[0], ends[1])
