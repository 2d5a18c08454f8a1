"""How much memory training takes, and whether the machine has it: asked before anything is allocated."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from studio.graph.facts import NetworkFacts, NodeFacts
from studio.graph.graph import Graph
from studio.graph.problems import Problem

#: A weight by itself, and in training: with its gradient and the two averages most optimisers keep.
BYTES_HELD, BYTES_TRAINED = 4, 16


def memory_bytes() -> int | None:
    """Return how much memory the machine has, or None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def too_large(
    network: str, facts: NetworkFacts, memory: int | None, each: int = BYTES_TRAINED
) -> Problem | None:
    """Return the problem of a network whose weights need more than `memory`, at its largest node."""
    needed = facts.parameters * each
    if memory is None or needed <= memory or not facts.nodes:
        return None
    node = max(facts.nodes, key=lambda path: facts.nodes[path].parameters)
    return Problem(
        f"{facts.parameters:,} parameters need {_size(needed)} of memory, but this machine has "
        f"{_size(memory)}. Make this layer smaller: it has {facts.nodes[node].parameters:,} of them.",
        network=network,
        node=node,
    )


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} TiB"


def saved_bytes(graph: Graph, live: Collection[str], facts: Mapping[str, NodeFacts]) -> int:
    """Return what training keeps of one sample for the nodes of a sheet, each tensor counted once.

    A ReLU keeps its output and the convolution behind it its input: that is one tensor.
    """
    held: dict[tuple[str, str], int] = {}
    aside = 0
    for key in live:
        known = facts.get(key)
        if known is None or not known.saved:
            continue
        for port, count in known.saved.items():
            if not port:
                aside += count
            elif port in known.outputs:
                held[key, port] = count
            else:
                held[_origin(graph, facts, key, port)] = count
    return aside + sum(held.values())


def _origin(graph: Graph, facts: Mapping[str, NodeFacts], key: str, port: str) -> tuple[str, str]:
    """Return the output whose memory arrives at an input, through nodes that only look at it anew."""
    name, _, number = port.removesuffix("]").partition("[")
    wires = [wire for wire in graph.incoming.get(key, ()) if wire.target.port == name]
    place = int(number or 0)
    if place >= len(wires):
        return key, port
    source = wires[place].source
    while (known := facts.get(source.node)) is not None and known.view:
        before = graph.incoming.get(source.node)
        if not before:
            break
        source = before[0].source
    return source.node, source.port
