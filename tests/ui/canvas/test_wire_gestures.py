"""Wires bent, healed and spliced, nodes swapped and chosen: with mouse events and with keys alone."""

from __future__ import annotations

from itertools import pairwise

from board import CATALOG, BoardSession, _node, chain_project, residual, residual_facts
from conftest import Board, Open
from msgspec.structs import replace
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from studio.graph.edits import AddNodes, Disconnect, MoveNodes, SetFrame
from studio.graph.facts import NodeFacts, TensorType
from studio.graph.graph import REROUTE, link
from studio.graph.project import Frame, Place, Project
from studio.graph.spec import LayerSpec, Port
from studio.session.events import CatalogChanged
from studio.ui.canvas import menus

CTRL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
VOID = QPointF(900, 460)


def middle(board: Board, source: str, target: str) -> QPointF:
    return (board.port(source, "out", True) + board.port(target, "x", False)) / 2


def undone(board: Board, before: Project) -> None:
    board.check()
    assert board.session.document.project != before
    board.session.undo()
    assert board.session.document.project == before
    board.check()


def open_wide(open_board: Open) -> Board:
    """A chain with room between its nodes, and one node that has no wires."""
    board = open_board(chain_project(3))
    places = {key: Place(0.0, n * 130.0) for n, key in enumerate(board.session.sheet.places)}
    board.session.do(MoveNodes("main", places))
    free = _node("free", "Dropout")
    board.session.do(AddNodes("main", (free,), {"free": Place(500, 200)}))
    board.canvas.fit()
    board.view.set_zoom(1.0)
    board.view.show_point(board.scene.content())
    board.session.now += 10
    return board


def test_a_double_click_on_a_wire_bends_it_and_delete_heals(open_board: Open) -> None:
    board = open_wide(open_board)
    before = board.session.document.project
    board.double_click(middle(board, "n0", "n1"))
    (point,) = board.canvas.selection
    assert board.session.sheet.graph.nodes[point].kind == REROUTE
    assert {link("n0", "out", point, "x"), link(point, "out", "n1", "x")} <= board.session.links
    spot = board.scene.nodes[point].rect.center()
    wanted = middle(board, "n0", point)
    assert abs(spot.x() - wanted.x()) < 8
    board.check()
    board.key(Qt.Key.Key_Delete)
    assert link("n0", "out", "n1", "x") in board.session.links
    assert board.session.document.project == before
    board.check()


def test_a_point_is_dragged(open_board: Open) -> None:
    board = open_wide(open_board)
    board.double_click(middle(board, "n0", "n1"))
    (point,) = board.canvas.selection
    board.canvas.preferences.change(guides=False)
    at = board.session.sheet.places[point]
    grip = board.scene.nodes[point].rect.center()
    board.canvas.editor.move(200, 0)
    assert board.session.sheet.places[point].x == at.x + 200
    assert grip.x() + 200 == board.scene.nodes[point].rect.center().x()
    board.check()


def test_a_wire_is_bent_by_keys_alone(open_board: Open) -> None:
    board = open_wide(open_board)
    board.canvas.select(("n0",))
    board.key(Qt.Key.Key_W)
    assert board.scene.selected_links == (link("n0", "out", "n1", "x"),)
    board.key(Qt.Key.Key_W)
    assert board.scene.selected_links == (link("x", "out", "n0", "x"),)
    board.key(Qt.Key.Key_R)
    (point,) = board.canvas.selection
    assert link("x", "out", point, "x") in board.session.links
    board.key(Qt.Key.Key_Delete)
    assert link("x", "out", "n0", "x") in board.session.links
    board.key(Qt.Key.Key_W)
    board.key(Qt.Key.Key_Down)
    assert len(board.canvas.selection) == 1  # from a wire to its end
    board.check()


def test_alt_takes_a_node_out_and_heals_its_wire(open_board: Open) -> None:
    board = open_wide(open_board)
    before = board.session.document.project
    board.drag(board.body("n1"), board.body("n1") + QPointF(280, 30), keys=ALT, drop=False)
    assert "Release to take it out" in board.canvas.hint.text
    QTest.mouseRelease(
        board.view.viewport(),
        Qt.MouseButton.LeftButton,
        ALT,
        board.at(board.body("n1")),
    )
    assert link("n0", "out", "n2", "x") in board.session.links
    assert "n1" not in board.session.sheet.graph.incoming
    assert board.session.sheet.places["n1"].x > 100
    undone(board, before)


