"""Networks of a project as tabs: seen, added, named, removed, each step undone."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from studio.graph.edits import AddNetwork, RemoveNetwork
from studio.ui.canvas.network_tabs import NetworkTabs

Key = Qt.Key


def tabs(board: object) -> NetworkTabs:
    return board.canvas.networks  # type: ignore[attr-defined, no-any-return]


def test_one_network_needs_no_tab(board) -> None:  # type: ignore[no-untyped-def]
    assert tabs(board).tabs == {}
    assert tabs(board).add.isVisible()
    assert "generator" in tabs(board).add.toolTip()


def test_a_network_is_added_by_name_and_shown(board) -> None:  # type: ignore[no-untyped-def]
    tabs(board).add.click()
    naming = tabs(board).naming
    assert naming.isVisible()
    naming.line.selectAll()
    QTest.keyClicks(naming.line, "generator")
    QTest.keyClick(naming.line, Key.Key_Return)
    assert list(board.session.document.project.networks) == ["main", "generator"]
    assert board.canvas.where == "generator"
    assert tabs(board).tabs["generator"].isChecked()
    assert not board.scene.nodes
    board.session.undo()
    assert board.canvas.where == "main"
    assert tabs(board).tabs == {}


def test_a_name_that_is_taken_or_none_is_said(board) -> None:  # type: ignore[no-untyped-def]
    tabs(board).add.click()
    naming = tabs(board).naming
    for text, said in (("main", "There is a network"), ("2 nets", "Letters, digits")):
        naming.line.selectAll()
        QTest.keyClicks(naming.line, text)
        QTest.keyClick(naming.line, Key.Key_Return)
        assert said in naming.trouble.text()
    QTest.keyClick(naming.line, Key.Key_Escape)
    assert list(board.session.document.project.networks) == ["main"]


def test_tabs_lead_from_one_network_to_another(board) -> None:  # type: ignore[no-untyped-def]
    board.session.do(AddNetwork("other"))
    assert list(tabs(board).tabs) == ["main", "other"]
    assert board.canvas.where == "main"
    tabs(board).tabs["other"].click()
    assert board.canvas.where == "other"
    assert not tabs(board).tabs["main"].isChecked()
    tabs(board).tabs["main"].click()
    assert board.canvas.where == "main"
    assert board.scene.nodes


def test_a_tab_s_menu_renames_copies_and_removes(board) -> None:  # type: ignore[no-untyped-def]
    board.session.do(AddNetwork("other"))
    menu = {action.text(): action for action in tabs(board)._menu("main").actions()}
    menu["Duplicate"].trigger()
    networks = board.session.document.project.networks
    assert networks["main2"] == networks["main"]
    assert board.canvas.where == "main2"
    menu["Rename…"].trigger()
    naming = tabs(board).naming
    naming.line.selectAll()
    QTest.keyClicks(naming.line, "critic")
    QTest.keyClick(naming.line, Key.Key_Return)
    assert list(board.session.document.project.networks) == ["critic", "other", "main2"]
    assert board.canvas.where == "critic"
    menu = {action.text(): action for action in tabs(board)._menu("other").actions()}
    menu["Remove"].trigger()
    assert list(board.session.document.project.networks) == ["critic", "main2"]


def test_the_network_that_is_shown_may_go(board) -> None:  # type: ignore[no-untyped-def]
    board.session.do(AddNetwork("other"))
    tabs(board).tabs["other"].click()
    board.session.do(RemoveNetwork("other"))
    assert board.canvas.where == "main"
    assert board.scene.nodes
