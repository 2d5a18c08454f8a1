"""Rows of layers, `nn.Sequential` and lists of single layers, unrolled into one line a layer.

PyTorch calls the parts of a row by their number, and so are the nodes named: `self.body["0"]`.
"""

from __future__ import annotations

import ast
import copy
from typing import Any

from studio.compile.reading.misread import Misread
from studio.compile.reading.statements import path_of

#: A part of a row: the way to it from `self`.
_Parts = list[str]


def unroll(tree: ast.ClassDef) -> None:
    """Write the rows of a class out in its tree, where it makes them and where it calls them.

    Raises: Misread.
    """
    rows = _Rows()
    for method in tree.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            method.body = [line for part in method.body for line in rows.made(part)]
    if rows.parts:
        for method in tree.body:
            if isinstance(method, ast.FunctionDef) and method.name != "__init__":
                rows.visit(method)


class _Rows(ast.NodeTransformer):
    def __init__(self) -> None:
        self.parts: dict[str, _Parts] = {}
        #: Rows that can be called as a whole, as lists cannot.
        self.called: set[str] = set()

    # ------------------------------------------------------------------------------------ in __init__

    def made(self, line: ast.stmt) -> list[ast.stmt]:
        """Return the lines that make what a line of `__init__` makes."""
        if not isinstance(line, ast.Assign) or len(line.targets) != 1:
            return [line]
        path = path_of(line.targets[0])
        return self._row(path, line.value, line, frozen=False) if path else [line]

    def _row(self, path: str, value: ast.expr, line: ast.stmt, frozen: bool) -> list[ast.stmt]:
        inner = value
        held = _called(value, "requires_grad_")
        if held is not None and [ast.unparse(one) for one in held.args] == ["False"]:
            assert isinstance(held.func, ast.Attribute)
            inner = held.func.value
        entries = _entries(inner)
        if entries is None:
            if frozen:
                call = ast.Attribute(value, "requires_grad_", ast.Load())
                value = _at(ast.Call(call, [ast.Constant(False)], []), value)
            return [_at(ast.Assign([_attribute(path)], value), value)]
        if not entries:
            raise Misread(
                line.lineno, f"self.{path} has no layers. Write them between the brackets."
            )
        self.parts[path] = [f"{path}.{name}" for name, _ in entries]
        if ast.unparse(inner.func) == "nn.Sequential":  # type: ignore[attr-defined]
            self.called.add(path)
        return [
            made
            for name, entry in entries
            for made in self._row(f"{path}.{name}", entry, line, frozen or inner is not value)
        ]

    # ------------------------------------------------------------------------------------- in forward

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        path = path_of(node.func)
        if path not in self.called:
            return node
        if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
            raise Misread(node.lineno, f"self.{path} takes one value: self.{path}(x).")
        return self._through(path, node.args[0], node)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        self.generic_visit(node)
        parts = self.parts.get(path_of(node.value))
        number = _number(node.slice)
        if parts is None or number is None:
            return node
        if not -len(parts) <= number < len(parts):
            raise Misread(node.lineno, f"This row has the layers 0 to {len(parts) - 1}.")
        return _at(_attribute(parts[number]), node)

    def visit_For(self, node: ast.For) -> Any:
        parts = self.parts.get(path_of(node.iter))
        if parts is None or not isinstance(node.target, ast.Name) or node.orelse:
            return self.generic_visit(node)
        lines: list[ast.stmt] = []
        for part in parts:
            put = _Put(node.target.id, part)
            lines += [put.visit(copy.deepcopy(line)) for line in node.body]
        return [self.visit(line) for line in lines]

    def _through(self, path: str, value: ast.expr, at: ast.expr) -> ast.expr:
        for part in self.parts[path]:
            if part in self.called:
                value = self._through(part, value, at)
            else:
                value = _at(ast.Call(_attribute(part), [value], []), at)
        return value


class _Put(ast.NodeTransformer):
    """Puts a layer in the place of the name that a loop gives it."""

    def __init__(self, name: str, path: str) -> None:
        self._name, self._path = name, path

    def visit_Name(self, node: ast.Name) -> ast.expr:
        is_it = node.id == self._name and isinstance(node.ctx, ast.Load)
        return _at(_attribute(self._path), node) if is_it else node


def _entries(node: ast.expr) -> list[tuple[str, ast.expr]] | None:
    """Return the layers of a row by name, None for anything else.

    Raises: Misread.
    """
    if not isinstance(node, ast.Call):
        return None
    kind = ast.unparse(node.func)
    given: list[ast.expr] = node.args
    if kind == "nn.ModuleList" and len(given) == 1 and isinstance(given[0], ast.List):
        given = given[0].elts
        if not all(_is_layer(entry) for entry in given):
            return None  # a block that is repeated
    elif kind != "nn.Sequential":
        return None
    elif len(given) == 1 and (named := _called(given[0], "OrderedDict")) is not None:
        return _named(named)
    for entry in given:
        if isinstance(entry, ast.Starred):
            raise Misread(entry.lineno, "Write the layers of the row one by one, without *; a block that is repeated "
                          "is nn.ModuleList([Block() for _ in range(3)]).")  # fmt: skip
    if node.keywords:
        raise Misread(node.lineno, f"{kind} takes layers, not settings by name.")
    return [(str(number), entry) for number, entry in enumerate(given)]


def _named(node: ast.Call) -> list[tuple[str, ast.expr]]:
    pairs = node.args[0].elts if len(node.args) == 1 and isinstance(node.args[0], ast.List) else []
    found = []
    for pair in pairs:
        parts = pair.elts if isinstance(pair, ast.Tuple) else []
        if len(parts) != 2 or not isinstance(parts[0], ast.Constant):
            raise Misread(pair.lineno, 'Name each layer of the row: OrderedDict([("conv", nn.Conv2d(3, 8, 3))]).')  # fmt: skip
        found.append((str(parts[0].value), parts[1]))
    return found


def _is_layer(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith("nn.")


def _called(node: ast.expr, name: str) -> ast.Call | None:
    """Return a call of a function or method of this name, None for anything else."""
    if not isinstance(node, ast.Call):
        return None
    func = node.func
    is_it = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    return node if is_it == name else None


def _number(node: ast.expr) -> int | None:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return value if isinstance(value, int) else None


def _attribute(path: str) -> ast.expr:
    """Return `self.a["0"]` for `a.0`."""
    made: ast.expr = ast.Name("self", ast.Load())
    for part in path.split("."):
        made = (
            ast.Subscript(made, ast.Constant(part), ast.Load())
            if part.isdecimal()
            else ast.Attribute(made, part, ast.Load())
        )
    return made


def _at(node: Any, at: ast.AST) -> Any:
    return ast.fix_missing_locations(ast.copy_location(node, at))
