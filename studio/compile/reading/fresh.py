"""Classes that were typed into a text: each becomes a block, which begins by handing on what it gets."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping

from msgspec.structs import replace

from studio.compile.reading.classes import Class
from studio.compile.reading.misread import Misread, short
from studio.compile.reading.patterns import worth
from studio.compile.reading.statements import Run
from studio.graph.edits.instances import users
from studio.graph.graph import INPUT, OUTPUT, End, Graph, Link, Node, is_name, new_id
from studio.graph.params import Param, ParamType, Value
from studio.graph.project import Block, Project, Sheet

_TYPES: Mapping[type, ParamType] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    tuple: "ints",
}
_HOW = (
    "A class becomes a block where it is `class {name}(nn.Module):` with `__init__(self, width: int = 64)` and "
    "`forward(self, x)`"
)


def keyed(tree: ast.Module) -> None:
    """Write what the classes of a text are made with by name: `Residual(64)` is `Residual(width=64)`."""
    orders = {
        part.name: [one.arg for one in init.args.args][1:]
        for part in tree.body
        if isinstance(part, ast.ClassDef) and (init := _method(part, "__init__")) is not None
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        order = orders.get(node.func.id, [])
        starred = any(isinstance(one, ast.Starred) for one in node.args)
        if node.args and len(node.args) <= len(order) and not starred:
            named = [ast.keyword(name, one) for name, one in zip(order, node.args, strict=False)]
            node.args, node.keywords = [], [*named, *node.keywords]


def fresh(tree: ast.Module, known: Collection[str], project: Project) -> dict[str, Block]:
    """Return a block for each class of a text that is not `known`: its ports and parameters, nothing in it.

    Raises: Misread.
    """
    found: dict[str, Block] = {}
    for part in tree.body:
        if isinstance(part, ast.ClassDef) and part.name not in known and part.name not in found:
            found[part.name] = _block(part, tree, project)
    return found


def handing_on(name: str, block: Block, line: int) -> tuple[Class, list[str], list[str]]:
    """Return a block that hands on what it gets as a class, and the ids of its inputs and its outputs."""
    graph = block.sheet.graph
    inputs, outputs = graph.of_kind(INPUT), graph.of_kind(OUTPUT)
    runs = [Run(INPUT, line, target=node.name) for node in inputs]
    found = Class(name, line, name, runs=runs, inputs=len(runs), doc=block.doc)
    found.results = [(0, "out") for _ in outputs]
    return found, [node.id for node in inputs], [node.id for node in outputs]


def _block(part: ast.ClassDef, tree: ast.Module, project: Project) -> Block:
    how = _HOW.format(name=part.name)
    if [ast.unparse(base) for base in part.bases] not in (["nn.Module"], ["nn.ModuleDict"]):
        raise Misread(part.lineno, f"{how}; got {_head(part)}")
    if not is_name(part.name):
        raise Misread(
            part.lineno, f"{part.name} cannot be a block's name: it means something in PyTorch."
        )
    if part.name in project.blocks and users(project, part.name):
        raise Misread(part.lineno, f"A block named {part.name} is used elsewhere in this project. Give the class "
                      "another name.")  # fmt: skip
    forward = _method(part, "forward")
    if forward is None or len(forward.args.args) < 2:
        raise Misread(part.lineno, f"{how}; {part.name} has no forward that takes a value.")
    if not any(_makes(node, part.name) for node in ast.walk(tree)):
        name = part.name.lower()
        raise Misread(part.lineno, f"{part.name} is a block once it is used: make one in __init__, self.{name} = "
                      f"{part.name}(), and call it, x = self.{name}(x).")  # fmt: skip
    ins = [Node(new_id(), INPUT, one.arg) for one in forward.args.args[1:]]
    for node in ins:
        if not is_name(node.name):
            raise Misread(
                forward.lineno, f"{node.name} cannot name an input: it means something in PyTorch."
            )
    count = max(_results(forward), 1)
    taken = {node.name for node in ins}
    names = ["out", *(f"out{number}" for number in range(2, count + 1))]
    outs = [Node(new_id(), OUTPUT, f"{n}_" if n in taken else n) for n in names]
    graph = Graph(
        {node.id: node for node in (*ins, *outs)},
        tuple(Link(End(ins[0].id, "out"), End(node.id, "x")) for node in outs),
    )
    params = tuple(_params(part, tree))
    return Block(Sheet(graph), ast.get_docstring(part) or "", params)


def _params(part: ast.ClassDef, tree: ast.Module) -> Iterator[Param]:
    """Yield what `__init__` takes; a default is what the text says, else what it is first made with."""
    init = _method(part, "__init__")
    if init is None:
        return
    given = init.args
    if given.vararg or given.kwarg or given.kwonlyargs or given.posonlyargs:
        raise Misread(init.lineno, "__init__ of a block takes plain settings: def __init__(self, width: int = 64).")  # fmt: skip
    wanted = given.args[1:]
    defaults = dict(
        zip([one.arg for one in reversed(wanted)], reversed(given.defaults), strict=False)
    )
    for one in wanted:
        node = defaults.get(one.arg) or _first(part.name, one.arg, tree)
        try:
            value: Value = worth(node) if node is not None else None
        except (ValueError, SyntaxError):
            value = None
        kind = _TYPES.get(type(value))
        if one.annotation is not None and ast.unparse(one.annotation) == "float" and kind == "int":
            kind, value = "float", float(value)
        if kind is None or (kind == "ints" and not all(type(n) is int for n in value)):
            got = f"; got {short(node)}" if node is not None else ""
            raise Misread(one.lineno, f"Give {one.arg} a value to begin with, a number, a text, yes or no: "
                          f"{one.arg}: int = 64{got}.")  # fmt: skip
        if not is_name(one.arg):
            raise Misread(
                one.lineno, f"{one.arg} cannot name a setting: it means something in PyTorch."
            )
        yield Param(one.arg, kind, value)


def _first(name: str, argument: str, tree: ast.Module) -> ast.expr | None:
    for node in ast.walk(tree):
        if _makes(node, name):
            for keyword in node.keywords:  # type: ignore[attr-defined]
                if keyword.arg == argument:
                    return keyword.value  # type: ignore[no-any-return]
    return None


def _makes(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _method(part: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    found = (one for one in part.body if isinstance(one, ast.FunctionDef) and one.name == name)
    return next(found, None)


def _results(forward: ast.FunctionDef) -> int:
    last = forward.body[-1]
    if not isinstance(last, ast.Return):
        return 1
    return len(last.value.elts) if isinstance(last.value, ast.Tuple) else 1


def _head(part: ast.ClassDef) -> str:
    bases = ", ".join(ast.unparse(base) for base in part.bases)
    return f"class {part.name}({bases})." if bases else f"class {part.name}."


def with_blocks(project: Project, blocks: Mapping[str, Block]) -> Project:
    """Return a project with these blocks, in place of those of the same name that nothing uses."""
    return replace(project, blocks=project.blocks | dict(blocks)) if blocks else project
