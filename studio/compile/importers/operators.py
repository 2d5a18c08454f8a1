"""Which layer an operator of PyTorch is: read off the code that the layers themselves are written in.

`{x}.flatten({start_dim}<, {end_dim}>)` says that `flatten` is that layer, and which of its arguments is
which parameter. A layer of `torch.nn` without weights is the operator that is spelt like it: `leaky_relu`
is `LeakyReLU`, and its arguments have the parameters' names.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studio.graph.params import Param, ParamError, Value
from studio.graph.spec import LayerSpec

_SLOT = re.compile(r"\{([\w|]+)(?::(\w+))?\}")
_SIGNS: Mapping[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.MatMult: "matmul",
    ast.Pow: "pow", ast.USub: "neg", ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le",
    ast.Gt: "gt", ast.GtE: "ge", ast.BitAnd: "bitwise_and", ast.BitOr: "bitwise_or",
    ast.Invert: "bitwise_not", ast.FloorDiv: "floor_divide", ast.Mod: "remainder",
}  # fmt: skip
#: Operators that another one stands for.
_SAME = {
    "bmm": "matmul", "mm": "matmul", "view": "reshape", "_unsafe_view": "reshape", "amax": "max",
    "amin": "min", "concat": "cat", "concatenate": "cat", "swapaxes": "transpose", "rsub": "sub",
    "linalg_vector_norm": "vector_norm", "where.self": "where",
}  # fmt: skip
#: Arguments that change nothing of what is computed here.
_IDLE = frozenset(
    [
        "train",
        "training",
        "inplace",
        "dtype",
        "layout",
        "device",
        "pin_memory",
        "memory_format",
        "implicit",
    ]
)


@dataclass(frozen=True)
class Slot:
    """A port or a parameter that an argument stands for; `many` takes a list of tensors."""

    name: str
    port: bool
    many: bool = False


@dataclass(frozen=True)
class Pattern:
    """A layer as a call: what each positional and each named argument is."""

    spec: LayerSpec
    positional: tuple[Slot | Value, ...]
    named: Mapping[str, Slot | Value]
    output: str
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Match:
    """A layer that does what an operator does: its kind, parameters, and the values at each port."""

    spec: LayerSpec
    params: dict[str, Value]
    feeds: dict[str, tuple[str, ...]]
    output: str


@dataclass(frozen=True)
class Wire:
    """A tensor that arrives at an operator, by the name of its value."""

    value: str


class Operators:
    """Every operator that the catalogue has a layer for."""

    def __init__(self, specs: Mapping[str, LayerSpec]) -> None:
        self.patterns: dict[str, list[Pattern]] = {}
        self.modules: dict[str, LayerSpec] = {}
        for spec in specs.values():
            if spec.kind.startswith("torch.nn."):
                self.modules[_squashed(spec.title)] = spec
            for name, pattern in _patterns(spec):
                self.patterns.setdefault(name, []).append(pattern)

    def match(
        self, name: str, given: Mapping[str, Any], defaults: Mapping[str, Any]
    ) -> Match | None:
        """Return the layer that computes `name` of these arguments (by PyTorch's names, in its order).

        Arguments are values, `Wire`s, or lists of these.
        """
        name = _SAME.get(name, name)
        for pattern in self.patterns.get(name, ()):
            found = _fits(pattern, given, defaults)
            if found is not None:
                return found
        module = self.modules.get(_squashed(name))
        return _module_fits(module, given, defaults) if module is not None else None


def _squashed(name: str) -> str:
    return name.replace("_", "").lower()


def _patterns(spec: LayerSpec) -> Iterator[tuple[str, Pattern]]:
    """Yield the operator that a layer's main line is a call of, as a pattern."""
    if spec.code.make or not spec.code.lines:
        return
    target, _, text = spec.code.lines[0].partition(" = ")
    optional = "".join(re.findall(r"<[^<>]*>", text))
    text = re.sub(r"<([^<>]*)>", r"\1", text)
    names = {name: f"slot_{name.replace('|', '_or_')}" for name, _ in _SLOT.findall(text)}
    ports = {port.name: port for port in spec.inputs}
    given = {slot: name.split("|")[0] for name, slot in names.items()}
    try:
        tree = ast.parse(_SLOT.sub(lambda found: names[found[1]], text), mode="eval").body
        name, arguments, named = _call(tree)
        positional = tuple(_argument(part, given, ports) for part in arguments)
        words: dict[str, Slot | Value] = {}
        for key, part in named.items():
            try:
                words[key] = _argument(part, given, ports)
            except _Unlike:  # an option that is worked out from a wire: a match without it will do
                if f"{key}=" not in optional:
                    raise
        pattern = Pattern(spec, positional, words, _SLOT.findall(target)[0][0])
    except (SyntaxError, _Unlike, IndexError):
        return
    if len(_SLOT.findall(target)) == 1:
        yield _SAME.get(name, name), pattern


class _Unlike(Exception):
    """A line that is more than one call."""


def _call(tree: ast.expr) -> tuple[str, list[ast.expr], dict[str, ast.expr]]:
    if isinstance(tree, ast.BinOp):
        return _SIGNS[type(tree.op)], [tree.left, tree.right], {}
    if isinstance(tree, ast.UnaryOp):
        return _SIGNS[type(tree.op)], [tree.operand], {}
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
        return _SIGNS[type(tree.ops[0])], [tree.left, tree.comparators[0]], {}
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Attribute):
        raise _Unlike
    named = {word.arg: word.value for word in tree.keywords if word.arg}
    owner = tree.func.value
    root = owner
    while isinstance(root, ast.Attribute):
        root = root.value
    library = isinstance(root, ast.Name) and root.id in ("torch", "F")
    return tree.func.attr, [*([] if library else [owner]), *tree.args], named


