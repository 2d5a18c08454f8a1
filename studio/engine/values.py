"""Free-form values in messages (`Value`, `Any`): checked on receipt, lists as tuples again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import inspect
from msgspec.structs import force_setattr

MAX_DEPTH = 32
MAX_TEXT = 2**20
_PLAIN = frozenset([type(None), bool, int, float])

Open = Callable[[Any], Any]


class ProtocolError(ValueError):
    """What came over the wire is not a message; the sentence says what was expected."""


def open_value(value: Any, depth: int = 0) -> Any:
    """Return `value` as it was before it travelled: lists become tuples, at every depth.

    Raises: ProtocolError for what a value cannot be.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is str:
        if len(value) > MAX_TEXT:
            raise ProtocolError(f"A text may have {MAX_TEXT} characters, but got {len(value)}.")
        return value
    if depth >= MAX_DEPTH:
        raise ProtocolError(f"A value may be nested {MAX_DEPTH} deep, but this one is deeper.")
    if kind is list:
        return tuple([open_value(part, depth + 1) for part in value])
    if kind is dict:
        if not all(type(key) is str for key in value):
            raise ProtocolError("The names in a value must be texts.")
        return {key: open_value(part, depth + 1) for key, part in value.items()}
    raise ProtocolError(f"A number, a text or a list was expected, but got {kind.__name__}.")


def opener(message_type: Any) -> Open:
    """Return the function that opens every free-form value in a decoded message, in place.

    It visits only fields below which there are such values, so that large messages stay cheap.
    """
    return _Planner().plan(inspect.type_info(message_type)) or (lambda message: message)


class _Planner:
    """Works out, once for each type, where free-form values are."""

    def __init__(self) -> None:
        self._structs: dict[type, list[tuple[str, Open]]] = {}

    def plan(self, info: inspect.Type) -> Open | None:
        """Return how to open a value of this type, or None where there is nothing to open."""
        match info:
            case inspect.AnyType():
                return open_value
            case inspect.StructType() | inspect.UnionType():
                parts = info.types if isinstance(info, inspect.UnionType) else (info,)
                structs = {
                    part.cls: fields
                    for part in parts
                    if isinstance(part, inspect.StructType) and (fields := self._fields(part))
                }
                return _struct_opener(structs) if structs else None
            case inspect.DictType():
                inner = self.plan(info.value_type)
                return _dict_opener(inner) if inner else None
            case inspect.VarTupleType() | inspect.ListType():
                inner = self.plan(info.item_type)
                return _tuple_opener(inner) if inner else None
            case _:
                return None

    def _fields(self, info: inspect.StructType) -> list[tuple[str, Open]]:
        if info.cls not in self._structs:
            fields = self._structs[info.cls] = []
            fields += [
                (field.name, inner) for field in info.fields if (inner := self.plan(field.type))
            ]
        return self._structs[info.cls]


def _struct_opener(structs: dict[type, list[tuple[str, Open]]]) -> Open:
    def open_struct(value: Any) -> Any:
        for name, inner in structs.get(type(value), ()):
            before = getattr(value, name)
            after = inner(before)
            if after is not before:
                force_setattr(value, name, after)
        return value

    return open_struct


def _dict_opener(inner: Open) -> Open:
    def open_dict(values: dict[str, Any]) -> dict[str, Any]:
        for key, value in values.items():
            if type(value) not in _PLAIN:
                values[key] = inner(value)
        return values

    return open_dict


def _tuple_opener(inner: Open) -> Open:
    def open_tuple(values: Any) -> Any:
        return type(values)([inner(value) for value in values]) if values else values

    return open_tuple
