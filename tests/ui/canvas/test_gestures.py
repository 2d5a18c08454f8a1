"""What a hand does on the canvas, with real mouse and key events; each leaves one undo step."""

from __future__ import annotations

import pytest
from board import BoardSession, block_project, chain_project, residual
from conftest import Board, Open
from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication

from studio.graph.graph import link
from studio.graph.project import Project
from studio.ui.canvas.drops import KIND_MIME

CTRL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
VOID = QPointF(900, 560)


def undone(board: Board, before: Project) -> None:
    """One undo brings everything back, on the screen too."""
    board.check()
    assert board.session.document.project != before
    board.session.undo()
    assert board.session.document.project == before
    board.check()


def test_a_wire_is_dragged_from_port_to_port(open_board: Open) -> None:
    board = open_board(chain_project(3))
    before = board.session.document.project
    wire = link("x", "out", "n2", "x")
    assert wire not in board.session.links
    board.drag(board.port("x", "out", True), board.body("n2") + QPointF(20, 20))
    assert wire in board.session.links
    assert link("n1", "out", "n2", "x") not in board.session.links
    undone(board, before)


def test_ports_that_cannot_take_the_wire_fade(board: Board) -> None:
    start = board.port("rrelu2", "out", True)
    board.drag(start, start + QPointF(90, 30), drop=False)
    assert board.scene.nodes["conv1"].faded == {"in x", "out out"}
    assert "in x" not in board.scene.nodes["fc2"].faded
    board.key(Qt.Key.Key_Escape)
    assert not any(item.faded for item in board.scene.nodes.values())
    board.check()


def test_a_wire_back_into_itself_is_refused_in_words(open_board: Open) -> None:
    board = open_board(chain_project(3))
    before = board.session.document.project
    board.drag(board.port("n2", "out", True), board.body("n0") + QPointF(20, 20))
    assert board.session.document.project is before
    assert "back into itself" in board.canvas.hint.text
    board.check()


def test_the_end_of_a_wire_is_picked_up_and_dropped_into_the_void(open_board: Open) -> None:
    board = open_board(chain_project(3))
    before = board.session.document.project
    board.drag(board.port("n2", "x", False), VOID)
    assert link("n1", "out", "n2", "x") not in board.session.links
    undone(board, before)


def test_the_end_of_a_wire_moves_to_another_port(open_board: Open) -> None:
    board = open_board(chain_project(3))
    before = board.session.document.project
    board.drag(board.port("n2", "x", False), board.port("out", "x", False))
    links = board.session.links
    assert link("n1", "out", "out", "x") in links
    assert link("n1", "out", "n2", "x") not in links
    assert link("n2", "out", "out", "x") not in links
    undone(board, before)


def test_a_move_is_one_step_and_snaps(open_board: Open) -> None:
    board = open_board(chain_project(3))
    before = board.session.document.project
    start = board.session.sheet.places["n0"]
    board.canvas.preferences.change(guides=False)
    board.drag(board.body("n0"), board.body("n0") + QPointF(101, 49))
    place = board.session.sheet.places["n0"]
    assert (place.x - start.x, place.y - start.y) == (100, 48)
    assert board.session.document.undo_title == "Move"
    undone(board, before)


def test_moving_ends_with_escape(open_board: Open) -> None:
    board = open_board(chain_project(3))
    before = board.session.document.project
    board.drag(board.body("n0"), board.body("n0") + QPointF(100, 48), drop=False)
    assert board.scene.nodes["n0"].pos().x() != board.session.sheet.places["n0"].x
    board.key(Qt.Key.Key_Escape)
    assert board.session.document.project is before
    board.check()


def test_a_box_selects_what_it_touches(open_board: Open) -> None:
    board = open_board(chain_project(3))
    first, last = board.scene.nodes["x"].rect, board.scene.nodes["n0"].rect
    board.drag(first.topLeft() - QPointF(30, 20), last.center())
    assert set(board.canvas.selection) == {"x", "n0"}
    board.click(VOID)
    assert board.canvas.selection == ()


