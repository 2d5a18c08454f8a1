"""The table of the canvas' actions: words, keys, what they do and when they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from studio.graph.graph import BLOCK
from studio.graph.project import Place
from studio.ui.canvas.commands import Command

if TYPE_CHECKING:
    from studio.ui.canvas.canvas import Canvas

NOTHING = "Select a node first."


def commands_for(canvas: Canvas) -> list[Command]:
    """Return what can be done on a canvas."""
    scene, editor = canvas.scene, canvas.editor

    def needs_nodes() -> str:
        return "" if scene.selection else NOTHING

    def needs_one() -> str:
        return "" if len(scene.selection) == 1 else "Select one node first."

    def needs_any() -> str:
        chosen = scene.selection or scene.selected_links or scene.selected_note
        return "" if chosen else "Select nodes, a wire or a note first."

    def needs_sheet() -> str:
        return "" if scene.nodes else "The sheet is empty."

    def needs_block() -> str:
        graph = scene.sheet.graph
        chosen = [graph.nodes[key] for key in scene.selection if key in graph.nodes]
        block = len(chosen) == 1 and chosen[0].kind.startswith(BLOCK)
        return "" if block else "Select a block first."

    def needs_link() -> str:
        return "" if len(scene.selected_links) == 1 else "Select a wire first."

    def needs_note() -> str:
        return "" if scene.selected_note else "Select a note first."

    def always() -> str:
        return ""

    def copy() -> None:
        QGuiApplication.clipboard().setText(editor.copy())
        editor.copied()

    def cut() -> None:
        copy()
        editor.delete()

    def paste() -> None:
        spot = canvas.menu_spot
        at = Place(spot.x(), spot.y()) if spot is not None else None
        scene.select(editor.paste(QGuiApplication.clipboard().text(), at) or scene.selection)

    def note() -> None:
        spot = canvas.menu_spot or canvas.view.seen().center()
        key = editor.add_note(Place(spot.x(), spot.y()))
        if key:
            canvas.edit_note(key)

    return [
        Command(
            "add",
            "Add layer…",
            "Tab",
            "Search for a layer to add.",
            "plus",
            canvas.search_here,
            always,
        ),
        Command(
            "insert",
            "Insert layer into wire…",
            "",
            "Search for a layer to put here.",
            "plus",
            lambda: canvas.search_desk.open_into(scene.selected_links[0]),
            needs_link,
        ),
        Command(
            "connect",
            "Connect…",
            "C",
            "Arrows choose the other end, Enter lays the wire.",
            "link",
            canvas.hand.walk.start_connecting,
            needs_one,
        ),
        Command(
            "open",
            "Open block",
            "",
            "Show what is inside.",
            "block",
            lambda: canvas.open_block(scene.selection[0]),
            needs_block,
        ),
        Command(
            "rename",
            "Rename…",
            "F2",
            "Change the name that the code uses.",
            "",
            lambda: canvas.rename_node(scene.selection[0]),
            needs_one,
        ),
        Command(
            "write",
            "Write…",
            "",
            "Change the words of the note.",
            "note",
            lambda: canvas.edit_note(scene.selected_note),
            needs_note,
        ),
        Command(
            "bypass",
            "Bypass",
            "B",
            "Let data pass without this layer, or no longer.",
            "bypass",
            lambda: editor.set_flag("bypassed"),
            needs_nodes,
        ),
        Command(
            "freeze",
            "Freeze",
            "Z",
            "Keep these weights as they are, or no longer.",
            "freeze",
            lambda: editor.set_flag("frozen"),
            needs_nodes,
        ),
        Command(
            "cut", "Cut", "Ctrl+X", "Take the nodes to the clipboard.", "scissors", cut, needs_nodes
        ),
        Command("copy", "Copy", "Ctrl+C", "Copy the nodes as text.", "copy", copy, needs_nodes),
        Command("paste", "Paste", "Ctrl+V", "Put nodes from the clipboard.", "", paste, always),
        Command(
            "duplicate",
            "Duplicate",
            "Ctrl+D",
            "Put the nodes once more.",
            "copy",
            lambda: scene.select(editor.duplicate() or scene.selection),
            needs_nodes,
        ),
        Command(
            "delete",
            "Delete",
            "Del | Backspace",
            "Take what is selected away.",
            "trash",
            editor.delete,
            needs_any,
        ),
        Command(
            "select_all",
            "Select all",
            "Ctrl+A",
            "Select every node.",
            "",
            lambda: scene.select(scene.nodes),
            needs_sheet,
        ),
        Command(
            "frame",
            "Group in a frame",
            "Ctrl+G",
            "Draw a titled frame around the nodes, or take it away.",
            "grid",
            editor.frame,
            needs_nodes,
        ),
        Command("note", "Add note", "N", "Write something on the sheet.", "note", note, always),
        Command("tidy", "Tidy", "L", "Lay the sheet out anew.", "tidy", editor.tidy, needs_sheet),
        Command("fit", "Fit", "F", "Show the whole sheet.", "fit", canvas.fit, needs_sheet),
        Command(
            "zoom_in",
            "Zoom in",
            "Ctrl++ | Ctrl+=",
            "Come closer.",
            "",
            lambda: canvas.view.set_zoom(canvas.view.scale_now * 1.25),
            always,
        ),
        Command(
            "zoom_out",
            "Zoom out",
            "Ctrl+-",
            "Go further away.",
            "",
            lambda: canvas.view.set_zoom(canvas.view.scale_now / 1.25),
            always,
        ),
        Command(
            "zoom_full",
            "100 %",
            "Ctrl+0",
            "Show everything at its own size.",
            "",
            lambda: canvas.view.set_zoom(1.0),
            always,
        ),
    ]
