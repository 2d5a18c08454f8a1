"""Through a network in the order in which data flows, blocks opened."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

from studio.compile import own_code, scan, sharing
from studio.compile.cache import Cache
from studio.compile.complaints import no_port, timeless, unknown
from studio.compile.entry import entry
from studio.compile.instance import Instance
from studio.compile.memory import saved
from studio.compile.outcome import Outcome, Trouble
from studio.compile.task import Place, Task, encoded
from studio.compile.visit import Arrivals, Fault, Signal, Visited, param_fault, passed
from studio.graph.edits import reaches
from studio.graph.facts import DataFacts, NodeFacts
from studio.graph.formulas import FormulaError, is_formula
from studio.graph.graph import BLOCK, INPUT, NEXT, OUTPUT, PYTHON, STATE, Graph, Link, Node
from studio.graph.params import ParamError, check_params
from studio.graph.problems import Severity
from studio.graph.project import Project
from studio.graph.spec import LayerSpec
from studio.graph.topology import order
from studio.graph.unfold import DEPTH, Names, resolved

__all__ = ["Outcome", "Trouble", "live", "walk"]


def walk(
    project: Project,
    network: str,
    specs: Mapping[str, LayerSpec],
    data: DataFacts | None,
    cache: Cache,
    kept: bool = False,
) -> Outcome:
    """Return what is known of a network; without data, of what its inputs' own shapes tell.

    Where settings are all that differs from the network as it was when a walk was last `kept`, only what
    they change is visited. A walk that is not kept does not tell what training keeps (`saved`).
    """
    graph = project.networks[network].graph
    task = Task(project, specs, data, cache)

    def sheet() -> _Sheet:
        return _Sheet(task, network, graph, project.constants, None, (), False)

    walked = sheet()
    before = cache.walks.get(network)
    if not isinstance(before, _Sheet) or not walked.follow(before):
        walked = sheet()
        walked.walk()
    if kept:
        walked.keep()
        cache.walks[network] = walked
    return walked.found


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


class _Sheet:
    """One sheet: a network's, or a block's for one pass through one instance.

    `given` are the signals at a block's inputs, by name; `inside` the blocks around it.
    """

    def __init__(
        self,
        task: Task,
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
        self.keys: tuple[str, ...] = ()
        self.tangled: frozenset[str] = frozenset()
        self.live: set[str] = set()
        self.keepers: set[str] = set()
        self.seen: dict[str, Visited] = {}
        self.wires: dict[tuple[str, str], Signal] = {}
        self.said: dict[str, list[Trouble]] = {}
        self.inner: dict[str, Outcome] = {}
        self.found = Outcome(names={"": names})

    def walk(self) -> None:
        """Visit every node that gets what it needs, in the order of data."""
        self.keys, self.tangled = order(self.graph)
        self.live = live(self.graph)
        self.keepers = sharing.keepers(self.graph, self.live)
        for key in self.keys:
            self._step(key)
        self._look_over()

    def follow(self, before: _Sheet) -> bool:
        """Visit what differs from an earlier walk and what lies behind it.

        False, and nothing to rely on, where more than settings differ or a node begins to work or stops.
        """
        dirty = self._changed(before)
        if dirty is None:
            return False
        graph, found = self.graph, self.found
        self.keys, self.live, self.keepers = before.keys, before.live, before.keepers
        self.seen, self.wires, self.said = dict(before.seen), dict(before.wires), dict(before.said)
        self.inner = dict(before.inner)
        self.nodes = before.nodes | {key: graph.nodes[key] for key in dirty}
        found.start_from(before.found)
        for key in self.keys if dirty else ():
            if key not in dirty:
                continue
            was = self.seen.get(key)
            if was is None or self._broken(key):
                return False
            if key in self.live:
                found.count(was.facts, -1)
            self.said.pop(key, None)
            self.inner.pop(key, None)
            self._step(key)
            now = self.seen[key]
            ports = [port for port, _ in now.outputs]
            if self._broken(key) or ports != [port for port, _ in was.outputs]:
                return False
            if self.inner.get(key, Outcome()).paths != before.inner.get(key, Outcome()).paths:
                return False  # a block of more or fewer passes
            if now.outputs != was.outputs:
                dirty.update(wire.target.node for wire in graph.outgoing.get(key, ()))
        found.troubles = [one for key in self.keys if key in self.said for one in self.said[key]]
        self._look_over()
        return True

    def _broken(self, key: str) -> bool:
        """Tell whether a node, or something inside it, does not work."""
        return any(trouble.severity != "hint" for trouble in self.said.get(key, ()))

    def _changed(self, before: _Sheet) -> set[str] | None:
        """Return the nodes whose settings differ from an earlier walk's; None where more differs."""
        ours, theirs = self.task, before.task
        graph, old = self.graph, before.graph
        same = (
            not before.tangled
            and graph.links == old.links
            and list(graph.nodes) == list(old.nodes)
            and ours.data == theirs.data
            and encoded(self.names) == encoded(before.names)
        )
        if not same:
            return None
        changed = set()
        for key, node in graph.nodes.items():
            was = old.nodes[key]
            if node is was:
                continue
            if _role(node) != _role(was) or node.kind in (INPUT, STATE, NEXT):
                return None
            changed.add(key)
        blocks = sorted({node.kind for node in graph.nodes.values() if node.kind.startswith(BLOCK)})
        if any(ours.definition(kind) != theirs.definition(kind) for kind in blocks):
            return None
        return changed

    def keep(self) -> None:
        """Work out what training keeps of one sample."""
        live = [key for key in self.keys if key in self.live]
        sizes = dict(self.found.sizes)
        for signal in (self.given or {}).values():
            sizes.update(signal.sizes)
        inside = self.given is not None
        self.found.saved = saved(self.graph, live, self.found.nodes, sizes, inside)

    def _step(self, key: str) -> None:
        """Visit a node, where everything that it is wired to gives something."""
        node, found, before = self.graph.nodes[key], self.found, len(self.found.troubles)
        arrivals, lost = [], None
        for wire in self.graph.incoming.get(key, ()):
            signal = self.wires.get((wire.source.node, wire.source.port))
            if signal is None:
                lost = wire
            else:
                arrivals.append((wire.target.port, signal))
        if lost is not None:
            self._lost(lost)
        else:
            seen = self.seen[key] = self._visited(node, tuple(arrivals))
            found.nodes[key] = seen.facts
            if node.kind == OUTPUT and arrivals:
                found.outputs[node.name] = arrivals[0][1]
            self._tell(node, seen)
            for port, signal in seen.outputs:
                self.wires[key, port] = signal
            if key in self.live:
                found.count(seen.facts)
        if len(found.troubles) > before:
            self.said[key] = found.troubles[before:]

    def _look_over(self) -> None:
        """Note what no node tells by itself."""
        self._shared_sizes()
        if self.given is not None:
            for key, fault in scan.state_faults(
                Graph(self.nodes, self.graph.links), self.found.nodes
            ):
                self.found.troubles.append(Trouble(self.where, key, key, fault))
        if self.tangled:
            self._cycle(self.tangled)

    # ----------------------------------------------------------------------------------------- nodes

    def _visited(self, node: Node, arrivals: Arrivals) -> Visited:
        try:
            node = self.nodes[node.id] = resolved(node, self.names)
        except FormulaError as error:
            shown = NodeFacts({port: signal.kind for port, signal in arrivals})
            return Visited(shown, fault=Fault(str(error), "formula", param=error.param))
        spec = self.task.spec(node)
        if spec is None:
            return Visited(fault=unknown(node))
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
            return Visited(fault=timeless(node))
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
            return Visited(fault=timeless(node))
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
                return Visited(NodeFacts(shown), fault=no_port(node, spec, given))
        if not spec.outputs:
            text = f"{node.name} gives nothing. Open it and add an Output."
            return Visited(NodeFacts(shown), fault=Fault(text, "port"))
        if "bypassed" in node.flags:
            return passed(spec, arrivals, shown)
        graph = self.task.project.blocks[name].sheet.graph
        frozen = frozen or "frozen" in node.flags

        place = Place(node.kind, (*self.inside, name), frozen, self.task.data is not None)

        def opened(names: Names, feed: Mapping[str, Signal]) -> Outcome | None:
            return self.task.open(place, names, feed, partial(self._opened, place, names, feed))

        plain = Node(node.id, node.kind, node.name, params, node.flags)
        instance = Instance(self.task.project, plain, spec, graph, opened)
        seen, inner = instance.visited(dict(arrivals))
        self.inner[node.id] = inner
        self.found.take(inner, f"{node.id}/")
        return seen

    def _opened(
        self, place: Place, names: Names, feed: Mapping[str, Signal], graph: Graph
    ) -> Outcome:
        sheet = _Sheet(self.task, place.kind, graph, names, feed, place.inside, place.frozen)
        sheet.walk()
        sheet.keep()
        return sheet.found

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
            if not node.shares:
                continue
            owner, spec = self.nodes.get(node.shares), self.task.spec(node)
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


def _role(node: Node) -> tuple[object, ...]:
    """Return what of a node matters to others, beside what its settings make it give."""
    return node.kind, node.name, node.flags, node.shares
