"""What a walk says about nodes that cannot be asked at all."""

from __future__ import annotations

from studio.compile.visit import Fault
from studio.graph.graph import BLOCK, Node
from studio.graph.spec import LayerSpec


def unknown(node: Node) -> Fault:
    if node.kind.startswith(BLOCK):
        name = node.kind.removeprefix(BLOCK)
        text = f"This project has no block named {name}. Delete {node.name}, or draw the block."
        return Fault(text, "unknown")
    return Fault(
        f"What {node.kind} is, is not known here. Install the pack that it is from; its settings "
        "and wires are kept.",
        "unknown",
    )


def timeless(node: Node) -> Fault:
    text = (
        f"{node.name} hands a value from one step to the next, which only a block can do. Make a block "
        "of the part that runs over time."
    )
    return Fault(text, "outside")


def no_port(node: Node, spec: LayerSpec, port: str) -> Fault:
    known = ", ".join(known.name for known in spec.inputs) or "none"
    text = f"{node.name} has no input named {port!r}, but a wire leads there. Its inputs: {known}."
    return Fault(text, "port", port)
