"""Changes of wires, inputs and outputs that may help. None is offered before it is tried."""

from __future__ import annotations

import math
from collections.abc import Iterator

from studio.compile.case import SIZES, Case, Remedy
from studio.compile.splice import free_node, room_below
from studio.graph.answers import Answer
from studio.graph.edits import (
    AddNodes,
    Connect,
    Disconnect,
    RemoveNodes,
    SetFlag,
    SetParams,
    reaches,
)
from studio.graph.facts import Dim
from studio.graph.graph import INPUT, OUTPUT, Link, link
from studio.graph.kinds import spec_of
from studio.graph.params import Value

# ---------------------------------------------------------------------------------------------- wires


def connection(case: Case) -> Iterator[Remedy]:
    """A wire from a node that leads nowhere yet, the latest first."""
    if case.node is None:
        return
    prefix = case.trouble.path.removesuffix(case.trouble.node)
    for key, node in reversed(case.graph.nodes.items()):
        facts = case.outcome.nodes.get(prefix + key)
        loose = key not in case.graph.outgoing and facts is not None and bool(facts.outputs)
        if key == case.node.id or not loose or reaches(case.graph, case.node.id, key):
            continue
        assert facts is not None
        wire = link(key, next(iter(facts.outputs)), case.node.id, case.trouble.fault.port)
        yield Remedy(f"Connect {node.name}", (Connect(case.where, wire),))


def removal(case: Case) -> Iterator[Remedy]:
    """Without the node."""
    if case.node is not None:
        yield Remedy(f"Delete {case.node.name}", (RemoveNodes(case.where, (case.node.id,)),))


def cut(case: Case) -> Iterator[Remedy]:
    """Without the wires into the port."""
    if case.wires:
        yield Remedy("Cut the wire", (Disconnect(case.where, case.wires),))


def cut_back(case: Case) -> Iterator[Remedy]:
    """Without a wire that leads back."""
    for wire in case.graph.incoming.get(case.trouble.node, ()):
        if reaches(case.graph, case.trouble.node, wire.source.node):
            source = case.graph.nodes[wire.source.node].name
            yield Remedy(f"Cut the wire from {source}", (Disconnect(case.where, (wire,)),))


def bypass(case: Case) -> Iterator[Remedy]:
    """As if the node were a wire."""
    if case.node is not None and "bypassed" not in case.node.flags and len(case.wires) == 1:
        edit = SetFlag(case.where, (case.node.id,), "bypassed", True)
        yield Remedy(f"Bypass {case.node.name}", (edit,))


def unbypass(case: Case) -> Iterator[Remedy]:
    """A bypassed node right before this one takes part again."""
    for wire in case.graph.incoming.get(case.trouble.node, ()):
        source = case.graph.nodes.get(wire.source.node)
        if source is not None and "bypassed" in source.flags:
            edit = SetFlag(case.where, (source.id,), "bypassed", False)
            yield Remedy(f"Stop bypassing {source.name}", (edit,))


# ----------------------------------------------------------------------------------------------- ends


def first_input(case: Case) -> Iterator[Remedy]:
    """An input, where there is none."""
    if not case.graph.of_kind(INPUT):
        yield from new_input(case)


def new_input(case: Case) -> Iterator[Remedy]:
    """An input before the first node that gets nothing."""
    for key, node in case.graph.nodes.items():
        spec = spec_of(node, case.specs)
        port = next((p.name for p in spec.inputs if not p.optional), "") if spec else ""
        if port and not case.graph.into(key, port):
            fresh = free_node(case.graph, INPUT, {}, "x")
            places, moves = room_below(case.where, case.sheet, key, (fresh,), case.specs)
            wire = link(fresh.id, "out", key, port)
            yield Remedy(
                "Add an input", (AddNodes(case.where, (fresh,), places, (wire,)), *moves), fresh.id
            )
            return


