"""Through a network in the order in which data flows, blocks opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from studio.compile import field as receptive
from studio.compile.cache import Cache
from studio.compile.visit import Arrivals, Fault, Signal, Visited, visit
from studio.graph.edits import reaches
from studio.graph.facts import DataFacts, NodeFacts, TensorType
from studio.graph.graph import BLOCK, INPUT, OUTPUT, Graph, Node
from studio.graph.params import ParamError, as_value, check_params
from studio.graph.problems import Severity
from studio.graph.project import Project
from studio.graph.spec import LayerSpec
from studio.graph.topology import block_spec, order

#: Blocks within blocks beyond this are taken for a mistake.
DEPTH = 16


class Trouble(NamedTuple):
    """A fault at a place: the sheet and node to edit, and the id path to show it at."""

    where: str
    node: str
    path: str
    fault: Fault
    severity: Severity = "error"


@dataclass
class Outcome:
    """What a walk found: facts by id path, troubles, what leaves by output name, and sums."""

    nodes: dict[str, NodeFacts] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    outputs: dict[str, Signal] = field(default_factory=dict)
    parameters: int = 0
    flops: int = 0
    activation_bytes: int = 0

    @property
    def errors(self) -> list[Trouble]:
        """What keeps the network from running."""
        return [trouble for trouble in self.troubles if trouble.severity == "error"]


def walk(
    project: Project,
    network: str,
    specs: Mapping[str, LayerSpec],
    data: DataFacts | None,
    cache: Cache,
) -> Outcome:
    """Return what is known of a network; without data, of what its inputs' own shapes tell."""
    outcome = Outcome()
    graph = project.networks[network].graph
    _Walk(project, specs, data, cache, outcome).graph(network, graph, "", None, (), False)
    return outcome


def live(graph: Graph) -> set[str]:
    """Return the ids of the nodes that an output depends on; of all nodes where there is no output."""
    found = {node.id for node in graph.of_kind(OUTPUT) if node.id in graph.incoming}
    if not found:
        return set(graph.nodes)
    stack = list(found)
    while stack:
        for wire in graph.incoming.get(stack.pop(), ()):
            if wire.source.node not in found and wire.source.node in graph.nodes:
                found.add(wire.source.node)
                stack.append(wire.source.node)
    return found


