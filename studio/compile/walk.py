"""Through a network in the order in which data flows, blocks opened."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from studio.compile import own_code, scan, sharing
from studio.compile.cache import Cache
from studio.compile.entry import entry
from studio.compile.instance import Instance
from studio.compile.memory import saved
from studio.compile.outcome import Outcome, Trouble
from studio.compile.visit import Arrivals, Fault, Signal, Visited, param_fault, passed, visit
from studio.graph.edits import reaches
from studio.graph.facts import DataFacts, NodeFacts
from studio.graph.formulas import FormulaError, is_formula
from studio.graph.graph import BLOCK, INPUT, NEXT, OUTPUT, PYTHON, STATE, Graph, Link, Node
from studio.graph.kinds import spec_of
from studio.graph.params import ParamError, as_value, check_params
from studio.graph.problems import Severity
from studio.graph.project import Block, Project, Sheet
from studio.graph.spec import LayerSpec
from studio.graph.topology import order
from studio.graph.unfold import DEPTH, MOST, Names, resolved

__all__ = ["Outcome", "Trouble", "live", "walk"]


def walk(
    project: Project,
    network: str,
    specs: Mapping[str, LayerSpec],
    data: DataFacts | None,
    cache: Cache,
) -> Outcome:
    """Return what is known of a network; without data, of what its inputs' own shapes tell."""
    graph = project.networks[network].graph
    task = _Task(project, specs, data, cache)
    return _Sheet(task, network, graph, project.constants, None, (), False).walked()


def live(graph: Graph) -> set[str]:
    """Return the ids of the nodes that an output or a next step depends on; of all where there is neither."""
    ends = (*graph.of_kind(OUTPUT), *graph.of_kind(NEXT))
    found = {node.id for node in ends if node.id in graph.incoming}
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
class _Task:
    """What all sheets of one walk share."""

    project: Project
    specs: Mapping[str, LayerSpec]
    data: DataFacts | None
    cache: Cache
    blocks: dict[str, LayerSpec | None] = field(default_factory=dict)
    definitions: dict[str, bytes] = field(default_factory=dict)
    opened: int = 0

    def spec(self, node: Node) -> LayerSpec | None:
        """Return what a node is; a block of the project is looked at once."""
        if not node.kind.startswith(BLOCK):
            return spec_of(node, self.specs)
        if node.kind not in self.blocks:
            self.blocks[node.kind] = spec_of(node, self.specs, self.project)
        return self.blocks[node.kind]

    def visit(self, spec: LayerSpec, node: Node, arrivals: Arrivals, frozen: bool) -> Visited:
        """Return what a layer makes of what arrives, remembered where it was visited before."""
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

    def open(self, place: _Place, names: Names, given: Mapping[str, Signal]) -> Outcome | None:
        """Return what a walk through a block finds, remembered where the same came to the same before.

        None where that would open more nodes than a network can have.
        """
        question = (place, self._definition(place.kind), _encoded(names), tuple(given.items()))
        known, count = self.cache.blocks.get(question, (None, 0))
        if known is not None and self.opened + count <= MOST:
            self.opened += count
            return known  # type: ignore[no-any-return]
        before = self.opened
        graph = self.project.blocks[place.kind.removeprefix(BLOCK)].sheet.graph
        self.opened += len(graph.nodes)
        if self.opened > MOST:
            return None
        sheet = _Sheet(self, place.kind, graph, names, given, place.inside, place.frozen)
        found = sheet.walked()
        if self.opened <= MOST:  # else something inside may have been cut off
            self.cache.blocks.remember(question, (found, self.opened - before))
        return found

    def _definition(self, kind: str) -> bytes:
        """Return all of the project that a block's insides depend on."""
        if kind not in self.definitions:
            found: dict[str, Block] = {}
            waiting = [kind]
            while waiting:
                one = waiting.pop()
                block = self.project.blocks.get(one.removeprefix(BLOCK))
                if one not in found and block is not None:
                    found[one] = Block(Sheet(block.sheet.graph), params=block.params)
                    inner = block.sheet.graph.nodes.values()
                    waiting += [node.kind for node in inner if node.kind.startswith(BLOCK)]
            self.definitions[kind] = _encoded((found, self.project.constants))
        return self.definitions[kind]


