"""A small residual network, drawn, arranged, explained in words and changed without the mouse."""

from __future__ import annotations

from conftest import Board, Open
from PySide6.QtCore import Qt

from studio.graph.graph import REROUTE, Link
from studio.graph.project import Project

CTRL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
Key = Qt.Key


def add(board: Board, words: str) -> str:
    board.key(Key.Key_Tab)
    board.type(words)
    board.key(Key.Key_Return)
    (new,) = board.canvas.selection
    return new


def named(board: Board) -> set[tuple[str, str, str]]:
    """Every wire as names: from, to, input."""
    nodes = board.session.sheet.graph.nodes

    def words(link: Link) -> tuple[str, str, str]:
        return nodes[link.source.node].name, nodes[link.target.node].name, link.target.port

    return {words(link) for link in board.session.links}


def test_a_network_is_built_arranged_and_changed_by_keys_alone(open_board: Open) -> None:
    board = open_board(Project())
    session = board.session
    for words in ("input", "conv2d", "relu", "add", "output"):
        add(board, words)
    assert named(board) == {
        ("input", "conv", "x"),
        ("conv", "relu", "x"),
        ("relu", "add", "a"),
        ("add", "output", "x"),
    }

    # A skip from the input to the second operand.
    for _ in range(4):
        board.key(Key.Key_Up)
    assert session.sheet.graph.nodes[board.canvas.selection[0]].name == "input"
    board.key(Key.Key_C)
    for _ in range(5):
        if "→ add." in board.canvas.hint.text:
            break
        board.key(Key.Key_Down)
    if "→ add.a" in board.canvas.hint.text:
        board.key(Key.Key_Tab)
    board.key(Key.Key_Backtab)
    board.key(Key.Key_Tab)
    assert "→ add.b" in board.canvas.hint.text
    board.key(Key.Key_Return)
    assert ("input", "add", "b") in named(board)

    # The skip runs through a point, which is moved aside.
    for _ in range(4):
        board.key(Key.Key_W)
        if board.scene.selected_links[0].target.port == "b":
            break
    board.key(Key.Key_R)
    (point,) = board.canvas.selection
    assert session.sheet.graph.nodes[point].kind == REROUTE
    before = session.sheet.places[point]
    board.key(Key.Key_Right, ALT | SHIFT)
    assert session.sheet.places[point].x == before.x + 16

    # Two layers in a frame with a title and a colour, in line with one another.
    board.canvas.finder.open()
    board.type("conv2d")
    board.key(Key.Key_Return)
    board.key(Key.Key_Escape)
    board.key(Key.Key_Down, SHIFT)
    assert [session.sheet.graph.nodes[key].name for key in board.canvas.selection] == [
        "conv",
        "relu",
    ]
    board.key(Key.Key_C, CTRL | SHIFT)
    board.key(Key.Key_G, CTRL)
    board.type("Residual")
    board.key(Key.Key_Return)
    board.key(Key.Key_G, ALT)
    (frame,) = session.sheet.frames.values()
    assert (frame.title, frame.color) == ("Residual", "conv")

    # Another activation, laid out anew, and a word about it.
    board.key(Key.Key_Down)
    board.canvas.select(
        tuple(k for k in frame.nodes if session.sheet.graph.nodes[k].name == "relu")
    )
    board.key(Key.Key_S)
    board.type("dropout")
    board.key(Key.Key_Return)
    assert ("conv", "relu", "x") in named(board)
    board.key(Key.Key_Escape)
    board.key(Key.Key_L)
    board.canvas.arranger.finish()
    board.key(Key.Key_N)
    board.type("Dropout where ReLU was")
    board.key(Key.Key_Escape)
    assert [note.text for note in session.sheet.notes.values()] == ["Dropout where ReLU was"]
    board.check()

    # All of it can be taken back, and brought again.
    whole = session.document.project
    for _ in session.document.steps:
        session.undo()
        board.check()
    assert session.document.project == Project()
    for _ in range(100):
        session.redo()
    assert session.document.project == whole
    board.check()
