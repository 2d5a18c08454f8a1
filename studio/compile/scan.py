"""Blocks that run over time: what one step gets, and what all steps together give.

Dimension 1 of an input is time: a step gets its slice, without that dimension. What a step gives is put
together along dimension 1 again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from studio.compile import symbols
from studio.compile.visit import Fault, Signal
from studio.graph.facts import Dim, NodeFacts, TensorType
from studio.graph.formulas import FormulaError
from studio.graph.graph import INPUT, NEXT, STATE, Graph, Node

#: What is wrong at a node of a sheet.
At = tuple[str, Fault]


class Steps(NamedTuple):
    """What a step gets at the block's inputs, and how many steps there are: by their dimension (which may
    be a name), and as the number that costs are reckoned with."""

    given: dict[str, Signal]
    length: Dim
    times: int


def is_whole(node: Node) -> bool:
    """Tell whether every step gets all of an input, not its own slice."""
    return node.params.get("whole") is True


def steps(name: str, graph: Graph, arrivals: Mapping[str, Signal]) -> Steps | Fault:
    """Return what each step of `graph`, whose formulas are worked out, makes of what arrives."""
    given = dict(arrivals)
    lengths: dict[str, Dim] = {}
    sizes: dict[str, int] = {}
    for node in graph.of_kind(INPUT):
        signal = arrivals.get(node.name)
        if signal is None or is_whole(node):
            continue
        shape = signal.kind.shape
        if len(shape) < 2:
            text = (
                f"{name} runs over time, along dimension 1, but {node.name} gets {signal.kind.text}. "
                "Give it a sequence: samples × steps × features."
            )
            return Fault(text, "steps", node.name)
        lengths[node.name] = shape[1]
        sizes |= dict(signal.sizes)
        kind = TensorType((shape[0], *shape[2:]), signal.kind.dtype)
        given[node.name] = signal._replace(kind=kind, field=None)
    if not lengths:
        text = (
            f"{name} runs over time, but no input tells how many steps there are. Give its block an "
            "Input whose whole is off."
        )
        return Fault(text, "steps")
    first, length = next(iter(lengths.items()))
    for port, other in lengths.items():
        if other != length:
            text = f"{name} gets {length} steps at {first}, but {other} at {port}. Make them equal."
            return Fault(text, "steps", port)
    return Steps(given, length, _count(length, sizes))


def _count(length: Dim, sizes: Mapping[str, int]) -> int:
    try:
        return symbols.worth(length, sizes)
    except FormulaError:  # a name that nothing gives a size
        return 1


def together(signal: Signal, length: Dim) -> Signal:
    """Return what the outputs of all steps are when stacked along time."""
    shape = signal.kind.shape
    kind = TensorType((*shape[:1], length, *shape[1:]), signal.kind.dtype)
    return signal._replace(kind=kind, field=None)


def state_kind(shape: tuple[int, ...]) -> TensorType:
    """Return what a state with this shape for one sample is."""
    return TensorType(("N", *shape))


def state_faults(graph: Graph, facts: Mapping[str, NodeFacts]) -> list[At]:
    """Return what keeps the states of a block, whose formulas are worked out, from being handed on."""
    states = {node.name: node for node in graph.of_kind(STATE)}
    known = ", ".join(states) or "none; add a State"
    found: list[At] = []
    set_by: dict[str, Node] = {}
    for node in graph.of_kind(NEXT):
        name = node.params.get("state", "")
        state = states.get(name) if isinstance(name, str) else None
        if state is None:
            text = f"{node.name} sets the state {name!r}, which is not here. States of this block: {known}."
            found.append((node.id, Fault(text, "state", param="state")))
        elif name in set_by:
            text = f"{node.name} and {set_by[name].name} both set {name}. Keep one of them."
            found.append((node.id, Fault(text, "state", param="state")))
        else:
            set_by[name] = node
            found += _fits(node, state, facts)
    for name, state in states.items():
        if name not in set_by:
            text = f"{name} never changes. Add a Next with state set to {name}, and wire its new value there."
            found.append((state.id, Fault(text, "no next")))
    return found


def _fits(node: Node, state: Node, facts: Mapping[str, NodeFacts]) -> list[At]:
    new = facts[node.id].inputs.get("x") if node.id in facts else None
    old = facts[state.id].outputs.get("out") if state.id in facts else None
    if new is None or old is None or new == old:
        return []
    if new.dtype != old.dtype:
        text = (
            f"{state.name} holds {old.dtype}, but {node.name} would set it to {new.dtype}. Cast it."
        )
    else:
        text = (
            f"{state.name} is {old.text}, but {node.name} would set it to {new.text}. Make them equal: "
            f"set the shape of {state.name}, or the size of what leads here."
        )
    return [(node.id, Fault(text, "state", "x"))]