def new_output(case: Case) -> Iterator[Remedy]:
    """An output behind the last node that leads nowhere."""
    for key in reversed(case.graph.nodes):
        facts = case.outcome.nodes.get(key)
        if key in case.graph.outgoing or facts is None or not facts.outputs:
            continue
        fresh = free_node(case.graph, OUTPUT, {}, "out")
        wire = link(key, next(iter(facts.outputs)), fresh.id, "x")
        places, _ = room_below(case.where, case.sheet, key, (fresh,), case.specs, behind=True)
        name = case.graph.nodes[key].name
        yield Remedy(
            f"Add an output behind {name}",
            (AddNodes(case.where, (fresh,), places, (wire,)),),
            fresh.id,
        )


def answer_size(case: Case) -> Iterator[Remedy]:
    """The last layer gives as many numbers as are wanted."""
    if case.outcome.answer is None:
        return
    count = case.outcome.answer.count
    for wire in case.wires[:1]:
        for node, name in case.producers(wire, SIZES):
            yield Remedy(
                f"Set {name} of {node.name} to {count}",
                (SetParams(case.where, node.id, {name: count}),),
            )


def answer_layer(case: Case) -> Iterator[Remedy]:
    """A last layer that gives as many numbers as are wanted."""
    answer = case.outcome.answer
    for wire in case.wires[:1]:
        kind = case.kind(wire)
        if answer is None or kind is None or not kind.shape or kind.shape[0] != "N":
            continue
        last = ("torch.nn.Linear", {"out_features": answer.count})
        if len(answer.shape) == 2:
            yield from _ending(case, wire, len(kind.shape), last)
        elif len(kind.shape) == len(answer.shape):
            yield from _along(case, wire, answer, kind.shape[-1])
        yield from _arranged(case, wire, answer, kind.shape)


def _along(case: Case, wire: Link, answer: Answer, features: Dim) -> Iterator[Remedy]:
    """A last layer that gives every pixel, step or node its numbers."""
    count = answer.count
    if answer.axis == 1 and len(answer.shape) == 4:
        window = {"out_channels": count, "kernel_size": 1}
        title = f"Add a 1×1 Conv2d with {count} channels"
        yield case.insert(wire, title, ("torch.nn.Conv2d", window))
    elif answer.axis == len(answer.shape) - 1 and isinstance(features, int):
        sizes = {"in_features": features, "out_features": count}
        yield case.insert(wire, f"Add a Linear with {count} outputs", ("torch.nn.Linear", sizes))


def _arranged(case: Case, wire: Link, answer: Answer, shape: tuple[Dim, ...]) -> Iterator[Remedy]:
    """The same numbers in the wanted shape, or as many first."""
    sizes = tuple(dim for dim in answer.shape[1:] if isinstance(dim, int))
    if len(sizes) != len(answer.shape) - 1 or len(sizes) < 2 or len(shape) != 2:
        return
    size, shown = math.prod(sizes), "×".join(map(str, sizes))
    order = ("core.reshape", {"shape": sizes})
    if shape[1] == size:
        yield case.insert(wire, f"Arrange as {shown}", order)
    elif answer.compares == "numbers":
        last = ("torch.nn.Linear", {"out_features": size})
        title = f"Add a Linear with {size} outputs, arranged as {shown}"
        yield case.insert(wire, title, last, order)


def _ending(
    case: Case, wire: Link, rank: int, last: tuple[str, dict[str, int]]
) -> Iterator[Remedy]:
    count = last[1]["out_features"]
    end = f"a Linear with {count} output{'' if count == 1 else 's'}"
    flat: tuple[str, dict[str, Value]] = ("torch.nn.Flatten", {})
    if rank == 2:
        yield case.insert(wire, f"Add {end}", last)
    if rank in (4, 5):
        pool = (f"torch.nn.AdaptiveAvgPool{rank - 2}d", {"output_size": 1})
        yield case.insert(wire, f"Average-pool, then {end}", pool, flat, last)
    if rank == 3:
        mean = ("core.mean", {"dim": (1,)})
        yield case.insert(wire, f"Average the steps, then {end}", mean, last)
    if rank > 2:
        yield case.insert(wire, f"Flatten, then {end}", flat, last)