class _Place(NamedTuple):
    """Where a block is opened: its kind, the blocks around it with itself, and what its messages need."""

    kind: str
    inside: tuple[str, ...]
    frozen: bool
    has_data: bool


def _encoded(value: object) -> bytes:
    """Return bytes that differ where values do: unlike hashes, they tell 1 from 1.0 and from True."""
    try:
        return msgspec.msgpack.encode(value, enc_hook=repr)
    except OverflowError:  # a number that no message can hold, from a formula or a hostile file
        return repr(value).encode()


class _Sheet:
    """One sheet: a network's, or a block's for one pass through one instance.

    `given` are the signals at a block's inputs, by name; `inside` the blocks around it.
    """

    def __init__(
        self,
        task: _Task,
        where: str,
        graph: Graph,
        names: Names,
        given: Mapping[str, Signal] | None,
        inside: tuple[str, ...],
        frozen: bool,
    ) -> None:
        self.task, self.where, self.graph, self.names = task, where, graph, names
        self.given, self.inside, self.frozen = given, inside, frozen
        self.nodes = dict(graph.nodes)  # formulas worked out as the walk goes
        self.live = live(graph)
        self.keepers = sharing.keepers(graph, self.live)
        self.found = Outcome(names={"": names})

    def walked(self) -> Outcome:
        """Visit every node that gets what it needs, in the order of data."""
        keys, tangled = order(self.graph)
        wires: dict[tuple[str, str], Signal] = {}
        nodes, incoming, found = self.graph.nodes, self.graph.incoming, self.found
        for key in keys:
            node = nodes[key]
            arrivals, lost = [], None
            for wire in incoming.get(key, ()):
                signal = wires.get((wire.source.node, wire.source.port))
                if signal is None:
                    lost = wire
                else:
                    arrivals.append((wire.target.port, signal))
            if lost is not None:
                self._lost(lost)
                continue
            seen = self._visited(node, tuple(arrivals))
            found.nodes[key] = seen.facts
            if node.kind == OUTPUT and arrivals:
                found.outputs[node.name] = arrivals[0][1]
            self._tell(node, seen)
            for port, signal in seen.outputs:
                wires[key, port] = signal
            if key in self.live:
                found.parameters += seen.facts.parameters
                found.flops += seen.facts.flops
                found.activation_bytes += seen.facts.activation_bytes
        live = [key for key in keys if key in self.live]
        sizes = dict(found.sizes)
        for signal in (self.given or {}).values():
            sizes.update(signal.sizes)
        found.saved = saved(self.graph, live, found.nodes, sizes, inside=self.given is not None)
        self._shared_sizes()
        if self.given is not None:
            for key, fault in scan.state_faults(Graph(self.nodes, self.graph.links), found.nodes):
                found.troubles.append(Trouble(self.where, key, key, fault))
        if tangled:
            self._cycle(tangled)
        return found

    # ----------------------------------------------------------------------------------------- nodes

    def _visited(self, node: Node, arrivals: Arrivals) -> Visited:
        try:
            node = self.nodes[node.id] = resolved(node, self.names)
        except FormulaError as error:
            shown = NodeFacts({port: signal.kind for port, signal in arrivals})
            return Visited(shown, fault=Fault(str(error), "formula", param=error.param))
        spec = self.task.spec(node)
        if spec is None:
            return Visited(fault=_unknown(node))
        if node.kind == PYTHON and (why := own_code.unready(node, self.task.cache.consent)):
            shown = NodeFacts({port: signal.kind for port, signal in arrivals})
            return Visited(shown, fault=Fault(why.text, why.reason, line=why.line))
        if node.shares and (fault := sharing.owner_fault(self.graph, node)):
            return Visited(NodeFacts({port: s.kind for port, s in arrivals}), fault=fault)
        if node.kind == INPUT:
            return self._input(spec, node)
        if node.kind == STATE:
            return self._state(spec, node)
        if node.kind == NEXT and self.given is None:
            return Visited(fault=_timeless(node))
        frozen = self.frozen or self._borrows(node)
        if node.kind.startswith(BLOCK):
            return self._block(spec, node, arrivals, frozen)
        return self.task.visit(spec, node, arrivals, frozen)

    def _borrows(self, node: Node) -> bool:
        """Tell whether the weights that a node uses are counted, or kept from learning, elsewhere."""
        if not node.shares:
            return False
        return node.id not in self.keepers or "frozen" in self.graph.nodes[node.shares].flags

    def _input(self, spec: LayerSpec, node: Node) -> Visited:
        if self.given is not None:
            signal = self.given.get(node.name)
            if signal is None:
                return Visited()
            return Visited(NodeFacts(outputs={"out": signal.kind}), (("out", signal),))
        try:
            params = check_params(spec.params, node.params)
        except ParamError as error:
            return Visited(fault=param_fault(spec, node, str(error)))
        arrival = entry(node.name, params, self.task.data, self.where == "main")
        if isinstance(arrival, Fault):
            return Visited(fault=arrival)
        kind = arrival.kind
        self.found.sizes.update(arrival.sizes)
        return Visited(NodeFacts(outputs={"out": kind}), (("out", arrival),))

    def _state(self, spec: LayerSpec, node: Node) -> Visited:
        if self.given is None:
            return Visited(fault=_timeless(node))
        try:
            params = check_params(spec.params, node.params)
        except ParamError as error:
            return Visited(fault=param_fault(spec, node, str(error)))
        shape = params.get("shape", (64,))
        kind = scan.state_kind(shape)
        learned = params.get("init") == "learned" and not self.frozen and "frozen" not in node.flags
        facts = NodeFacts(outputs={"out": kind}, parameters=math.prod(shape) if learned else 0)
        return Visited(facts, (("out", Signal(kind)),))

    def _block(self, spec: LayerSpec, node: Node, arrivals: Arrivals, frozen: bool) -> Visited:
        name = node.kind.removeprefix(BLOCK)
        if name in self.inside:
            text = f"The block {name} contains itself. Take {node.name} out of it."
            return Visited(fault=Fault(text, "cycle"))
        if len(self.inside) >= DEPTH:
            text = (
                f"Blocks may stand {DEPTH} deep in one another, and {node.name} is deeper. "
                f"Unpack it, or a block around it."
            )
            return Visited(fault=Fault(text, "depth"))
        shown = {port: signal.kind for port, signal in arrivals}
        try:
            params = check_params(spec.params, node.params)
        except ParamError as error:
            return Visited(NodeFacts(shown), fault=param_fault(spec, node, str(error)))
        for port in spec.inputs:
            if not port.optional and port.name not in shown:
                text = f"{node.name} gets nothing at {port.name}. Connect a wire there."
                return Visited(NodeFacts(shown), fault=Fault(text, "unconnected", port.name))
        for given in shown:
            if spec.input(given) is None:
                return Visited(NodeFacts(shown), fault=_no_port(node, spec, given))
        if not spec.outputs:
            text = f"{node.name} gives nothing. Open it and add an Output."
            return Visited(NodeFacts(shown), fault=Fault(text, "port"))
        if "bypassed" in node.flags:
            return passed(spec, arrivals, shown)
        graph = self.task.project.blocks[name].sheet.graph
        frozen = frozen or "frozen" in node.flags

        place = _Place(node.kind, (*self.inside, name), frozen, self.task.data is not None)

        def opened(names: Names, feed: Mapping[str, Signal]) -> Outcome | None:
            return self.task.open(place, names, feed)

        plain = Node(node.id, node.kind, node.name, params, node.flags)
        instance = Instance(self.task.project, plain, spec, graph, opened)
        seen, inner = instance.visited(dict(arrivals))
        self.found.take(inner, f"{node.id}/")
        return seen

    # ------------------------------------------------------------------------------------- troubles

    def _tell(self, node: Node, seen: Visited) -> None:
        """Note what is wrong or doubtful at a node."""
        key, incoming, needed = node.id, self.graph.incoming, self.live
        if seen.fault:
            fault, first = seen.fault, incoming.get(key, ())
            if fault.reason == "rank" and first and self._is_data(first[0].source.node):
                fault = fault._replace(
                    message=fault.message.replace("but gets", "but the data gives")
                )
            source = node.params.get(fault.param)
            if is_formula(source) and fault.reason != "formula":
                fault = fault._replace(message=f"{fault.message} It is worked out from {source}.")
            kept = key in needed or (node.kind in (STATE, NEXT) and self.given is not None)
            severity: Severity = "error" if kept else "warning"
            self.found.troubles.append(Trouble(self.where, key, key, fault, severity))
        elif key not in needed and key in incoming and key not in self.graph.outgoing:
            fault = Fault(f"{node.name} leads nowhere, so it takes no part.", "idle")
            self.found.troubles.append(Trouble(self.where, key, key, fault, "hint"))
        if seen.remark:
            self.found.troubles.append(Trouble(self.where, key, key, seen.remark, "warning"))

    def _lost(self, wire: Link) -> None:
        """Note a wire that comes from a port which its node does not have, or gives nothing at."""
        source, port = self.graph.nodes.get(wire.source.node), wire.source.port
        spec = self.task.spec(source) if source else None
        if source is None or spec is None:
            return
        facts = self.found.nodes.get(source.id)
        known = ", ".join(port.name for port in spec.outputs) or "none"
        if spec.output(port) is None:
            text = f"{source.name} has no output named {port!r}. Its outputs: {known}. Wire another one."
        elif facts is not None and facts.outputs:
            text = f"{source.name} gives nothing at {port}: no wire leads there inside. Open it and wire it."
        else:
            return  # what is wrong with the node itself is told there
        key = wire.target.node
        severity: Severity = "error" if key in self.live else "warning"
        fault = Fault(text, "port", wire.target.port)
        self.found.troubles.append(Trouble(self.where, key, key, fault, severity))

    def _shared_sizes(self) -> None:
        """Note nodes whose settings do not fit the weights that they use."""
        for key, node in self.graph.nodes.items():
            owner = self.nodes.get(node.shares) if node.shares else None
            spec = self.task.spec(node)
            if owner is None or spec is None or sharing.owner_fault(self.graph, node):
                continue
            fault = sharing.size_fault(self.nodes[key], owner, spec, self.found.nodes)
            if fault is not None:
                severity: Severity = "error" if key in self.live else "warning"
                self.found.troubles.append(Trouble(self.where, key, key, fault, severity))

    def _is_data(self, key: str) -> bool:
        nodes = self.graph.nodes
        return self.task.data is not None and key in nodes and nodes[key].kind == INPUT

    def _cycle(self, tangled: frozenset[str]) -> None:
        graph = self.graph
        for key in graph.nodes:
            if key in tangled and any(
                reaches(graph, wire.target.node, key) for wire in graph.outgoing.get(key, ())
            ):
                name = graph.nodes[key].name
                text = f"{name} leads back into itself. Cut one of the wires: data flows one way."
                self.found.troubles.append(Trouble(self.where, key, key, Fault(text, "cycle")))
                return


def _unknown(node: Node) -> Fault:
    if node.kind.startswith(BLOCK):
        name = node.kind.removeprefix(BLOCK)
        text = f"This project has no block named {name}. Delete {node.name}, or draw the block."
        return Fault(text, "unknown")
    return Fault(
        f"What {node.kind} is, is not known here. Install the pack that it is from; its settings "
        "and wires are kept.",
        "unknown",
    )


def _timeless(node: Node) -> Fault:
    text = (
        f"{node.name} hands a value from one step to the next, which only a block can do. Make a block "
        "of the part that runs over time."
    )
    return Fault(text, "outside")


def _no_port(node: Node, spec: LayerSpec, port: str) -> Fault:
    known = ", ".join(known.name for known in spec.inputs) or "none"
    text = f"{node.name} has no input named {port!r}, but a wire leads there. Its inputs: {known}."
    return Fault(text, "port", port)
