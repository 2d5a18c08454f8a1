"""What `__init__` assigns: constructors of layers and blocks, read as their parameters."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache

from torch import nn

from studio.compile.reading.misread import Misread, short
from studio.compile.reading.patterns import Argument, Patterns, bare, worth
from studio.compile.template import make as written
from studio.graph.params import ParamError, Value, check_params
from studio.graph.spec import LayerSpec

Values = dict[str, Value]


@dataclass(frozen=True)
class Made:
    """An attribute: the layers that it may be with their parameters, or a block's class and its passes."""

    attribute: str
    line: int
    layers: tuple[tuple[LayerSpec, Values], ...] = ()
    block: str = ""
    passes: tuple[Values, ...] = ()
    listed: bool = False
    frozen: bool = False
    given: frozenset[str] = field(default_factory=frozenset)


class Makings:
    """Reads assignments to attributes. `classes` are the text's classes that stand for blocks."""

    def __init__(self, patterns: Patterns, classes: Mapping[str, str]) -> None:
        self._patterns = patterns
        self._classes = classes

    def read(self, attribute: str, node: ast.expr, arguments: frozenset[str]) -> Made:
        """Return what an attribute is made as.

        Raises: Misread.
        """
        line, frozen = node.lineno, False
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "requires_grad_"
        ):
            if [ast.unparse(one) for one in node.args] != ["False"]:
                raise Misread(
                    line, "Only requires_grad_(False), which freezes a layer, can be drawn."
                )
            node, frozen = node.func.value, True
        calls = _listed(node, line)
        if calls is not None:
            passes = []
            for call in calls:
                name = self._class(call)
                if not name:
                    raise Misread(line, "A list of layers is drawn as one block that is repeated; "
                                  f"{short(call)} is no block of this network.")  # fmt: skip
                passes.append((name, self._arguments(call, arguments)))
            names = {self._classes[name] for name, _ in passes}
            if len(names) != 1:
                raise Misread(line, "The passes of a repeated block need to be of one block.")
            return Made(attribute, line, (), names.pop(), tuple(v for _, v in passes), True, frozen)
        if isinstance(node, ast.Call) and (name := self._class(node)):
            values = self._arguments(node, arguments)
            return Made(attribute, line, (), self._classes[name], (values,), False, frozen)
        around = ""
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("parametrizations."):
            around, node = ast.unparse(node.func).partition(".")[2], node.args[0]
        layers = self._layers(node, around, arguments)
        return Made(attribute, line, tuple(layers), frozen=frozen)

    def _class(self, node: ast.expr) -> str:
        known = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        return node.func.id if known and node.func.id in self._classes else ""  # type: ignore[attr-defined]

    def _arguments(self, node: ast.expr, arguments: frozenset[str]) -> Values:
        assert isinstance(node, ast.Call)
        if node.args or any(keyword.arg is None for keyword in node.keywords):
            raise Misread(node.lineno, f"Name the arguments of {short(node.func)}: width=64.")
        return {str(k.arg): _value(k.value, arguments, str(k.arg)) for k in node.keywords}

    def _layers(
        self, node: ast.expr, around: str, arguments: frozenset[str]
    ) -> list[tuple[LayerSpec, Values]]:
        name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        root = node
        while isinstance(root, ast.BinOp):
            root, name = root.left, ""
        if not name and isinstance(root, ast.Call):
            name = ast.unparse(root.func)
        known = self._patterns.made.get(name, [])
        found, reason = [], None
        for spec in known:
            try:
                values = self._layer(spec, node, arguments)
            except Misread as why:
                reason = reason or why
                continue
            if around and not spec.code.around:
                continue
            if spec.code.around:
                values[spec.code.around] = around or "none"
            found.append((spec, values))
        if found:
            return found
        if reason is not None:
            raise reason
        near = get_close_matches(name, self._patterns.made, 1)
        hint = f" Is it {near[0]}?" if near else " Write one layer of torch.nn on each line."
        raise Misread(node.lineno, f"{short(node)} is no layer that can be drawn.{hint}")

    def _layer(self, spec: LayerSpec, node: ast.expr, arguments: frozenset[str]) -> Values:
        """Return the parameters of one layer.

        Raises: Misread.
        """
        make = spec.code.make
        if "{" not in make:
            assert isinstance(node, ast.Call)
            return _constructed(spec, node, arguments)
        return _templated(spec, make, node, arguments)


def _listed(node: ast.expr, line: int) -> list[ast.expr] | None:
    """Return the entries of a `nn.ModuleList([...])`, None for anything else."""
    if not isinstance(node, ast.Call) or ast.unparse(node.func) != "nn.ModuleList":
        return None
    given = node.args[0] if len(node.args) == 1 else None
    if isinstance(given, (ast.ListComp, ast.GeneratorExp)):
        return _repeated(given, line)
    if not isinstance(given, ast.List):
        raise Misread(line, "Write the list as nn.ModuleList([Block() for _ in range(3)]).")
    found: list[ast.expr] = []
    for entry in given.elts:
        inner = entry.value if isinstance(entry, ast.Starred) else None
        found += _repeated(inner, line) if isinstance(inner, ast.GeneratorExp) else [entry]
    return found


