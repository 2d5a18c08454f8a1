"""Formulas: `=width*2` in the place of a number, over named constants; an arithmetic, not a language.

A formula is a text that begins with `=`, as in a spreadsheet, so that any parameter can hold one and a
file stays plain JSON. Nothing is evaluated but what the table below names.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any

from studio.graph.params import Value

SIGN = "="
#: Longer texts and larger powers are mistakes, and would only hold the window up.
LONGEST, LARGEST = 200, 2**53

_BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: Mapping[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "round": round,
    "int": int,
    "ceil": math.ceil,
    "sqrt": math.sqrt,
    "log2": math.log2,
}


class FormulaError(ValueError):
    """A formula that gives no number; the message is a sentence for the person.

    `param` is the parameter that holds it, "" where that is not known.
    """

    param = ""


def is_formula(value: Value) -> bool:
    """Tell whether a parameter holds a formula rather than a value."""
    return isinstance(value, str) and value.startswith(SIGN)


def names_in(text: str) -> frozenset[str]:
    """Return the constants that a formula reads.

    Raises: FormulaError.
    """
    tree = _parsed(text)
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in called
    )


def evaluate(text: str, names: Mapping[str, Value]) -> Value:
    """Return what `text` (`=width*2`) gives; whole numbers stay whole, also after a division.

    Raises: FormulaError.
    """
    try:
        found = _value(_parsed(text), names, text)
    except (ArithmeticError, ValueError, TypeError) as error:
        if isinstance(error, FormulaError):
            raise
        raise FormulaError(f"The formula {text!r} cannot be worked out: {error}.") from None
    return _whole(found, text)


def number(node: ast.expr, names: Mapping[str, Value], text: str) -> float:
    """Return what an arithmetic within `text`, already read, gives.

    Raises: FormulaError, ArithmeticError.
    """
    return _number(node, names, text)  # type: ignore[no-any-return]


def resolve(params: Mapping[str, Value], names: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return parameters with every formula worked out; without one, the mapping itself.

    Raises: FormulaError, which names the parameter.
    """
    found: dict[str, Value] = {}
    for name, value in params.items():
        if is_formula(value):
            try:
                found[name] = evaluate(value, names)
            except FormulaError as error:
                error.param = name
                raise
    return {**params, **found} if found else params


def substituted(text: str, values: Mapping[str, Value]) -> Value:
    """Return a formula with names replaced by what they stand for, a value or a formula over other names.

    What holds no name any more is worked out.

    Raises: FormulaError.
    """
    tree = _parsed(text)
    if not names_in(text) & values.keys():
        return text
    if isinstance(tree, ast.Name):
        return values[tree.id]
    put = SIGN + ast.unparse(_Substitution(values, text).visit(deepcopy(tree)))
    return put if names_in(put) else evaluate(put, {})


class _Substitution(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, Value], text: str) -> None:
        self._values, self._text = values, text

    def visit_Call(self, node: ast.Call) -> ast.Call:
        node.args = [self.visit(part) for part in node.args]  # the function's name is no constant
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._values:
            return node
        value = self._values[node.id]
        if is_formula(value):
            return deepcopy(_parsed(value))
        if not isinstance(value, (bool, int, float, tuple)):
            raise FormulaError(f"{node.id} in {self._text!r} needs to be a number, got {value!r}.")
        return _parsed(SIGN + repr(value))


@lru_cache(maxsize=4096)
def _parsed(text: str) -> ast.expr:
    body = text.removeprefix(SIGN).strip()
    if not body or len(body) > LONGEST:
        raise FormulaError(f"A formula needs 1 to {LONGEST} characters after =, but got {text!r}.")
    try:
        return ast.parse(body, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise FormulaError(
            f"{text!r} is no formula. Write numbers, names, + − * / // % ** and brackets: =width*2."
        ) from None


def _value(node: ast.expr, names: Mapping[str, Value], text: str) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() as number):
            return _bounded(number, text)
        case ast.Name(id=name):
            if name in names:
                return names[name]
            known = ", ".join(sorted(names)) or "none yet"
            raise FormulaError(
                f"The formula {text!r} reads {name}, which has no value here. Known names: {known}."
            )
        case ast.Tuple(elts=parts):
            return tuple(_value(part, names, text) for part in parts)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            a, b = _number(left, names, text), _number(right, names, text)
            if isinstance(op, ast.Pow) and (abs(b) > 64 or abs(a) > LARGEST):
                raise FormulaError(f"The power in {text!r} is too large.")
            return _bounded(_BINARY[type(op)](a, b), text)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_number(operand, names, text))
        case ast.Call(func=ast.Name(id=name), args=given, keywords=[]) if name in FUNCTIONS:
            numbers = [_number(part, names, text) for part in given]
            if name in ("min", "max") and len(numbers) < 2:
                raise FormulaError(f"{name} in {text!r} needs two numbers or more.")
            return _bounded(FUNCTIONS[name](*numbers), text)
    raise FormulaError(
        f"{ast.unparse(node)!r} in {text!r} is not allowed. Allowed: numbers, names, "
        f"+ − * / // % **, brackets and {', '.join(FUNCTIONS)}."
    )


def _number(node: ast.expr, names: Mapping[str, Value], text: str) -> Any:
    found = _value(node, names, text)
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise FormulaError(
            f"{ast.unparse(node)!r} in {text!r} needs to be a number, got {found!r}."
        )
    return found


def _bounded(number: Any, text: str) -> Any:
    if isinstance(number, complex) or not abs(number) <= LARGEST:
        raise FormulaError(f"The formula {text!r} gives no number of usable size.")
    return number


def _whole(found: Any, text: str) -> Value:
    if isinstance(found, tuple):
        return tuple(_whole(part, text) for part in found)
    if isinstance(found, float):
        _bounded(found, text)
        return int(found) if found == int(found) else found
    return found
