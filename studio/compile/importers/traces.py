"""What the nodes of a traced program say of themselves: where they were called, what they give."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor, fx

from studio.compile.importers.coming import Frame, Way
from studio.compile.importers.operators import Wire
from studio.compile.importers.pieces import Held, Zeros


def way_of(node: fx.Node) -> Way:
    """Return the modules around an operator, the outermost first."""
    found = []
    for key, (path, kind) in (node.meta.get("nn_module_stack") or {}).items():
        if path and not path.startswith("_"):
            title = kind if isinstance(kind, str) else kind.__qualname__
            number = key.rpartition("@")[2] if "@" in key else "0"
            plain = path.partition("@")[0]
            found.append(Frame(plain, title.rpartition(".")[2], int(number)))
    return tuple(found)


def is_size(node: fx.Node) -> bool:
    """Tell whether an operator gives a number, not a tensor."""
    return isinstance(node.meta.get("val"), (torch.SymInt, torch.SymFloat, torch.SymBool, int))


def place_of(node: fx.Node) -> int:
    """Return which of a module's results a value is."""
    place = node.args[1] if node.target is operator.getitem else 0
    return place if isinstance(place, int) else -1


def shape_of(node: fx.Node) -> tuple[Any, ...]:
    """Return the shape of what an operator gives, () where it is no tensor."""
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, Tensor) else ()


def works_in_place(node: fx.Node) -> bool:
    """Tell whether an operator changes its first argument."""
    schema = getattr(node.target, "_schema", None)
    return bool(schema and schema.name.endswith("_") and not schema.name.endswith("__"))


def is_tensor(value: Any) -> bool:
    """Tell whether a value is a tensor, of whatever origin."""
    return isinstance(value, (Wire, Held, Tensor, Zeros))


def same_wire(one: Any, other: Any) -> bool:
    """Tell whether two values are the same one."""
    return isinstance(one, Wire) and one == other


def varies(part: Any) -> bool:
    """Tell whether a value differs from call to call."""
    return isinstance(part, (Wire, Held, Zeros, torch.SymInt, torch.SymFloat, torch.SymBool))


def idle(node: fx.Node, name: str) -> bool:
    """Tell whether a conversion converts nothing."""
    source = node.args[0]
    before = source.meta.get("val") if isinstance(source, fx.Node) else None
    after = node.meta.get("val")
    same = isinstance(before, Tensor) and isinstance(after, Tensor)
    return name != "dropout" and same and before.dtype == after.dtype  # type: ignore[union-attr]


def name_of(target: Any) -> str:
    """Return an operator's name."""
    return str(getattr(target, "__name__", target))
