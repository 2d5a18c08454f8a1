"""The ports on a node: where they are, and how a node turns them towards what feeds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studio.graph.geometry import CARD
from studio.graph.graph import INPUT, OUTPUT, Graph, Node
from studio.graph.project import Place, Sheet
from studio.graph.spec import LayerSpec, Port, PortType

#: Operations whose operands may change places.
_SYMMETRIC = ("core.add", "core.mul", "core.maximum", "core.minimum")


@dataclass(frozen=True, slots=True)
class Spot:
    """A port on a node: where it is, relative to the node, and what passes through it."""

    port: str
    type: PortType
    x: float
    y: float
    many: bool = False
    #: 1 at the right side, −1 at the left one, 0 above or below.
    side: int = 0
    #: An optional output without a wire: there to be taken, but not drawn on every card.
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """How a node turns its inputs towards what feeds them.

    `first` is the input that stands above it, "" for the usual one; `left` are those that, beside it,
    are at its left.
    """

    first: str = ""
    left: frozenset[str] = frozenset()


def turn_of(
    node: Node, sheet: Sheet, depths: Mapping[str, int], places: Mapping[str, Place]
) -> Turn:
    """Return where inputs belong: the operand with more layers before it above, others on their side.

    Only operands that may change places do. What comes into a frame comes from above, so it stays right.
    """
    graph = sheet.graph
    links = graph.incoming.get(node.id, ())
    if len(links) < 2:
        return USUAL
    here = places[node.id].x
    frames = [frame.nodes for frame in sheet.frames.values() if node.id in frame.nodes]
    left = frozenset(
        link.target.port
        for link in links
        if places[link.source.node].x + CARD[0] <= here
        and all(link.source.node in nodes for nodes in frames)
    )
    if node.kind not in _SYMMETRIC:
        return Turn(left=left)
    deepest = max(links, key=lambda link: depths.get(link.source.node, 0))
    return Turn(deepest.target.port, left)


USUAL = Turn()


def spots_at(
    ports: Sequence[Port],
    at: Mapping[str, tuple[float, float]],
    width: float,
    left: frozenset[str] = frozenset(),
    spare: frozenset[str] = frozenset(),
) -> tuple[Spot, ...]:
    """Return ports where they are on a node of this width; those in `left` are at its left side."""
    spots = []
    for port in ports:
        x, y = at[port.name]
        side = 0 if x < width else -1 if port.name in left else 1
        x = 0.0 if side < 0 else x
        spots.append(Spot(port.name, port.type, x, y, port.many, side, port.name in spare))
    return tuple(spots)


def ports_of(
    node: Node, graph: Graph, spec: LayerSpec | None
) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Return the ports, and for a missing plugin those that its wires still tell of."""
    if spec is not None:
        inputs, outputs = spec.inputs, spec.outputs
    else:
        inputs = () if node.kind == INPUT else (Port("x", "any"),)
        outputs = () if node.kind == OUTPUT else (Port("out", "any"),)
        if node.kind not in (INPUT, OUTPUT):
            inputs = outputs = ()
    known = {port.name for port in inputs}
    wired = dict.fromkeys(link.target.port for link in graph.incoming.get(node.id, ()))
    inputs += tuple(Port(name, "any") for name in wired if name not in known)
    known = {port.name for port in outputs}
    wired = dict.fromkeys(link.source.port for link in graph.outgoing.get(node.id, ()))
    outputs += tuple(Port(name, "any") for name in wired if name not in known)
    return inputs, outputs
