"""What of a drawn sheet becomes code: what runs, in which order, and what feeds it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from studio.compile import sharing
from studio.compile.classes import Call
from studio.compile.instance import ports_in, ports_out
from studio.compile.naming import Value
from studio.compile.own_text import Written
from studio.compile.walk import live
from studio.graph.facts import NodeFacts
from studio.graph.formulas import FormulaError
from studio.graph.graph import (
    BLOCK,
    INPUT,
    NEXT,
    OUTPUT,
    PYTHON,
    REROUTE,
    STATE,
    End,
    Graph,
    Link,
    Node,
    is_node_name,
)
from studio.graph.kinds import spec_of
from studio.graph.problems import Problem
from studio.graph.project import Project
from studio.graph.python_code import source_of
from studio.graph.spec import LayerSpec
from studio.graph.topology import order
from studio.graph.unfold import Names, repeats, resolved

_NOWHERE = (INPUT, OUTPUT, STATE, NEXT, REROUTE)


class Unfinished(ValueError):
    """A network that cannot be written yet; `problems` say what has to be repaired first."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


@dataclass(frozen=True)
class Known:
    """What is known of a network that is to be written, and of the classes written so far."""

    project: Project
    specs: Mapping[str, LayerSpec]
    facts: Mapping[str, NodeFacts]
    errors: tuple[Problem, ...]
    #: Whether every method has its twin for explanations.
    tapped: bool = True
    #: The call that makes a block's module, by the beginning of the paths inside it.
    calls: dict[str, Call] = field(default_factory=dict)
    #: Layers with their settings, by what they follow from: large networks repeat a few of them.
    layers: dict[object, Call] = field(default_factory=dict)
    #: What Python nodes bring, by their code.
    own: dict[str, Written] = field(default_factory=dict)
    #: What kinds of nodes there are, beside a person's own: asked for several times a node.
    kinds: dict[str, LayerSpec] = field(default_factory=dict)
    #: Names of classes and functions of the text.
    taken: set[str] = field(default_factory=set)

    def spec(self, node: Node) -> LayerSpec:
        """Return the spec of a node, its own code under the names that it has in the text.

        It has facts, so it is known.
        """
        known = self.kinds.get(node.kind)
        if known is not None:
            return known
        found = spec_of(node, self.specs, self.project)
        if found is None:
            raise self.unfinished()
        if node.kind == PYTHON:
            own = self.own.get(source_of(node))
            return own.spec if own is not None else found
        self.kinds[node.kind] = found
        return found

    def unfinished(self) -> Unfinished:
        """Return what to raise where something is missing."""
        why = (
            self.errors[0].message
            if self.errors
            else "Connect an input through layers to an output."
        )
        return Unfinished(f"The network cannot be written as code yet. {why}", self.errors)


class Sheet:
    """A graph with its formulas worked out, as far as code is concerned: what runs, and what feeds it.

    `inside` tells a block's from a network's, where nothing runs over time.
    """

    def __init__(
        self, known: Known, graph: Graph, prefix: str, names: Names, inside: bool = True
    ) -> None:
        self.known, self.prefix, self.raw, self.inside = known, prefix, graph, inside
        nodes = dict(graph.nodes)
        for key, node in graph.nodes.items():
            with suppress(FormulaError):  # a problem at that node, in the way only where it runs
                nodes[key] = resolved(node, names)
        for node in nodes.values():
            if not is_node_name(node.name):
                raise Unfinished(f"{node.name!r} cannot be a name in code. Rename the node.")
        self.graph = Graph(nodes, graph.links)
        keys, tangled = order(graph)
        if tangled:
            raise known.unfinished()
        needed = live(graph)
        self.running = [nodes[key] for key in keys if key in needed and self._runs(nodes[key])]
        self.keepers = sharing.keepers(graph, needed)
        broken = {problem.node for problem in known.errors}
        timed = [node for node in nodes.values() if node.kind in (STATE, NEXT)]
        if any(prefix + node.id in broken for node in (*self.running, *timed)):
            raise known.unfinished()

    def _runs(self, node: Node) -> bool:
        if node.kind in _NOWHERE or "bypassed" in node.flags:
            return False
        return not node.kind.startswith(BLOCK) or repeats(node.params) > 0

    def makers(self) -> list[Node]:
        """Return the running nodes that make the module which they call; others borrow one of theirs."""
        return [node for node in self.running if node.id in self.keepers]

    def owner(self, node: Node) -> Node:
        """Return the node whose name the module of `node` has."""
        return self.graph.nodes[node.shares] if node.shares else node

    def origin(self, end: End) -> Value:
        """Return the value at an output port, followed through all that only hands on what it gets."""
        for _ in self.graph.nodes:
            wire = self._handed_on(end)
            if wire is None:
                break
            end = wire.source
        facts = self.known.facts.get(self.prefix + end.node)
        if facts is None or end.port not in facts.outputs:
            raise self.known.unfinished()
        return (end.node, end.port)

    def _handed_on(self, end: End) -> Link | None:
        node = self.graph.nodes[end.node]
        incoming = self.graph.incoming.get(node.id, ())
        if not incoming:
            return None
        if "bypassed" in node.flags or node.kind == REROUTE:
            return incoming[0]
        if node.kind.startswith(BLOCK) and repeats(node.params) == 0:
            spec = self.known.spec(node)
            takes = dict(zip(ports_out(spec), ports_in(spec), strict=False))
            wires = self.graph.into(node.id, takes.get(end.port, ""))
            return wires[0] if wires else None
        return None
