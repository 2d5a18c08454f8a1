"""A network with its blocks opened: every instance, every pass of a repeat, with formulas worked out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from msgspec.structs import replace

from studio.graph.formulas import FormulaError, evaluate, is_formula, resolve
from studio.graph.graph import BLOCK, PYTHON, SOURCE, Graph, Node
from studio.graph.params import Param, Value
from studio.graph.project import Block, Project

#: What every instance of a block may set beside the block's own parameters.
REPEAT = Param(
    "repeat",
    "int",
    1,
    minimum=0,
    maximum=1000,
    help="How many of it stand one behind the other; 0 leaves it out.",
)
SHARE_WEIGHTS = Param(
    "share_weights",
    "bool",
    False,
    help="All of them use the same weights: one, run again and again.",
)

#: Blocks within blocks beyond this depth, and more nodes than this, are taken for a mistake.
DEPTH, MOST = 16, 100_000

Names = Mapping[str, Value]


class Pass(NamedTuple):
    """One time through a block: its step in paths and dotted names (`0`; "" where there is only one
    module), and what formulas inside read."""

    step: str
    names: Names


class Occurrence(NamedTuple):
    """A node by its place in the graph (`res1/0/conv1`, by ids) and in the code (`res1.0.conv1`).

    `node` has its formulas worked out; `frozen` tells that it, or a block around it, does not learn.
    """

    path: str
    dotted: str
    node: Node
    frozen: bool


def resolved(node: Node, names: Names) -> Node:
    """Return the node with every formula worked out. Code is never one, whatever it begins with.

    Raises: FormulaError, which names the parameter.
    """
    given = node.params
    if node.kind == PYTHON:
        given = {name: value for name, value in given.items() if name != SOURCE}
    params = resolve(given, names)
    return node if params is given else replace(node, params={**node.params, **params})


def repeats(params: Mapping[str, Value]) -> int:
    """Return how often an instance with these resolved parameters is run."""
    count = params.get(REPEAT.name, REPEAT.default)
    whole = isinstance(count, int) and not isinstance(count, bool)
    return count if whole and 0 <= count <= 1000 else 1


def is_shared(params: Mapping[str, Value]) -> bool:
    """Tell whether the passes of an instance are one module, run again and again."""
    return params.get(SHARE_WEIGHTS.name, False) is True


def passes(project: Project, block: Block, params: Mapping[str, Value]) -> Iterator[Pass]:
    """Yield the modules of a block's instance with these resolved parameters, in the order of data.

    Inside, formulas read the project's constants; over them `index` (0 for the first pass) and `repeat`;
    over these the block's parameters, as the instance gives them.
    """
    given: dict[str, Value] = {}
    for param in block.params:
        value = params.get(param.name, param.default)
        try:
            given[param.name] = evaluate(value, project.constants) if is_formula(value) else value
        except FormulaError:  # a default that cannot be worked out: who reads the name is told
            continue
    count = repeats(params)
    single = count == 1 or is_shared(params)
    for index in range(min(count, 1) if single else count):
        names = {**project.constants, "index": index, "repeat": count, **given}
        yield Pass("" if single else str(index), names)


def unfold(project: Project, network: str) -> tuple[Occurrence, ...]:
    """Return every node of a network, those inside blocks once for every pass through them."""
    if network not in project.networks:
        return ()
    graph = project.networks[network].graph
    found = _unfold(project, graph, project.constants, "", "", False, 0)
    return tuple(islice(found, MOST))


def _unfold(
    project: Project, graph: Graph, names: Names, path: str, dotted: str, frozen: bool, depth: int
) -> Iterator[Occurrence]:
    for key, node in graph.nodes.items():
        with suppress(FormulaError):  # a problem of its own; the node is still there
            node = resolved(node, names)
        cold = frozen or "frozen" in node.flags
        yield Occurrence(path + key, dotted + node.name, node, cold)
        block = project.blocks.get(node.kind.removeprefix(BLOCK))
        if not node.kind.startswith(BLOCK) or block is None or depth >= DEPTH:
            continue
        for step, inner in passes(project, block, node.params):
            place = f"{path}{key}/{step}/" if step else f"{path}{key}/"
            name = f"{dotted}{node.name}.{step}." if step else f"{dotted}{node.name}."
            yield from _unfold(project, block.sheet.graph, inner, place, name, cold, depth + 1)
