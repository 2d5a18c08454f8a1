"""How a pack's file declares what it offers; `studio.api` hands these on to plugin authors.

The declarations are *read*, not run, when packs are listed: every argument must be a literal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct

Draw = TypeVar("Draw", bound=Callable[..., None])


class Int(Struct, frozen=True):
    """Limits of a whole number: `width: Annotated[int, Int(1, 4096), "Units in a layer."] = 128`."""

    minimum: int | None = None
    maximum: int | None = None


class Float(Struct, frozen=True):
    """Limits of a number: `dropout: Annotated[float, Float(0.0, 0.9)] = 0.1`."""

    minimum: float | None = None
    maximum: float | None = None


class Choice:
    """What may be chosen: `activation: Annotated[str, Choice("ReLU", "GELU")] = "ReLU"`."""

    def __init__(self, *choices: str | int | float) -> None:
        self.choices = choices


class Declaration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `@architecture`; an empty `doc` means the function's docstring."""

    kind: str
    title: str
    category: str = ""
    doc: str = ""
    paper: str = ""
    year: int = 0
    data: str = ""
    data_params: dict[str, Any] = {}
    transforms: tuple[dict[str, Any], ...] = ()
    recipe: dict[str, Any] = {}
    published_parameters: int = 0


def architecture(
    *,
    kind: str,
    title: str,
    category: str = "",
    doc: str = "",
    paper: str = "",
    year: int = 0,
    data: str = "",
    data_params: Mapping[str, Any] | None = None,
    transforms: Sequence[Mapping[str, Any]] = (),
    recipe: Mapping[str, Any] | None = None,
    published_parameters: int = 0,
) -> Callable[[Draw], Draw]:
    """Offer a function that draws a network: `def lenet5(net: Net, classes: int = 10) -> None`.

    `kind` is permanent and namespaced (`vision.lenet5`). `data`, `transforms` and `recipe` are what
    one press on Train uses: a data source's kind, steps such as `{"kind": "core.resize", "params":
    {"size": 28}}`, and fields of the recipe. `published_parameters` is the paper's
    own count, where it has one.
    """

    def mark(draw: Draw) -> Draw:
        draw.__dict__[MARK] = kind
        return draw

    return mark


#: The attribute by which a decorated function is found in its module.
MARK = "__neuroloom_architecture__"