def test_alt_counts_from_when_it_is_pressed(open_board: Open) -> None:
    board = open_wide(open_board)
    board.drag(board.body("n1"), board.body("n1") + QPointF(280, 30), drop=False)
    assert "Alt takes it out" in board.canvas.hint.text
    # Qt itself adds the modifier that the key stands for.
    press = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Alt, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(board.view, press)
    assert "Release to take it out" in board.canvas.hint.text
    board.key(Qt.Key.Key_Escape)
    assert not board.canvas.hint.isVisible()
    board.check()


def test_a_node_in_a_frame_leaves_it_when_taken_out(open_board: Open) -> None:
    board = open_wide(open_board)
    board.session.do(SetFrame("main", "f1", Frame("Stem", ("n0", "n1"))))
    before = board.session.document.project
    board.canvas.select(("n1",))
    board.key(Qt.Key.Key_X, ALT)
    assert board.session.sheet.frames["f1"].nodes == ("n0",)
    assert link("n0", "out", "n2", "x") in board.session.links
    undone(board, before)


def test_a_free_node_dropped_on_a_wire_goes_into_it(open_board: Open) -> None:
    board = open_wide(open_board)
    before = board.session.document.project
    wire = link("n1", "out", "n2", "x")
    grip = board.body("free")
    board.drag(grip, middle(board, "n1", "n2"), drop=False)
    assert board.scene.hovered == wire
    assert "between n1 and n2" in board.canvas.hint.text
    QTest.mouseRelease(
        board.view.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        board.at(middle(board, "n1", "n2")),
    )
    links = board.session.links
    assert {link("n1", "out", "free", "x"), link("free", "out", "n2", "x")} <= links
    assert wire not in links
    rects = [item.rect for item in board.scene.nodes.values()]
    assert not any(a.intersects(b) for n, a in enumerate(rects) for b in rects[:n])
    undone(board, before)


