"""Nodes in line, laid out anew, in frames, with guides: by mouse and by keys, each one undo step."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping

import pytest
from board import CATALOG, chain_project, residual
from conftest import Board, Open
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QMenu

from studio.graph.edits import MoveNodes, RemoveNodes, SetFrame
from studio.graph.graph import Graph
from studio.graph.project import Frame, Place
from studio.graph.spec import LayerSpec
from studio.ui.canvas import arranger
from studio.ui.canvas.arranger import LayoutWork

CTRL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def scattered(open_board: Open) -> Board:
    """A chain whose nodes stand anywhere."""
    board = open_board(chain_project(3))
    places = {key: Place(n * 40.0, n * 100.0) for n, key in enumerate(board.session.sheet.places)}
    board.session.do(MoveNodes("main", places))
    board.session.now += 10
    return board


def xs(board: Board) -> dict[str, float]:
    board.canvas.arranger.finish()
    return {key: item.pos().x() for key, item in board.scene.nodes.items()}


@pytest.mark.parametrize(
    ("key", "keys"), [(Qt.Key.Key_Left, CTRL | SHIFT), (Qt.Key.Key_C, CTRL | SHIFT)]
)
def test_keys_align_and_undo_puts_back(
    open_board: Open, key: Qt.Key, keys: Qt.KeyboardModifier
) -> None:
    board = scattered(open_board)
    before = board.session.document.project
    board.canvas.select(("n0", "n1", "n2"))
    board.key(key, keys)
    found = xs(board)
    assert found["n0"] == found["n1"] == found["n2"]
    assert found["x"] == 0
    board.check()
    board.session.undo()
    assert board.session.document.project == before
    board.check()


def test_distribute_and_straighten(open_board: Open) -> None:
    board = scattered(open_board)
    places = {"n1": Place(80, 140)}
    board.session.do(MoveNodes("main", places))
    board.canvas.select(("n0", "n1", "n2"))
    board.key(Qt.Key.Key_V, CTRL | SHIFT)
    board.canvas.arranger.finish()
    rects = [board.scene.nodes[key].rect for key in ("n0", "n1", "n2")]
    gaps = [b.top() - a.bottom() for a, b in itertools.pairwise(rects)]
    assert abs(gaps[0] - gaps[1]) <= 4
    board.key(Qt.Key.Key_L, CTRL | SHIFT)
    found = xs(board)
    assert found["n0"] == found["n1"] == found["n2"]
    board.check()


def test_what_needs_more_nodes_says_so(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.canvas.select(("n0",))
    action = board.canvas.commands["align_left"]
    assert not action.isEnabled()
    assert "Select two nodes" in action.statusTip()


def test_nodes_glide_to_their_places(open_board: Open) -> None:
    board = scattered(open_board)
    board.key(Qt.Key.Key_L)
    goal = board.session.sheet.places["out"]
    assert board.scene.nodes["out"].pos().x() != goal.x  # on its way
    board.qtbot.waitUntil(lambda: board.scene.nodes["out"].pos().x() == goal.x, timeout=5000)
    board.check()


def test_without_motion_nodes_are_there_at_once(
    open_board: Open,
) -> None:
    board = scattered(open_board)
    board.canvas.preferences.change(reduced_motion=True)
    board.key(Qt.Key.Key_L)
    assert board.scene.nodes["out"].pos().x() == board.session.sheet.places["out"].x


def test_only_what_is_selected_is_laid_out(open_board: Open) -> None:
    board = scattered(open_board)
    before = board.session.sheet.places
    board.canvas.select(("n0", "n1", "n2"))
    board.key(Qt.Key.Key_L)
    after = board.session.sheet.places
    assert after["x"] == before["x"]
    assert after["out"] == before["out"]
    assert after["n2"] != before["n2"]
    assert min(after[key].x for key in ("n0", "n1", "n2")) == before["n0"].x
    board.check()


class Stubborn(LayoutWork):
    """A layout that ends when it is told to."""

    gate = threading.Event()

    def run(self) -> None:
        self.gate.wait(10)
        super().run()


def slow_board(open_board: Open, monkeypatch: pytest.MonkeyPatch) -> Board:
    Stubborn.gate = threading.Event()
    monkeypatch.setattr(arranger, "LayoutWork", Stubborn)
    monkeypatch.setattr(arranger, "AT_ONCE", 0)
    board = scattered(open_board)
    board.key(Qt.Key.Key_L)
    assert board.canvas.arranger.busy
    assert "Press L again to stop" in board.canvas.hint.text
    return board


def test_a_large_sheet_is_laid_out_beside_the_window(
    open_board: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = slow_board(open_board, monkeypatch)
    board.click(board.body("n0"))  # the window answers meanwhile
    assert board.canvas.selection == ("n0",)
    Stubborn.gate.set()
    board.qtbot.waitUntil(lambda: not board.canvas.arranger.busy, timeout=5000)
    assert board.session.document.undo_title.startswith("Tidy")
    board.check()


def test_a_layout_is_stopped_by_the_same_key(
    open_board: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = slow_board(open_board, monkeypatch)
    before = board.session.document.project
    board.key(Qt.Key.Key_L)
    assert not board.canvas.arranger.busy
    Stubborn.gate.set()
    board.qtbot.wait(60)
    assert board.session.document.project is before
    assert "stopped" in board.canvas.hint.text


def test_a_layout_of_a_sheet_that_changed_moves_nothing(
    open_board: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = slow_board(open_board, monkeypatch)
    board.session.do(RemoveNodes("main", ("n1",)))
    changed = board.session.document.project
    Stubborn.gate.set()
    board.qtbot.waitUntil(lambda: not board.canvas.arranger.busy, timeout=5000)
    assert board.session.document.project is changed
    assert "changed meanwhile" in board.canvas.hint.text


def test_a_layout_that_nobody_wants_ends() -> None:
    graph = residual().networks["main"].graph
    specs: Mapping[str, LayerSpec] = CATALOG.layers
    work = LayoutWork(graph, specs, {}, False)
    work.cancel()
    work.run()
    assert not work.done
    empty = LayoutWork(Graph(), specs, {}, False)
    empty.run()
    assert empty.done


def test_guides_pull_a_dragged_node_and_ctrl_lets_go(open_board: Open) -> None:
    board = open_board(chain_project(3))
    before = board.session.document.project
    start = board.session.sheet.places["n2"]
    board.drag(board.body("n2"), board.body("n2") + QPointF(300, 0))
    board.session.now += 10
    board.drag(board.body("n2"), board.body("n2") + QPointF(-296, 40))
    assert board.session.sheet.places["n2"].x == start.x  # 4 px beside: pulled back in line
    board.session.undo()
    board.drag(board.body("n2"), board.body("n2") + QPointF(-296, 40), keys=CTRL, drop=False)
    # Ctrl and a press choose nodes; held only afterwards, it moves them freely.
    board.key(Qt.Key.Key_Escape)
    board.session.undo()
    assert board.session.document.project == before
    board.check()


def test_guides_are_drawn_while_a_node_is_in_line(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.drag(board.body("n2"), board.body("n2") + QPointF(3, 90), drop=False)
    gesture = board.canvas.hand.gesture
    assert gesture is not None
    assert gesture._lines is not None
    assert not gesture._lines.path().isEmpty()
    board.key(Qt.Key.Key_Escape)
    board.check()
    board.canvas.commands["guides"].trigger()
    assert "off" in board.canvas.hint.text
    board.drag(board.body("n2"), board.body("n2") + QPointF(3, 90), drop=False)
    assert board.canvas.hand.gesture._lines is None
    board.key(Qt.Key.Key_Escape)
    board.check()


def test_a_frame_gets_a_title_and_a_colour_by_keys(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.canvas.select(("n0", "n1"))
    board.key(Qt.Key.Key_G, CTRL)
    board.type("Stem")
    board.key(Qt.Key.Key_Return)
    (key,) = board.session.sheet.frames
    assert board.session.sheet.frames[key] == Frame("Stem", ("n0", "n1"))
    board.key(Qt.Key.Key_G, ALT)
    assert board.session.sheet.frames[key].color == "conv"
    assert board.scene.frames[key].color == "conv"
    board.canvas.select(("n0",))
    board.key(Qt.Key.Key_G, CTRL | SHIFT)
    assert board.canvas.selection == ("n0", "n1")
    board.paint()
    board.check()


def test_a_frame_carries_its_nodes_and_takes_in_what_is_dropped(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.session.do(MoveNodes("main", {"n0": Place(400, 200), "n1": Place(400, 264)}))
    board.session.do(SetFrame("main", "f1", Frame("Stem", ("n0", "n1"))))
    before = board.session.document.project
    header = board.scene.frames["f1"].header.rect.topLeft() + QPointF(200, 10)
    board.drag(header, header + QPointF(200, 0))
    places = board.session.sheet.places
    assert (places["n0"].x, places["n1"].x) == (600, 600)
    board.session.now += 10
    inside = board.scene.frames["f1"].rect.center()
    board.drag(board.body("n2"), inside)
    assert set(board.session.sheet.frames["f1"].nodes) == {"n0", "n1", "n2"}
    board.check()
    board.session.undo()
    board.session.undo()
    assert board.session.document.project == before


def test_the_menu_of_a_frame_paints_it(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.session.do(SetFrame("main", "f1", Frame("Stem", ("n0", "n1"))))
    board.canvas.select(("n0", "n1"))
    menu: QMenu = board.canvas._color_menu()
    titles = [action.text() for action in menu.actions()]
    assert titles[:2] == ["None", "Convolution"]
    menu.actions()[2].trigger()
    assert board.session.sheet.frames["f1"].color == "pool"
    board.canvas.commands["take_from_frame"].trigger()
    assert not board.session.sheet.frames
    board.check()
