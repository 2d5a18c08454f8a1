"""The classes of a text: what each makes and runs, without running any of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from studio.compile.reading.making import Made, Makings
from studio.compile.reading.misread import Misread, short
from studio.compile.reading.patterns import Patterns
from studio.compile.reading.rows import unroll
from studio.compile.reading.statements import Ref, Run, Statements, path_of
from studio.graph.graph import INPUT
from studio.graph.spec import LayerSpec

#: Where a state begins that learns it.
_START = re.compile(r"nn\.Parameter\(torch\.zeros\(1, [\d, ]+\)\)")


@dataclass
class Class:
    """One class. Its first runs are its inputs (`states` of them at the end are states)."""

    name: str
    line: int
    block: str = ""
    arguments: tuple[str, ...] = ()
    made: dict[str, Made] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    inputs: int = 0
    results: list[Ref] = field(default_factory=list)
    result_line: int = 0
    doc: str = ""
    #: What is written by rule and is not drawn: the loop over time.
    rest: str = ""


@dataclass
class Text:
    """A whole text: its classes by name, and everything outside them."""

    classes: dict[str, Class]
    outside: tuple[tuple[int, str], ...]


def parsed(text: str) -> ast.Module:
    """Return a text as a tree; nothing of it is run.

    Raises: Misread.
    """
    try:
        return ast.parse(text)
    except SyntaxError as why:
        shown = (why.msg or "this is not Python").rstrip(".")
        raise Misread(why.lineno or 1, f"This is not Python yet: {shown}.") from None
    except (ValueError, RecursionError, MemoryError):
        raise Misread(1, "The text is not Python that can be read.") from None


def read(
    tree: ast.Module,
    blocks: Mapping[str, str],
    network: str,
    patterns: Patterns,
    specs: Mapping[str, LayerSpec],
    ports: Callable[[str], LayerSpec | None],
) -> Text:
    """Return what a text describes. `blocks` are the blocks that classes stand for, by class.

    Raises: Misread.
    """
    classes: dict[str, Class] = {}
    outside = []
    for part in tree.body:
        if isinstance(part, ast.ClassDef) and (part.name in blocks or part.name == network):
            if part.name in classes:
                raise Misread(part.lineno, f"There are two classes named {part.name}.")
            unroll(part)
            made = _class(part, blocks, patterns, specs, ports)
            made.block = blocks.get(part.name, "")
            classes[part.name] = made
        elif not isinstance(part, (ast.Import, ast.ImportFrom)):
            outside.append((part.lineno, ast.dump(part)))
    return Text(classes, tuple(outside))


def _class(
    tree: ast.ClassDef,
    blocks: Mapping[str, str],
    patterns: Patterns,
    specs: Mapping[str, LayerSpec],
    ports: Callable[[str], LayerSpec | None],
) -> Class:
    found = Class(tree.name, tree.lineno, doc=ast.get_docstring(tree) or "")
    methods: dict[str, ast.FunctionDef] = {}
    for number, part in enumerate(tree.body):
        if isinstance(part, ast.FunctionDef) and not part.decorator_list:
            if part.name in methods:
                raise Misread(part.lineno, f"{part.name} is there twice.")
            methods[part.name] = part
        elif number or not isinstance(part, ast.Expr):
            raise Misread(
                part.lineno, f"A class holds __init__ and forward; {short(part)} has no place here."
            )
    if "__init__" in methods:
        _init(methods["__init__"], found, Makings(patterns, blocks))
    timed = "step" in methods or "step_" in methods
    name = ("step_" if "step_" in methods else "step") if timed else "forward"
    if name not in methods:
        raise Misread(tree.lineno, f"{tree.name} needs a method forward.")
    for other in methods.values():
        if other.name not in ("__init__", name, *(["forward"] if timed else [])):
            raise Misread(other.lineno, f"{tree.name} has a method {other.name}, which cannot be drawn. "
                          "Draw a block for it.")  # fmt: skip
    if timed:
        _bare(methods["forward"])
        found.rest += ast.dump(methods["forward"])
    _method(methods[name], found, patterns, specs, ports)
    return found


def _bare(method: ast.FunctionDef) -> None:
    for argument in (*method.args.args, *method.args.kwonlyargs):
        argument.annotation = None
    method.returns = None


def _init(method: ast.FunctionDef, found: Class, makings: Makings) -> None:
    arguments = [argument.arg for argument in method.args.args][1:]
    found.arguments = tuple(arguments)
    for part in method.body:
        if isinstance(part, ast.Expr):
            text = ast.unparse(part)
            if text == "super().__init__()" or isinstance(part.value, ast.Constant):
                continue
        if not isinstance(part, ast.Assign) or len(part.targets) != 1:
            raise Misread(
                part.lineno, f"__init__ makes layers, self.conv = nn.Conv2d(…); got {short(part)}."
            )
        name = path_of(part.targets[0])
        if not name:
            raise Misread(
                part.lineno, f"A layer belongs to self: self.{short(part.targets[0])} = …"
            )
        if ast.unparse(part.value) == "nn.ModuleDict()":
            continue
        if name in found.made:
            raise Misread(part.lineno, f"self.{name} is made twice.")
        if _START.match(ast.unparse(part.value)):
            found.made[name] = Made(name, part.lineno)
            found.rest += ast.dump(part)
            continue
        found.made[name] = makings.read(name, part.value, frozenset(arguments))


def _method(
    method: ast.FunctionDef,
    found: Class,
    patterns: Patterns,
    specs: Mapping[str, LayerSpec],
    ports: Callable[[str], LayerSpec | None],
) -> None:
    given = method.args
    if given.vararg or given.kwarg or given.kwonlyargs or given.defaults or not given.args:
        raise Misread(method.lineno, f"{method.name} takes self and one name for each input.")
    variables: dict[str, Ref] = {}
    for number, argument in enumerate(given.args[1:]):
        found.runs.append(Run(INPUT, method.lineno, target=argument.arg))
        variables[argument.arg] = (number, "out")
    found.inputs = len(found.runs)
    statements = Statements(patterns, found.made, ports, specs, found.runs, variables)
    found.results, found.result_line = statements.read(method.body)
    used = {ref[0] for run in found.runs for refs in run.inputs.values() for ref in refs}
    used |= {ref[0] for ref in found.results}
    for number, run in enumerate(found.runs):
        if number >= found.inputs and number not in used:
            name = run.target or run.attribute
            raise Misread(
                run.line,
                f"{name} is computed here and never used. Use it below, or take the line out.",
            )
    called = {run.attribute for run in found.runs}
    for name, made in found.made.items():
        if name not in called and (made.layers or made.block) and not found.rest:
            raise Misread(made.line, f"self.{name} is made here, but {method.name} never calls it. Call it, or "
                          "take the line out.")  # fmt: skip
