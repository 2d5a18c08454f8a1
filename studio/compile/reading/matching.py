"""Which layer of a changed text is which layer of the drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from studio.compile.reading.classes import Class
from studio.compile.reading.statements import Run
from studio.graph.graph import BLOCK, INPUT, NEXT, OUTPUT, STATE, Graph
from studio.graph.project import Project


def sheet_of(project: Project, network: str, path: str) -> str:
    """Return the sheet that the last node of an id path is on."""
    where, graph, block = network, project.networks[network].graph, ""
    for key in path.split("/")[:-1]:
        node = graph.nodes.get(key) if not (block and key.isdecimal()) else None
        if node is None:
            continue
        block = node.kind.removeprefix(BLOCK) if node.kind.startswith(BLOCK) else ""
        if block in project.blocks:
            where, graph = BLOCK + block, project.blocks[block].sheet.graph
    return where


def ids(found: Class, graph: Graph, owners: Sequence[str]) -> list[str]:
    """Return the id of each layer of a class that was written from `graph`."""
    ends = [*graph.of_kind(INPUT), *(graph.of_kind(STATE) if found.rest else ())]
    known = [node.id for node in ends][: found.inputs]
    return [*known, *(owners[run.line - 1].split("/")[-1] for run in found.runs[found.inputs :])]


def outputs(found: Class, graph: Graph) -> list[str]:
    """Return the ids of the nodes that the results of a class lead into."""
    wired = [node for node in graph.of_kind(OUTPUT) if graph.into(node.id, "x")]
    if not found.rest:
        return [node.id for node in wired]
    next_of = {node.params.get("state"): node for node in graph.of_kind(NEXT)}
    states = graph.of_kind(STATE)
    return [node.id for node in (*wired, *(next_of[s.name] for s in states if s.name in next_of))]


def matched(before: Class, after: Class) -> dict[int, int]:
    """Return for the layers of `after` those of `before` that they are, by number.

    A layer is the same where its attribute is; others are compared in the order in which they run.
    """
    old, new = _calls(before), _calls(after)
    pairs = {number: old[key] for key, number in new.items() if key in old}
    taken = set(pairs.values())
    start, begin = before.inputs, after.inputs
    tokens_old: list[object] = [
        n if n in taken else _token(run) for n, run in enumerate(before.runs) if n >= start
    ]
    tokens_new: list[object] = [
        pairs.get(n, _token(run)) for n, run in enumerate(after.runs) if n >= begin
    ]
    matcher = SequenceMatcher(None, tokens_old, tokens_new, autojunk=False)
    for block in matcher.get_matching_blocks():
        for step in range(block.size):
            pairs.setdefault(block.b + step + begin, block.a + step + start)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "replace":
            continue
        free = [n + start for n in range(a, b) if n + start not in pairs.values()]
        for number in range(c + begin, d + begin):
            same = [n for n in free if before.runs[n].kind == after.runs[number].kind]
            if number not in pairs and same:
                pairs[number] = same[0]
                free.remove(same[0])
    return pairs | _inputs(before, after)


def _calls(found: Class) -> Mapping[tuple[str, int], int]:
    """Return the layers that have an attribute, by it and the how-manieth call of it they are."""
    counts: dict[str, int] = {}
    numbers = {}
    for number, run in enumerate(found.runs):
        if run.attribute:
            counts[run.attribute] = counts.get(run.attribute, 0) + 1
            numbers[run.attribute, counts[run.attribute]] = number
    return numbers


def _token(run: Run) -> str:
    return f"{run.kind} {bool(run.attribute)}"


def _inputs(before: Class, after: Class) -> dict[int, int]:
    old = [run.target for run in before.runs[: before.inputs]]
    new = [run.target for run in after.runs[: after.inputs]]
    if len(old) == len(new):
        return {number: number for number in range(len(new))}
    return {number: old.index(name) for number, name in enumerate(new) if name in old}
