"""The layers' code templates, read backwards: a piece of text → the values that were filled in.

A template gives an expression to look for; what it finds is filled in again, and only what gives the
text back counts. So a layer is read by the very template that it is written by.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from studio.compile import template
from studio.compile.literals import NotLiteral
from studio.compile.template import Filling
from studio.graph.params import Value
from studio.graph.spec import LayerSpec

_SLOT = re.compile(r"\{([\w|]+)(?::(\w+))?\}")
_NAME = r"[A-Za-z_]\w*"
_FORMS = {"colons": r"(?::, ?)*", "bound": r"-?\d*", "kept": r"-1(?:, -1)*"}
_KEYWORD = re.compile(r"\b[A-Za-z_]\w*=(?!=)")


@dataclass(frozen=True)
class Argument:
    """A name that stands for a value: an argument of the class that is read."""

    name: str


@dataclass(frozen=True)
class Found:
    """What a text holds in a template's slots: variables at ports, values of parameters."""

    inputs: Mapping[str, tuple[str, ...]]
    values: Mapping[str, Value]


@dataclass(frozen=True)
class Pattern:
    """One line of a layer: its expression, and the ports of what it gives."""

    spec: LayerSpec
    number: int
    target: str
    text: str

    def match(self, text: str, attribute: str = "") -> Found | None:
        """Return what `text` fills the slots with, or None where another layer is meant."""
        found = _regex(self.text, attribute, _many(self.spec)).fullmatch(text)
        if found is None:
            return None
        return filled(self.spec, self.text, found.groupdict(), text, attribute)


def _many(spec: LayerSpec) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(p.name for p in spec.inputs), tuple(p.name for p in spec.inputs if p.many)


@lru_cache(maxsize=4096)
def _regex(
    text: str, attribute: str, ports: tuple[tuple[str, ...], tuple[str, ...]]
) -> re.Pattern[str]:
    inputs, many = ports
    out, seen, end = [], set(), 0

    def words(piece: str, slot: bool) -> str:
        given = re.escape(piece).replace(r"\ ", r"\s*").replace('"', "[\"']")
        given = (
            given.replace("<", "(?:").replace(">", ")?") if "<" in piece or ">" in piece else given
        )
        return re.sub(r"([A-Za-z_]\w*)=\Z", r"(?:\1=)?", given) if slot else given

    for slot in _SLOT.finditer(text):
        out.append(words(text[end : slot.start()], True))
        end = slot.end()
        names, form = slot[1], slot[2] or ""
        key = names.replace("|", "_or_")
        parts = names.split("|")
        if form == "if":
            continue
        if names == "self":
            out.append(re.escape(attribute))
        elif key in seen and form not in _FORMS:
            out.append(f"(?P={key})")
        elif form == "kept":
            out.append(_FORMS[form])
        else:
            seen.add(key)
            variable = any(part in inputs for part in parts)
            value = any(part not in inputs for part in parts)
            one = rf"{_NAME}(?:, {_NAME})*" if set(parts) & set(many) else _NAME
            worth = _FORMS.get(form, ".+?")
            shape = "|".join([*([one] if variable else []), *([worth] if value else [])])
            out.append(f"(?P<{key}>{shape})")
    out.append(words(text[end:], False))
    return re.compile("".join(out))


def filled(
    spec: LayerSpec, text: str, groups: Mapping[str, str | None], whole: str, attribute: str
) -> Found | None:
    """Return values for the slots of a template, if with them it gives the `whole` text again."""
    inputs: dict[str, tuple[str, ...]] = {}
    values: dict[str, Value] = {}
    for slot in _SLOT.finditer(text):
        names, form = slot[1].split("|"), slot[2] or ""
        key = slot[1].replace("|", "_or_")
        if slot[1] == "self" or form in ("if", "kept") or key not in groups:
            continue
        given = groups[key]
        port = next((name for name in names if spec.input(name)), "")
        name = next((name for name in names if spec.param(name)), "")
        names_only = given is not None and re.fullmatch(rf"{_NAME}(?:, {_NAME})*", given)
        if given is not None and port and names_only and given not in ("True", "False", "None"):
            inputs[port] = tuple(given.split(", "))
            continue
        if not name:
            if given is None:
                continue
            return None
        try:
            values[name] = _worth(spec, name, form, given)
        except (ValueError, SyntaxError):
            return None
    try:
        again = template.fill(text, Filling(attribute, inputs, {}, values))
    except (NotLiteral, ValueError, TypeError):
        return None
    return Found(inputs, values) if bare(again) == bare(whole) else None


