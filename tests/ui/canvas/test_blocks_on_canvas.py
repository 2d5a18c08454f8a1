"""Blocks on the canvas: made, named, entered, left, unpacked, detached, kept; weights shared."""

from __future__ import annotations

from pathlib import Path

import pytest
from board import block_project, chain_project, residual
from conftest import Board, Open
from msgspec.structs import replace
from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from studio.graph.edits import RemoveNodes, SetConstants, SetParams
from studio.graph.graph import End, Link, Node, link
from studio.graph.project import Block, Place, Project
from studio.graph.topology import block_spec, runs_over_time
from studio.session.block_shelf import BlockShelf
from studio.ui.canvas.drops import KEPT_MIME
from studio.ui.canvas.words import node_words
from studio.ui.prompts import Ask

Key, Keys = Qt.Key, Qt.KeyboardModifier


def nested_project() -> Project:
    """A block that no network uses, with an instance of another one inside."""
    made = block_project()
    inner = made.blocks["Twice"].sheet
    graph = inner.graph.without(("conv", "act")).with_node(Node("inner", "block.Twice", "inner"))
    outer = Block(replace(inner, graph=graph, places={key: Place(0, 0) for key in graph.nodes}))
    return replace(made, blocks=made.blocks | {"Outer": outer})


def write(board: Board, name: str) -> None:
    """Answer the question for a name."""
    line = board.canvas.blocks.naming.line
    assert line.isVisible()
    assert line.hasFocus()
    QTest.keyClicks(line, name)
    QTest.keyClick(line, Key.Key_Return)


def crumbs(board: Board) -> list[str]:
    header = board.canvas.header
    return [part.text() for part in header._crumbs if not isinstance(part, QLabel) or part.text()]


def test_ctrl_b_makes_a_block_whose_ports_are_the_cut_wires(open_board: Open) -> None:
    board = open_board(residual())
    before = board.session.document.project
    board.scene.select(("rconv1", "rbn1", "rrelu1", "rconv2", "rbn2", "add", "rrelu2"))
    board.key(Key.Key_B, Keys.ControlModifier)
    naming = board.canvas.blocks.naming
    assert naming.line.text() == "ResidualBlock"  # the title of the frame around just these
    QTest.keyClick(naming.line, Key.Key_Return)
    project = board.session.document.project
    (instance,) = board.scene.selection
    assert board.session.sheet.graph.nodes[instance].kind == "block.ResidualBlock"
    spec = block_spec(project, "block.ResidualBlock")
    assert spec
    assert [port.name for port in spec.inputs] == ["x"]
    assert [port.name for port in spec.outputs] == ["out"]
    assert Link(End("pool1", "out"), End(instance, "x")) in board.session.links
    assert Link(End(instance, "out"), End("conv2", "x")) in board.session.links
    board.check()
    board.session.undo()
    assert board.session.document.project == before
    board.check()


def test_open_ends_become_ports_too(open_board: Open) -> None:
    board = open_board(residual())
    board.session.do(RemoveNodes("main", ("pool1", "conv2")))
    board.scene.select(("rconv1", "rbn1"))
    board.canvas.run("make_block")
    write(board, "Stem")
    spec = block_spec(board.session.document.project, "block.Stem")
    assert spec
    assert [port.name for port in spec.inputs] == ["x"]


def test_a_name_that_is_taken_is_not_taken_and_escape_changes_nothing(open_board: Open) -> None:
    board = open_board(block_project())
    before = board.session.document.project
    board.scene.select(("res1",))
    board.canvas.run("make_block")
    naming = board.canvas.blocks.naming
    QTest.keyClicks(naming.line, "Twice")
    QTest.keyClick(naming.line, Key.Key_Return)
    assert naming.isVisible()
    assert "block named Twice already" in naming.trouble.text()
    QTest.keyClick(naming.line, Key.Key_Escape)
    assert not naming.isVisible()
    assert board.view.hasFocus()
    assert board.session.document.project == before


def test_pressing_elsewhere_takes_no_name(open_board: Open) -> None:
    board = open_board(chain_project())
    board.scene.select(("n0", "n1"))
    board.canvas.run("make_block")
    board.view.setFocus()
    assert not board.canvas.blocks.naming.isVisible()
    assert board.session.document.project.blocks == {}


