"""A node's own Python: ports, settings and outputs read off its signature, without running any of it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import lru_cache

from studio.graph.graph import PYTHON, SOURCE, Node
from studio.graph.params import Param
from studio.graph.python_types import (
    DefaultError,
    NotPlain,
    param_of,
    port_of,
    returned,
)
from studio.graph.spec import Code, LayerSpec, Port

#: What a new node holds. It comes with the studio, so that nobody has to be asked about it.
STARTER = '''\
def scaled(x: Tensor, factor: float = 1.0) -> Tensor:
    """Multiply by a number."""
    return x * factor
'''

#: What the code may use without an import; none of it may be given another meaning.
GIVEN = ("torch", "nn", "F", "math", "Tensor")
#: Modules that code in a project usually needs; others are allowed, and told.
USUAL = frozenset({"torch", "math", "typing"})
_HIDDEN = frozenset({*GIVEN, "tap", "inside", "range", "zip", "enumerate"})
#: Longer text than this is no small function.
LONGEST = 40_000

Function = ast.FunctionDef
Definition = ast.FunctionDef | ast.ClassDef


class CodeError(ValueError):
    """Code that cannot be a node: a sentence, and the line that it is about (from 1)."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.message, self.line = message, line


def source_of(node: Node) -> str:
    """Return the text of a Python node's code, never a formula's value."""
    text = node.params.get(SOURCE, STARTER)
    return text if isinstance(text, str) else ""


@lru_cache(maxsize=512)
def signature(source: str) -> LayerSpec:
    """Return the spec of a node with this code.

    Raises: CodeError.
    """
    definition = defined(source)
    if isinstance(definition, ast.ClassDef):
        return _of_class(source, definition)
    return _of_function(source, definition)


def is_readable(source: str) -> bool:
    """Tell whether the code says what it takes and gives."""
    try:
        signature(source)
    except CodeError:
        return False
    return True


def python_spec(source: str) -> LayerSpec:
    """Return the spec of a node with this code; one with an input and an output where it is unreadable."""
    try:
        return signature(source)
    except CodeError:
        return _spec("", (), (Port("x", "any"),), (Port("out", "any"),), Code())


def defined(source: str) -> Definition:
    """Return the function or class that the node is: the last one that the code defines.

    Raises: CodeError.
    """
    tree = parsed(source)
    found: Definition | None = None
    for part in tree.body:
        if isinstance(part, ast.AsyncFunctionDef):
            raise CodeError("A node cannot be an async function. Write def.", part.lineno)
        if isinstance(part, ast.FunctionDef) or (
            isinstance(part, ast.ClassDef) and not _is_record(part)
        ):
            found = part
        _check_names(part)
    if found is None:
        raise CodeError("The code needs a function, or a class from nn.Module, that takes tensors.")
    return found


@lru_cache(maxsize=64)
def parsed(source: str) -> ast.Module:
    """Return the code as a tree. Nothing of it is run.

    Raises: CodeError.
    """
    if len(source) > LONGEST:
        raise CodeError(f"The code is longer than {LONGEST} characters. Make it several nodes.")
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise CodeError(f"Python cannot read this: {error.msg}.", error.lineno or 1) from None
    except (ValueError, RecursionError, MemoryError):
        raise CodeError("Python cannot read this: it is nested too deeply, or no text.") from None


def foreign_imports(source: str) -> tuple[str, ...]:
    """Return the modules that the code imports beside PyTorch and mathematics, by name."""
    found: dict[str, None] = {}
    for part in ast.walk(parsed(source)):
        if isinstance(part, ast.Import):
            found |= {alias.name: None for alias in part.names}
        elif isinstance(part, ast.ImportFrom):
            found["." * part.level + (part.module or "")] = None
    return tuple(name for name in found if name.split(".")[0] not in USUAL)


def _check_names(part: ast.stmt) -> None:
    """Refuse what would give a name of the file's own another meaning.

    Raises: CodeError.
    """
    if isinstance(part, ast.ImportFrom) and part.module == "__future__":
        raise CodeError(
            "Imports from __future__ stand at the top of a file, and this code becomes a part of one. "
            "Leave the line out.",
            part.lineno,
        )
    if isinstance(part, ast.Import | ast.ImportFrom):
        if any(alias.name == "*" for alias in part.names):
            raise CodeError("Import by name: it cannot be known what * brings.", part.lineno)
        if is_given(part):
            return
    for name in bound_by(part):
        if name in _HIDDEN:
            raise CodeError(
                f"{name} has a meaning of its own here. Take another name.", part.lineno
            )


