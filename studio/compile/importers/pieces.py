"""What an operator is, and what it becomes: its arguments, the layers, what stands for its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from studio.compile.importers.operators import Wire
from studio.graph.params import Value
from studio.graph.spec import LayerSpec


@dataclass(frozen=True)
class Held:
    """A tensor of the module's own, by its name in the state_dict."""

    name: str
    value: Tensor
    learned: bool


class Zeros(NamedTuple):
    """Zeros for each sample, such as a recurrent layer's start."""

    shape: tuple[Any, ...]


@dataclass(frozen=True)
class Op:
    """An operator's call: its arguments by PyTorch's names in PyTorch's order, and shapes where known.

    `result` names the value that it gives, `value` is what the tracer says of it; `batch` is the number of
    samples as it stands in shapes, `entry` an input of the network, which has as many.
    """

    name: str
    given: Mapping[str, Any]
    result: str
    value: Any
    shapes: Mapping[str, tuple[Any, ...]]
    batch: Any
    entry: Wire

    def __getitem__(self, name: str) -> Any:
        return self.given[name]

    @property
    def first(self) -> Any:
        """The first argument."""
        return next(iter(self.given.values()))

    @property
    def shape(self) -> tuple[Any, ...]:
        """The shape of the first argument."""
        return self.shapes[next(iter(self.given))]


@dataclass(frozen=True)
class Piece:
    """One layer of what an operator becomes."""

    kind: str
    params: Mapping[str, Value]
    feeds: Mapping[str, tuple[Any, ...]]
    gives: Mapping[str, str]
    path: str = ""
    wish: str = ""
    learned: bool = False


class Made(NamedTuple):
    """The layers that an operator becomes, and what stands for its answer."""

    pieces: list[Piece]
    answer: Any


#: What an operator becomes with the layers that there are; None where the rule does not fit.
Rule = Callable[[Op, Mapping[str, LayerSpec]], Made | None]
