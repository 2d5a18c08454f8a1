"""What annotations and defaults of a function say about ports and settings, read from its tree."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping

from studio.graph.params import Param, Value
from studio.graph.spec import Port, PortType

_TENSORS: dict[str, PortType] = {
    "Tensor": "any",
    "FloatTensor": "float",
    "HalfTensor": "float",
    "DoubleTensor": "float",
    "LongTensor": "int",
    "IntTensor": "int",
    "BoolTensor": "mask",
}
_SCALARS = {"int": "int", "float": "float", "bool": "bool", "str": "str"}
#: Outputs that a node can sensibly have.
MOST_OUTPUTS = 16


class NotPlain(ValueError):
    """An annotation that no port or setting can be made of; the message is a sentence."""


class DefaultError(ValueError):
    """A default that is no plain value; the message is a sentence."""


def param_of(name: str, annotation: ast.expr | None, default: ast.expr | None) -> Param | None:
    """Return the setting that an argument is; None where it is a tensor.

    Raises: DefaultError, NotPlain.
    """
    kind, optional, choices = _meaning(annotation)
    if kind in ("tensor", "tensors"):
        return None
    if default is None:
        if annotation is None:
            return None
        raise DefaultError(
            f"{name} needs a default to become a setting, such as {name}: "
            f"{ast.unparse(annotation)[:60]} = …"
        )
    value = _literal(name, default)
    if value is None and not optional:
        if annotation is None:
            return None
        optional = True
    if choices:
        if value not in choices:
            raise DefaultError(f"{value!r} is none of the choices that {name} has.")
        return Param(name, "choice", value, choices=choices)
    kind = kind or _kind_of(name, value)
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    param = Param(name, kind, value, optional=optional)  # type: ignore[arg-type]
    if kind == "ints" and isinstance(value, tuple):
        return param
    if value is not None and _kind_of(name, value) != kind:
        raise DefaultError(f"{name} is said to be {kind}, but its default is {value!r}.")
    return param


def port_of(name: str, annotation: ast.expr | None, default: ast.expr | None) -> tuple[Port, bool]:
    """Return the input that an argument is, and whether it takes a list of tensors.

    Raises: NotPlain.
    """
    kind, optional, _ = _meaning(annotation)
    if default is not None and not (isinstance(default, ast.Constant) and default.value is None):
        raise NotPlain(f"{name} is a tensor, so only None can be its default.")
    optional = optional or default is not None
    if optional and default is None:
        raise NotPlain(f"{name} may be None, so it needs None as its default.")
    many = kind == "tensors"
    type_ = _port_type(annotation)
    if type_ == "any" and (name == "mask" or name.endswith("_mask")):
        type_ = "mask"
    return Port(name, type_, optional=optional, many=many), many


def returned(function: ast.FunctionDef, records: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the names of what a function returns; `records` are the NamedTuples of its code.

    Raises: NotPlain.
    """
    given = function.returns
    if given is None:
        return _names_returned(function, None)
    kind = _unquoted(given)
    if isinstance(kind, ast.Name) and kind.id in records:
        if len(records[kind.id]) < 2:
            raise NotPlain(f"{kind.id} needs at least two fields. Return the tensor itself.")
        return records[kind.id]
    if isinstance(kind, ast.Subscript) and _last(kind.value).lower() == "tuple":
        parts = kind.slice.elts if isinstance(kind.slice, ast.Tuple) else [kind.slice]
        if any(isinstance(part, ast.Constant) and part.value is ... for part in parts):
            raise NotPlain("How many tensors come out cannot be read. Write tuple[Tensor, Tensor].")
        if len(parts) < 2:
            raise NotPlain("A tuple of one comes out. Return the tensor itself.")
        if len(parts) > MOST_OUTPUTS:
            raise NotPlain(f"{len(parts)} outputs are more than a node has room for.")
        if any(_last(_unquoted(part)) not in _TENSORS for part in parts):
            raise NotPlain("Every part of what comes out has to be a Tensor.")
        return _names_returned(function, len(parts))
    if _last(kind) in _TENSORS:
        return ("out",)
    raise NotPlain(
        f"What comes out has to be a Tensor, a tuple of them or a NamedTuple of this code, "
        f"not {ast.unparse(kind)[:60]}."
    )


