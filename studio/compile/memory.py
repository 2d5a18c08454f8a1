"""Whether a network can be held at all: asked before anything is allocated."""

from __future__ import annotations

import os

from studio.graph.facts import NetworkFacts
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
