"""Many nodes at once: pasted, taken back, and still where the pointer looks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGraphicsScene

from studio.graph.edits import RemoveNodes
from studio.graph.graph import Graph, Node, link
from studio.graph.project import Place, Project, Sheet

if TYPE_CHECKING:
    from conftest import Board, Open


def column(count: int) -> Project:
    """Return nodes in columns of fifty, each wired to the one above it."""
    nodes = {f"n{n}": Node(f"n{n}", "torch.nn.ReLU", f"n{n}") for n in range(count)}
    places = {f"n{n}": Place(n // 50 * 280.0, n % 50 * 112.0) for n in range(count)}
    links = tuple(link(f"n{n - 1}", "out", f"n{n}", "x") for n in range(count) if n % 50)
    return Project({"main": Sheet(Graph(nodes, links), places)})


def test_a_crowd_is_pasted_found_and_taken_back(open_board: Open) -> None:
    board = open_board(column(500))
    scene, canvas = board.scene, board.canvas
    scene.select(scene.nodes)
    new = canvas.editor.paste(canvas.editor.copy())
    board.check()
    assert len(new) == 500
    assert scene.nodes.keys() >= set(new)
    assert scene.itemIndexMethod() is QGraphicsScene.ItemIndexMethod.BspTreeIndex
    last = scene.nodes[new[-1]]
    assert scene.node_at(last.rect.center()) is last
    wire = next(w for w in scene.sheet.graph.links if w.target.node == new[1])
    assert scene.links[wire].route is not None
    board.session.document.undo()
    board.check()
    assert len(scene.nodes) == 500
    first = scene.nodes["n7"]
    assert scene.node_at(first.rect.center()) is first


COUNT = 1200


def pasted(open_board: Open) -> Board:
    """Twelve hundred nodes, and as many that are being pasted."""
    board = open_board(column(COUNT))
    board.scene.select(board.scene.nodes)
    QGuiApplication.clipboard().setText(board.canvas.editor.copy())
    board.canvas.run("paste")
    return board


def test_more_come_some_at_a_time_in_one_step(open_board: Open) -> None:
    board = pasted(open_board)
    assert len(board.session.document.project.sheet("main").graph.nodes) == 2 * COUNT
    assert COUNT < len(board.scene.nodes) < 2 * COUNT
    assert board.canvas.hint.text == "Drawing nodes: 1,000 of 1,200. Esc takes them back."
    board.qtbot.waitUntil(lambda: len(board.scene.nodes) == 2 * COUNT)
    board.check()
    assert len(board.canvas.selection) == COUNT
    assert "n0" not in board.canvas.selection
    board.session.document.undo()
    board.check()
    board.session.document.redo()
    board.canvas.arriving.finish()
    board.check()


def test_escape_takes_back_what_is_still_coming(open_board: Open) -> None:
    board = pasted(open_board)
    board.key(Qt.Key.Key_Escape)
    assert len(board.session.document.project.sheet("main").graph.nodes) == COUNT
    assert board.session.document.can_redo
    board.check()
    board.qtbot.wait(20)
    assert len(board.scene.nodes) == COUNT


def test_any_other_deed_finds_everything_there(open_board: Open) -> None:
    board = pasted(open_board)
    board.key(Qt.Key.Key_Delete)
    board.check()
    assert board.scene.nodes.keys() == {f"n{n}" for n in range(COUNT)}  # what was pasted was chosen


def test_what_undo_brings_back_is_not_taken_back_by_escape(open_board: Open) -> None:
    board = open_board(column(COUNT))
    board.session.do(RemoveNodes("main", tuple(board.scene.nodes)))
    board.session.document.undo()
    assert board.canvas.hint.text == "Drawing nodes: 1,000 of 1,200."
    board.key(Qt.Key.Key_Escape)
    board.check()
    assert len(board.scene.nodes) == COUNT