def _names_returned(function: ast.FunctionDef, count: int | None) -> tuple[str, ...]:
    """Return the variables in `return h, c`, else `out`, `out2`…"""
    found = [
        part.value
        for part in _own_statements(function)
        if isinstance(part, ast.Return) and isinstance(part.value, ast.Tuple)
    ]
    lengths = {len(one.elts) for one in found}
    if count is None:
        plain = any(
            isinstance(part, ast.Return) and not isinstance(part.value, ast.Tuple)
            for part in _own_statements(function)
        )
        if not found or plain:
            return ("out",)
        if len(lengths) > 1 or lengths <= {0, 1} or max(lengths) > MOST_OUTPUTS:
            raise NotPlain("How many tensors come out cannot be read. Annotate what is returned.")
        count = lengths.pop()
    for one in found:
        names = [part.id for part in one.elts if isinstance(part, ast.Name)]
        plain_names = all(name.isascii() and name[0].isalpha() for name in names)
        if len(names) == count == len(set(names)) and plain_names:
            return tuple(names)
    return ("out", *(f"out{number}" for number in range(2, count + 1)))


def _own_statements(function: ast.FunctionDef) -> list[ast.AST]:
    """Return everything inside a function but what is in functions and classes of its own."""
    found: list[ast.AST] = []
    stack: list[ast.AST] = list(function.body)
    while stack:
        part = stack.pop()
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        found.append(part)
        stack += ast.iter_child_nodes(part)
    return found


def _meaning(annotation: ast.expr | None) -> tuple[str, bool, tuple[Value, ...]]:
    """Return what an annotation stands for (`tensor`, `tensors`, a setting's type, "" for nothing said),
    whether None may stand there, and the choices of a Literal.

    Raises: NotPlain.
    """
    if annotation is None:
        return "", False, ()
    kind = _unquoted(annotation)
    if isinstance(kind, ast.BinOp) and isinstance(kind.op, ast.BitOr):
        sides = [_unquoted(side) for side in (kind.left, kind.right)]
        rest = [side for side in sides if not _is_none(side)]
        if len(rest) == 1:
            what, _, choices = _meaning(rest[0])
            return what, True, choices
    if isinstance(kind, ast.Subscript):
        what, inner = _last(kind.value), kind.slice
        if what == "Optional":
            meant, _, choices = _meaning(inner)
            return meant, True, choices
        if what == "Literal":
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return "choice", False, tuple(_literal("Literal", part) for part in parts)
        if what.lower() in ("list", "tuple", "sequence"):
            first = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
            if _last(_unquoted(first)) in _TENSORS:
                return "tensors", False, ()
            if _last(first) == "int":
                return "ints", False, ()
    name = _last(kind)
    if name in _TENSORS:
        return "tensor", False, ()
    if name in _SCALARS and isinstance(kind, ast.Name):
        return _SCALARS[name], False, ()
    raise NotPlain(
        f"{ast.unparse(kind)[:60]} is neither a tensor nor a plain setting. Annotate with Tensor, int, "
        "float, bool, str or Literal."
    )


def _port_type(annotation: ast.expr | None) -> PortType:
    for part in ast.walk(_unquoted(annotation)) if annotation is not None else ():
        name = _last(part) if isinstance(part, ast.Name | ast.Attribute) else ""
        if name in _TENSORS:
            return _TENSORS[name]
    return "any"


def _kind_of(name: str, value: Value) -> str:
    match value:
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "str"
        case tuple() if value and all(type(part) is int for part in value):
            return "ints"
    raise DefaultError(
        f"The default of {name} has to be a number, text, True or False, or whole numbers in a tuple."
    )


def _literal(name: str, part: ast.expr) -> Value:
    """Return the plain value that stands in the text; nothing is worked out.

    Raises: DefaultError.
    """
    try:
        value = ast.literal_eval(part)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise DefaultError(
            f"The default of {name} has to be a plain value, not {ast.unparse(part)[:60]}."
        ) from None
    if isinstance(value, float) and not math.isfinite(value):
        raise DefaultError(f"The default of {name} has to be a finite number.")
    if value is not None and not isinstance(value, bool | int | float | str | tuple):
        raise DefaultError(f"The default of {name} has to be a plain value, not {value!r:.60}.")
    return value


def _unquoted(part: ast.expr) -> ast.expr:
    """Return an annotation that is written as text as a tree."""
    if isinstance(part, ast.Constant) and isinstance(part.value, str):
        try:
            return ast.parse(part.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return part
    return part


def _is_none(part: ast.expr) -> bool:
    return isinstance(part, ast.Constant) and part.value is None


def _last(part: ast.AST) -> str:
    """Return `Tensor` for `torch.Tensor`."""
    if isinstance(part, ast.Name):
        return part.id
    return part.attr if isinstance(part, ast.Attribute) else ""
