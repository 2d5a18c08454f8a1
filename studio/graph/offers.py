"""Which layers could fill a gap: at the end of a wire, before a port, or in place of a node."""

from __future__ import annotations

from msgspec import Struct, field

from studio.graph.connect import fits
from studio.graph.facts import TensorType
from studio.graph.graph import Node
from studio.graph.spec import LayerSpec, Port, PortType


class Gap(Struct, frozen=True, omit_defaults=True):
    """A place for a layer: what arrives there (None: nothing, or not known), and who takes what it gives.

    `type` is the arriving port's. `taker` is the node behind the gap, `port` its input that waits, and
    `others` what arrives at its other inputs.
    """

    arrives: TensorType | None = None
    type: PortType = "float"
    taker: Node | None = None
    port: str = ""
    others: dict[str, TensorType] = field(default_factory=dict)


class Offer(Struct, frozen=True, omit_defaults=True):
    """What one kind would do in a gap: what it gives, or why it cannot stand there.

    `open` are its inputs that need wires of their own before it works.
    """

    result: TensorType | None = None
    reason: str = ""
    open: tuple[str, ...] = ()


def entry(spec: LayerSpec, type: PortType, rank: int = 0) -> Port | None:
    """Return the input at which a wire of this type enters: one that takes its dimensions, else any.

    `rank` 0 stands for a number of dimensions that is not known.
    """
    able = [port for port in spec.inputs if fits(type, port.type)]
    ranked = [port for port in able if not rank or not port.ranks or rank in port.ranks]
    return next(iter(ranked or able), None)


def open_inputs(spec: LayerSpec, entered: str) -> tuple[str, ...]:
    """Return the inputs that must be wired beside the one that was entered."""
    return tuple(port.name for port in spec.inputs if not port.optional and port.name != entered)
