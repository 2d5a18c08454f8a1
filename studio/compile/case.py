"""A trouble with everything around it, and the changes that may help with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from studio.compile.splice import Splice
from studio.compile.walk import Outcome, Trouble
from studio.graph.edits import AnyEdit, SetParams
from studio.graph.facts import DataFacts, TensorType
from studio.graph.formulas import FormulaError, is_formula
from studio.graph.graph import Graph, Link, Node
from studio.graph.kinds import spec_of
from studio.graph.params import Value
from studio.graph.project import Project, Sheet
from studio.graph.spec import LayerSpec
from studio.graph.unfold import resolved


class Remedy(NamedTuple):
    """A change; `shows` is the node whose output tells what it leads to ("" for the repaired one)."""

    title: str
    edits: tuple[AnyEdit, ...]
    shows: str = ""


@dataclass(frozen=True)
class Case:
    """A trouble with everything that is known around it."""

    project: Project
    network: str
    trouble: Trouble
    outcome: Outcome
    specs: Mapping[str, LayerSpec]
    data: DataFacts | None

    @property
    def where(self) -> str:
        """The sheet to edit."""
        return self.trouble.where

    @property
    def sheet(self) -> Sheet:
        """The sheet itself."""
        return self.project.sheet(self.where)

    @cached_property
    def graph(self) -> Graph:
        """Its graph, formulas worked out as they are at the trouble's place."""
        graph = self.sheet.graph
        prefix = self.trouble.path.removesuffix(self.trouble.node)
        names = self.outcome.names.get(prefix, {})
        if not any(is_formula(v) for n in graph.nodes.values() for v in n.params.values()):
            return graph
        nodes = dict(graph.nodes)
        for key, node in nodes.items():
            with suppress(FormulaError):  # told at that node
                nodes[key] = resolved(node, names)
        return Graph(nodes, graph.links)

    @property
    def node(self) -> Node | None:
        """The node with the trouble."""
        return self.graph.nodes.get(self.trouble.node)

    @property
    def spec(self) -> LayerSpec | None:
        """Its spec."""
        return spec_of(self.node, self.specs) if self.node else None

    @property
    def wires(self) -> tuple[Link, ...]:
        """The wires into the node, those into the port with the trouble where one is named."""
        port = self.trouble.fault.port
        into = self.graph.incoming.get(self.trouble.node, ())
        return tuple(wire for wire in into if wire.target.port == port) if port else into

    def kind(self, wire: Link) -> TensorType | None:
        """Return what a wire carries."""
        prefix = self.trouble.path.removesuffix(self.trouble.node)
        facts = self.outcome.nodes.get(prefix + wire.source.node)
        return facts.outputs.get(wire.source.port) if facts else None

    def value(self, name: str) -> Value:
        """Return a parameter's value, the default where it was not given."""
        assert self.node is not None
        param = self.spec.param(name) if self.spec else None
        return self.node.params.get(name, param.default if param else None)

    def insert(self, wire: Link, title: str, *layers: tuple[str, Mapping[str, Value]]) -> Remedy:
        """Return the change that puts layers into a wire, one behind the other."""
        edits, last = Splice(self.project, self.where, wire, self.specs).edits(*layers)
        return Remedy(title, edits, last)

    def set(self, title: str, **values: Value) -> Remedy:
        """Return the change of the node's own parameters."""
        return Remedy(title, (SetParams(self.where, self.trouble.node, values),))

    def producers(self, wire: Link, names: tuple[str, ...]) -> Iterator[tuple[Node, str]]:
        """Yield the node upstream that decides the size on a wire, through those that keep shapes."""
        key = wire.source.node
        for _ in range(len(self.graph.nodes)):
            node = self.graph.nodes.get(key)
            spec = spec_of(node, self.specs) if node else None
            if node is None or spec is None:
                return
            own = next((name for name in names if spec.param(name) is not None), "")
            if own:
                yield node, own
                return
            into = self.graph.incoming.get(key, ())
            passes = spec.keeps_shape or spec.category == "pool" or "bypassed" in node.flags
            if not passes or len(into) != 1:
                return
            key = into[0].source.node


def result(remedy: Remedy, after: Outcome, trouble: Trouble) -> str:
    """Return the shape that a change leads to, as text."""
    prefix = trouble.path.removesuffix(trouble.node)
    facts = after.nodes.get(prefix + (remedy.shows or trouble.node))
    if facts is None:
        return ""
    kind = next(iter(facts.outputs.values()), None) or next(iter(facts.inputs.values()), None)
    return kind.text if kind else ""


#: Parameters that decide how many channels or features leave a layer.
SIZES = ("out_channels", "out_features", "hidden_size", "embedding_dim")
