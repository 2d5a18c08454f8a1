"""A layer's code as it is run to ask PyTorch: what makes its attribute, and its statements."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from studio.compile import own_code
from studio.compile.cache import Cache
from studio.compile.cost import Count
from studio.graph.graph import PYTHON
from studio.graph.spec import LayerSpec


@dataclass(frozen=True)
class Code:
    """A layer's code: what makes its attribute, and the statements, the main one last."""

    spec: LayerSpec
    attribute: str
    statements: tuple[str, ...]

    @property
    def own(self) -> bool:
        """Tell whether a person wrote it in the project."""
        return self.spec.kind == PYTHON

    def told(self, error: Exception) -> str:
        """Return what an error says against the layer; that of a person's own code goes on, to be placed.

        Raises: the error.
        """
        if self.own:
            raise error
        return said(error)

    def question(self, *inputs: Hashable) -> Hashable:
        """Return all that an answer depends on, beside PyTorch itself."""
        return (self.spec.kind, self.spec.code.support, self.attribute, self.statements, inputs)

    def scope(self, cache: Cache, device: str) -> dict[str, Any] | str:
        """Return the names that the statements need, or what PyTorch said against the layer."""
        scope: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "math": math, "module": None}
        scope["Tensor"] = Tensor
        scope["parametrizations"] = parametrizations
        if self.own:
            exec(compile(self.spec.code.support, own_code.FILE, "exec"), scope)
            scope["module"] = eval(self.attribute, scope) if self.attribute else None
            return scope
        if self.attribute:
            question = (self.attribute, device)
            made = cache.modules.recall(question, lambda: _make(self.attribute, scope, device))
            if isinstance(made, str):
                return made
            scope["module"] = made
        if self.spec.code.support:
            exec(compile(self.spec.code.support, "<layer>", "exec"), scope)
        return scope

    def aside(self, scope: dict[str, Any]) -> None:
        """Run the statements beside the main one, whose outputs few networks use."""
        for statement in self.statements[:-1]:
            exec(compile(statement, "<layer>", "exec"), scope)

    def run(self, scope: dict[str, Any], count: Count) -> float:
        """Run the main statement and return its FLOPs."""
        main = compile(self.statements[-1], "<layer>", "exec")
        return count(lambda: exec(main, scope), scope)


def _make(attribute: str, scope: dict[str, Any], device: str) -> Any:
    """Return the layer, or what PyTorch said instead. In evaluation mode it draws no random numbers."""
    try:
        with torch.device(device):
            made = eval(compile(attribute, "<layer>", "eval"), dict(scope))
    except Exception as error:  # whatever a layer raises is its answer
        return said(error)
    if device == "cpu" and isinstance(made, nn.Module):
        made.eval()
    return made


def said(error: Exception) -> str:
    """Return what an error says, its kind where it says nothing."""
    return f"{error}".strip() or type(error).__name__
