"""Conditions over what a run records: `grad["conv1"] > 10 and epoch >= 2`; asked, never executed.

Arithmetic is that of formulas. Beside it there are comparisons, `and`, `or`, `not`, and quantities of a
layer, which are named by the layer's name in brackets.
"""

from __future__ import annotations

import ast
import contextlib
import operator
from collections.abc import Callable, Mapping
from typing import Any

from studio.graph.formulas import LONGEST, FormulaError, number

#: What is recorded of a layer: norms of its gradient and weights, shares of dead units and of zeros, and
#: the mean and spread of its outputs.
OF_LAYERS = ("grad", "weight", "dead", "zero", "mean", "std")

_COMPARISONS: Mapping[type, Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def of_layer(quantity: str, layer: str) -> str:
    """Return how a layer's quantity is written: `grad["conv1"]`."""
    return f'{quantity}["{layer}"]'


class Condition:
    """A condition that has been read. `reads` are the quantities that it needs, as they are written."""

    def __init__(self, text: str) -> None:
        """Raises: FormulaError, with a sentence for the person."""
        self.text = text
        if not text.strip() or len(text) > LONGEST:
            raise FormulaError(
                f"A condition needs 1 to {LONGEST} characters, such as train_loss < 0.1, but got "
                f"{len(text.strip())}."
            )
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise FormulaError(
                f"{text!r} is no condition. Compare recorded quantities with numbers: "
                'train_loss < 0.1, grad["conv1"] > 10 and epoch >= 2.'
            ) from None
        names = _Flattened(text)
        self._tree = names.visit(tree)
        self.reads = frozenset(names.read)
        with contextlib.suppress(ArithmeticError):  # it divides by what happens to be zero here
            self._truth(self._tree, dict.fromkeys(self.reads, 1.0))

    def holds(self, quantities: Mapping[str, float]) -> bool:
        """Tell whether it holds; not while something that it reads is unknown or no number."""
        try:
            return self._truth(self._tree, quantities)
        except (FormulaError, ArithmeticError):
            return False

    def _truth(self, node: ast.expr, names: Mapping[str, Any]) -> bool:
        match node:
            case ast.BoolOp(op=op, values=values):
                # All are asked, so that a mistake is told at once and not when its turn comes.
                parts = [self._truth(part, names) for part in values]
                return all(parts) if isinstance(op, ast.And) else any(parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self._truth(operand, names)
            case ast.Compare(left=left, ops=ops, comparators=right):
                sides = [number(side, names, self.text) for side in (left, *right)]
                unknown = [type(op) for op in ops if type(op) not in _COMPARISONS]
                if not unknown:
                    pairs = zip(ops, sides, sides[1:], strict=False)
                    return all(_COMPARISONS[type(op)](a, b) for op, a, b in pairs)
        raise FormulaError(
            f"{ast.unparse(node)!r} in {self.text!r} is no comparison. Write <, <=, >, >=, == or != "
            "between two numbers, and join comparisons with and, or, not."
        )


class _Flattened(ast.NodeTransformer):
    """Makes one name of a layer's quantity, and writes down which quantities are read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.read: set[str] = set()

    def visit_Call(self, node: ast.Call) -> ast.Call:
        node.args = [self.visit(part) for part in node.args]  # the function's name is no quantity
        return node

    def visit_Name(self, node: ast.Name) -> ast.Name:
        self.read.add(node.id)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        match node:
            case ast.Subscript(
                value=ast.Name(id=quantity), slice=ast.Constant(value=str() as layer)
            ):
                if quantity in OF_LAYERS:
                    name = of_layer(quantity, layer)
                    self.read.add(name)
                    return ast.copy_location(ast.Name(name, ast.Load()), node)
        raise FormulaError(
            f"{ast.unparse(node)!r} in {self._text!r} is nothing that is recorded. Of a layer there are "
            f'{", ".join(OF_LAYERS)}, with its name in quotes: grad["conv1"].'
        )
