"""What a pack's file offers, read off its syntax tree: nothing of it is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from studio.extensions.declare import Choice, Declaration, Float, Int
from studio.graph.params import Param, ParamError, ParamType, as_value
from studio.graph.problems import Fault
from studio.graph.project import Recipe, Step
from studio.graph.spec import ArchitectureSpec

_KIND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\Z")
_RESERVED = ("core.", "block.", "torch.", "sklearn.")
_TYPES: dict[str, ParamType] = {"int": "int", "float": "float", "bool": "bool", "str": "str"}
Choices = Annotated[tuple[str | int | float, ...], Meta(min_length=1)]
_LIMITS: dict[str, type[Int | Float | Choice]] = {"Int": Int, "Float": Float, "Choice": Choice}


class Offer(Struct, frozen=True):
    """One architecture and the function that draws it."""

    spec: ArchitectureSpec
    file: str
    function: str
    line: int


class _Wrong(Exception):
    """A declaration that cannot be read: a sentence and the line."""

    def __init__(self, message: str, node: ast.AST) -> None:
        super().__init__(message)
        self.line: int = getattr(node, "lineno", 1)


def read_source(file: str, text: str, pack: str) -> tuple[list[Offer], list[Fault]]:
    """Return what `text`, the content of `file`, offers, and what is wrong with it."""
    try:
        tree = ast.parse(text, filename=file)
    except SyntaxError as error:
        return [], [Fault(f"Python cannot read this: {error.msg}.", pack, file, error.lineno or 1)]
    except (ValueError, RecursionError, MemoryError) as error:
        return [], [
            Fault(f"Python cannot read this: {error or 'nested too deeply'}.", pack, file, 1)
        ]
    offers: list[Offer] = []
    faults: list[Fault] = []
    for function, call in _declared(tree):
        try:
            spec = _spec(function, call, pack)
        except _Wrong as wrong:
            faults.append(Fault(str(wrong), pack, file, wrong.line))
        else:
            offers.append(Offer(spec, file, function.name, call.lineno))
    if not offers and not faults:
        message = "This file offers nothing: no function in it is decorated with @architecture(…)."
        faults.append(Fault(message, pack, file, 1))
    return offers, faults


def title_of(text: str) -> str:
    """Return the first line of the module's docstring, "" where there is none or it cannot be read."""
    try:
        doc = ast.get_docstring(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return (doc or "").partition("\n")[0]


def _declared(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, ast.Call]]:
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef):
            for decorator in statement.decorator_list:
                if isinstance(decorator, ast.Call) and _name(decorator.func) == "architecture":
                    yield statement, decorator


def _spec(function: ast.FunctionDef, call: ast.Call, pack: str) -> ArchitectureSpec:
    declared = _declaration(call)
    if not _KIND.match(declared.kind) or declared.kind.startswith(_RESERVED):
        raise _Wrong(
            "A kind is namespaced, small letters, such as 'vision.lenet5', and not under "
            f"{', '.join(name.rstrip('.') for name in _RESERVED)}. Got {declared.kind!r}.",
            call,
        )
    doc = declared.doc or " ".join((ast.get_docstring(function) or "").split())
    return ArchitectureSpec(
        kind=declared.kind,
        title=declared.title,
        doc=doc,
        params=tuple(_params(function)),
        pack=pack,
        category=declared.category,
        paper=declared.paper,
        year=declared.year,
        data=declared.data,
        data_params=_values(declared.data_params),
        transforms=tuple(_values(step) for step in declared.transforms),
        recipe=_values(declared.recipe),
        published_parameters=declared.published_parameters,
    )


def _declaration(call: ast.Call) -> Declaration:
    given: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise _Wrong("@architecture takes its arguments one by one, not as **something.", call)
        given[keyword.arg] = _literal(keyword.value, f"@architecture's {keyword.arg}")
    if call.args:
        raise _Wrong("@architecture takes named arguments only, such as kind='my.net'.", call)
    try:
        declared = msgspec.convert(given, Declaration)
        unknown = set(declared.recipe) - set(Recipe.__struct_fields__)
        if unknown:
            raise _Wrong(f"A recipe has no field named {', '.join(sorted(unknown))}.", call)
        msgspec.convert(declared.recipe, Recipe)
        msgspec.convert(declared.transforms, tuple[Step, ...])
    except msgspec.ValidationError as error:
        raise _Wrong(f"@architecture is wrong: {error}.", call) from None
    return declared


