"""Many nodes at once: pasted, taken back, and still where the pointer looks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QGraphicsScene

from studio.graph.graph import Graph, Node, link
from studio.graph.project import Place, Project, Sheet

if TYPE_CHECKING:
    from conftest import Open


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
