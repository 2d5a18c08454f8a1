"""Templates of a layer's code, filled in: the one way in which a layer becomes Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from msgspec import Struct

from studio.compile.literals import NotLiteral, literal
from studio.graph.graph import is_name
from studio.graph.params import Value
from studio.graph.spec import Code, LayerSpec

#: What the code itself calls: no variable may hide it.
CALLED = frozenset(
    {"torch", "nn", "F", "parametrizations", "math", "range", "zip", "enumerate", "tap", "self"}
)

#: A weight under no parametrisation.
PLAIN = "none"

_OPTIONAL = re.compile(r"<([^<>]*)>")
_SLOT = re.compile(r"\{([\w|]+)(?::(\w+))?\}")
_ALL_UNUSED = re.compile(r"\((?:_, )+_\)")


@dataclass(frozen=True)
class Argument:
    """A parameter whose value is an argument of the class that is written: its name enters the text."""

    name: str

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise NotLiteral(f"{self.name!r} cannot be the name of an argument.")


class Filling(Struct, frozen=True):
    """What the slots of one node's templates stand for: texts of variables, and values of parameters."""

    attribute: str = ""
    inputs: Mapping[str, tuple[str, ...]] = {}
    outputs: Mapping[str, str] = {}
    values: Mapping[str, Value] = {}


def make(spec: LayerSpec, values: Mapping[str, Value]) -> str:
    """Return what `__init__` assigns to the node's attribute, "" where it has none.

    Raises: NotLiteral.
    """
    code = spec.code
    around = values.get(code.around, PLAIN)
    made = _made(spec, values)
    return made if around == PLAIN else f"parametrizations.{_bare(around)}({made})"


def _made(spec: LayerSpec, values: Mapping[str, Value]) -> str:
    make = spec.code.make
    if "{" not in make:
        names = [param.name for param in spec.params if param.name != spec.code.around]
        return f"{make}({_arguments(spec.code, values, names)})" if make else ""
    parts = [fill(part, Filling(values=values)) for part in make.split("{arguments}")]
    told = [name for name in values if name in (*spec.code.positional, *spec.code.defaults)]
    return parts[0] if len(parts) == 1 else _arguments(spec.code, values, told).join(parts)


def _arguments(code: Code, values: Mapping[str, Value], names: Iterable[str]) -> str:
    """Return a constructor's arguments of these names: those without a default or other than it."""
    required = {name for name in code.positional if name not in code.defaults}
    arguments: list[str] = []
    named: list[str] = []
    for name in (*code.positional, *(name for name in names if name not in code.positional)):
        value = values.get(name)
        given = name in required or _differs(value, code.defaults.get(name))
        if not given:
            continue
        if name in code.positional and not named and len(arguments) == code.positional.index(name):
            arguments.append(_given(value))
        else:
            named.append(f"{name}={_given(value)}")
    return ", ".join(arguments + named)


def _given(value: Value) -> str:
    return value.name if isinstance(value, Argument) else literal(value)


def statements(
    spec: LayerSpec, filling: Filling, wanted: Iterable[str]
) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return the node's statements, and the ports that each of them gives.

    The first line's statement comes last, since its variable may be one of the node's inputs; lines
    whose outputs are not `wanted` are left out but the first.

    Raises: NotLiteral.
    """
    wanted = set(wanted)
    chosen = [
        line
        for number, line in enumerate(spec.code.lines)
        if number == 0 or wanted.intersection(outputs_of(line))
    ][::-1]
    texts = [fill(line, filling) for line in chosen]
    if "_" in filling.outputs.values():
        texts = [_ALL_UNUSED.sub("_", text) for text in texts]
    return texts, [outputs_of(line) for line in chosen]


@lru_cache(maxsize=1024)
def outputs_of(line: str) -> tuple[str, ...]:
    """Return the ports that a line gives values to."""
    return tuple(slot[0] for slot in _SLOT.findall(line.split(" = ", 1)[0]))


def inputs_of(spec: LayerSpec, connected: Iterable[str]) -> set[str]:
    """Return the connected inputs that the code really reads."""
    filling = Filling(
        "self", {port: (port,) for port in connected}, {p.name: p.name for p in spec.outputs},
        {param.name: 0 for param in spec.params},
    )  # fmt: skip
    read: set[str] = set()
    for line in (*spec.code.lines, spec.code.make):
        kept = _OPTIONAL.sub(lambda found: found[1] if _is_on(found[1], filling) else "", line)
        for names, _ in _SLOT.findall(kept):
            read.update(names.split("|"))
    return read


def fill(template: str, filling: Filling) -> str:
    """Return `template` with its slots filled and its optional pieces kept or dropped."""
    kept = template
    if "<" in template:
        kept = _OPTIONAL.sub(lambda found: found[1] if _is_on(found[1], filling) else "", template)
    return _SLOT.sub(lambda found: _text(found[1], found[2] or "", filling), kept)


def _is_on(piece: str, filling: Filling) -> bool:
    for names, _ in _SLOT.findall(piece):
        for name in names.split("|"):
            value = filling.values.get(name, True)
            if value is None or value is False:
                return False
            known = name in filling.values or name in filling.outputs or name == "self"
            if not known and not filling.inputs.get(name):
                return False
    return True


def _text(names: str, form: str, filling: Filling) -> str:
    if form == "if":
        return ""
    for name in names.split("|"):
        if name == "self":
            return filling.attribute
        if filling.inputs.get(name):
            return ", ".join(filling.inputs[name])
        if name in filling.outputs:
            return filling.outputs[name]
        if name in filling.values:
            return _FORMS[form](filling.values[name]) if form else literal(filling.values[name])
    raise NotLiteral(f"The layer's code speaks of {names}, which it has not.")


def _colons(value: Value) -> str:
    """`:, :, ` before an index along dimension 2."""
    return ":, " * int(value)


def _bound(value: Value) -> str:
    return "" if value in (None, 0) else literal(int(value))


def _bare(value: Value) -> str:
    """A tuple without its brackets; a word that is part of a name (`float32`)."""
    if isinstance(value, str):
        if not value.isidentifier():
            raise NotLiteral(f"A name is needed, but got {value!r}.")
        return value
    return ", ".join(literal(part) for part in (value if isinstance(value, tuple) else (value,)))


def _sizes(value: Value) -> str:
    """A shape as a tuple; () for a single number."""
    return literal(() if value is None else value)


def _single(value: Value) -> str:
    """A tuple of one as the number that it holds."""
    return literal(value[0] if isinstance(value, tuple) and len(value) == 1 else value)


def _kept(value: Value) -> str:
    """As many −1 as there are dimensions: `expand` keeps those."""
    return ", ".join("-1" for _ in (value if isinstance(value, tuple) else (value,)))


_FORMS = {
    "colons": _colons,
    "bound": _bound,
    "bare": _bare,
    "single": _single,
    "kept": _kept,
    "sizes": _sizes,
}


def _differs(value: Value, default: Value) -> bool:
    if isinstance(value, bool) or isinstance(default, bool):
        return value is not default
    return bool(value != default)