@pytest.mark.parametrize("key", [Key.Key_Backspace, Key.Key_Escape])
def test_enter_opens_and_keys_leave(open_board: Open, key: Qt.Key) -> None:
    board = open_board(block_project())
    board.scene.select(("res2",))
    board.key(Key.Key_Return)
    assert (board.canvas.where, board.canvas.prefix) == ("block.Twice", "res2/")
    assert crumbs(board) == ["main", "›", "res2", "Twice"]
    board.key(key)
    assert board.canvas.where == "main"
    assert board.scene.selection == ("res2",)


def test_backspace_deletes_what_is_selected_rather_than_leaving(open_board: Open) -> None:
    board = open_board(block_project())
    board.canvas.open_block("res1")
    board.scene.select(("act",))
    board.key(Key.Key_Backspace)
    assert board.canvas.where == "block.Twice"
    assert "act" not in board.session.document.project.blocks["Twice"].sheet.graph.nodes


def test_a_repeated_block_is_seen_one_pass_at_a_time(open_board: Open) -> None:
    board = open_board(block_project())
    board.session.do(SetParams("main", "res1", {"repeat": 3}))
    board.canvas.open_block("res1")
    header = board.canvas.header
    assert header.passes.isVisible()
    assert header.passes.text() == "pass 1 of 3"
    header.passes.menu().actions()[2].trigger()
    assert board.canvas.prefix == "res1/2/"
    assert header.passes.text() == "pass 3 of 3"
    board.canvas.leave()
    assert not header.passes.isVisible()


def test_ctrl_shift_b_unpacks_and_selects_what_was_inside(open_board: Open) -> None:
    board = open_board(block_project())
    board.scene.select(("res1",))
    board.key(Key.Key_B, Keys.ControlModifier | Keys.ShiftModifier)
    graph = board.session.sheet.graph
    chosen = {graph.nodes[key].kind for key in board.scene.selection}
    assert chosen == {"torch.nn.Conv2d", "torch.nn.ReLU"}
    assert len(graph.of_kind("block.Twice")) == 1
    board.check()
    board.session.undo()
    assert board.session.document.project == block_project()


def test_a_detached_instance_follows_a_definition_of_its_own(open_board: Open) -> None:
    board = open_board(block_project())
    board.scene.select(("res2",))
    board.canvas.run("detach")
    write(board, "Other")
    project = board.session.document.project
    assert board.session.sheet.graph.nodes["res1"].kind == "block.Twice"
    assert board.session.sheet.graph.nodes["res2"].kind == "block.Other"
    assert project.blocks["Other"].sheet == project.blocks["Twice"].sheet
    assert "res2 follows Other" in board.canvas.hint.text


def test_a_block_is_renamed_from_inside_and_the_canvas_stays_there(open_board: Open) -> None:
    board = open_board(block_project())
    board.canvas.open_block("res1")
    board.canvas.run("rename_block")
    write(board, "Pair")
    assert (board.canvas.where, board.canvas.prefix) == ("block.Pair", "res1/")
    assert crumbs(board)[-1] == "Pair"
    assert board.canvas.editor.where == "block.Pair"
    board.session.undo()
    assert board.canvas.where == "block.Twice"
    board.check()


def test_undoing_the_block_that_one_stands_in_leads_outside(open_board: Open) -> None:
    board = open_board(chain_project())
    board.scene.select(("n0", "n1"))
    board.canvas.run("make_block")
    write(board, "Pair")
    board.canvas.open_block(board.scene.selection[0])
    board.session.undo()
    assert board.canvas.where == "main"
    board.check()


def test_a_block_in_use_is_not_deleted_and_says_by_whom(open_board: Open) -> None:
    board = open_board(block_project())
    board.canvas.open_block("res1")
    board.canvas.run("delete_block")
    assert "Twice is in use: res1 on main, res2 on main" in board.session.refusals[-1]
    board.session.do(RemoveNodes("main", ("res1", "res2")))
    assert board.canvas.where == "main"
    board.canvas.show_sheet("block.Twice")
    board.canvas.run("delete_block")
    assert board.session.document.project.blocks == {}
    assert board.canvas.where == "main"


def test_every_instance_is_selected(open_board: Open) -> None:
    board = open_board(block_project())
    board.scene.select(("res2",))
    board.canvas.run("select_instances")
    assert set(board.scene.selection) == {"res1", "res2"}