def test_neighbours_make_room_for_what_is_spliced(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.session.do(AddNodes("main", (_node("free", "Conv2d"),), {"free": Place(500, 200)}))
    board.session.now += 10
    wire = link("n2", "out", "out", "x")
    assert board.canvas.editor.stitching.splice_node("free", wire)
    board.check()
    rects = [item.rect for item in board.scene.nodes.values()]
    assert not any(a.intersects(b) for n, a in enumerate(rects) for b in rects[:n])


def test_a_node_with_wires_is_not_spliced(open_board: Open) -> None:
    board = open_wide(open_board)
    wire = link("n1", "out", "n2", "x")
    assert "wires of its own" in board.canvas.editor.stitching.why_no_splice("n0", wire)
    assert not board.canvas.editor.stitching.splice_node("n0", wire)
    assert "an end of this wire" in board.canvas.editor.stitching.why_no_splice("n1", wire)
    board.check()


def test_deleting_joins_the_wire_when_asked(open_board: Open) -> None:
    board = open_wide(open_board)
    before = board.session.document.project
    board.canvas.select(("n0", "n1"))
    board.key(Qt.Key.Key_Delete, SHIFT)
    assert link("x", "out", "n2", "x") in board.session.links
    undone(board, before)


def test_shift_drag_is_a_lasso(open_board: Open) -> None:
    board = open_wide(open_board)
    viewport, left = board.view.viewport(), Qt.MouseButton.LeftButton
    ring = [
        board.scene.nodes[key].rect.center() + QPointF(dx, dy)
        for key, dx, dy in (
            ("n0", -150, -40),
            ("n0", 150, -40),
            ("n1", 150, 50),
            ("n1", -150, 50),
            ("n0", -150, -40),
        )
    ]
    QTest.mousePress(viewport, left, SHIFT, board.at(ring[0]))
    for a, b in pairwise(ring):
        for step in range(1, 6):
            spot = QPointF(board.at(a + (b - a) * step / 5))
            there = QPointF(viewport.mapToGlobal(spot.toPoint()))
            none = Qt.MouseButton.NoButton
            event = QMouseEvent(QEvent.Type.MouseMove, spot, there, none, left, SHIFT)
            QApplication.sendEvent(viewport, event)
    assert set(board.canvas.selection) == {"n0", "n1"}
    board.key(Qt.Key.Key_Escape)
    assert board.canvas.selection == ()
    board.check()


def test_the_tools_of_the_menu_hold_for_one_drag(open_board: Open) -> None:
    board = open_wide(open_board)
    board.canvas.commands["cut_tool"].trigger()
    assert "cut" in board.canvas.hint.text
    spot = middle(board, "n1", "n2")
    board.drag(spot - QPointF(80, 0), spot + QPointF(80, 2))
    assert link("n1", "out", "n2", "x") not in board.session.links
    assert board.canvas.hand.tool == "box"
    board.canvas.commands["lasso"].trigger()
    board.key(Qt.Key.Key_Escape)
    assert board.canvas.hand.tool == "box"
    board.check()


def test_swap_keeps_wires_name_and_place(open_board: Open) -> None:
    board = open_wide(open_board)
    before = board.session.document.project
    board.canvas.select(("n0",))
    board.key(Qt.Key.Key_S)
    popup = board.canvas.search_desk.popup
    assert popup.line.placeholderText() == "Swap Conv2d for…"
    assert "Conv2d" not in [entry.spec.title for entry in popup.shown]
    assert "Output" not in [entry.spec.title for entry in popup.shown]
    board.type("maxpool")
    board.key(Qt.Key.Key_Return)
    node = board.session.sheet.graph.nodes["n0"]
    assert (node.kind, node.name) == ("torch.nn.MaxPool2d", "n0")
    assert link("x", "out", "n0", "x") in board.session.links
    assert link("n0", "out", "n1", "x") in board.session.links
    undone(board, before)


def test_a_wire_is_laid_to_a_chosen_port_by_keys(open_board: Open) -> None:
    board = open_board(residual())
    board.session.do(Disconnect("main", (link("pool1", "out", "add", "b"),)))
    board.canvas.select(("pool1",))
    board.key(Qt.Key.Key_C)
    walk = board.canvas.hand.walk
    walk._aim("add")
    assert "pool1.out → add.b" in board.canvas.hint.text
    board.key(Qt.Key.Key_Tab)
    assert "pool1.out → add.a" in board.canvas.hint.text
    assert not board.canvas.search_desk.popup.isVisible()
    board.key(Qt.Key.Key_Tab)
    board.key(Qt.Key.Key_Return)
    assert link("pool1", "out", "add", "b") in board.session.links
    walk.start_connecting()
    walk._aim("x")
    assert "takes nothing" in board.canvas.hint.text
    board.key(Qt.Key.Key_Escape)
    assert not board.canvas.hint.isVisible()
    board.check()


def test_shift_and_arrows_choose_several(open_board: Open) -> None:
    board = open_board(chain_project(3))
    board.canvas.select(("x",))
    board.key(Qt.Key.Key_Down, SHIFT)
    board.key(Qt.Key.Key_Down, SHIFT)
    assert board.canvas.selection == ("x", "n0", "n1")
    board.key(Qt.Key.Key_Down)
    assert board.canvas.selection == ("n2",)


def test_notes_are_reached_written_and_moved_by_keys(open_board: Open) -> None:
    board = open_board(residual())
    board.key(Qt.Key.Key_N, SHIFT)
    assert board.scene.selected_note == "note1"
    before = board.session.sheet.notes["note1"]
    board.key(Qt.Key.Key_Right, ALT)
    assert board.session.sheet.notes["note1"].x == before.x + 4
    board.key(Qt.Key.Key_Return)
    board.type("Other words")
    board.key(Qt.Key.Key_Escape)
    assert board.session.sheet.notes["note1"].text == "Other words"
    board.check()


def test_bypass_says_at_once_what_it_changes(board: Board) -> None:
    board.canvas.select(("relu1",))
    board.key(Qt.Key.Key_B)
    assert not board.canvas.hint.isVisible()  # it keeps the shape
    board.canvas.select(("pool1",))
    board.key(Qt.Key.Key_B)
    said = board.canvas.hint.text
    assert said == "Without pool1, rconv1 gets N×32×26×26 instead of N×32×13×13."


def test_bypass_says_when_the_next_layer_cannot_take_it(open_board: Open) -> None:
    project = residual()
    facts = residual_facts(project)
    nodes = facts.networks["main"].nodes
    nodes["rrelu2"] = NodeFacts({"x": TensorType(("N", 128))}, nodes["rrelu2"].outputs)
    board = open_board(project, facts)
    board.canvas.select(("rrelu2",))
    board.key(Qt.Key.Key_B)
    text = board.canvas.hint.text
    assert "conv2 gets N×128 instead of N×32×13×13, which conv2 does not take" in text


def test_every_menu_offers_commands_that_exist(board: Board) -> None:
    parts = [
        value
        for name, value in sorted(vars(menus).items())
        if name.startswith("_") and isinstance(value, tuple)
    ]
    assert len(parts) > 6
    for items in parts:
        menu = QMenu()
        menus.fill(menu, items, board.canvas.commands.actions, QMenu)
        assert menu.actions()


def test_menus_follow_what_is_below_the_pointer(board: Board) -> None:
    scene = board.scene
    board.canvas.select(())
    assert "find" in menus.menu_of(scene, False)
    board.canvas.select(("conv1",))
    assert "swap" in menus.menu_of(scene, False)
    board.canvas.select(("conv1", "relu1"))
    assert "take_out" in menus.menu_of(scene, False)
    assert "remove_frame" in menus.menu_of(scene, True)
    scene.select(links=(link("x", "out", "conv1", "x"),))
    assert "reroute" in menus.menu_of(scene, False)


def test_no_two_actions_share_a_key(board: Board) -> None:
    keys: dict[str, str] = {}
    for name, action in board.canvas.commands.actions.items():
        for shortcut in action.shortcuts():
            text = shortcut.toString()
            assert text not in keys, f"{name} and {keys[text]} both have {text}"
            keys[text] = name


def test_the_catalogue_of_the_board_knows_points() -> None:
    assert REROUTE in CATALOG.layers
    assert BoardSession().spec(_node("p", REROUTE)) is CATALOG.layers[REROUTE]


def test_what_gives_another_type_does_not_go_into_a_wire(open_board: Open) -> None:
    board = open_wide(open_board)
    before = board.session.document.project
    assert board.canvas.editor.splice("torch.nn.Embedding", link("n0", "out", "n1", "x")) == ""
    assert "needs whole numbers" in board.canvas.hint.text
    assert board.session.document.project is before


def test_a_wire_that_cannot_be_joined_is_left_open_and_told(open_board: Open) -> None:
    project = chain_project(3)
    board = open_board(project)
    ids = LayerSpec(
        kind="x.Ids", title="Ids", category="io", inputs=(), outputs=(Port("out", "int"),)
    )
    board.session.catalog = replace(CATALOG, layers=CATALOG.layers | {ids.kind: ids})
    board.canvas.on_event(CatalogChanged(board.session.catalog))
    nodes = (_node("ids", "x.Ids"), _node("emb", "Embedding"))
    links = (link("ids", "out", "emb", "ids"), link("emb", "out", "n0", "x"))
    places = {"ids": Place(500, 0), "emb": Place(500, 100)}
    board.session.do(Disconnect("main", (link("x", "out", "n0", "x"),)))
    board.session.do(AddNodes("main", nodes, places, links))
    board.canvas.select(("emb",))
    board.key(Qt.Key.Key_Delete, SHIFT)
    assert "emb" not in board.session.sheet.graph.nodes
    assert not any(one.source.node == "ids" for one in board.session.links)
    assert "gives whole numbers" in board.canvas.hint.text
    board.check()
    board.session.undo()
    board.key(Qt.Key.Key_X, ALT)
    board.canvas.select(("emb",))
    board.key(Qt.Key.Key_X, ALT)
    assert not any(one.source.node == "ids" for one in board.session.links)
    board.check()


def test_the_menu_key_opens_the_menu_of_what_is_selected(open_board: Open) -> None:
    board = open_wide(open_board)
    board.canvas.select(("n0",))
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Keyboard, board.at(VOID), board.view.mapToGlobal(board.at(VOID))
    )
    QApplication.sendEvent(board.view.viewport(), event)
    assert board.canvas.selection == ("n0",)
    menu = next(one for one in board.canvas.findChildren(QMenu) if one.isVisible())
    assert "Swap for…" in [action.text() for action in menu.actions()]
    assert "(S)" in next(one for one in menu.actions() if one.text() == "Swap for…").toolTip()
    menu.close()


def test_ports_of_other_dimensions_fade(open_board: Open) -> None:
    project = residual()
    board = open_board(project, residual_facts(project, whole=True))
    free = (_node("free_conv", "Conv2d"), _node("free_fc", "Linear"))
    board.session.do(
        AddNodes("main", free, {"free_conv": Place(900, 0), "free_fc": Place(900, 90)})
    )
    start = board.port("fc2", "out", True)  # N×10
    board.drag(start, start + QPointF(-90, 30), drop=False)
    assert "in x" in board.scene.nodes["free_conv"].faded
    assert "in x" not in board.scene.nodes["free_fc"].faded
    board.key(Qt.Key.Key_Escape)
    board.check()


def test_nodes_go_from_one_window_to_another_as_text(open_board: Open) -> None:
    first, second = open_board(chain_project(3)), open_board(Project())
    first.canvas.select(("n0", "n1"))
    first.canvas.commands["copy"].trigger()
    text = QApplication.clipboard().text()
    assert "torch.nn.Conv2d" in text
    second.canvas.commands["paste"].trigger()
    nodes = second.session.sheet.graph.nodes
    assert [node.kind for node in nodes.values()] == ["torch.nn.Conv2d", "torch.nn.ReLU"]
    assert len(second.session.links) == 1
