"""Which names a formula may read where it stands, and who reads a name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from studio.graph.formulas import FormulaError, is_formula, names_in
from studio.graph.graph import BLOCK, Node
from studio.graph.params import Value
from studio.graph.project import Project, Sheet
from studio.graph.unfold import passes, resolved


class Reader(NamedTuple):
    """A parameter whose formula reads a name."""

    where: str
    node: str
    param: str


def names_at(project: Project, where: str, network: str, prefix: str = "") -> Mapping[str, Value]:
    """Return the names that formulas on a sheet may read, with their values.

    On a network these are the project's constants; in a block also what the instances at `prefix` (`res1/`,
    `res1/0/`) give its parameters, or their defaults where it is seen through none.
    """
    if not where.startswith(BLOCK):
        return project.constants
    names: Mapping[str, Value] = project.constants
    sheet = project.networks.get(network)
    parts = prefix.split("/")[:-1]
    while parts and sheet is not None:
        node = sheet.graph.nodes.get(parts.pop(0))
        block = project.blocks.get(node.kind.removeprefix(BLOCK)) if node else None
        if node is None or block is None:
            break
        steps = {one.step: one.names for one in passes(project, block, _known(node, names))}
        step = parts.pop(0) if parts and parts[0] in steps else next(iter(steps), "")
        names = steps.get(step) or next(passes(project, block, {})).names  # one that never runs
        sheet = block.sheet
        if not parts:
            return names
    block = project.blocks.get(where.removeprefix(BLOCK))
    seen = next(passes(project, block, {}), None) if block else None
    return seen.names if seen else names


def steps(project: Project, where: str, network: str, prefix: str, node: str) -> tuple[str, ...]:
    """Return the modules that a block's instance is: `0`, `1`… of a repeat, `""` where it is one."""
    found = project.sheet(where).graph.nodes[node]
    block = project.blocks.get(found.kind.removeprefix(BLOCK))
    if block is None:
        return ()
    names = names_at(project, where, network, prefix)
    return tuple(one.step for one in passes(project, block, _known(found, names)))


def entrance(project: Project, where: str, network: str, prefix: str, node: str) -> str:
    """Return what the inside of a block's instance adds to id paths: `res1/`, or `res1/0/`."""
    first = next(iter(steps(project, where, network, prefix, node)), "")
    return f"{node}/{first}/" if first else f"{node}/"


def readers(project: Project, name: str, block: str = "") -> tuple[Reader, ...]:
    """Return who reads a constant of the project, or a parameter of `block`."""
    return tuple(
        Reader(where, node.id, param)
        for where, sheet in _scopes(project, name, block)
        for node in sheet.graph.nodes.values()
        for param, value in node.params.items()
        if is_formula(value) and name in _names(value)
    )


def renamed(text: str, old: str, new: str) -> str:
    """Return a formula that reads `new` wherever it read `old`; functions keep their names."""
    return re.sub(rf"\b{re.escape(old)}\b(?!\s*\()", new, text)


def _known(node: Node, names: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return a node's parameters with formulas worked out, as they stand where one cannot be."""
    try:
        return resolved(node, names).params
    except FormulaError:
        return node.params


def _scopes(project: Project, name: str, block: str) -> Iterator[tuple[str, Sheet]]:
    if block:
        yield BLOCK + block, project.blocks[block].sheet
        return
    yield from project.networks.items()
    for other, inside in project.blocks.items():
        # A block's parameter hides a constant of the same name in there.
        if all(param.name != name for param in inside.params):
            yield BLOCK + other, inside.sheet


def _names(text: str) -> frozenset[str]:
    try:
        return names_in(text)
    except FormulaError:
        return frozenset()
