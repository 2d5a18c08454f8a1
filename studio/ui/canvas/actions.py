"""The table of the canvas' actions: words, keys, what they do and when they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from studio.graph.graph import BLOCK
from studio.graph.project import Place
from studio.ui.canvas.arrange_actions import arrange_commands
from studio.ui.canvas.block_actions import block_commands
from studio.ui.canvas.commands import Command
from studio.ui.canvas.probe_actions import probe_commands
from studio.ui.canvas.steer_actions import steer_commands
from studio.ui.canvas.watch_actions import watch_commands

if TYPE_CHECKING:
    from studio.ui.canvas.canvas import Canvas

NOTHING = "Select a node first."


def commands_for(canvas: Canvas) -> list[Command]:
    """Return what can be done on a canvas."""
    needs = Needs(canvas)
    return [
        *_nodes(canvas, needs),
        *_clipboard(canvas, needs),
        *arrange_commands(canvas),
        *_sheet(canvas, needs),
        *block_commands(canvas),
        *probe_commands(canvas),
        *watch_commands(canvas),
        *steer_commands(canvas, canvas.session),
    ]


class Needs:
    """What a command needs before it can run: each returns the sentence that is missing, or ""."""

    def __init__(self, canvas: Canvas) -> None:
        self._scene = canvas.scene

    def nothing(self) -> str:
        """Always possible."""
        return ""

    def nodes(self) -> str:
        """At least one node is selected."""
        return "" if self._scene.selection else NOTHING

    def one(self) -> str:
        """Exactly one node is selected."""
        return "" if len(self._scene.selection) == 1 else "Select one node first."

    def learning(self) -> str:
        """Exactly one node is selected, and it has weights."""
        chosen = self._scene.selection
        if len(chosen) != 1:
            return "Select one node first."
        facts = self._scene.told.facts.get(next(iter(chosen)))
        return "" if facts and facts.parameters else "This node has no weights that learn."

    def wired(self) -> str:
        """What is selected has wires."""
        graph, chosen = self._scene.sheet.graph, self._scene.selection
        wired = any(graph.incoming.get(key) or graph.outgoing.get(key) for key in chosen)
        return "" if wired else "Select a node with wires first."

    def any(self) -> str:
        """Something is selected."""
        scene = self._scene
        chosen = scene.selection or scene.selected_links or scene.selected_note
        return "" if chosen else "Select nodes, a wire or a note first."

    def sheet(self) -> str:
        """There are nodes."""
        return "" if self._scene.nodes else "The sheet is empty."

    def block(self) -> str:
        """One block is selected."""
        graph = self._scene.sheet.graph
        chosen = [graph.nodes[key] for key in self._scene.selection if key in graph.nodes]
        block = len(chosen) == 1 and chosen[0].kind.startswith(BLOCK)
        return "" if block else "Select a block first."

    def link(self) -> str:
        """One wire is selected."""
        return "" if len(self._scene.selected_links) == 1 else "Select a wire first."

    def note(self) -> str:
        """A note is selected."""
        return "" if self._scene.selected_note else "Select a note first."


def _nodes(canvas: Canvas, needs: Needs) -> list[Command]:
    """Return what adds and changes single nodes, wires and notes."""
    scene, editor, walk = canvas.scene, canvas.editor, canvas.hand.walk

    def add() -> None:
        # While a wire is aimed, Tab goes from port to port.
        walk.next_port() if walk.connecting else canvas.search_here()

    return [
        Command(
            "add",
            "Add layer…",
            "Tab",
            "Search for a layer to add.",
            "plus",
            add,
            needs.nothing,
        ),
        Command(
            "swap",
            "Swap for…",
            "S",
            "Make it another kind of layer; wires and shared settings stay.",
            "swap",
            lambda: canvas.search_desk.open_swap(scene.selection[0]),
            needs.one,
        ),
        Command(
            "take_out",
            "Take out of its wire",
            "Alt+X",
            "Join the wire behind what is selected (drag it with Alt).",
            "",
            lambda: editor.stitching.take_out(scene.selection),
            needs.wired,
        ),
        Command(
            "dissolve",
            "Delete and join the wire",
            "Shift+Del",
            "Take the nodes away; what fed them feeds what they fed.",
            "",
            editor.stitching.dissolve,
            needs.nodes,
        ),
        Command(
            "insert",
            "Insert layer into wire…",
            "",
            "Search for a layer to put here.",
            "plus",
            lambda: canvas.search_desk.open_into(scene.selected_links[0]),
            needs.link,
        ),
        Command(
            "connect",
            "Connect…",
            "C",
            "Arrows choose the other end, Tab the port, Enter lays the wire.",
            "link",
            walk.start_connecting,
            needs.one,
        ),
        Command(
            "open",
            "Open block",
            "",
            "Show what is inside.",
            "block",
            lambda: canvas.open_block(scene.selection[0]),
            needs.block,
        ),
        Command(
            "rename",
            "Rename…",
            "F2",
            "Change the name that the code uses.",
            "",
            lambda: canvas.rename_node(scene.selection[0]),
            needs.one,
        ),
        Command(
            "write",
            "Write…",
            "",
            "Change the words of the note.",
            "note",
            lambda: canvas.edit_note(scene.selected_note),
            needs.note,
        ),
        Command(
            "bypass",
            "Bypass",
            "B",
            "Let data pass without this layer, or no longer.",
            "bypass",
            lambda: editor.set_flag("bypassed"),
            needs.nodes,
        ),
        Command(
            "freeze",
            "Freeze",
            "Z",
            "Keep these weights as they are, or no longer.",
            "freeze",
            lambda: editor.set_flag("frozen"),
            needs.nodes,
        ),
        Command(
            "own_rate",
            "Own learning rate…",
            "",
            "Let this node learn at a rate of its own.",
            "curve",
            lambda: canvas.learning_wanted.emit(next(iter(scene.selection))),
            needs.learning,
        ),
    ]


def _clipboard(canvas: Canvas, needs: Needs) -> list[Command]:
    """Return what takes, puts and chooses nodes."""
    scene, editor = canvas.scene, canvas.editor

    def copy() -> None:
        QGuiApplication.clipboard().setText(editor.copy())
        editor.copied()

    def cut() -> None:
        copy()
        editor.delete()

    def paste() -> None:
        spot = canvas.menu_spot
        at = Place(spot.x(), spot.y()) if spot is not None else None
        choose(editor.paste(QGuiApplication.clipboard().text(), at))

    def choose(new: tuple[str, ...]) -> None:
        canvas.arriving.then(lambda: scene.select(new or scene.selection))

    return [
        Command(
            "cut", "Cut", "Ctrl+X", "Take the nodes to the clipboard.", "scissors", cut, needs.nodes
        ),
        Command("copy", "Copy", "Ctrl+C", "Copy the nodes as text.", "copy", copy, needs.nodes),
        Command(
            "paste", "Paste", "Ctrl+V", "Put nodes from the clipboard.", "", paste, needs.nothing
        ),
        Command(
            "duplicate",
            "Duplicate",
            "Ctrl+D",
            "Put the nodes once more.",
            "copy",
            lambda: choose(editor.duplicate()),
            needs.nodes,
        ),
        Command(
            "delete",
            "Delete",
            "Del | Backspace",
            "Take what is selected away.",
            "trash",
            editor.delete,
            needs.any,
        ),
        Command(
            "select_all",
            "Select all",
            "Ctrl+A",
            "Select every node.",
            "",
            lambda: scene.select(scene.nodes),
            needs.sheet,
        ),
    ]


def _sheet(canvas: Canvas, needs: Needs) -> list[Command]:
    """Return what shows more or less of a sheet."""
    return [
        Command("fit", "Fit", "F", "Show the whole sheet.", "fit", canvas.fit, needs.sheet),
        Command(
            "zoom_in",
            "Zoom in",
            "Ctrl++ | Ctrl+=",
            "Come closer.",
            "",
            lambda: canvas.view.set_zoom(canvas.view.scale_now * 1.25),
            needs.nothing,
        ),
        Command(
            "zoom_out",
            "Zoom out",
            "Ctrl+-",
            "Go further away.",
            "",
            lambda: canvas.view.set_zoom(canvas.view.scale_now / 1.25),
            needs.nothing,
        ),
        Command(
            "zoom_full",
            "100 %",
            "Ctrl+0",
            "Show everything at its own size.",
            "",
            lambda: canvas.view.set_zoom(1.0),
            needs.nothing,
        ),
    ]
