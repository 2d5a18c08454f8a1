"""The popup that adds a layer: what it offers, in which order, and what choosing does."""

from __future__ import annotations

from board import CATALOG, block_project, chain_project
from conftest import Board, Open
from PySide6.QtCore import QPointF, Qt

from studio.engine import protocol as p
from studio.graph.edits import Disconnect
from studio.graph.facts import TensorType
from studio.graph.graph import link
from studio.graph.offers import Offer, entry
from studio.graph.project import Project
from studio.graph.spec import LayerSpec, Port
from studio.ui.canvas.offering import Known, Wish, offers, ranked

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


def test_the_likeliest_layers_come_first() -> None:
    map_ = Wish("", Port("out"), TensorType(("N", 32, 13, 13)), "conv")
    titles = [entry.spec.title for entry in offers(CATALOG.layers, map_) if not entry.reason]
    assert titles[:2] == ["BatchNorm2d", "ReLU"]
    assert titles.index("Linear") > titles.index("MaxPool2d")
    assert "Reroute" not in titles
    often = Known(used={"torch.nn.MaxPool2d": 3})
    used = [entry.spec.title for entry in offers(CATALOG.layers, map_, often)]
    assert used.index("MaxPool2d") <= titles.index("MaxPool2d")


def test_what_was_tried_decides(board: Board) -> None:
    flat = TensorType(("N", 5408))
    board.session.offers = {
        "torch.nn.Flatten": Offer(flat),
        "torch.nn.Linear": Offer(reason="Linear needs one flat vector per sample. Insert Flatten."),
        "core.add": Offer(TensorType(("N", 32, 13, 13)), open=("b",)),
    }
    board.canvas.select(("pool1",))
    board.key(Qt.Key.Key_Tab)
    (asked,) = [one for one in board.session.asked if isinstance(one, p.GetOffers)]
    assert asked.gap.arrives is not None
    assert asked.gap.arrives.text == "N×32×13×13"
    by_title = {entry.spec.title: entry for entry in board.canvas.search_desk.popup.shown}
    assert by_title["Flatten"].result == "N×5408"
    assert by_title["Add"].open == ("b",)
    assert "Linear" not in by_title
    board.type("linear")  # a whole name is meant, also where it takes a repair
    assert kinds(board)[0] == "Linear"
    board.key(Qt.Key.Key_Escape)


def test_an_answer_that_comes_late_keeps_what_is_typed_and_chosen(board: Board) -> None:
    board.canvas.select(("pool1",))
    board.key(Qt.Key.Key_Tab)
    popup = board.canvas.search_desk.popup
    board.key(Qt.Key.Key_Down)
    board.key(Qt.Key.Key_Down)
    chosen = popup.list.currentItem().text()
    popup.refine(Known({"torch.nn.Conv2d": Offer(reason="Conv2d cannot.")}))
    assert popup.list.currentItem().text() == chosen
    board.type("flat")
    popup.refine(Known())
    assert popup.line.text() == "flat"
    assert kinds(board) == ["Flatten"]


def test_in_a_wire_only_what_lets_data_through_is_offered(board: Board) -> None:
    board.scene.select(links=(link("pool1", "out", "rconv1", "x"),))
    board.key(Qt.Key.Key_Tab)
    gap = board.session.asked[-1].gap
    assert gap.taker.name == "rconv1"
    assert "Output" not in kinds(board)
    board.type("dropout")
    board.key(Qt.Key.Key_Return)
    (new,) = board.canvas.selection
    assert link(new, "out", "rconv1", "x") in board.session.links
    board.check()


def test_other_operands_are_told_to_the_engine(board: Board) -> None:
    board.scene.select(links=(link("rbn2", "out", "add", "a"),))
    board.key(Qt.Key.Key_Return)
    gap = board.session.asked[-1].gap
    assert gap.port == "a"
    assert {port: kind.text for port, kind in gap.others.items()} == {"b": "N×32×13×13"}
    board.key(Qt.Key.Key_Escape)


def test_a_block_does_not_offer_itself(open_board: Open) -> None:
    board = open_board(block_project())
    board.key(Qt.Key.Key_Tab)
    board.type("twice")
    assert kinds(board) == ["Twice"]
    board.key(Qt.Key.Key_Escape)
    board.double_click(board.body("res1"))
    board.canvas.select(("conv",))
    board.key(Qt.Key.Key_Tab)
    board.type("twice")
    assert kinds(board) == []
    board.key(Qt.Key.Key_Escape)


def test_a_wire_enters_where_its_type_fits() -> None:
    attention = LayerSpec(
        kind="x.Masked",
        title="Masked",
        category="attn",
        inputs=(Port("mask", "mask", optional=True), Port("x", "float", ranks=(3,))),
    )
    found = entry(attention, "float", 3)
    assert found is not None
    assert found.name == "x"
    assert entry(attention, "int") is None


def test_nothing_drawn_begins_with_an_input_and_goes_on_without_another(open_board: Open) -> None:
    board = open_board(Project())
    board.double_click(VOID)
    assert kinds(board)[0] == "Input"
    board.key(Qt.Key.Key_Return)
    (first,) = board.session.sheet.graph.nodes.values()
    assert first.kind == "core.input"
    board.canvas.select(())
    board.double_click(VOID + QPointF(0, -300))
    assert board.canvas.search_desk.popup.isVisible()
    assert kinds(board)[0] != "Input"
    board.key(Qt.Key.Key_Escape)
    board.check()
