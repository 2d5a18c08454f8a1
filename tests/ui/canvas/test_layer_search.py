"""The popup that adds a layer: what it offers, in which order, and what choosing does."""

from __future__ import annotations

from board import CATALOG, chain_project
from conftest import Board, Open
from PySide6.QtCore import QPointF, Qt

from studio.graph.edits import Disconnect
from studio.graph.facts import TensorType
from studio.graph.graph import link
from studio.graph.spec import Port
from studio.ui.canvas.offering import Wish, offers, ranked

VOID = QPointF(900, 560)


def kinds(board: Board) -> list[str]:
    return [entry.spec.title for entry in board.canvas.search_desk.popup.shown]


def test_tab_offers_what_fits_behind_the_selection(board: Board) -> None:
    board.canvas.select(("pool1",))
    board.key(Qt.Key.Key_Tab)
    popup = board.canvas.search_desk.popup
    assert popup.isVisible()
    assert popup.line.placeholderText() == "Add after MaxPool2d…"
    assert "Embedding" not in kinds(board)
    by_title = {entry.spec.title: entry for entry in popup.shown}
    assert by_title["ReLU"].result == "N×32×13×13"
    assert by_title["Conv2d"].result == ""
    board.key(Qt.Key.Key_Escape)
    assert not popup.isVisible()
    board.check()


def test_typing_arrows_and_enter_add_and_connect(open_board: Open) -> None:
    board = open_board(chain_project(1))
    board.canvas.select(("n0",))
    before = board.session.document.project
    board.key(Qt.Key.Key_Tab)
    board.type("re")
    assert kinds(board)[0] == "ReLU"
    board.key(Qt.Key.Key_Return)
    (new,) = board.canvas.selection
    assert board.session.sheet.graph.nodes[new].kind == "torch.nn.ReLU"
    assert link("n0", "out", new, "x") in board.session.links
    board.check()
    board.session.undo()
    assert board.session.document.project == before
    board.check()


def test_a_wire_released_in_the_void_asks_what_to_put_there(open_board: Open) -> None:
    board = open_board(chain_project(1))
    board.drag(board.port("n0", "out", True), VOID)
    popup = board.canvas.search_desk.popup
    assert popup.isVisible()
    board.type("linear")
    board.key(Qt.Key.Key_Return)
    (new,) = board.canvas.selection
    assert link("n0", "out", new, "x") in board.session.links
    place = board.session.sheet.places[new]
    assert abs(place.x + 108 - VOID.x()) <= 4
    board.check()


def test_a_wire_pulled_out_of_an_input_gets_a_producer(open_board: Open) -> None:
    board = open_board(chain_project(1))
    board.session.do(Disconnect("main", (link("n0", "out", "out", "x"),)))
    board.drag(board.port("out", "x", False), VOID)
    board.type("linear")
    board.key(Qt.Key.Key_Return)
    (new,) = board.canvas.selection
    assert link(new, "out", "out", "x") in board.session.links
    board.check()


def test_a_double_click_on_paper_adds_there(open_board: Open) -> None:
    board = open_board(chain_project(1))
    board.double_click(VOID)
    board.type("drop")
    board.key(Qt.Key.Key_Return)
    (new,) = board.canvas.selection
    assert board.session.sheet.graph.nodes[new].kind == "torch.nn.Dropout"
    assert board.session.sheet.graph.incoming.get(new) is None
    board.check()


def test_what_does_not_fit_is_shown_with_reasons_on_demand(board: Board) -> None:
    board.canvas.select(("pool1",))
    board.key(Qt.Key.Key_Tab)
    popup = board.canvas.search_desk.popup
    popup._more.click()
    reasons = {entry.spec.title: entry.reason for entry in popup.shown if entry.reason}
    assert reasons == {"Input": "has no input", "Embedding": "takes int"}
    nodes = len(board.scene.nodes)
    board.type("embed")
    board.key(Qt.Key.Key_Return)
    assert popup.isVisible()
    assert len(board.scene.nodes) == nodes


def test_ranks_decide_what_fits() -> None:
    flat = Wish("", Port("out"), TensorType(("N", 64)))
    reasons = {entry.spec.title: entry.reason for entry in offers(CATALOG.layers, flat)}
    assert reasons["Conv2d"] == "needs 4 dimensions, this wire has 2"
    assert reasons["Linear"] == ""


def test_titles_count_more_than_keywords() -> None:
    found = [entry.spec.title for entry in ranked(offers(CATALOG.layers, Wish()), "conv")]
    assert found[0] == "Conv2d"
    assert ranked(offers(CATALOG.layers, Wish()), "zzz") == []
