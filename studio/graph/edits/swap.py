"""A node made one of another kind, with what both kinds have kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from msgspec import field
from msgspec.structs import replace

from studio.graph.edits.edit import BaseEdit, node_at, sheet_at, with_graph
from studio.graph.edits.instances import PORTS, check_kinds, follow_ports
from studio.graph.edits.sharing import released
from studio.graph.formulas import is_formula
from studio.graph.graph import End, Graph, Link, Node
from studio.graph.params import Param, ParamError, Value
from studio.graph.project import Project
from studio.graph.spec import LayerSpec, Port

#: Old port → the new ones that take its wires, the first wire to the first of them.
Ports = dict[str, tuple[str, ...]]


class Swap(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Make a node one of another kind with these parameters; its name and place stay.

    `inputs` and `outputs` say where wires go, and `many` which inputs take any number; None keeps
    them at ports of the same name. `Swap.to` works all of it out from the two kinds.
    """

    where: str
    node: str
    kind: str
    params: dict[str, Value] = field(default_factory=dict)
    inputs: Ports | None = None
    outputs: Ports | None = None
    many: tuple[str, ...] = ()

    @classmethod
    def to(
        cls,
        where: str,
        node: Node,
        before: LayerSpec | None,
        after: LayerSpec,
        params: Mapping[str, Value] | None = None,
    ) -> Self:
        """Return the swap that keeps wires by name, else position, and what both kinds can be set to."""
        kept = {
            name: value
            for name, value in node.params.items()
            if (param := after.param(name)) is not None and _takes(param, value)
        }
        old_inputs = before.inputs if before is not None else ()
        old_outputs = before.outputs if before is not None else ()
        return cls(
            where,
            node.id,
            after.kind,
            kept | dict(params or {}),
            _matched(old_inputs, after.inputs) if before is not None else None,
            _matched(old_outputs, after.outputs) if before is not None else None,
            tuple(port.name for port in after.inputs if port.many),
        )

    @property
    def title(self) -> str:
        return f"Swap for {self.kind.rpartition('.')[2]}"

    def apply(self, project: Project) -> Project:
        node = node_at(project, self.where, self.node)
        graph = sheet_at(project, self.where).graph
        ports = {}
        swapped = replace(node, kind=self.kind, params=self.params)
        if node.kind != self.kind or node.params != self.params:
            check_kinds(project, self.where, (self.kind,))
            graph = released(graph, {node.id})
            swapped = replace(swapped, shares="")
            ports = {node.name: ""} if node.kind in PORTS and node.kind != self.kind else {}
        graph = self._rewired(graph.with_node(swapped))
        return follow_ports(with_graph(project, self.where, graph), self.where, ports)

    def _rewired(self, graph: Graph) -> Graph:
        taken: dict[str, int] = {}
        links = []
        for wire in graph.links:
            source, target = wire.source, wire.target
            if source.node == self.node and self.outputs is not None:
                found = self.outputs.get(source.port, ())
                source = End(self.node, found[0] if found else "")
            if target.node == self.node and self.inputs is not None:
                number = taken[target.port] = taken.get(target.port, -1) + 1
                target = End(self.node, self._input(self.inputs.get(target.port, ()), number))
            if source.port and target.port:
                links.append(Link(source, target))
        return replace(graph, links=tuple(dict.fromkeys(links)))

    def _input(self, ports: Sequence[str], number: int) -> str:
        if number < len(ports):
            return ports[number]
        return ports[-1] if ports and ports[-1] in self.many else ""


def _takes(param: Param, value: Value) -> bool:
    if is_formula(value):
        return param.type not in ("str", "path", "choice")
    try:
        param.check(value)
    except ParamError:
        return False
    return True


def _matched(old: Sequence[Port], new: Sequence[Port]) -> Ports:
    """Return which new ports take the wires of each old one: its namesake, else its position's."""
    names = {port.name for port in old}
    free = [port for port in new if port.name not in names]
    gathers = next((port.name for port in new if port.many), "")
    found: Ports = {}
    for port in old:
        if any(other.name == port.name for other in new):
            found[port.name] = (port.name,)
        elif free:
            # Several wires into one port (as of a concatenation) fill the new ports in turn.
            count = len(free) if port.many and not free[0].many else 1
            found[port.name] = tuple(other.name for other in free[:count])
            del free[:count]
        elif gathers:
            found[port.name] = (gathers,)
    return found
