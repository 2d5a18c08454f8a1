"""How much memory training takes, and whether the machine has it: asked before anything is allocated."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence

from studio.compile.cost import sample_bytes
from studio.compile.symbols import Sizes
from studio.graph.edits import SetRecipe
from studio.graph.facts import NetworkFacts, NodeFacts, TensorType, TrainingMemory
from studio.graph.graph import INPUT, OUTPUT, STATE, End, Graph
from studio.graph.problems import Problem, Repair

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
        f"{facts.parameters:,} parameters need {size_text(needed)} of memory, but this machine has "
        f"{size_text(memory)}. Make this layer smaller: it has {facts.nodes[node].parameters:,} of them.",
        network=network,
        node=node,
    )


def count_text(count: int) -> str:
    """Return a count with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def size_text(count: float) -> str:
    """Return an amount of memory as `5.3 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} TiB"


def training_memory(
    networks: Iterable[NetworkFacts],
    batch_size: int,
    optimizer_bytes: int,
    data_bytes: int = 0,
    device: str = "cpu",
    available: int = 0,
) -> TrainingMemory:
    """Return what training takes: `optimizer_bytes` is what the optimiser keeps of each parameter.

    `working` is the backward step through the largest layer: the gradients of its output and its input.
    What PyTorch itself and its kernels take for a moment is not in it.
    """
    known = list(networks)
    parameters = sum(facts.parameters for facts in known)
    largest = max(
        (node.activation_bytes for facts in known for node in leaves(facts).values()), default=0
    )
    return TrainingMemory(
        device=device,
        weights=4 * parameters,
        gradients=4 * parameters,
        optimizer=optimizer_bytes * parameters,
        activations=sum(facts.saved_bytes for facts in known) * batch_size,
        working=2 * largest * batch_size,
        data=data_bytes,
        available=available,
    )


def leaves(facts: NetworkFacts) -> dict[str, NodeFacts]:
    """Return the nodes that are no blocks: the figures of a block are those of its nodes together."""
    blocks = {path.rpartition("/")[0] for path in facts.nodes if "/" in path}
    blocks |= {path.rpartition("/")[0] for path in blocks if path.rpartition("/")[2].isdigit()}
    return {path: node for path, node in facts.nodes.items() if path not in blocks}


def does_not_fit(
    memory: TrainingMemory, batch_size: int, networks: Mapping[str, NetworkFacts]
) -> Problem | None:
    """Return the warning that training needs more than its device has, at the node that keeps most.

    It offers the largest batch size that fits: a power of two, with a tenth of the memory to spare.
    """
    if not memory.available or memory.total <= memory.available:
        return None
    growing = (memory.activations + memory.working) / max(1, batch_size)
    spare = 0.9 * memory.available - (memory.total - memory.activations - memory.working)
    fitting = int(spare / growing) if growing and spare > 0 else 0
    network, node = _largest(networks)
    place = "this machine" if memory.device == "cpu" else memory.device
    text = (
        f"Training needs about {size_text(memory.total)} at batch size {count_text(batch_size)}, but {place} has "
        f"{size_text(memory.available)}; {size_text(memory.activations)} of it are activations that wait for "
        "the backward pass. "
    )
    if fitting < 1:
        text += "Not even one sample would fit: make the network smaller, or choose another device."
        return Problem(text, network, node, severity="warning")
    size = 2 ** int(math.log2(fitting))
    need = memory.total - growing * (batch_size - size)
    text += f"A batch size of {count_text(size)} would fit."
    repair = Repair(
        f"Set batch_size to {size}", (SetRecipe({"batch_size": size}),), size_text(need)
    )
    return Problem(text, network, node, severity="warning", repairs=(repair,))


def _largest(networks: Mapping[str, NetworkFacts]) -> tuple[str, str]:
    """Return the network and path of the node that training keeps most bytes for."""
    return max(
        ((name, path) for name, facts in networks.items() for path in leaves(facts)),
        key=lambda at: networks[at[0]].nodes[at[1]].saved_bytes,
        default=("main", ""),
    )


def saved(
    graph: Graph,
    keys: Iterable[str],
    facts: Mapping[str, NodeFacts],
    sizes: Sizes,
    inside: bool,
) -> dict[str, int]:
    """Return what training keeps of one sample for the nodes `keys` of a sheet, in the order of data.

    Each tensor is counted once: a ReLU keeps its output and the convolution behind it its input, which
    are one. What comes in or goes out is told by the name of its Input or Output, so that the sheet
    around a block does not count it again; the rest by "". Nothing is kept before the first layer that
    learns, but `inside` a block, where there may be one before it.
    """
    held: dict[tuple[str, str], int] = {}
    learning: set[str] = set()
    aside = 0
    whole = _Whole(facts, sizes)
    nodes, incoming = graph.nodes, graph.incoming
    for key in keys:
        known, node = facts.get(key), nodes[key]
        if known is None:
            continue
        learns = known.parameters or node.shares or (inside and node.kind in (INPUT, STATE))
        if not learns:
            for wire in incoming.get(key, ()):
                if wire.source.node in learning:
                    break
            else:
                continue
        learning.add(key)
        for port, count in known.saved.items():
            if not port:
                aside += count
            else:
                place = (key, port) if port in known.outputs else _origin(graph, facts, key, port)
                held[place] = max(count, held.get(place, 0), whole.of(place))
    found = {"": aside}
    for node in (*graph.of_kind(OUTPUT), *graph.of_kind(INPUT)):
        leads = graph.incoming.get(node.id, ())
        end = _behind(graph, facts, leads[0].source) if leads else End(node.id, "out")
        if (end.node, end.port) in held:
            found[node.name] = held.pop((end.node, end.port))
    found[""] += sum(held.values())
    return found


def chained_saved(
    before: Mapping[str, int], last: Mapping[str, int], chained: Sequence[tuple[str, str]]
) -> dict[str, int]:
    """Return what several passes through a block keep, `last` the newest: what one pass gives at an
    output of `chained` (input, output) pairs is what the next one gets, so it is counted once."""
    if not before:
        return dict(last)
    takes, gives = dict(chained), {give for _, give in chained}
    found = {port: count for port, count in before.items() if port not in gives}
    for port, count in last.items():
        if port in takes:
            met = before.get(takes[port], 0)
            found[""] = found.get("", 0) + max(met, count)
        elif not port:
            found[""] = found.get("", 0) + count
        else:
            found[port] = max(found.get(port, 0), count)
    for take, give in takes.items():
        if take not in last:
            found[""] = found.get("", 0) + before.get(give, 0)
    return found


def stepped_saved(step: Mapping[str, int], inputs: Iterable[str], times: int) -> dict[str, int]:
    """Return what a block keeps that runs step by step: outputs are copied when they are put together."""
    named = set(inputs)
    found = {port: count * times for port, count in step.items() if port in named}
    return found | {"": times * sum(count for port, count in step.items() if port not in named)}


def _origin(graph: Graph, facts: Mapping[str, NodeFacts], key: str, port: str) -> tuple[str, str]:
    """Return the output whose memory arrives at an input."""
    name, _, number = port.removesuffix("]").partition("[")
    left = int(number or 0)
    for wire in graph.incoming.get(key, ()):
        if wire.target.port == name:
            if not left:
                end = _behind(graph, facts, wire.source)
                return end.node, end.port
            left -= 1
    return key, port


class _Whole:
    """The bytes of outputs: who keeps a part of one keeps all of it."""

    def __init__(self, facts: Mapping[str, NodeFacts], sizes: Sizes) -> None:
        self._facts = facts
        self._sizes = tuple(sizes.items())
        self._known: dict[TensorType, int] = {}

    def of(self, place: tuple[str, str]) -> int:
        """Return the bytes of one sample at an output; most outputs of a network are of few types."""
        facts = self._facts.get(place[0])
        kind = facts.outputs.get(place[1]) if facts is not None else None
        if kind is None:
            return 0
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = sample_bytes(kind, self._sizes)
        return known


def _behind(graph: Graph, facts: Mapping[str, NodeFacts], end: End) -> End:
    """Return the output behind nodes that only look at its memory anew."""
    while (known := facts.get(end.node)) is not None and known.view:
        before = graph.incoming.get(end.node)
        if not before:
            break
        end = before[0].source
    return end
