"""The one gate for wires: whether a link can be laid, and if not, why, in a sentence."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from studio.graph.edits.wires import circle, reaches
from studio.graph.graph import End, Graph, Link
from studio.graph.kinds import spec_of
from studio.graph.spec import LayerSpec, Port, PortType

_NOUNS: dict[PortType, str] = {
    "float": "numbers",
    "int": "whole numbers (ids)",
    "mask": "a mask",
    "state": "a recurrent state",
    "any": "anything",
}


def fits(source: PortType, target: PortType) -> bool:
    """Tell whether what an output of one type gives may enter an input of another."""
    return source == target or "any" in (source, target)


def output_port(graph: Graph, specs: Mapping[str, LayerSpec], end: End) -> Port | None:
    """Return the output port at `end`; None where the node, its spec or the port is not known."""
    node = graph.nodes.get(end.node)
    spec = spec_of(node, specs) if node else None
    return spec.output(end.port) if spec else None


def input_port(graph: Graph, specs: Mapping[str, LayerSpec], end: End) -> Port | None:
    """Return the input port at `end`; None where the node, its spec or the port is not known."""
    node = graph.nodes.get(end.node)
    spec = spec_of(node, specs) if node else None
    return spec.input(end.port) if spec else None


def check_connect(
    graph: Graph, specs: Mapping[str, LayerSpec], link: Link, walked: bool = False
) -> str:
    """Return why `link` cannot be laid, or "" when it can.

    `walked` says that the caller has looked for cycles already, for many links at once.
    """
    for end in (link.source, link.target):
        if end.node not in graph.nodes:
            return "One end of this wire is no longer on the sheet."
    source, target = graph.nodes[link.source.node], graph.nodes[link.target.node]
    for node in (source, target):
        if spec_of(node, specs) is None:
            return (
                f"What {node.kind} takes and gives is not known. Install the pack that it is from."
            )
    giver, taker = output_port(graph, specs, link.source), input_port(graph, specs, link.target)
    if giver is None:
        return f"{source.name} has no output named {link.source.port!r}."
    if taker is None:
        return f"{target.name} has no input named {link.target.port!r}."
    if source.id == target.id:
        return circle(source.name)
    if not fits(giver.type, taker.type):
        return (
            f"Input {taker.name} of {target.name} needs {_NOUNS[taker.type]}, "
            f"but {source.name} gives {_NOUNS[giver.type]}."
        )
    if link in graph.incoming.get(target.id, ()):
        return f"{source.name} feeds this input of {target.name} already."
    if not walked and reaches(graph, target.id, source.id):
        return circle(target.name)
    return ""


def first_input(
    graph: Graph, specs: Mapping[str, LayerSpec], source: End, target: str
) -> Link | None:
    """Return the link from an output to the first input of `target` that takes it, free ones first."""
    node = graph.nodes.get(target)
    spec = spec_of(node, specs) if node else None
    if spec is None:
        return None
    links = [Link(source, End(target, port.name)) for port in spec.inputs]
    able = [link for link in links if not check_connect(graph, specs, link)]
    many = {port.name for port in spec.inputs if port.many}
    free = [
        link
        for link in able
        if link.target.port in many or not graph.into(target, link.target.port)
    ]
    return next(iter(free or able), None)


def open_ends(
    graph: Graph, specs: Mapping[str, LayerSpec], nodes: Collection[str]
) -> tuple[tuple[End, ...], tuple[End, ...]]:
    """Return the needed inputs of these nodes that nothing feeds, and the outputs where data ends.

    They become ports too when the nodes are made a block.
    """
    inputs: list[End] = []
    outputs: list[End] = []
    for key in graph.nodes:
        spec = spec_of(graph.nodes[key], specs) if key in nodes else None
        if spec is None:
            continue
        inputs += [
            End(key, port.name)
            for port in spec.inputs
            if not port.optional and not graph.into(key, port.name)
        ]
        if not graph.outgoing.get(key):
            outputs += [End(key, port.name) for port in spec.outputs[:1]]
    return tuple(inputs), tuple(outputs)


def reached(graph: Graph, start: str, forwards: bool = True) -> set[str]:
    """Return `start` and what lies downstream of it (upstream, where not `forwards`)."""
    seen, stack = {start}, [start]
    while stack:
        node = stack.pop()
        links = graph.outgoing.get(node, ()) if forwards else graph.incoming.get(node, ())
        for link in links:
            end = link.target.node if forwards else link.source.node
            if end not in seen:
                seen.add(end)
                stack.append(end)
    return seen
