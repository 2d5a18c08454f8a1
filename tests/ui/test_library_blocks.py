"""The Library's blocks: this project's and the person's own, as cards that can be dragged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes import CONV, RELU, Script, make_session, settle
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from studio import paths
from studio.graph.builder import Net
from studio.graph.edits import AddBlocks, RemoveNodes, RenameBlock
from studio.graph.project import Project
from studio.graph.scan_start import scan_start
from studio.session.session import Session
from studio.settings import Settings
from studio.ui.build import BuildWorkspace
from studio.ui.canvas.drops import KEPT_MIME, KIND_MIME
from studio.ui.library import Library
from studio.ui.preferences import Preferences
from studio.ui.theme import Theme


def project() -> Project:
    net = Net()
    with net.block("Pair", "Finds edges.") as pair:
        x = pair.add(CONV, pair.input(), name="conv", out_channels=8)
        pair.output(pair.add(RELU, x, name="act"))
    x = net.add("block.Pair", net.input(), name="one")
    net.output(net.add("block.Pair", x, name="two"))
    return net.project()


@pytest.fixture
def session(script: Script) -> Iterator[Session]:
    made = make_session(script, paths.find(), project())
    yield made
    made.close()


@pytest.fixture
def workspace(qtbot: QtBot, session: Session, theme: Theme) -> Iterator[BuildWorkspace]:
    made = BuildWorkspace(session, theme, Preferences(None, Settings()))
    qtbot.addWidget(made)
    made.resize(1600, 900)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    made.show_library(1)
    end = session.subscribe(made.on_event)
    settle(session)
    yield made
    end()
    made.close()


def library(workspace: BuildWorkspace) -> Library:
    return workspace.library


def choose(workspace: BuildWorkspace, name: str, words: str, kept: bool = False) -> None:
    """Choose an entry of a card's menu."""
    menu = workspace.library.blocks.cards[kept, name].menu()
    action = next(one for one in menu.actions() if one.text().startswith(words))
    assert action.isEnabled(), action.toolTip()
    action.trigger()
    menu.close()


def test_a_card_tells_ports_size_and_who_uses_it(workspace: BuildWorkspace) -> None:
    made = library(workspace).blocks.cards[False, "Pair"]
    assert made.ports.text() == "x → out"
    assert made.facts.text() == "2 layers"
    assert made.uses.text() == "2 instances"
    assert "one on main, two on main" in made.toolTip()
    assert made.accessibleName().startswith("Pair, block")


def test_ports_that_may_stay_open_stand_in_brackets(
    workspace: BuildWorkspace, session: Session
) -> None:
    session.do(AddBlocks({"Scan": scan_start()}))
    made = library(workspace).blocks.cards[False, "Scan"]
    assert made.ports.text() == "x, [h] → out, h"
    assert made.facts.text() == "3 layers"
    assert made.uses.text() == "not used"


def test_enter_and_double_click_add_an_instance(
    workspace: BuildWorkspace, session: Session
) -> None:
    made = library(workspace).blocks.cards[False, "Pair"]
    made.setFocus()
    QTest.keyClick(made, Qt.Key.Key_Return)
    made = library(workspace).blocks.cards[False, "Pair"]
    QTest.mouseDClick(made, Qt.MouseButton.LeftButton)
    assert len(session.document.project.networks["main"].graph.of_kind("block.Pair")) == 4
    assert library(workspace).blocks.cards[False, "Pair"].uses.text() == "4 instances"


def test_a_block_in_use_is_not_deleted_and_the_menu_says_by_whom(
    workspace: BuildWorkspace, session: Session
) -> None:
    menu = library(workspace).blocks.cards[False, "Pair"].menu()
    delete = next(one for one in menu.actions() if one.text() == "Delete")
    assert not delete.isEnabled()
    assert "one on main, two on main" in delete.toolTip()
    menu.close()
    session.do(RemoveNodes("main", ("one", "two")))
    choose(workspace, "Pair", "Delete")
    assert session.document.project.blocks == {}
    assert "Ctrl+B" in library(workspace).blocks._groups[False][0].text()


