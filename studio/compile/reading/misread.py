"""Why a text is not a network that can be drawn: a sentence at a line."""

from __future__ import annotations

import ast


class Misread(ValueError):
    """What cannot be drawn, in words, at a line (from 1) of the text."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def short(node: ast.AST) -> str:
    """Return a piece of code as it stands in a sentence."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else text[:57] + "…"
