"""A node with its neighbours, as hints look at it: dots on wires and bypassed nodes are looked through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from studio.compile.outcome import Outcome
from studio.graph.facts import DataFacts, NodeFacts, TensorType
from studio.graph.formulas import FormulaError, resolve
from studio.graph.graph import BLOCK, OUTPUT, REROUTE, End, Graph, Node
from studio.graph.kinds import spec_of
from studio.graph.params import Value
from studio.graph.project import Project
from studio.graph.spec import LayerSpec
from studio.graph.unfold import Names

_NOTHING = NodeFacts()


@dataclass(frozen=True)
class Ground:
    """A sheet of a network: `where` it is edited, and the `prefix` of its nodes' paths."""

    project: Project
    network: str
    where: str
    prefix: str
    graph: Graph
    names: Names
    outcome: Outcome
    specs: Mapping[str, LayerSpec]
    data: DataFacts | None

    @property
    def answers(self) -> bool:
        """Whether outputs of this sheet are compared with what they should be."""
        return self.where == self.network and self.outcome.answer is not None

    def behind(self, end: End) -> End:
        """Return the output whose numbers arrive at the end of a wire."""
        while (node := self.graph.nodes.get(end.node)) is not None and _idle(node):
            into = self.graph.incoming.get(node.id)
            if not into:
                break
            end = into[0].source
        return end

    def taking(self, key: str) -> Iterator[Node]:
        """Yield the nodes that what a node gives leads to."""
        for wire in self.graph.outgoing.get(key, ()):
            node = self.graph.nodes.get(wire.target.node)
            if node is None:
                continue
            if _idle(node):
                yield from self.taking(node.id)
            else:
                yield node

    def before(self, key: str) -> Node | None:
        """Return the node that a node's first wire comes from."""
        into = self.graph.incoming.get(key)
        return self.graph.nodes.get(self.behind(into[0].source).node) if into else None

    def after(self, key: str) -> Node | None:
        """Return the first node that takes what a node gives."""
        wires = self.graph.outgoing.get(key)
        node = self.graph.nodes.get(wires[0].target.node) if wires else None
        return next(self.taking(key), None) if node is None or _idle(node) else node

    def spot(self, key: str) -> Spot | None:
        """Return a node of the sheet, None where there is none of a known kind."""
        node = self.graph.nodes.get(key)
        spec = spec_of(node, self.specs) if node else None
        return Spot(self, node, spec) if node and spec else None


def _idle(node: Node) -> bool:
    return node.kind == REROUTE or ("bypassed" in node.flags if node.flags else False)


@dataclass(frozen=True)
class Spot:
    """A node, its kind, and what lies around it."""

    ground: Ground
    node: Node
    spec: LayerSpec

    @property
    def name(self) -> str:
        """How the node is called."""
        return self.node.name

    @cached_property
    def facts(self) -> NodeFacts:
        """What is known of it; nothing where a node before it cannot work."""
        return self.ground.outcome.nodes.get(self.ground.prefix + self.node.id, _NOTHING)

    @property
    def given(self) -> TensorType | None:
        """What arrives at its first input."""
        return next(iter(self.facts.inputs.values()), None)

    @property
    def gives(self) -> TensorType | None:
        """What leaves its first output."""
        return next(iter(self.facts.outputs.values()), None)

    @cached_property
    def _values(self) -> Mapping[str, Value]:
        with suppress(FormulaError):
            return {**resolve(self.node.params, self.ground.names), **self.facts.inferred}
        return self.facts.inferred

    def value(self, name: str) -> Value:
        """Return a parameter as it counts here, its default where it was not given."""
        param = self.spec.param(name)
        return self._values.get(name, param.default if param else None)

    def each(self, name: str) -> tuple[int, ...]:
        """Return a parameter's numbers, one for each spatial dimension."""
        value = self.value(name)
        count = max(1, len(self.given.shape) - 2) if self.given else 1
        parts = value if isinstance(value, tuple) else (value,) * count
        return tuple(part for part in parts if isinstance(part, int))

    @property
    def idle(self) -> bool:
        """Whether the node only hands on what it gets."""
        return _idle(self.node)

    def source(self, port: str = "") -> End | None:
        """Return the output that arrives at a port (the first wire's, where none is named)."""
        for wire in self.ground.graph.incoming.get(self.node.id, ()):
            if not port or wire.target.port == port:
                return self.ground.behind(wire.source)
        return None

    @property
    def before(self) -> Spot | None:
        """The node that its first wire comes from."""
        end = self.source()
        return self.ground.spot(end.node) if end else None

    @cached_property
    def takers(self) -> tuple[Node, ...]:
        """The nodes that its outputs lead to."""
        return tuple(self.ground.taking(self.node.id))

    def only_leads_to(self, spot: Spot) -> bool:
        """Tell whether nothing else takes what this node gives."""
        return all(node.id == spot.node.id for node in self.takers)

    @property
    def ends(self) -> bool:
        """Whether it gives an answer that is compared with the data's targets, and nothing else."""
        outputs = bool(self.takers) and all(node.kind == OUTPUT for node in self.takers)
        return outputs and self.ground.answers

    @property
    def lends(self) -> bool:
        """Whether its weights are another node's too."""
        return bool(self.node.shares) or self.node.id in self.ground.graph.sharers


def grounds(
    project: Project,
    network: str,
    outcome: Outcome,
    specs: Mapping[str, LayerSpec],
    data: DataFacts | None,
) -> Iterator[Ground]:
    """Yield the sheets of a network: its own, and each block's once, as its first pass was walked."""
    places = {"": network}
    told = set()
    for prefix, names in outcome.names.items():
        where = _where(project, places, prefix)
        if not where or where in told:
            continue
        told.add(where)
        graph = project.sheet(where).graph
        yield Ground(project, network, where, prefix, graph, names, outcome, specs, data)


def _where(project: Project, places: dict[str, str], prefix: str) -> str:
    """Return the sheet whose nodes have paths that begin with `prefix`, "" where there is none."""
    if prefix in places:
        return places[prefix]
    head, _, last = prefix.removesuffix("/").rpartition("/")
    outer = _where(project, places, f"{head}/" if head else "")
    if last.isdigit() and outer.startswith(BLOCK) and last not in project.sheet(outer).graph.nodes:
        places[prefix] = outer  # one pass of a repeated block
        return outer
    node = project.sheet(outer).graph.nodes.get(last) if outer else None
    kind = node.kind if node is not None else ""
    known = kind.startswith(BLOCK) and kind.removeprefix(BLOCK) in project.blocks
    places[prefix] = kind if known else ""
    return places[prefix]