def test_a_block_is_opened_and_renamed_from_its_card(
    workspace: BuildWorkspace, session: Session
) -> None:
    choose(workspace, "Pair", "Open")
    assert workspace.canvas.where == "block.Pair"
    assert workspace.inspector.stack.currentWidget() is workspace.inspector.block
    choose(workspace, "Pair", "Rename")
    line = workspace.canvas.blocks.naming.line
    assert line.hasFocus()
    QTest.keyClicks(line, "Edges")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert list(session.document.project.blocks) == ["Edges"]
    assert workspace.canvas.where == "block.Edges"
    assert workspace.inspector.block.title.text() == "Edges"


def test_a_kept_block_is_put_into_another_project(
    workspace: BuildWorkspace, session: Session
) -> None:
    choose(workspace, "Pair", "Save to Yours")
    assert (True, "Pair") in library(workspace).blocks.cards
    session.new(Project())
    settle(session)
    assert library(workspace).blocks.shown_names == [(True, "Pair")]
    choose(workspace, "Pair", "Add", kept=True)
    assert list(session.document.project.blocks) == ["Pair"]
    assert len(session.document.steps) == 1
    choose(workspace, "Pair", "Delete from Yours", kept=True)
    assert (True, "Pair") not in library(workspace).blocks.cards
    assert "Pair" in session.document.project.blocks


def test_what_is_dragged_says_whose_block_it_is(
    workspace: BuildWorkspace, session: Session
) -> None:
    session.shelf.keep(session.document.project, "Pair")
    cards = library(workspace).blocks.cards
    assert bytes(cards[False, "Pair"].mime().data(KIND_MIME).data()) == b"block.Pair"
    assert bytes(cards[True, "Pair"].mime().data(KEPT_MIME).data()) == b"Pair"


def test_a_file_that_is_no_block_is_told(workspace: BuildWorkspace, session: Session) -> None:
    session.paths.blocks.mkdir(parents=True, exist_ok=True)
    (session.paths.blocks / "Broken.loom").write_text("{]")
    session.shelf.look()
    assert "Broken.loom" in library(workspace).blocks.faults.text()


def test_search_finds_blocks_and_enter_adds_the_first(
    workspace: BuildWorkspace, session: Session
) -> None:
    session.do(AddBlocks({"Scan": scan_start()}))
    search = library(workspace).search
    QTest.keyClicks(search, "edges")
    assert library(workspace).blocks.shown_names == [(False, "Pair")]
    QTest.keyClick(search, Qt.Key.Key_Return)
    assert len(session.document.project.networks["main"].graph.of_kind("block.Pair")) == 3
    search.setText("nothing like it")
    assert library(workspace).blocks.none.isVisible()
    search.clear()
    QTest.keyClick(search, Qt.Key.Key_Down)
    assert library(workspace).blocks.cards[False, "Pair"].hasFocus()


def test_the_inspectors_buttons_do_what_the_canvas_can(
    workspace: BuildWorkspace, session: Session
) -> None:
    workspace.canvas.select(("one",))
    buttons = workspace.inspector.node.instance.buttons
    buttons["select_instances"].click()
    assert set(workspace.canvas.selection) == {"one", "two"}
    workspace.canvas.select(("two",))
    buttons["open"].click()
    assert workspace.canvas.prefix == "two/"
    assert workspace.inspector.stack.currentWidget() is workspace.inspector.block
    session.do(RenameBlock("Pair", "Edges"))
    assert workspace.inspector.block.title.text() == "Edges"


def test_cards_are_painted_in_both_looks(workspace: BuildWorkspace, theme: Theme) -> None:
    made = library(workspace).blocks.cards[False, "Pair"]
    dark = made.grab().toImage()
    theme.set("light")
    light = made.grab().toImage()
    assert dark != light
    colors = {light.pixelColor(x, y).name() for x in range(8, 56) for y in range(8, 56)}
    assert theme.color("cat.conv").name() in colors
