"""Names, formulas and settings give the keyboard back, and new nodes cover no others."""

from __future__ import annotations

from conftest import Board, Open
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from studio.graph.project import Project

Key = Qt.Key
CTRL = Qt.KeyboardModifier.ControlModifier


def one_layer(open_board: Open) -> Board:
    board = open_board(Project())
    board.key(Key.Key_Tab)
    board.type("conv2d")
    board.key(Key.Key_Return)
    return board


def test_enter_takes_a_name_and_goes_no_further(open_board: Open) -> None:
    board = one_layer(open_board)
    opened: list[str] = []
    board.canvas.node_opened.connect(opened.append)
    board.key(Key.Key_F2)
    focus = QApplication.focusWidget()
    QTest.keyClick(focus, Key.Key_A, CTRL)
    QTest.keyClicks(focus, "stem")
    QTest.keyClick(focus, Key.Key_Return)
    assert [node.name for node in board.session.sheet.graph.nodes.values()] == ["stem"]
    assert opened == []
    assert board.view.hasFocus()


def test_a_press_takes_the_name_of_a_block(open_board: Open) -> None:
    board = one_layer(open_board)
    board.key(Key.Key_B, CTRL)
    naming = board.canvas.blocks.naming
    QTest.keyClicks(naming.line, "2 words")
    assert not naming.ok.isEnabled()
    naming.line.clear()
    QTest.keyClicks(naming.line, "Stem")
    QTest.mouseClick(naming.ok, Qt.MouseButton.LeftButton)
    assert list(board.session.document.project.blocks) == ["Stem"]


def test_layers_that_nothing_leads_to_stand_side_by_side(open_board: Open) -> None:
    board = one_layer(open_board)
    for _ in range(3):
        board.key(Key.Key_Escape)
        board.key(Key.Key_Tab)
        board.type("relu")
        board.key(Key.Key_Return)
    boxes = [item.rect for item in board.scene.nodes.values()]
    assert len(boxes) == 4
    assert not any(a.intersects(b) for n, a in enumerate(boxes) for b in boxes[:n])


def test_a_double_click_on_the_words_of_an_empty_sheet_offers_layers(open_board: Open) -> None:
    board = open_board(Project())
    QTest.mouseDClick(board.canvas.invitation, Qt.MouseButton.LeftButton)
    assert board.canvas.search_desk.popup.isVisible()
    board.key(Key.Key_Escape)