_GIVEN_IMPORTS = {
    ("torch", ""): "torch",
    ("math", ""): "math",
    ("torch.nn", ""): "nn",
    ("torch", "nn"): "nn",
    ("torch", "Tensor"): "Tensor",
    ("torch.nn", "functional"): "F",
    ("torch.nn.functional", ""): "F",
}


def is_given(part: ast.stmt) -> bool:
    """Tell whether an import only brings what is there without it, under the usual name."""
    if isinstance(part, ast.Import):
        pairs = [((alias.name, ""), alias.asname or alias.name) for alias in part.names]
    elif isinstance(part, ast.ImportFrom) and not part.level:
        module = part.module or ""
        pairs = [((module, alias.name), alias.asname or alias.name) for alias in part.names]
    else:
        return False
    return all(_GIVEN_IMPORTS.get(what) == name for what, name in pairs)


def bound_by(part: ast.stmt) -> set[str]:
    """Return the names that a statement at the top of the code gives a meaning to."""
    if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {part.name}
    if isinstance(part, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.split(".")[0] for alias in part.names}
    return {
        inner.id
        for inner in ast.walk(part)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
    }


# ----------------------------------------------------------------------------------------- functions


def _of_function(source: str, function: Function) -> LayerSpec:
    inputs, params, call = _arguments(function, method=False)
    outputs = _outputs(source, function, (*inputs, *params))
    line = f"{_targets(outputs)} = {function.name}({call})"
    code = Code(lines=(line,), support=source)
    return _spec(_doc(function), params, inputs, outputs, code)


def _of_class(source: str, made: ast.ClassDef) -> LayerSpec:
    methods = {part.name: part for part in made.body if isinstance(part, ast.FunctionDef)}
    if not made.bases:
        raise CodeError(
            f"{made.name} needs to be a module: class {made.name}(nn.Module).", made.lineno
        )
    forward = methods.get("forward")
    if forward is None:
        raise CodeError(
            f"{made.name} needs a method forward(self, x) that says what it does.", made.lineno
        )
    options: tuple[Param, ...] = ()
    if "__init__" in methods:
        beside, options, _ = _arguments(methods["__init__"], method=True)
        if beside:
            raise CodeError(
                f"{beside[0].name} of __init__ needs a default, such as {beside[0].name}: int = 64.",
                methods["__init__"].lineno,
            )
    inputs, params, call = _arguments(forward, method=True)
    twice = {one.name for one in options} & {port.name for port in inputs}
    if twice:
        name = sorted(twice)[0]
        raise CodeError(
            f"{name} is an argument of __init__ and of forward. Give one another name.",
            forward.lineno,
        )
    outputs = _outputs(source, forward, (*inputs, *options, *params))
    if params:
        raise CodeError(
            f"{params[0].name} has a default in forward. Make it an argument of __init__.",
            forward.lineno,
        )
    # What equals its default is not written, and the code is no argument at all.
    defaults = {SOURCE: source} | {param.name: param.default for param in options}
    line = f"{_targets(outputs)} = {{self}}({call})"
    code = Code(make=made.name, defaults=defaults, lines=(line,), support=source)
    doc = _doc(made) or _doc(forward)
    return _spec(doc, options, inputs, outputs, code)


def _spec(
    doc: str,
    params: tuple[Param, ...],
    inputs: tuple[Port, ...],
    outputs: tuple[Port, ...],
    code: Code,
) -> LayerSpec:
    own = Param(SOURCE, "str", STARTER, help="A function, or a class from nn.Module.")
    return LayerSpec(
        kind=PYTHON,
        title="Python",
        doc=doc or "A function or a module of your own, written here.",
        category="tensor",
        inputs=inputs,
        outputs=outputs,
        params=(*params, own),
        summary=tuple(param.name for param in params[:3]),
        keywords=("code", "custom", "function", "module", "script", "lambda", "own"),
        code=code,
    )


def _doc(part: Definition) -> str:
    text = ast.get_docstring(part) or ""
    return text.split("\n\n")[0].replace("\n", " ")[:400]


