"""Find on the canvas by keys alone, through blocks, and what a screen reader hears of all this."""

from __future__ import annotations

from board import block_project, residual
from conftest import Board, Open
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible

from studio.graph.edits import Detach, RemoveNodes
from studio.graph.graph import link

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def test_enter_goes_on_and_shift_enter_back(open_board: Open) -> None:
    board = open_board(residual())
    board.key(Qt.Key.Key_F, CTRL)
    finder = board.canvas.finder
    assert finder.isVisible()
    board.type("conv2d")
    assert finder.words == "4 found"
    seen = []
    for _ in range(5):
        board.key(Qt.Key.Key_Return)
        seen += board.canvas.selection
    assert seen == ["conv1", "rconv1", "rconv2", "conv2", "conv1"]
    assert finder.words == "1 of 4"
    board.key(Qt.Key.Key_Return, SHIFT)
    assert board.canvas.selection == ("conv2",)
    board.key(Qt.Key.Key_Escape)
    assert not finder.isVisible()
    assert board.canvas.selection == ("conv2",)
    assert board.view.hasFocus()


def test_settings_are_found_and_nothing_is_said(open_board: Open) -> None:
    board = open_board(residual())
    board.canvas.find_nodes()
    board.type("out_channels=64")
    board.key(Qt.Key.Key_Return)
    assert board.canvas.selection == ("conv2",)
    board.canvas.finder.line.setText("elephant")
    assert board.canvas.finder.words == "none"
    before = board.canvas.selection
    board.key(Qt.Key.Key_Return)
    assert board.canvas.selection == before


def test_what_was_deleted_meanwhile_is_not_gone_to(open_board: Open) -> None:
    board = open_board(residual())
    board.canvas.find_nodes()
    board.type("conv2d")
    board.key(Qt.Key.Key_Return)
    board.session.do(RemoveNodes("main", ("rconv1", "rconv2")))
    board.key(Qt.Key.Key_Return)
    assert board.canvas.selection == ("conv2",)
    assert board.canvas.finder.words == "2 of 2"


def test_it_goes_into_blocks(open_board: Open) -> None:
    board = open_board(block_project())
    board.canvas.find_nodes()
    board.type("relu")
    board.key(Qt.Key.Key_Return)
    assert (board.canvas.where, board.canvas.selection) == ("block.Twice", ("act",))
    assert board.canvas.prefix == "res1/"
    assert board.canvas.finder.isVisible()


def heard(board: Board) -> list[str]:
    sheet = board.canvas.narrator.sheet
    return [sheet.child(n).text(QAccessible.Text.Name) for n in range(sheet.childCount())]


def test_a_reader_hears_every_node_by_name(board: Board) -> None:
    names = heard(board)
    assert len(names) == len(board.scene.nodes)
    assert "Conv2d conv1, 32, 3×3, stride 1, pad 0, output N×32×26×26, no problems" in names
    assert any(name.startswith("Linear fc1") and "one flat vector" in name for name in names)
    sheet = board.canvas.narrator.sheet
    assert sheet.role() == QAccessible.Role.List
    assert QAccessible.queryAccessibleInterface(board.view) is sheet
    board.canvas.narrator.close()


def test_focus_follows_the_walk(board: Board) -> None:
    board.canvas.select(("conv1",))
    sheet = board.canvas.narrator.sheet
    item = sheet.focusChild()
    assert item is sheet.item("conv1")
    state = item.state()
    assert state.focused
    assert state.selected
    assert item.role() == QAccessible.Role.ListItem
    assert sheet.indexOfChild(item) == 1
    middle = item.rect().center()
    assert sheet.childAt(middle.x(), middle.y()) is item
    board.key(Qt.Key.Key_Down)
    assert not item.state().focused
    board.session.do(RemoveNodes("main", ("conv1",)))
    assert item.text(QAccessible.Text.Name) == ""
    assert not item.isValid()
    board.canvas.narrator.close()


def test_wires_notes_and_frames_have_names_too(board: Board) -> None:
    view = board.view
    assert view.accessibleName() == "Canvas main, 19 nodes"
    board.scene.select(links=(link("conv1", "out", "relu1", "x"),))
    assert view.accessibleName() == "Wire conv1.out to relu1.x, N×32×26×26 float32"
    board.scene.select(note="note1")
    assert view.accessibleName().startswith("Note: Skip path keeps")
    board.canvas.select(("rconv1",))
    assert view.accessibleName().endswith("in the frame Residual block")


def test_it_begins_with_what_is_in_sight(open_board: Open) -> None:
    """The nodes of a detached block keep their names and ids: the one in sight is meant."""
    board = open_board(block_project())
    board.session.do(Detach("main", "res2", "Other"))
    board.canvas.open_block("res2")
    assert (board.canvas.where, board.canvas.prefix) == ("block.Other", "res2/")
    board.canvas.find_nodes()
    board.type("relu")
    board.key(Qt.Key.Key_Return)
    assert (board.canvas.where, board.canvas.prefix) == ("block.Other", "res2/")
    assert board.canvas.selection == ("act",)
    board.key(Qt.Key.Key_Return)
    assert board.canvas.where == "block.Twice"


def test_what_is_seen_through_one_instance_is_found_through_it(open_board: Open) -> None:
    board = open_board(block_project())
    board.canvas.open_block("res2")
    board.canvas.find_nodes()
    board.type("relu")
    board.key(Qt.Key.Key_Return)
    assert (board.canvas.where, board.canvas.prefix) == ("block.Twice", "res2/")
