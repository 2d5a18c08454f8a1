"""The table of what puts nodes in order: in line, in frames, laid out anew; and the tools of the hand."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF

from studio.graph.alignment import Axis, Edge
from studio.graph.project import Place
from studio.ui.canvas.commands import Command
from studio.ui.canvas.menus import FRAME_COLORS

if TYPE_CHECKING:
    from studio.ui.canvas.canvas import Canvas

_EDGES: tuple[tuple[Edge, str, str], ...] = (
    ("left", "Align left edges", "Ctrl+Shift+Left"),
    ("centre", "Align centres", "Ctrl+Shift+C"),
    ("right", "Align right edges", "Ctrl+Shift+Right"),
    ("top", "Align top edges", "Ctrl+Shift+Up"),
    ("middle", "Align middles", "Ctrl+Shift+M"),
    ("bottom", "Align bottom edges", "Ctrl+Shift+Down"),
)
_AXES: tuple[tuple[Axis, str, str], ...] = (
    ("across", "Distribute horizontally", "Ctrl+Shift+H"),
    ("down", "Distribute vertically", "Ctrl+Shift+V"),
)


def arrange_commands(canvas: Canvas) -> list[Command]:
    """Return what arranges nodes and the tools of the hand."""
    needs = ArrangeNeeds(canvas)
    return [*_in_line(canvas, needs), *_frames(canvas, needs), *_tools(canvas, needs)]


class ArrangeNeeds:
    """What these commands need: each returns the sentence that is missing, or ""."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas

    def nothing(self) -> str:
        """Always possible."""
        return ""

    def nodes(self) -> str:
        """At least one node is selected."""
        return "" if self._canvas.selection else "Select a node first."

    def two(self) -> str:
        """At least two nodes are selected."""
        return "" if len(self._canvas.selection) > 1 else "Select two nodes or more first."

    def three(self) -> str:
        """At least three nodes are selected."""
        return "" if len(self._canvas.selection) > 2 else "Select three nodes or more first."

    def sheet(self) -> str:
        """There are nodes."""
        return "" if self._canvas.scene.nodes else "The sheet is empty."

    def framed(self) -> str:
        """What is selected lies in one frame."""
        found = self._canvas.editor.margins.around(self._canvas.selection)
        return "" if found else "Select nodes of one frame first."

    def link(self) -> str:
        """One wire is selected."""
        found = len(self._canvas.scene.selected_links) == 1
        return "" if found else "Select a wire first."

    def noted(self) -> str:
        """There are notes."""
        return "" if self._canvas.scene.notes else "There are no notes on this sheet. N adds one."


def _in_line(canvas: Canvas, needs: ArrangeNeeds) -> list[Command]:
    arranger = canvas.arranger
    found = [
        Command(
            f"align_{edge}",
            text,
            keys,
            "Put the selected nodes in line.",
            "",
            partial(arranger.align, edge),
            needs.two,
        )
        for edge, text, keys in _EDGES
    ]
    found += [
        Command(
            f"distribute_{axis}",
            text,
            keys,
            "Make the gaps between the selected nodes even.",
            "",
            partial(arranger.distribute, axis),
            needs.three,
        )
        for axis, text, keys in _AXES
    ]
    return [
        *found,
        Command(
            "straighten",
            "Straighten wires",
            "Ctrl+Shift+L",
            "Put each selected node straight below what feeds it.",
            "",
            arranger.straighten,
            needs.nodes,
        ),
        Command(
            "tidy",
            "Tidy",
            "L",
            "Lay out the selected nodes, else the sheet, anew; press again to stop.",
            "tidy",
            arranger.tidy,
            needs.sheet,
        ),
    ]


