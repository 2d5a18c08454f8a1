"""The table of what can be done with blocks and shared weights, and when it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.graph.blocks import instances
from studio.graph.edits.instances import FIXED, block_of
from studio.graph.graph import BLOCK
from studio.ui.canvas.commands import Command

if TYPE_CHECKING:
    from studio.ui.canvas.canvas import Canvas

_NO_BLOCK = "Select a block first."


def block_commands(canvas: Canvas) -> list[Command]:
    """Return what can be done with blocks."""
    desk, needs = canvas.blocks, BlockNeeds(canvas)
    return [
        Command(
            "make_block",
            "Make block…",
            "Ctrl+B",
            "Use the selected layers as one node, with a name.",
            "block",
            desk.make,
            needs.layers,
        ),
        Command(
            "unpack",
            "Unpack block",
            "Ctrl+Shift+B",
            "Put its layers in its place.",
            "expand",
            desk.unpack,
            needs.instance,
        ),
        Command(
            "detach",
            "Detach block…",
            "",
            "Give this instance a definition of its own.",
            "scissors",
            desk.detach,
            needs.linked,
        ),
        Command(
            "select_instances",
            "Select all instances",
            "",
            "Select every instance of this block.",
            "link",
            desk.select_instances,
            needs.instance,
        ),
        Command(
            "rename_block",
            "Rename block…",
            "",
            "Give the definition another name; its instances follow.",
            "",
            desk.rename,
            needs.block,
        ),
        Command(
            "save_block",
            "Save block to Yours",
            "",
            "Keep the block for other projects.",
            "save",
            desk.keep,
            needs.block,
        ),
        Command(
            "delete_block",
            "Delete block from the project",
            "",
            "Take a block that nothing uses out of the project.",
            "trash",
            desk.delete,
            needs.block,
        ),
        Command(
            "new_scan",
            "New scan block…",
            "",
            "Add a block that runs over time: input, state, next and output, wired.",
            "loop",
            desk.new_scan,
            needs.nothing,
        ),
        Command(
            "leave",
            "Leave block",
            "",
            "Go back to where it is used (Backspace).",
            "chevron-left",
            canvas.leave,
            needs.inside,
        ),
        Command(
            "share",
            "Share weights",
            "",
            "Let the selected nodes use the weights of the first.",
            "link",
            desk.share,
            needs.alike,
        ),
        Command(
            "own",
            "Own weights again",
            "",
            "Let the selected nodes learn weights of their own.",
            "scissors",
            desk.own,
            needs.sharing,
        ),
    ]


class BlockNeeds:
    """What these commands need: each returns the sentence that is missing, or ""."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._desk = canvas.blocks

    def nothing(self) -> str:
        """Always possible."""
        return ""

    def layers(self) -> str:
        """At least one layer is selected."""
        chosen = self._desk.chosen()
        if not chosen:
            return "Select the layers first."
        inside = [node for node in chosen if node.kind not in FIXED]
        return "" if inside else "Inputs, outputs and states stay on their sheet. Select layers."

    def instance(self) -> str:
        """One block's instance is selected."""
        chosen = self._desk.chosen()
        return "" if len(chosen) == 1 and block_of(chosen[0]) else _NO_BLOCK

    def linked(self) -> str:
        """One of several instances is selected."""
        lacking = self.instance()
        if lacking:
            return lacking
        count = len(instances(self._canvas.project, block_of(self._desk.chosen()[0])))
        return (
            "" if count > 1 else "It is the only instance, so there is nothing to detach it from."
        )

    def block(self) -> str:
        """A block is selected, or in sight."""
        return "" if self._desk.subject() else _NO_BLOCK

    def inside(self) -> str:
        """The canvas shows the inside of a block."""
        return "" if self._canvas.where.startswith(BLOCK) else "This is no block's inside."

    def alike(self) -> str:
        """Two or more nodes of one kind are selected."""
        chosen = self._desk.chosen()
        if len(chosen) < 2:
            return "Select two or more nodes of one kind; the first one gives its weights."
        kinds = {node.kind for node in chosen}
        return "" if len(kinds) == 1 else "Only nodes of one kind can share weights."

    def sharing(self) -> str:
        """A node that uses another's weights is selected."""
        shares = any(node.shares for node in self._desk.chosen())
        return "" if shares else "Select a node that uses another's weights first."