@dataclass
class _Walk:
    project: Project
    specs: Mapping[str, LayerSpec]
    data: DataFacts | None
    cache: Cache
    outcome: Outcome

    def graph(
        self,
        where: str,
        graph: Graph,
        prefix: str,
        given: Mapping[str, Signal] | None,
        inside: tuple[str, ...],
        frozen: bool,
    ) -> dict[str, Signal]:
        """Visit a sheet's nodes; `given` are the signals at a block's inputs, by name."""
        keys, tangled = order(graph)
        needed = live(graph)
        wires: dict[tuple[str, str], Signal] = {}
        leaving: dict[str, Signal] = {}
        nodes, specs, incoming = graph.nodes, self.specs, graph.incoming
        for key in keys:
            node = nodes[key]
            arrivals, whole = [], True
            for wire in incoming.get(key, ()):
                signal = wires.get((wire.source.node, wire.source.port))
                if signal is None:
                    whole = False
                else:
                    arrivals.append((wire.target.port, signal))
            if not whole:
                continue
            if node.kind == INPUT:
                seen = self._input(where, node, prefix, given)
            elif node.kind.startswith(BLOCK):
                seen = self._block(where, node, prefix, tuple(arrivals), inside, frozen)
            elif (spec := specs.get(node.kind)) is None:
                seen = Visited(fault=_unknown(node))
            else:
                seen = self._visit(spec, node, tuple(arrivals), frozen)
            if node.kind == OUTPUT and arrivals:
                leaving[node.name] = arrivals[0][1]
            path = prefix + key
            self.outcome.nodes[path] = seen.facts
            if seen.fault:
                fault, first = seen.fault, incoming.get(key, ())
                if fault.reason == "rank" and first and self._is_data(nodes, first[0].source.node):
                    text = fault.message.replace("but gets", "but the data gives")
                    fault = fault._replace(message=text)
                severity: Severity = "error" if key in needed else "warning"
                self.outcome.troubles.append(Trouble(where, key, path, fault, severity))
            elif key not in needed and key in incoming and key not in graph.outgoing:
                fault = Fault(f"{node.name} leads nowhere, so it takes no part.", "idle")
                self.outcome.troubles.append(Trouble(where, key, path, fault, "hint"))
            if seen.remark:
                self.outcome.troubles.append(Trouble(where, key, path, seen.remark, "warning"))
            for port, signal in seen.outputs:
                wires[key, port] = signal
            if key in needed:
                self.outcome.parameters += seen.facts.parameters
                self.outcome.flops += seen.facts.flops
                self.outcome.activation_bytes += seen.facts.activation_bytes
        if tangled:
            self._cycle(where, graph, prefix, tangled)
        self.outcome.outputs = leaving
        return leaving

    def _visit(self, spec: LayerSpec, node: Node, arrivals: Arrivals, frozen: bool) -> Visited:
        params = tuple([(k, v, v.__class__) for k, v in node.params.items()])
        question = (node.kind, node.name, params, node.flags, arrivals, frozen)
        try:
            return self.cache.nodes[question]  # type: ignore[no-any-return]
        except KeyError:
            pass
        except TypeError:  # a list or a mapping, from a file or a hostile hand: not remembered
            params_of = {name: as_value(value) for name, value in node.params.items()}
            plain = Node(node.id, node.kind, node.name, params_of, node.flags)
            return visit(self.cache, spec, plain, arrivals, frozen)
        return self.cache.nodes.recall(
            question, lambda: visit(self.cache, spec, node, arrivals, frozen)
        )

    def _input(
        self, where: str, node: Node, prefix: str, given: Mapping[str, Signal] | None
    ) -> Visited:
        spec = self.specs.get(INPUT)
        if given is not None:
            signal = given.get(node.name)
            if signal is None:
                return Visited()
            return Visited(NodeFacts(outputs={"out": signal.kind}), (("out", signal),))
        try:
            params = check_params(spec.params, node.params) if spec else dict(node.params)
        except ParamError as error:
            return Visited(fault=Fault(str(error), "params"))
        shape = params.get("shape")
        sample = self.data.sample if self.data else None
        if shape is not None:
            kind = TensorType(("N", *shape), str(params.get("dtype", "float32")))
        elif sample is not None:
            kind = TensorType(("N", *sample.shape), sample.dtype)
        else:
            text = "There is no data yet, so no shape is known. Choose data, or set the shape here."
            return Visited(fault=Fault(text, "data"))
        if sample is not None and where == "main" and kind.shape[1:] != sample.shape:
            came = TensorType(sample.shape).text
            text = (
                f"The input is set to {TensorType(kind.shape[1:]).text}, but the data gives {came}. Clear its "
                "shape, or choose other data."
            )
            return Visited(fault=Fault(text, "params", param="shape"))
        signal = Signal(kind, receptive.start(kind))
        return Visited(NodeFacts(outputs={"out": kind}), (("out", signal),))

    def _block(
        self,
        where: str,
        node: Node,
        prefix: str,
        arrivals: Arrivals,
        inside: tuple[str, ...],
        frozen: bool,
    ) -> Visited:
        spec = block_spec(self.project, node.kind)
        name = node.kind.removeprefix(BLOCK)
        if spec is None:
            text = f"This project has no block named {name}. Delete {node.name}, or draw the block."
            return Visited(fault=Fault(text, "unknown"))
        if name in inside or len(inside) >= DEPTH:
            text = f"The block {name} contains itself. Take {node.name} out of it."
            return Visited(fault=Fault(text, "cycle"))
        shown = {port: signal.kind for port, signal in arrivals}
        for port in spec.inputs:
            if port.name not in shown:
                text = f"{node.name} gets nothing at {port.name}. Connect a wire there."
                return Visited(NodeFacts(shown), fault=Fault(text, "unconnected", port.name))
        if "bypassed" in node.flags and arrivals and spec.outputs:
            signal, first = arrivals[0][1], spec.outputs[0].name
            return Visited(NodeFacts(shown, {first: signal.kind}), ((first, signal),))
        outer = self.outcome
        self.outcome = Outcome()
        frozen = frozen or "frozen" in node.flags
        path = f"{prefix}{node.id}/"
        leaving = self.graph(
            node.kind,
            self.project.blocks[name].sheet.graph,
            path,
            dict(arrivals),
            (*inside, name),
            frozen,
        )
        inner, self.outcome = self.outcome, outer
        outer.nodes.update(inner.nodes)
        outer.troubles.extend(inner.troubles)
        lead = next(iter(leaving.values()), None)
        facts = NodeFacts(
            inputs=shown,
            outputs={port: signal.kind for port, signal in leaving.items()},
            parameters=inner.parameters,
            flops=inner.flops,
            activation_bytes=inner.activation_bytes,
            receptive_field=lead.field.seen if lead and lead.field else (),
        )
        return Visited(facts, tuple(leaving.items()))

    def _is_data(self, nodes: Mapping[str, Node], key: str) -> bool:
        return self.data is not None and key in nodes and nodes[key].kind == INPUT

    def _cycle(self, where: str, graph: Graph, prefix: str, tangled: frozenset[str]) -> None:
        for key in graph.nodes:
            if key in tangled and any(
                reaches(graph, wire.target.node, key) for wire in graph.outgoing.get(key, ())
            ):
                name = graph.nodes[key].name
                text = f"{name} leads back into itself. Cut one of the wires: data flows one way."
                self.outcome.troubles.append(
                    Trouble(where, key, prefix + key, Fault(text, "cycle"))
                )
                return


def _unknown(node: Node) -> Fault:
    return Fault(
        f"What {node.kind} is, is not known here. Install the pack that it is from; its settings "
        "and wires are kept.",
        "unknown",
    )