def _arguments(function: Function, method: bool) -> tuple[tuple[Port, ...], tuple[Param, ...], str]:
    """Return inputs, settings, and the arguments of the call as a template.

    Raises: CodeError.
    """
    given = function.args
    if any(isinstance(part, ast.Yield | ast.YieldFrom) for part in ast.walk(function)):
        raise CodeError(f"{function.name} yields. Return the tensors instead.", function.lineno)
    if given.kwarg is not None:
        raise CodeError(
            f"**{given.kwarg.arg} could be anything. Name the arguments.", given.kwarg.lineno
        )
    places = [*given.posonlyargs, *given.args]
    if method:
        if not places:
            raise CodeError(f"{function.name} needs self as its first argument.", function.lineno)
        places = places[1:]
    bare: list[ast.expr | None] = [None] * (len(places) - len(given.defaults))
    pairs: list[tuple[ast.arg, ast.expr | None]] = list(
        zip(places, [*bare, *given.defaults], strict=False)
    )
    only = {arg.arg for arg in given.posonlyargs}
    keyword = {arg.arg for arg in given.kwonlyargs}
    pairs += list(zip(given.kwonlyargs, given.kw_defaults, strict=True))
    inputs: list[Port] = []
    params: list[Param] = []
    first: list[str] = []
    named: list[str] = []
    for arg, default in pairs:
        name = arg.arg
        _check_argument(arg, inputs, params)
        try:
            param = param_of(name, arg.annotation, default)
            port, listed = (None, False) if param else port_of(name, arg.annotation, default)
        except (DefaultError, NotPlain) as error:
            raise CodeError(str(error), arg.lineno) from None
        if name in only and default is not None:
            raise CodeError(f"{name} has a default: move it behind the /.", arg.lineno)
        if param is not None:
            params.append(param)
            named.append(f", {name}={{{name}}}")
            continue
        assert port is not None
        inputs.append(port)
        slot = f"[{{{name}}}]" if listed else f"{{{name}}}"
        if port.optional:
            named.append(f"<, {name}={slot}>")
        elif name in keyword:
            named.append(f", {name}={slot}")
        else:
            first.append(slot)
    if given.vararg is not None:
        _check_argument(given.vararg, inputs, params)
        if any(one.optional for one in inputs) or len(params) > len(given.kwonlyargs):
            raise CodeError(
                f"*{given.vararg.arg} stands behind arguments with defaults. Put it before them.",
                given.vararg.lineno,
            )
        inputs.append(Port(given.vararg.arg, "any", many=True))
        first.append(f"{{{given.vararg.arg}}}")
    if not inputs and function.name != "__init__":
        raise CodeError(
            f"{function.name} takes no tensor. Give it an argument such as x: Tensor.",
            function.lineno,
        )
    return tuple(inputs), tuple(params), (", ".join(first) + "".join(named)).removeprefix(", ")


def _check_argument(arg: ast.arg, inputs: list[Port], params: list[Param]) -> None:
    name = arg.arg
    if not name.isascii() or name.startswith("_"):
        raise CodeError(
            f"{name} cannot name a port. Take letters, digits and underscores, a letter first.",
            arg.lineno,
        )
    if name in (SOURCE, "self") or name in GIVEN:
        raise CodeError(f"{name} has a meaning of its own here. Take another name.", arg.lineno)


# ------------------------------------------------------------------------------------------- outputs


def _is_record(part: ast.ClassDef) -> bool:
    """Tell whether a class is a NamedTuple: a type of what is returned, not a node."""
    return any(
        (isinstance(base, ast.Name) and base.id == "NamedTuple")
        or (isinstance(base, ast.Attribute) and base.attr == "NamedTuple")
        for base in part.bases
    )


def _outputs(source: str, function: Function, taken: Iterable[Port | Param]) -> tuple[Port, ...]:
    records = {
        part.name: tuple(
            field.target.id
            for field in part.body
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        )
        for part in parsed(source).body
        if isinstance(part, ast.ClassDef) and _is_record(part)
    }
    try:
        names = returned(function, records)
    except NotPlain as error:
        raise CodeError(str(error), (function.returns or function).lineno) from None
    used = {one.name for one in taken}
    found: list[Port] = []
    for name in names:
        while name in used:
            name += "_out"
        used.add(name)
        found.append(Port(name, "any"))
    return tuple(found)


def _targets(outputs: tuple[Port, ...]) -> str:
    return ", ".join(f"{{{port.name}}}" for port in outputs)