def bare(text: str) -> str:
    """Return code without spaces, kinds of quotes and names of arguments, to be compared."""
    return re.sub(r"\s", "", _KEYWORD.sub("", text)).replace('"', "'")


def _worth(spec: LayerSpec, name: str, form: str, text: str | None) -> Value:
    param = spec.param(name)
    if text is None:
        return False if param is not None and param.type == "bool" else None
    if form == "colons":
        return text.count(":")
    if form == "bound":
        start = param is not None and not param.optional
        return int(text) if text else (0 if start else None)
    if form == "bare" and re.fullmatch(_NAME, text):
        return text
    value = worth(ast.parse(text, mode="eval").body)
    if form in ("bare", "single") and param is not None and param.type == "ints":
        return value if isinstance(value, tuple) else (value,)
    return value


def worth(node: ast.expr, arguments: frozenset[str] = frozenset()) -> Value:
    """Return the value of a literal; of one of `arguments` its name.

    Raises: ValueError.
    """
    if isinstance(node, ast.Name) and node.id in arguments:
        return Argument(node.id)
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(worth(part, arguments) for part in node.elts)
    if isinstance(node, ast.Call) and ast.unparse(node) in ("float('inf')", "float('-inf')"):
        return float(node.args[0].value)  # type: ignore[attr-defined]
    value = ast.literal_eval(node)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError("not a literal")


class Patterns:
    """Every layer by what its code looks like."""

    def __init__(self, specs: Mapping[str, LayerSpec]) -> None:
        self.specs = tuple(specs.values())
        self.free: dict[str, list[Pattern]] = {}
        self.made: dict[str, list[LayerSpec]] = {}
        for spec in specs.values():
            if spec.code.make:
                self.made.setdefault(spec.code.make.partition("(")[0], []).append(spec)
                continue
            for line in self.lines(spec):
                for key in _keys(line):
                    self.free.setdefault(key, []).append(line)

    def lines(self, spec: LayerSpec) -> tuple[Pattern, ...]:
        """Return the patterns of a layer's statements, the main one first."""
        return tuple(
            Pattern(spec, number, *_split(line)) for number, line in enumerate(spec.code.lines)
        )

    def meant(self, node: ast.expr) -> list[Pattern]:
        """Return the lines of layers without an attribute that look like an expression."""
        return self.free.get(look(node), [])


def _split(line: str) -> tuple[str, str]:
    target, _, text = line.partition(" = ")
    return target, text


def _keys(pattern: Pattern) -> Iterator[str]:
    """Yield what a template's expression looks like, with its optional pieces and without."""
    seen = set()
    for text in (re.sub(r"<[^<>]*>", "", pattern.text), re.sub(r"[<>](?!=)", "", pattern.text)):
        plain = _SLOT.sub(lambda slot: _plain(pattern.spec, slot[1], slot[2] or ""), text)
        try:
            key = look(ast.parse(plain, mode="eval").body)
        except SyntaxError:
            continue
        if key not in seen:
            seen.add(key)
            yield key


def _plain(spec: LayerSpec, names: str, form: str) -> str:
    if form in ("colons", "if"):
        return ""
    return "q" if any(spec.input(name) for name in names.split("|")) else "1"


def look(node: ast.expr) -> str:
    """Return what an expression looks like from afar: the function, the method or the operator."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
            return f".{node.func.attr}"
        return ast.unparse(node.func)
    if isinstance(node, ast.Compare):
        return type(node.ops[0]).__name__
    if isinstance(node, (ast.BinOp, ast.UnaryOp)):
        return type(node.op).__name__
    return type(node).__name__


def _is_module(node: ast.expr) -> bool:
    root = node
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id in ("torch", "F", "nn", "math")
