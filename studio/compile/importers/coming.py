"""What every way in gives, and what a network is made of on its way in: calls with what feeds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from studio.graph.params import Value
from studio.graph.project import Project
from studio.graph.report import ReportLine

#: Outputs may differ by this much, relative to the largest one, and still count as equal.
TOLERANCE = 1e-6


class ImportProblem(ValueError):
    """Something that cannot come in; the message is a sentence for the person."""


@dataclass(frozen=True)
class Imported:
    """What came in: networks and blocks, the weights by PyTorch's names, and what became of each part."""

    project: Project
    weights: Mapping[str, Tensor]
    report: tuple[ReportLine, ...]


@dataclass(frozen=True)
class Frame:
    """One call of a module that other calls are made in: its dotted path, its class, and which call it is."""

    path: str
    title: str
    number: int = 0


#: The modules around a call, the outermost first.
Way = tuple[Frame, ...]


@dataclass(frozen=True)
class Call:
    """A node to be.

    `feeds` are the values that arrive at each port, `gives` the values that leave, by port. `path` is the
    module's dotted path from the network on, whose parameters' names begin with it; "" for an operation,
    which is called `wish`. `frames` are the modules around it, the outermost first. `owner` is the path of the
    module of the same class whose weights these are ("" for its own).
    """

    kind: str
    feeds: Mapping[str, tuple[str, ...]]
    gives: Mapping[str, str]
    params: Mapping[str, Value] = field(default_factory=dict)
    path: str = ""
    wish: str = ""
    frames: tuple[Frame, ...] = ()
    learned: bool = False
    owner: str = ""


@dataclass(frozen=True)
class Entry:
    """A value that comes in from outside: its name, its shape without the batch, and its type."""

    value: str
    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass
class Traced:
    """A network as its calls, in the order in which they are made.

    `lines` say what is not exact (their path is `%` and a value, or a module's path); `constants` are the
    tensors of nodes that are no part of the module's own state, by the value that they give. Where it is not `whole`, calls that
    nothing depends on stay too: wires are missing.
    """

    entries: tuple[Entry, ...] = ()
    calls: list[Call] = field(default_factory=list)
    results: tuple[str, ...] = ()
    lines: list[ReportLine] = field(default_factory=list)
    constants: dict[str, Tensor] = field(default_factory=dict)
    whole: bool = True
