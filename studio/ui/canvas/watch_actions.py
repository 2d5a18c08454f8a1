"""The canvas' actions on breakpoints: pause the run where units of a layer die."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from studio.graph.breakpoints import CAN_DIE, DEAD, USUAL
from studio.graph.edits import Batch, SetRecipe
from studio.ui.canvas.commands import Command

if TYPE_CHECKING:
    from studio.ui.canvas.canvas import Canvas


def watch_commands(canvas: Canvas) -> list[Command]:
    """Return what makes runs pause at the selected node."""
    desk = _Desk(canvas)
    return [
        Command(
            "break_dead",
            "Break when units die here",
            "",
            "Pause a run when more than half of this layer's units answer nothing.",
            "pause",
            desk.toggle,
            desk.why_not,
        )
    ]


class _Desk:
    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas

    def toggle(self) -> None:
        """Add the breakpoint, or take it away where it is there."""
        canvas = self._canvas
        found = canvas.project.recipe.breakpoints
        path = canvas.prefix + self._layer()
        there = [each for each in found if each.kind == DEAD and each.node == path]
        wanted = tuple(each for each in found if each not in there)
        if not there:
            wanted = (*found, replace(USUAL[DEAD], node=path))
        title = "Never break when units die here" if there else "Break when units die here"
        canvas.editor.do(Batch(title, (SetRecipe({"breakpoints": wanted}),)))

    def why_not(self) -> str:
        """Return nothing, or what has to be selected first."""
        if len(self._canvas.selection) != 1:
            return "Select one node first."
        if not self._layer():
            return "Units die in layers that cut off at 0: select a ReLU, or the layer before it."
        return ""

    def _layer(self) -> str:
        """Return the selected node, or the one right behind it, whose units can die; "" for none."""
        graph = self._canvas.scene.sheet.graph
        chosen = self._canvas.selection[0]
        behind = [wire.target.node for wire in graph.outgoing.get(chosen, ())]
        for key in (chosen, *(behind if len(behind) == 1 else ())):
            node = graph.nodes.get(key)
            if node is not None and node.kind in CAN_DIE:
                return str(key)
        return ""