def _argument(tree: ast.expr, given: Mapping[str, str], ports: Mapping[str, Any]) -> Slot | Value:
    if isinstance(tree, (ast.List, ast.Tuple)) and len(tree.elts) == 1:
        inner = _argument(tree.elts[0], given, ports)
        if isinstance(inner, Slot) and inner.port and ports[inner.name].many:
            return Slot(inner.name, True, many=True)
        raise _Unlike
    if isinstance(tree, ast.Name) and tree.id in given:
        return Slot(given[tree.id], given[tree.id] in ports)
    try:
        return ast.literal_eval(tree)
    except ValueError:
        raise _Unlike from None


def _fits(pattern: Pattern, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Match | None:
    order = list(given)
    if len(pattern.positional) > len(order):
        return None
    wanted = dict(zip(order, pattern.positional, strict=False)) | dict(pattern.named)
    params: dict[str, Value] = {}
    feeds: dict[str, tuple[str, ...]] = {}
    for key, value in given.items():
        slot = wanted.get(key)
        if not isinstance(slot, Slot):
            expected = slot if key in wanted else defaults.get(key)
            if key not in _IDLE and not _equal(value, expected):
                return None
        elif slot.port and value is None and _is_optional(pattern.spec, slot.name):
            continue
        elif slot.port:
            wires = value if isinstance(value, (list, tuple)) else [value]
            if not all(isinstance(one, Wire) for one in wires) or (len(wires) > 1) > slot.many:
                return None
            feeds[slot.name] = tuple(one.value for one in wires)
        elif not _put(params, pattern.spec.param(slot.name), value):
            return None
    if any(key not in given for key in pattern.named):
        return None
    return Match(pattern.spec, params, feeds, pattern.output)


def _is_optional(spec: LayerSpec, name: str) -> bool:
    port = spec.input(name)
    return port is not None and port.optional


def _module_fits(
    spec: LayerSpec, given: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Match | None:
    params: dict[str, Value] = {}
    wires: list[str] = []
    for key, value in given.items():
        param = spec.param(key)
        if isinstance(value, Wire):
            wires.append(value.value)
        elif param is not None:
            if not _put(params, param, value):
                return None
        elif key not in _IDLE and not _equal(value, defaults.get(key)):
            return None
    if len(wires) != len(spec.inputs) or any(param.reads for param in spec.params):
        return None  # it has weights of its own, or takes more than arrives
    feeds: dict[str, tuple[str, ...]] = {
        port.name: (wire,) for port, wire in zip(spec.inputs, wires, strict=True)
    }
    return Match(spec, params, feeds, spec.outputs[0].name)


def _put(params: dict[str, Value], param: Param | None, value: Any) -> bool:
    """Set a parameter where it takes the value; what equals the default is left out."""
    if param is None:
        return False
    found = as_param(param, value)
    if found is _NOT:
        return False
    if found != param.default or isinstance(found, bool) != isinstance(param.default, bool):
        params[param.name] = found
    return True


_NOT = object()


def as_param(param: Param, value: Any) -> Any:
    """Return `value` as the parameter stores it: (3, 3) as 3; `_NOT` where it cannot be that."""
    if isinstance(value, list):
        value = tuple(value)
    if value == () and param.optional:
        value = None
    if isinstance(value, tuple) and value and param.type != "ints" and len(set(value)) == 1:
        value = value[0]
    try:
        return param.check(value)
    except ParamError:
        return _NOT


def is_value(found: Any) -> bool:
    """Tell whether `as_param` found one."""
    return found is not _NOT


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Wire) or isinstance(other, Wire):
        return False
    as_tuple: Sequence[Any] = one if isinstance(one, (list, tuple)) else (one,)
    as_other: Sequence[Any] = other if isinstance(other, (list, tuple)) else (other,)
    return list(as_tuple) == list(as_other)
