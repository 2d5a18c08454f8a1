"""The code of Python nodes as it stands in the generated file: each once, under names of its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from studio.graph.python_code import bound_by, defined, is_given, parsed, python_spec
from studio.graph.spec import LayerSpec

#: A name in a text: the line (from 0), the first byte, and the name.
_Spot = tuple[int, int, str]


class Written(Struct, frozen=True):
    """A node's code in the file: the spec whose templates use its names, its imports, its lines.

    `numbers` are the lines of the source that these were (from 1).
    """

    spec: LayerSpec
    imports: tuple[str, ...]
    lines: tuple[str, ...]
    numbers: tuple[int, ...]


def brings(source: str) -> dict[str, str]:
    """Return the names that a node's code imports beside what is there anyway, and their statements."""
    return {
        name: ast.unparse(part)
        for part in parsed(source).body
        if isinstance(part, ast.Import | ast.ImportFrom) and not is_given(part)
        for name in bound_by(part)
    }


def written(source: str, taken: set[str]) -> Written:
    """Return a node's code with names that nothing else in the file has, which are then `taken` too."""
    tree, main = parsed(source), defined(source).name
    imports = [part for part in tree.body if isinstance(part, ast.Import | ast.ImportFrom)]
    mine = {name for part in tree.body if part not in imports for name in bound_by(part)}
    named: dict[str, str] = {}
    for name in sorted(mine):
        wish, number = name, 2
        while wish in taken or (wish != name and wish in mine):
            wish, number = f"{name}{number}", number + 1
        named[name] = wish
    taken.update(named.values())
    changed = {old: new for old, new in named.items() if old != new}
    text = _renamed(source, tree, changed) if changed else source
    gone = {
        number
        for part in imports
        for number in range(part.lineno, (part.end_lineno or part.lineno) + 1)
    }
    kept = [(line, n) for n, line in enumerate(text.splitlines(), 1) if n not in gone]
    while kept and not kept[0][0].strip():
        del kept[0]
    while kept and not kept[-1][0].strip():
        del kept[-1]
    spec = python_spec(source)
    return Written(
        _respelt(spec, main, named[main]),
        tuple(dict.fromkeys(brings(source).values())),
        tuple(line for line, _ in kept),
        tuple(number for _, number in kept),
    )


def _respelt(spec: LayerSpec, old: str, new: str) -> LayerSpec:
    """Return the spec whose templates call the function or class by its new name."""
    code = spec.code
    lines = tuple(line.replace(f" = {old}(", f" = {new}(", 1) for line in code.lines)
    return replace(spec, code=replace(code, make=new if code.make else "", lines=lines))


def _renamed(source: str, tree: ast.Module, named: dict[str, str]) -> str:
    lines = [line.encode() for line in source.splitlines()]
    for number, start, name in sorted(set(_spots(tree, lines, named)), reverse=True):
        line = lines[number]
        lines[number] = line[:start] + named[name].encode() + line[start + len(name.encode()) :]
    return b"\n".join(lines).decode()


def _spots(part: ast.AST, lines: list[bytes], named: dict[str, str]) -> Iterator[_Spot]:
    """Yield where names of the top are used, passing over functions that mean something else by them."""
    if isinstance(part, ast.Name) and part.id in named:
        yield part.lineno - 1, part.col_offset, part.id
    if isinstance(part, ast.FunctionDef | ast.ClassDef) and part.name in named:
        found = re.compile(rb"(?:def|class)\s+(%s)\b" % part.name.encode()).search(
            lines[part.lineno - 1], part.col_offset
        )
        if found and part.col_offset == 0:
            yield part.lineno - 1, found.start(1), part.name
    if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        own = set(_bound_inside(part))
        inner = {old: new for old, new in named.items() if old not in own}
        outside = [part.args, *getattr(part, "decorator_list", ())]
        outside += [part.returns] if getattr(part, "returns", None) else []  # type: ignore[union-attr]
        for child in outside:
            yield from _spots(child, lines, named)
        body = [part.body] if isinstance(part, ast.Lambda) else part.body
        for child in body:
            yield from _spots(child, lines, inner)
        return
    for child in ast.iter_child_nodes(part):
        yield from _spots(child, lines, named)


def _bound_inside(part: ast.AST) -> Iterable[str]:
    for inner in ast.walk(part):
        if isinstance(inner, ast.arg):
            yield inner.arg
        elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id