def _repeated(node: ast.ListComp | ast.GeneratorExp, line: int) -> list[ast.expr]:
    times = re.fullmatch(r"range\((\d{1,4})\)", ast.unparse(node.generators[0].iter))
    if times is None or len(node.generators) != 1 or node.generators[0].ifs:
        raise Misread(line, "A block is repeated by `for _ in range(3)`, with the number of times.")
    return [node.elt] * int(times[1])


def _value(node: ast.expr, arguments: frozenset[str], name: str) -> Value:
    try:
        return worth(node, arguments)
    except (ValueError, SyntaxError):
        raise Misread(
            node.lineno, f"{name} needs to be a number, a text, yes or no; got {short(node)}."
        ) from None


def _constructed(
    spec: LayerSpec,
    node: ast.Call,
    arguments: frozenset[str],
    without: frozenset[str] = frozenset(),
) -> Values:
    order = [name for name in _order(spec) if name not in without]
    if len(node.args) > len(order) or any(isinstance(one, ast.Starred) for one in node.args):
        raise Misread(node.lineno, f"{spec.title} takes {len(order)} settings by position at most.")
    given = dict(zip(order, node.args, strict=False))
    for keyword in node.keywords:
        name = keyword.arg or "**"
        if name in given:
            raise Misread(node.lineno, f"{spec.title} is given {name} twice.")
        given[name] = keyword.value
    values: Values = {}
    for name, value in given.items():
        if spec.param(name) is None:
            near = get_close_matches(name, [param.name for param in spec.params], 1)
            hint = f" Is it {near[0]}?" if near else " See its settings in the Inspector."
            raise Misread(node.lineno, f"{spec.title} has no setting {name} here.{hint}")
        values[name] = _value(value, arguments, name)
    missing = [n for n in spec.code.positional if n not in spec.code.defaults and n not in values]
    if missing and not without:
        raise Misread(node.lineno, f"{spec.title} needs {' and '.join(missing)}.")
    plain = {name: value for name, value in values.items() if not _named(value)}
    try:
        check_params(spec.params, plain)
    except ParamError as why:
        raise Misread(node.lineno, str(why)) from None
    for param in spec.params:  # what is left out has PyTorch's default
        if param.name not in values and param.name in spec.code.defaults:
            values[param.name] = spec.code.defaults[param.name]
    return values


def _named(value: Value) -> bool:
    return isinstance(value, Argument) or (isinstance(value, tuple) and any(map(_named, value)))


def _order(spec: LayerSpec) -> tuple[str, ...]:
    """Return the constructor's arguments in PyTorch's order."""
    return _signature(spec.code.make.partition(".")[2]) or spec.code.positional


@lru_cache(maxsize=512)
def _signature(name: str) -> tuple[str, ...]:
    module = getattr(nn, name, None) if name else None
    if not isinstance(module, type):
        return ()
    given = inspect.signature(module).parameters.values()
    return tuple(one.name for one in given if one.kind is one.POSITIONAL_OR_KEYWORD)


def _templated(spec: LayerSpec, make: str, node: ast.expr, arguments: frozenset[str]) -> Values:
    """Return the parameters of a layer whose making is a text with slots."""
    text = ast.unparse(node)
    seen: set[str] = set()

    def slot(found: re.Match[str]) -> str:
        name, form = found[1], found[2] or ""
        if form == "if":
            return ""
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>.*?)" if name == "arguments" else f"(?P<{name}>.+?)"

    pieces = re.split(r"(\{[\w|]+(?::\w+)?\})", make)
    whole = "".join(
        re.sub(r"\{([\w|]+)(?::(\w+))?\}", slot, piece)
        if piece.startswith("{")
        else re.escape(piece).replace(r"\ ", r"\s*").replace('"', "[\"']").replace("<", "(?:").replace(">", ")?")
        for piece in pieces
    )  # fmt: skip
    found = re.fullmatch(whole, text)
    wrong = Misread(node.lineno, f"{short(node)} is not how {spec.title} is made: {make}.")
    if found is None:
        raise wrong
    forms = dict(re.findall(r"\{([\w|]+)(?::(\w+))?\}", make))
    values: Values = {}
    for name, given in found.groupdict().items():
        if name == "arguments":
            call = ast.parse(f"f({given})", mode="eval").body
            assert isinstance(call, ast.Call)
            ast.increment_lineno(call, node.lineno - 1)
            values |= _constructed(spec, call, arguments, frozenset(forms) - {"arguments"})
            continue
        param = spec.param(name)
        if param is None:
            raise wrong
        if given is None:
            values[name] = False if param.type == "bool" else None
            continue
        if forms[name] == "bare" and given.isidentifier() and given not in arguments:
            values[name] = given
            continue
        try:
            value = worth(ast.parse(given, mode="eval").body, arguments)
        except (ValueError, SyntaxError):
            raise wrong from None
        single = forms[name] in ("bare", "single") and param.type == "ints"
        values[name] = value if not single or isinstance(value, tuple) else (value,)
    if not any(map(_named, values.values())) and bare(written(spec, values)) != bare(text):
        raise wrong
    return values