def test_several_move_together_and_shift_adds(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.click(board.body("n0"))
    board.click(board.body("n2"), SHIFT)
    assert set(board.canvas.selection) == {"n0", "n2"}
    before = board.session.document.project
    board.drag(board.body("n2"), board.body("n2") + QPointF(40, 0))
    moved = {
        key
        for key, place in board.session.sheet.places.items()
        if place != before.networks["main"].places[key]
    }
    assert moved == {"n0", "n2"}
    undone(board, before)


def test_ctrl_drag_cuts_wires(open_board: Open) -> None:
    board = open_board(chain_project(3))
    before = board.session.document.project
    a, b = board.port("n1", "out", True), board.port("n2", "x", False)
    middle = (a + b) / 2
    board.drag(middle - QPointF(80, 0), middle + QPointF(80, 2), keys=CTRL)
    assert link("n1", "out", "n2", "x") not in board.session.links
    assert len(board.session.links) == 3
    undone(board, before)


def test_delete_takes_nodes_or_a_wire(open_board: Open) -> None:
    board = open_board(chain_project(3))
    before = board.session.document.project
    board.click(board.body("n0"))
    board.key(Qt.Key.Key_Delete)
    assert "n0" not in board.session.sheet.graph.nodes
    undone(board, before)
    a, b = board.port("n1", "out", True), board.port("n2", "x", False)
    board.click((a + b) / 2)
    assert board.scene.selected_links == (link("n1", "out", "n2", "x"),)
    board.key(Qt.Key.Key_Delete)
    assert len(board.session.links) == 3
    undone(board, before)


def test_copy_cut_paste_and_duplicate(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.canvas.select(("n0", "n1"))
    board.key(Qt.Key.Key_C, CTRL)
    before = board.session.document.project
    board.key(Qt.Key.Key_V, CTRL)
    sheet = board.session.sheet
    assert len(sheet.graph.nodes) == 7
    pasted = board.canvas.selection
    assert [sheet.graph.nodes[key].kind for key in pasted] == ["torch.nn.Conv2d", "torch.nn.ReLU"]
    assert link(pasted[0], "out", pasted[1], "x") in board.session.links
    assert len({node.name for node in sheet.graph.nodes.values()}) == 7
    undone(board, before)
    board.canvas.select(("n0",))
    board.key(Qt.Key.Key_D, CTRL)
    assert len(board.session.sheet.graph.nodes) == 6
    undone(board, before)
    board.canvas.select(("n0",))
    board.key(Qt.Key.Key_X, CTRL)
    assert "n0" not in board.session.sheet.graph.nodes
    undone(board, before)


@pytest.mark.parametrize("text", ["some words", "{}", '{"format": "neuroloom-fragment-1"}', "[1"])
def test_pasting_what_is_no_graph_says_so(board: Board, text: str) -> None:
    before = board.session.document.project
    QGuiApplication.clipboard().setText(text)
    board.key(Qt.Key.Key_V, CTRL)
    assert board.session.document.project is before
    assert "clipboard" in board.canvas.hint.text


def test_a_fragment_with_a_wire_to_nowhere_is_refused(board: Board) -> None:
    board.canvas.select(("conv1", "relu1"))
    text = board.canvas.editor.copy().replace('"relu1"', '"lost"', 1)
    assert board.canvas.editor.paste(text) == ()
    assert "no node of its sheet" in board.canvas.hint.text


def test_select_all_bypass_and_freeze(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.key(Qt.Key.Key_A, CTRL)
    assert len(board.canvas.selection) == 5
    board.canvas.select(("n0",))
    before = board.session.document.project
    board.key(Qt.Key.Key_B)
    assert board.session.sheet.graph.nodes["n0"].flags == ("bypassed",)
    assert board.scene.nodes["n0"].face.bypassed
    undone(board, before)
    board.key(Qt.Key.Key_Z)
    assert board.scene.nodes["n0"].face.frozen
    undone(board, before)


def test_arrows_walk_along_wires_and_alt_moves(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.key(Qt.Key.Key_Down)
    assert board.canvas.selection == ("x",)
    board.key(Qt.Key.Key_Down)
    board.key(Qt.Key.Key_Down)
    assert board.canvas.selection == ("n1",)
    board.key(Qt.Key.Key_Up)
    assert board.canvas.selection == ("n0",)
    before = board.session.document.project
    at = board.session.sheet.places["n0"]
    board.key(Qt.Key.Key_Right, ALT)
    board.key(Qt.Key.Key_Right, ALT)
    assert board.session.sheet.places["n0"].x == at.x + 8
    undone(board, before)


def test_c_arrows_enter_lays_a_wire(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.canvas.select(("n0",))
    before = board.session.document.project
    board.key(Qt.Key.Key_C)
    board.key(Qt.Key.Key_Down)
    board.key(Qt.Key.Key_Return)
    assert link("n0", "out", "n2", "x") in board.session.links
    undone(board, before)
    board.canvas.select(("n0",))
    board.key(Qt.Key.Key_C)
    board.key(Qt.Key.Key_Escape)
    board.key(Qt.Key.Key_Escape)
    board.check()


def test_rename_with_f2(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.canvas.select(("n0",))
    before = board.session.document.project
    board.key(Qt.Key.Key_F2)
    board.type("first")
    board.key(Qt.Key.Key_Return)
    assert board.session.sheet.graph.nodes["n0"].name == "first"
    assert QApplication.focusWidget() is board.view
    undone(board, before)
    board.key(Qt.Key.Key_F2)
    board.type("n1")
    board.key(Qt.Key.Key_Return)
    assert "Another node is named" in board.session.refusals[-1]


def test_tidy_is_undoable(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.drag(board.body("n0"), board.body("n0") + QPointF(200, 48))
    before = board.session.document.project
    board.key(Qt.Key.Key_L)
    assert board.session.document.undo_title.startswith("Tidy")
    undone(board, before)


def test_a_frame_comes_and_goes(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.canvas.select(("n0", "n1"))
    before = board.session.document.project
    board.key(Qt.Key.Key_G, CTRL)
    board.key(Qt.Key.Key_Escape)  # no other title
    (frame,) = board.scene.frames.values()
    assert frame.rect.contains(board.scene.nodes["n0"].rect)
    undone(board, before)
    assert not board.scene.frames
    board.session.redo()
    board.key(Qt.Key.Key_G, CTRL)
    assert not board.session.sheet.frames
    board.check()


def test_notes_are_written_moved_and_deleted(open_board: Open) -> None:
    board = open_board(chain_project(1))
    board.key(Qt.Key.Key_N)
    board.type("Mind the gap")
    board.key(Qt.Key.Key_Escape)
    (key,) = board.session.sheet.notes
    note = board.session.sheet.notes[key]
    assert note.text == "Mind the gap"
    spot = board.scene.notes[key].pos() + QPointF(240, 20)  # beside the node in the middle
    board.session.now += 10
    before = board.session.document.project
    board.drag(spot, spot + QPointF(40, 60))
    assert board.session.sheet.notes[key].x == note.x + 40
    undone(board, before)
    board.click(spot)
    board.key(Qt.Key.Key_Delete)
    assert not board.session.sheet.notes
    board.check()


def test_a_layer_is_dropped_on_paper_and_on_a_wire(open_board: Open) -> None:
    board = open_board(chain_project(3))
    before = board.session.document.project
    drop(board, "torch.nn.Linear", VOID)
    assert len(board.session.sheet.graph.nodes) == 6
    assert len(board.session.links) == 4
    undone(board, before)
    a, b = board.port("n1", "out", True), board.port("n2", "x", False)
    drop(board, "torch.nn.Dropout", (a + b) / 2)
    (new,) = board.canvas.selection
    assert {link("n1", "out", new, "x"), link(new, "out", "n2", "x")} <= board.session.links
    assert len(board.session.links) == 5
    undone(board, before)


def test_an_architecture_is_drawn_when_dropped(board: Board) -> None:
    drop(board, "vision.lenet5", VOID)
    assert board.session.drawn == ["vision.lenet5"]


def drop(board: Board, kind: str, pos: QPointF) -> None:
    mime = QMimeData()
    mime.setData(KIND_MIME, kind.encode())
    button, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    spot, copy = board.at(pos), Qt.DropAction.CopyAction
    viewport = board.view.viewport()
    for event in (
        QDragEnterEvent(spot, copy, mime, button, keys),
        QDragMoveEvent(spot, copy, mime, button, keys),
        QDropEvent(QPointF(spot), copy, mime, button, keys),
    ):
        QApplication.sendEvent(viewport, event)
    board.qtbot.wait(1)


def test_a_block_is_entered_and_left(open_board: Open) -> None:
    board = open_board(block_project())
    with board.qtbot.waitSignal(board.canvas.sheet_shown):
        board.double_click(board.body("res1"))
    assert (board.canvas.where, board.canvas.prefix) == ("block.Twice", "res1/")
    board.check()
    board.canvas.select(("conv",))
    board.key(Qt.Key.Key_B)
    assert board.session.document.project.blocks["Twice"].sheet.graph.nodes["conv"].flags
    board.key(Qt.Key.Key_Escape)
    board.key(Qt.Key.Key_Escape)
    assert (board.canvas.where, board.canvas.selection) == ("main", ("res1",))
    board.canvas.reveal("main", "res2/act")
    assert (board.canvas.prefix, board.canvas.selection) == ("res2/", ("act",))


def test_the_middle_button_pans_and_the_wheel_zooms_to_the_pointer(board: Board) -> None:
    seen = board.view.seen().center()
    board.drag(VOID, VOID + QPointF(50, 30), button=Qt.MouseButton.MiddleButton)
    moved = board.view.seen().center() - seen
    assert (round(moved.x()), round(moved.y())) == (-50, -30)
    assert board.session.document.project == residual()
    anchor = QPointF(board.at(VOID))
    board.view.set_zoom(2.0, anchor)
    there = board.view.scene_pos(anchor)
    assert abs(there.x() - VOID.x()) < 1
    assert abs(there.y() - VOID.y()) < 1


def test_a_repair_is_applied_with_one_click(board: Board) -> None:
    before = board.session.document.project
    item = board.scene.nodes["fc1"]
    assert item.face.error[0].startswith("Linear needs one flat")
    assert item.face.repairs[0] == ("Insert Flatten", "N×1600")
    top = item.face.header + 8 + 16 * len(item.face.error) + 6
    board.click(item.pos() + QPointF(60, top + 10))
    assert "flat" in board.session.sheet.graph.nodes
    assert board.session.document.undo_title == "Insert Flatten"
    undone(board, before)


def test_a_session_without_wires_or_nodes_invites(open_board: Open) -> None:
    board = open_board(Project())
    assert board.canvas.invitation.isVisible()
    board.canvas.invitation.start.click()
    assert board.session.drawn == ["vision.lenet5"]
    board.canvas.add_layer("torch.nn.Conv2d")
    assert not board.canvas.invitation.isVisible()
    board.check()


def test_sessions_are_not_told_anything_by_looking(board: Board) -> None:
    session: BoardSession = board.session
    revision = session.document.revision
    board.paint()
    board.view.set_zoom(0.2)
    board.paint()
    board.canvas.fit()
    assert session.document.revision == revision
