"""What PyTorch says of its functions: inputs, options and outputs, from the schema or the signature."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

#: No default: the caller has to say.
REQUIRED: Any = inspect.Parameter.empty


@dataclass(frozen=True)
class Argument:
    """One argument of a function: its type in PyTorch's words (`Tensor`, `int`, `float[]`).

    `optional` means that None is a value of it.
    """

    name: str
    type: str
    default: Any = REQUIRED
    optional: bool = False
    by_name: bool = False


@dataclass(frozen=True)
class Signature:
    """The arguments of a function, and the names of what it returns ("" where it has one result)."""

    arguments: tuple[Argument, ...]
    returns: tuple[str, ...]
    doc: str


def read(name: str, overload: str = "") -> Signature:
    """Return the signature of `torch.cumsum`, `torch.nn.functional.pad`, `torch.fft.rfft`.

    What is written in Python says it itself; of the rest PyTorch keeps a schema, and `overload` names
    which, where there are several.

    Raises: LookupError, where PyTorch has no such function or says nothing of it.
    """
    try:
        function = attrgetter(name.removeprefix("torch."))(torch)
    except AttributeError:
        raise LookupError(f"PyTorch has no {name}.") from None
    doc = inspect.getdoc(function) or ""
    other = re.search(r"Alias for :func:`(torch\.special\.\w+)`", doc)
    if other:
        doc = inspect.getdoc(attrgetter(other[1].removeprefix("torch."))(torch)) or ""
    if inspect.isfunction(function) and not overload:
        return Signature(_of_python(function), ("",), doc)
    schema = _schema(name, overload)
    arguments = tuple(
        Argument(
            name=argument.name,
            type=_plain(str(argument.type)),
            default=argument.default_value if argument.has_default_value() else REQUIRED,
            optional=str(argument.type).startswith("Optional["),
            by_name=argument.kwarg_only,
        )
        for argument in schema.arguments
    )
    returns = schema.returns
    named = tuple(one.name or (f"out{n}" if n else "out") for n, one in enumerate(returns))
    return Signature(arguments, named if len(named) > 1 else ("",), doc)


def _schema(name: str, overload: str) -> Any:
    """Return PyTorch's schema: `torch.fft.rfft` is kept as `aten::fft_rfft`."""
    path = name.removeprefix("torch.").removeprefix("nn.functional.").replace(".", "_")
    packet = getattr(torch.ops.aten, path, None)
    if packet is None:
        raise LookupError(f"PyTorch keeps no schema of {name}.")
    return getattr(packet, overload or "default")._schema


def _of_python(function: Callable[..., Any]) -> tuple[Argument, ...]:
    hints = typing.get_type_hints(function)
    found = []
    for one in inspect.signature(function).parameters.values():
        hint = hints.get(one.name, Tensor if one.default is one.empty else type(one.default))
        parts = typing.get_args(hint)
        optional = type(None) in parts
        inner = next((part for part in parts if part is not type(None)), hint) if optional else hint
        by_name = one.kind is one.KEYWORD_ONLY
        found.append(Argument(one.name, _word(inner), one.default, optional, by_name))
    return tuple(found)


def _word(hint: Any) -> str:
    """Return `int[]` of `list[int]`, `Tensor` of `Tensor`."""
    if typing.get_origin(hint) is list:
        return f"{_word(typing.get_args(hint)[0])}[]"
    return getattr(hint, "__name__", "")


def _plain(text: str) -> str:
    """Return `int[]` of a schema's `Optional[List[int]]`."""
    text = text.removeprefix("Optional[").removesuffix("]") if "Optional" in text else text
    if text.startswith("List["):
        return text[5:].removesuffix("]") + "[]"
    return {"number": "float", "SymInt": "int"}.get(text, text)