def _params(function: ast.FunctionDef) -> Iterator[Param]:
    """Yield one Param for each parameter of the function after the first, which is the `Net`."""
    signature = function.args
    plain = [*signature.posonlyargs, *signature.args]
    if signature.vararg or signature.kwarg:
        raise _Wrong(
            f"{function.name} may not take * or ** parameters: a form is made of it.", function
        )
    if not plain:
        raise _Wrong(f"{function.name} needs a first parameter, the Net to draw on.", function)
    defaults = [None] * (len(plain) - len(signature.defaults)) + list(signature.defaults)
    pairs = [*zip(plain, defaults, strict=True)][1:]
    pairs += zip(signature.kwonlyargs, signature.kw_defaults, strict=True)
    for argument, default in pairs:
        if argument.annotation is None or default is None:
            raise _Wrong(
                f"{argument.arg} needs a type and a default: {argument.arg}: int = 1", argument
            )
        param = _param(argument.arg, argument.annotation, _literal(default, argument.arg))
        try:
            param.check(param.default)
        except (ParamError, OverflowError) as error:  # an int literal may be beyond any float
            raise _Wrong(f"The default does not fit: {error}", argument) from None
        yield param


def _param(name: str, annotation: ast.expr, default: Any) -> Param:
    """Return the Param that `int` or `Annotated[int, Int(1, 8), "Help."]` stands for."""
    extras: list[ast.expr] = []
    if isinstance(annotation, ast.Subscript) and _name(annotation.value) == "Annotated":
        inner = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else []
        if inner:
            annotation, extras = inner[0], inner[1:]
    kind = _TYPES.get(_name(annotation))
    if kind is None:
        raise _Wrong(
            f"{name} must be int, float, bool or str, or Annotated[…] of one. "
            f"Got {_text(annotation)}.",
            annotation,
        )
    limits: dict[str, Any] = {}
    words = ""
    for extra in extras:
        if isinstance(extra, ast.Call):
            limits = _limits(name, extra, kind)
        else:
            words = str(_literal(extra, f"{name}'s help"))
    return Param(name, limits.pop("type", kind), default, help=words, **limits)


def _limits(name: str, call: ast.Call, kind: str) -> dict[str, Any]:
    made = _LIMITS.get(_name(call.func))
    if made is None:
        raise _Wrong(f"{name} can be limited by Int, Float or Choice. Got {_text(call)}.", call)
    positional = [_literal(argument, f"{name}'s limit") for argument in call.args]
    named = {word.arg or "": _literal(word.value, f"{name}'s limit") for word in call.keywords}
    try:
        limit = made(*positional, **named)
        if isinstance(limit, Choice):
            choices = msgspec.convert(limit.choices, Choices)
            return {"type": "choice", "choices": choices}
        limit = msgspec.convert(msgspec.to_builtins(limit), type(limit))
    except (TypeError, msgspec.ValidationError) as error:
        raise _Wrong(f"{name}'s limits are wrong: {error}.", call) from None
    if kind != {Int: "int", Float: "float"}[type(limit)]:
        raise _Wrong(f"{name} is {kind}, so {_text(call.func)} cannot limit it.", call)
    return {"minimum": limit.minimum, "maximum": limit.maximum}


def _literal(node: ast.expr, what: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise _Wrong(
            f"{what} must be written out (a number, text, list or dict), because packs are listed "
            f"without running them. Got {_text(node)}.",
            node,
        ) from None


def _values(raw: dict[str, Any]) -> dict[str, Any]:
    """Return `raw` with every list in it as a tuple."""
    return {
        key: _values(value) if isinstance(value, dict) else as_value(value)
        for key, value in raw.items()
    }


def _text(node: ast.expr) -> str:
    try:
        text = ast.unparse(node)
    except RecursionError:
        return "something nested too deeply"
    return text if len(text) <= 60 else text[:60] + "…"


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return ""