def test_a_definition_opens_through_an_instance_where_there_is_one(open_board: Open) -> None:
    board = open_board(block_project())
    board.canvas.show_definition("Twice")
    assert board.canvas.prefix == "res1/"
    board.session.do(RemoveNodes("main", ("res1", "res2")))
    board.canvas.show_definition("Twice")
    assert (board.canvas.where, board.canvas.prefix) == ("block.Twice", "")
    assert crumbs(board) == ["main", "›", "Twice", "definition"]
    board.key(Key.Key_Backspace)
    assert board.canvas.where == "main"


def test_definitions_lead_to_one_another_and_back(open_board: Open) -> None:
    board = open_board(nested_project())
    board.canvas.show_sheet("block.Outer")
    board.canvas.open_block("inner")
    assert (board.canvas.where, board.canvas.prefix) == ("block.Twice", "")
    board.session.do(SetParams("block.Twice", "conv", {"out_channels": 5}))
    assert board.canvas.where == "block.Twice"
    assert crumbs(board) == ["main", "›", "Outer", "›", "Twice", "definition"]
    board.key(Key.Key_Backspace)
    assert board.canvas.where == "block.Outer"
    board.key(Key.Key_Backspace)
    assert board.canvas.where == "main"
    assert not board.canvas.leave()


def test_an_empty_block_says_what_makes_its_ports(open_board: Open) -> None:
    board = open_board(block_project())
    board.canvas.open_block("res1")
    assert not board.canvas.invitation.isVisible()
    board.session.do(RemoveNodes("block.Twice", ("x", "conv", "act", "out")))
    assert board.canvas.invitation.isVisible()
    words = [part.text() for part in board.canvas.invitation.findChildren(QLabel)]
    assert any("Input and Output nodes are its ports" in text for text in words)


def test_the_first_selected_node_gives_its_weights(open_board: Open) -> None:
    board = open_board(residual())
    board.scene.select(("rconv2", "rconv1"))
    board.canvas.run("share")
    assert board.session.sheet.graph.nodes["rconv1"].shares == "rconv2"
    assert board.canvas.hint.text == "rconv1 uses the weights of rconv2."
    board.scene.select(("rconv1",))
    board.canvas.run("own")
    assert board.session.sheet.graph.nodes["rconv1"].shares == ""


def test_a_new_scan_block_runs_over_time_behind_the_selected_node(open_board: Open) -> None:
    board = open_board(chain_project())
    board.scene.select(("n2",))
    board.canvas.run("new_scan")
    write(board, "Memory")
    project = board.session.document.project
    (instance,) = board.scene.selection
    assert runs_over_time(project.blocks["Memory"].sheet.graph)
    assert Link(End("n2", "out"), End(instance, "x")) in board.session.links
    assert [param.name for param in project.blocks["Memory"].params] == ["size"]
    assert board.scene.nodes[instance].face.loop
    board.check()
    board.session.undo()
    assert board.session.document.project == chain_project()


@pytest.mark.parametrize(
    ("chosen", "command", "words"),
    [
        ((), "make_block", "Select the layers first."),
        (("x", "out"), "make_block", "stay on their sheet"),
        (("n0",), "unpack", "Select a block first."),
        (("n0",), "share", "two or more nodes of one kind"),
        (("n0", "n1"), "share", "Only nodes of one kind"),
        (("n0",), "own", "uses another's weights"),
        ((), "leave", "no block's inside"),
        ((), "rename_block", "Select a block first."),
    ],
)
def test_what_cannot_be_done_says_why(
    open_board: Open, chosen: tuple[str, ...], command: str, words: str
) -> None:
    board = open_board(chain_project())
    before = board.session.document.project
    board.scene.select(chosen)
    board.canvas.run(command)
    assert words in board.canvas.hint.text
    assert words in board.canvas.commands[command].toolTip()
    assert board.session.document.project is before


def test_an_only_instance_is_not_detached(open_board: Open) -> None:
    board = open_board(block_project())
    board.session.do(RemoveNodes("main", ("res2",)))
    board.scene.select(("res1",))
    board.canvas.run("detach")
    assert "only instance" in board.canvas.hint.text


# -------------------------------------------------------------------------------- the person's own


def kept(board: Board, folder: Path) -> None:
    """Give the session a shelf with the block Twice on it."""
    board.session.shelf = BlockShelf(folder, board.session.tell)
    assert board.session.shelf.keep(block_project(), "Twice")


