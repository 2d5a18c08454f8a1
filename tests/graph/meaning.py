"""What a project computes, as one number a network output: equal numbers, equal computations.

A reading of graphs of its own, apart from the compiler's: names, places and how much of it is drawn as
blocks do not matter; kinds, parameters (formulas worked out), wires and their order do.
"""

from __future__ import annotations

from collections.abc import Mapping

from studio.graph.formulas import FormulaError, evaluate, is_formula
from studio.graph.graph import INPUT, NEXT, OUTPUT, STATE, Graph, Node
from studio.graph.params import Value
from studio.graph.project import Project
from studio.graph.topology import order
from studio.graph.unfold import is_shared, passes, repeats

Names = Mapping[str, Value]


class Meanings:
    """Numbers equal expressions equally, also those of different projects."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}

    def of(self, project: Project) -> dict[str, list[int]]:
        """Return what every network computes."""
        return {
            name: list(self._graph(project, sheet.graph, project.constants, None, False).values())
            for name, sheet in project.networks.items()
        }

    def _number(self, *expression: object) -> int:
        return self._numbers.setdefault(expression, len(self._numbers))

    def _graph(
        self,
        project: Project,
        graph: Graph,
        names: Names,
        given: Mapping[str, int] | None,
        frozen: bool,
    ) -> dict[str, int]:
        """Return what each output, then each next state, of a graph is; `given` is what its inputs are."""
        values: dict[tuple[str, str], int] = {}
        found: dict[str, int] = {}
        for key in order(graph)[0]:
            node = graph.nodes[key]
            arriving: dict[str, tuple[int, ...]] = {}
            for wire in graph.incoming.get(key, ()):
                value = values.get((wire.source.node, wire.source.port), -1)
                if value >= 0:  # a wire that brings nothing is none
                    arriving[wire.target.port] = (*arriving.get(wire.target.port, ()), value)
            first = next(iter(arriving.values()), (-1,))[0]
            match node.kind:
                case "core.input":
                    known = self._number(INPUT, key) if given is None else given.get(node.name, -1)
                    values[key, "out"] = known
                case "core.state":
                    values[key, "out"] = self._number(STATE, key)
                case "core.output":
                    found[node.name] = first
                case "core.next":
                    found[node.name] = self._number(NEXT, first)
                case "core.reroute":
                    values[key, "out"] = first
                case _:
                    cold = frozen or "frozen" in node.flags
                    for port, value in self._layer(project, node, names, arriving, cold).items():
                        values[key, port] = value
                    for wire in graph.outgoing.get(key, ()):
                        if (key, wire.source.port) not in values:
                            parts = self._params(node, names), tuple(sorted(arriving.items()))
                            way = node.kind, wire.source.port, "bypassed" in node.flags, cold
                            values[key, wire.source.port] = self._number(*way, *parts)
        outputs = [node.name for node in graph.nodes.values() if node.kind in (OUTPUT, NEXT)]
        return {name: found.get(name, -1) for name in outputs}

    def _layer(
        self,
        project: Project,
        node: Node,
        names: Names,
        arriving: Mapping[str, tuple[int, ...]],
        frozen: bool,
    ) -> dict[str, int]:
        """Return what leaves the ports of a block's instance; nothing for a layer."""
        block = project.blocks.get(node.kind.removeprefix("block."))
        if block is None or not node.kind.startswith("block."):
            return {}
        graph = block.sheet.graph
        params = dict(self._params(node, names))
        given = {n.name: arriving.get(n.name, (-1,))[0] for n in graph.of_kind(INPUT)}
        ports = [n.name for n in graph.of_kind(OUTPUT)]
        if "bypassed" in node.flags:
            return dict.fromkeys(ports, next(iter(given.values()), -1))
        if graph.of_kind(STATE):
            (one, *_) = passes(project, block, params)
            inside = self._graph(project, graph, one.names, given, frozen)
            times = self._params(node, names)
            return {
                port: self._number("scan", place, *inside.values(), times)
                for place, port in enumerate(ports)
            }
        every = list(passes(project, block, params))
        if is_shared(params):
            every *= repeats(params)
        out: dict[str, int] = {}
        for one in every:
            given |= dict(zip(given, out.values(), strict=False))
            out = self._graph(project, graph, one.names, given, frozen)
        return out or dict(zip(ports, given.values(), strict=False))

    def _params(self, node: Node, names: Names) -> tuple[tuple[str, Value], ...]:
        found = {}
        for name, value in node.params.items():
            try:
                found[name] = evaluate(value, names) if is_formula(value) else value
            except FormulaError:
                found[name] = "no value"
        return tuple(sorted(found.items()))
