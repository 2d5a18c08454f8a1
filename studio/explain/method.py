"""The contract of an explanation method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from studio.explain.question import Question
from studio.graph.params import Value
from studio.graph.spec import MethodSpec


@dataclass(frozen=True)
class Attribution:
    """What a method found.

    Shapes: `values` is the sample's own shape without batch; of an image also `[h, w]`.
    `gap`: share of the score's change that the values do not add up to (None: not defined).
    `caption`: how the map was made, in a few words; `settings`: parameters that the method chose itself;
    `notes`: sentences to show beside the map.
    """

    values: Tensor
    caption: str
    gap: float | None = None
    settings: Mapping[str, Value] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Method:
    """A spec, and the function that answers a question with all of the spec's parameters given.

    `flat` says why a map may be zero everywhere, in a sentence that names what to do.
    """

    spec: MethodSpec
    attribute: Callable[[Question, Mapping[str, Value]], Attribution]
    flat: str