def _frames(canvas: Canvas, needs: ArrangeNeeds) -> list[Command]:
    scene, margins = canvas.scene, canvas.editor.margins

    def around() -> str:
        return margins.around(scene.selection)

    def frame() -> None:
        key = margins.frame(scene.selection)
        if key:
            canvas.rename_frame(key)

    def select_frame() -> None:
        # From a frame whose nodes are all selected, to the one around it.
        scene.select(scene.sheet.frames[around()].nodes)

    def next_color() -> None:
        key, colors = around(), list(FRAME_COLORS)
        now = scene.sheet.frames[key].color
        margins.paint(key, colors[(colors.index(now) + 1) % len(colors)] if now in colors else "")

    def note() -> None:
        spot = canvas.menu_spot or canvas.view.seen().center()
        key = margins.add_note(Place(spot.x(), spot.y()))
        if key:
            canvas.edit_note(key)

    return [
        Command(
            "frame",
            "Group in a frame",
            "Ctrl+G",
            "Draw a titled frame around the nodes, or take it away.",
            "grid",
            frame,
            needs.nodes,
        ),
        Command(
            "rename_frame",
            "Rename frame…",
            "Shift+F2",
            "Change the title of the frame.",
            "",
            lambda: canvas.rename_frame(around()),
            needs.framed,
        ),
        Command(
            "select_frame",
            "Select the frame's nodes",
            "Ctrl+Shift+G",
            "Select every node of the frame.",
            "",
            select_frame,
            needs.framed,
        ),
        Command(
            "next_color",
            "Next colour of the frame",
            "Alt+G",
            "Give the frame the next of the categories' colours.",
            "",
            next_color,
            needs.framed,
        ),
        Command(
            "take_from_frame",
            "Take out of frame",
            "",
            "Let the nodes leave their frame; they stay where they are.",
            "",
            lambda: margins.take_out(scene.selection),
            needs.framed,
        ),
        Command(
            "remove_frame",
            "Remove frame",
            "",
            "Take the frame away; its nodes stay.",
            "trash",
            lambda: margins.remove(around()),
            needs.framed,
        ),
        Command(
            "note", "Add note", "N", "Write something on the sheet.", "note", note, needs.nothing
        ),
        Command(
            "next_note",
            "Next note",
            "Shift+N",
            "Select a note, then the next; Enter writes, Alt and arrows move it.",
            "",
            canvas.hand.walk.next_note,
            needs.noted,
        ),
    ]


def _tools(canvas: Canvas, needs: ArrangeNeeds) -> list[Command]:
    scene, hand = canvas.scene, canvas.hand

    def reroute() -> None:
        link = scene.selected_links[0]
        route = scene.links[link].route
        spot = canvas.menu_spot
        if spot is None and route is not None:
            spot = QPointF(*route.label)
        if spot is not None:
            hand.reroute(link, spot)

    def guides() -> None:
        on = not canvas.guided()
        canvas.preferences.change(guides=on)
        canvas.hint.say(f"Guides while dragging are {'on' if on else 'off'}.")

    return [
        Command(
            "reroute",
            "Lead wire through a point",
            "R",
            "Put a point into the wire (double-click), to be dragged where the wire should run.",
            "",
            reroute,
            needs.link,
        ),
        Command(
            "next_wire",
            "Next wire of the node",
            "W",
            "Select a wire here, then the next; Enter inserts, R reroutes, Del cuts it.",
            "",
            hand.walk.next_wire,
            needs.sheet,
        ),
        Command(
            "lasso",
            "Lasso",
            "",
            "Draw around nodes to select them (Shift and drag).",
            "",
            lambda: hand.use_tool("lasso"),
            needs.sheet,
        ),
        Command(
            "cut_tool",
            "Cut wires",
            "",
            "Draw through wires to cut them (Ctrl and drag).",
            "scissors",
            lambda: hand.use_tool("cut"),
            needs.sheet,
        ),
        Command(
            "guides",
            "Guides on or off",
            "",
            "Line up with neighbours while dragging; Ctrl moves freely meanwhile.",
            "",
            guides,
            needs.nothing,
        ),
        Command(
            "find",
            "Find on the canvas…",
            "Ctrl+F",
            "Find nodes by name, kind or setting, inside blocks too.",
            "search",
            canvas.find_nodes,
            needs.nothing,
        ),
    ]
