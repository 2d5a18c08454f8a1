"""The window's Graph menu holds every command of the canvas, and fits on a small screen."""

from __future__ import annotations

from board import chain_project
from conftest import Open
from PySide6.QtWidgets import QMenu

from studio.ui.canvas.menus import GRAPH, keys_of


def test_every_command_stands_in_the_menu_and_none_is_unknown(open_board: Open) -> None:
    board = open_board(chain_project())
    commands = board.canvas.commands.actions
    assert keys_of(GRAPH) <= commands.keys()
    menu = QMenu(board.canvas)
    board.canvas.fill_menu(menu)
    found = [action for one in (menu, *menu.findChildren(QMenu)) for action in one.actions()]
    assert {action.text() for action in commands.values()} <= {action.text() for action in found}
    assert menu.sizeHint().height() < 640
    for inner in menu.findChildren(QMenu):
        assert inner.sizeHint().height() < 640
