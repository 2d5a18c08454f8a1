"""Variables of a `forward`, as a person would name them: `x` flows on, what is needed later has a name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from studio.graph.graph import Node, variable_for

#: An output port of a node.
Value = tuple[str, str]


@dataclass(frozen=True)
class Step:
    """One statement: a node, the values that it reads and the ports that it gives, the main one first.

    `keeps` are values that are read again after the first output has its name, as in a loop.
    """

    node: Node
    reads: tuple[Value, ...]
    gives: tuple[str, ...]
    keeps: tuple[Value, ...] = ()


def variables(
    inputs: Sequence[Node], steps: Sequence[Step], results: Iterable[Value], taken: Iterable[str]
) -> tuple[dict[Value, str], set[Value]]:
    """Return a variable for every value, and which values are used.

    A value with one reader, the very next statement, is called `x` (or `out` where `x` is still
    needed); any other is called like its node.
    """
    end = len(steps)
    uses: dict[Value, list[int]] = {}
    for number, step in enumerate(steps):
        for value in step.reads:
            uses.setdefault(value, []).append(number)
    for value in results:
        uses.setdefault(value, []).append(end)
    own = _own_names(inputs, steps, set(taken))
    names = {(node.id, "out"): own[node.id, "out"] for node in inputs}
    busy = {names[value]: max(uses.get(value, [-1])) for value in names}
    reserved = {name for value, name in own.items() if value not in names} | set(taken)
    for number, step in enumerate(steps):
        for place, port in enumerate(step.gives):
            value = (step.node.id, port)
            where = uses.get(value, [])
            name = own[value]
            if place == 0 and where and set(where) == {number + 1}:
                kept = {names[known] for known in step.keeps}
                for short in ("x", "out"):
                    free = short not in reserved and short not in kept
                    if free and busy.get(short, -1) <= number:
                        name = short
                        break
            names[value] = name
            busy[name] = max(where, default=number)
    return names, set(uses)


def _own_names(
    inputs: Sequence[Node], steps: Sequence[Step], taken: set[str]
) -> Mapping[Value, str]:
    """Return a name of its own for every value: the node's, with the port's for further ones."""
    names: dict[Value, str] = {}
    used = set(taken)

    def free(wish: str) -> str:
        while wish in used:
            wish += "_"
        used.add(wish)
        return wish

    for node in inputs:
        names[node.id, "out"] = free(variable_for(node.name))
    for step in steps:
        if step.gives:
            names[step.node.id, step.gives[0]] = free(variable_for(step.node.name))
    for step in steps:
        for port in step.gives[1:]:
            names[step.node.id, port] = free(f"{variable_for(step.node.name)}_{port}")
    return names
