"""Which networks a Python file defines, read off its text: nothing of it is run."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

from studio.compile.importers.coming import ImportProblem

_MOST_BYTES = 4_000_000
#: A layer, and the input that it suggests, from the number of its first argument.
_SHAPES = {
    "Conv1d": "{},64", "Conv2d": "{},64,64", "Conv3d": "{},16,16,16", "ConvTranspose2d": "{},8,8",
    "Linear": "{}", "Embedding": "int:16", "LSTM": "16,{}", "GRU": "16,{}", "RNN": "16,{}",
}  # fmt: skip


class Found(NamedTuple):
    """A class: its constructor's arguments, how many need a value, whether another class uses it."""

    name: str
    arguments: tuple[str, ...]
    required: int
    part: bool
    shape: str
    doc: str


def outline(path: Path) -> tuple[Found, ...]:
    """Return the classes of a file that are modules, as far as its text tells.

    Raises: ImportProblem.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ImportProblem(f"{path.name} is larger than 4 MB, which no source file is.")
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ImportProblem(
            f"{path} cannot be read ({error.strerror}). Choose a Python file."
        ) from None
    except (SyntaxError, ValueError, RecursionError) as error:
        where = (
            f" at line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        )
        what = error.msg if isinstance(error, SyntaxError) else "it is no text in UTF-8"
        raise ImportProblem(f"{path.name} is not Python that can be run: {what}{where}.") from None
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    modules = {name: node for name, node in classes.items() if _is_module(node, classes, set())}
    named = {
        name: {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        for name, node in modules.items()
    }
    found = []
    for name, node in modules.items():
        part = any(name in uses for other, uses in named.items() if other != name)
        arguments, required = _constructor(node)
        doc = (ast.get_docstring(node) or "").partition("\n")[0]
        found.append(Found(name, arguments, required, part, _shape(node), doc))
    return tuple(found)


def _is_module(node: ast.ClassDef, classes: dict[str, ast.ClassDef], seen: set[str]) -> bool:
    for base in node.bases:
        text = ast.unparse(base)
        last = text.rpartition(".")[2]
        if last == "Module" or text.startswith(("nn.", "torch.nn.")):
            return True
        if last in classes and last not in seen:
            return _is_module(classes[last], classes, seen | {last})
    return False


def _constructor(node: ast.ClassDef) -> tuple[tuple[str, ...], int]:
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            given = part.args
            plain = [one.arg for one in (*given.posonlyargs, *given.args)][1:]
            keywords = [one.arg for one in given.kwonlyargs]
            bare = sum(default is None for default in given.kw_defaults)
            return (*plain, *keywords), max(0, len(plain) - len(given.defaults)) + bare
    return (), 0


def _shape(node: ast.ClassDef) -> str:
    """Return the input that the first layer in the text takes, "" where no number says so."""
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    for call in calls:
        name = ast.unparse(call.func).rpartition(".")[2]
        template = _SHAPES.get(name)
        first = call.args[0] if call.args else None
        if template is None:
            continue
        if "{}" not in template:
            return template
        if isinstance(first, ast.Constant) and isinstance(first.value, int):
            return template.format(first.value)
    return ""