def test_a_kept_block_is_dropped_with_its_definition_as_one_step(
    open_board: Open, tmp_path: Path
) -> None:
    board = open_board(chain_project())
    kept(board, tmp_path)
    mime = QMimeData()
    mime.setData(KEPT_MIME, b"Twice")
    spot = QPointF(500, 300)
    drop = QDropEvent(
        QPointF(board.at(spot)),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Keys.NoModifier,
    )
    assert board.canvas.hand.dropped(drop, spot)
    board.qtbot.waitUntil(lambda: "Twice" in board.session.document.project.blocks)
    (instance,) = board.scene.selection
    assert board.session.sheet.graph.nodes[instance].kind == "block.Twice"
    board.check()
    board.session.undo()
    assert board.session.document.project == chain_project()


def test_a_kept_block_dropped_on_a_wire_goes_into_it_as_one_step(
    open_board: Open, tmp_path: Path
) -> None:
    board = open_board(chain_project())
    kept(board, tmp_path)
    before = board.session.document.project
    wire = next(item for item in board.scene.links.values() if not item.docked)
    assert wire.route is not None
    board.canvas.put_kept("Twice", QPointF(*wire.route.label))
    (instance,) = board.scene.selection
    links = set(board.session.sheet.graph.links)
    assert wire.link not in links
    assert link(wire.link.source.node, wire.link.source.port, instance, "x") in links
    assert link(instance, "out", wire.link.target.node, wire.link.target.port) in links
    board.check()
    board.session.undo()
    assert board.session.document.project == before


def test_a_block_that_is_kept_already_is_replaced_only_when_asked(
    open_board: Open, tmp_path: Path
) -> None:
    board = open_board(block_project())
    kept(board, tmp_path)
    board.session.do(RemoveNodes("block.Twice", ("act",)))
    asked: list[str] = []

    def answer(key: str) -> Ask:
        def ask(title: str, text: str, choices: object) -> str:
            asked.append(title)
            return key

        return ask

    def nodes() -> set[str]:
        block = board.session.shelf.named("Twice").block
        return set(block.sheet.graph.nodes)

    board.scene.select(("res1",))
    board.canvas.blocks.ask_whether = answer("keep")
    board.canvas.run("save_block")
    assert "act" in nodes()
    board.canvas.blocks.ask_whether = answer("replace")
    board.canvas.run("save_block")
    assert "act" not in nodes()
    assert asked == ["Replace Twice among your blocks?"] * 2


def test_the_question_stays_inside_a_small_canvas(open_board: Open) -> None:
    board = open_board(residual())
    board.canvas.resize(420, 320)
    board.scene.select(("fc2",))
    board.canvas.run("make_block")
    naming = board.canvas.blocks.naming
    assert board.view.rect().contains(naming.geometry())
    assert naming.height() > 60


def test_a_project_is_not_changed_by_looking_at_blocks(open_board: Open) -> None:
    board = open_board(block_project())
    before: Project = board.session.document.project
    for key in ("res1", "res2"):
        board.canvas.open_block(key)
        board.canvas.leave()
    assert board.session.document.project is before


def test_a_card_shows_what_a_formula_gives_and_its_tooltip_the_formula(open_board: Open) -> None:
    project = SetParams("main", "n0", {"out_channels": "=width*2", "stride": "=nope"}).apply(
        replace(chain_project(), constants={"width": 24})
    )
    board = open_board(project)
    item = board.scene.nodes["n0"]
    assert item.face.line.startswith("48 · ")
    assert "stride =nope" in item.face.line  # what gives nothing stays as it is written
    assert "out_channels =width*2 → 48" in node_words(item, board.scene)
    board.session.do(SetConstants({"width": 8}))
    assert item.face.line.startswith("16 · ")


def test_the_ring_of_a_selected_repeat_goes_around_all_its_passes(open_board: Open) -> None:
    board = open_board(SetParams("main", "res1", {"repeat": 3}).apply(block_project()))
    board.scene.select(["res1"])
    box = board.scene.nodes["res1"].rect
    spot = board.view.mapFromScene(QPointF(box.right() + 11, box.center().y()))
    shown = board.view.viewport().grab().toImage()
    row = [shown.pixelColor(spot.x() + dx, spot.y()).name() for dx in (-1, 0, 1)]
    assert board.canvas._theme.color("accent").name() in row
