"""What a walk through a network, or through one sheet of it, finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from studio.compile.visit import Fault, Signal
from studio.graph.answers import Answer
from studio.graph.facts import NodeFacts
from studio.graph.problems import Severity
from studio.graph.unfold import Names


class Trouble(NamedTuple):
    """A fault at a place: the sheet and node to edit, and the id path to show it at."""

    where: str
    node: str
    path: str
    fault: Fault
    severity: Severity = "error"


@dataclass
class Outcome:
    """Facts by id path, troubles, what leaves by output name, and sums.

    Paths are relative to the sheet that was walked. `names` are what formulas read, by the beginning of
    the paths (`res1/0/`) of the nodes that hold them; `sizes` what named dimensions count as in costs.
    `answer` is what the network is to end in, None where nobody asks for anything.
    """

    nodes: dict[str, NodeFacts] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    outputs: dict[str, Signal] = field(default_factory=dict)
    names: dict[str, Names] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    parameters: int = 0
    flops: int = 0
    activation_bytes: int = 0
    saved: dict[str, int] = field(default_factory=dict)
    answer: Answer | None = None

    @property
    def errors(self) -> list[Trouble]:
        """What keeps the network from running."""
        return [trouble for trouble in self.troubles if trouble.severity == "error"]

    @property
    def paths(self) -> tuple[list[str], list[str]]:
        """The paths of all that is known here, and of all that gives names, in order."""
        return list(self.nodes), list(self.names)

    def start_from(self, before: Outcome) -> None:
        """Know what was known before, but for its troubles and what training keeps."""
        self.nodes, self.names = dict(before.nodes), dict(before.names)
        self.outputs, self.sizes = dict(before.outputs), dict(before.sizes)
        self.parameters, self.flops = before.parameters, before.flops
        self.activation_bytes = before.activation_bytes

    def count(self, facts: NodeFacts, sign: int = 1) -> None:
        """Add a node to the sums, or take it out of them."""
        self.parameters += sign * facts.parameters
        self.flops += sign * facts.flops
        self.activation_bytes += sign * facts.activation_bytes

    def take(self, inner: Outcome, prefix: str) -> None:
        """Add what was found where paths begin with `prefix`; the sums stay as they are."""
        for path, facts in inner.nodes.items():
            self.nodes[prefix + path] = facts
        for path, names in inner.names.items():
            self.names[prefix + path] = names
        for trouble in inner.troubles:
            self.troubles.append(trouble._replace(path=prefix + trouble.path))
