"""Someone draws a network from nothing with mouse and keys, and is helped where it cannot work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, QPointF

from studio.graph import files
from studio.graph.edits import Disconnect, MoveNodes
from studio.graph.project import Place

if TYPE_CHECKING:
    from conftest import Person

pytestmark = pytest.mark.journey


def screen(me: Person, at: QPointF) -> QPoint:
    """Where a point of the scene is on the screen."""
    view = me.window.build.canvas.view
    return view.viewport().mapToGlobal(view.mapFromScene(at))


def spot(me: Person, node: str, port: str, gives: bool) -> QPoint:
    """Where a port is on the screen."""
    canvas = me.window.build.canvas
    item = canvas.scene.nodes[node]
    found = item.spot(port, gives)
    assert found is not None
    return screen(me, item.pos() + QPointF(found.x, found.y))


def test_draw_connect_repair_undo_and_save(sit_down: Callable[..., Person], tmp_path: Path) -> None:
    path = tmp_path / "mine.loom"
    me = sit_down()
    session, canvas = me.session, me.window.build.canvas

    def graph() -> files.Graph:
        return session.document.project.networks["main"].graph

    # A new project is empty, and says how to begin.
    me.keys("ctrl+n")
    me.until(lambda: not graph().nodes)
    me.until(lambda: canvas.invitation.isVisible())

    # Tab finds layers by a few letters; each one is wired to the one before.
    me.press(canvas.view.viewport())
    for letters in ("input", "conv2d", "relu", "linear", "output"):
        before = len(graph().nodes)
        me.keys("Tab")
        me.type(letters)
        me.keys("Return")
        me.until(lambda n=before: len(graph().nodes) == n + 1)
    assert [node.kind for node in graph().nodes.values()] == [
        "core.input",
        "torch.nn.Conv2d",
        "torch.nn.ReLU",
        "torch.nn.Linear",
        "core.output",
    ]
    assert len(graph().links) == 4

    # A Linear on a feature map cannot work as the person means it: the node says so, in words.
    names = {node.kind: node.id for node in graph().nodes.values()}
    conv, linear = names["torch.nn.Conv2d"], names["torch.nn.Linear"]
    me.until(lambda: session.settled)
    me.until(lambda: any(p.node == linear for p in session.facts.errors))
    problem = next(p for p in session.facts.errors if p.node == linear)
    assert "Linear" in problem.message
    assert problem.repairs
    assert not me.window.toolbar.main.isEnabled()

    # One click repairs it.
    canvas.fit()
    me.rest(0.5)
    item = canvas.scene.nodes[linear]
    assert item.face.repairs
    middle = item.rect.center().x()
    heights = range(int(item.rect.top()), int(item.rect.bottom()), 4)
    point = next(at for y in heights if item.repair_at(at := QPointF(middle, y)) == 0)
    me.press_at(screen(me, point))
    me.until(lambda: any(node.kind == "torch.nn.Flatten" for node in graph().nodes.values()))
    me.until(lambda: session.settled and session.facts.networks["main"].nodes[linear].inferred)
    shape = session.facts.networks["main"].nodes[conv].outputs["out"]
    assert shape.shape[0] == "N"

    # What is left is that ten classes want ten numbers, or nothing at all.
    for _ in range(3):
        if not session.facts.errors:
            break
        row = me.window.build.problems.rows[0]
        assert row.problem.repairs, row.problem
        me.until(row.repair.isVisible)
        me.press(row.repair)
        me.until(lambda: session.settled)
        me.rest(0.3)
    assert session.can_train() == ""
    whole = session.document.project

    # Everything can be undone, to the empty sheet, and brought again.
    for _ in range(60):
        if not session.document.can_undo:
            break
        me.keys("ctrl+z")
    assert not graph().nodes
    for _ in range(60):
        if not session.document.can_redo:
            break
        me.keys("ctrl+shift+z")
    assert session.document.project == whole

    # Wires by hand: cut one by deleting it, lay it again from port to port.
    wire = next(w for w in graph().links if w.target.node == names["torch.nn.ReLU"])
    session.do(Disconnect("main", (wire,)))
    place = session.document.project.networks["main"].places[conv]
    relu = names["torch.nn.ReLU"]
    session.do(MoveNodes("main", {relu: Place(place.x + 320, place.y + 120)}))
    canvas.fit()
    me.rest(0.5)
    me.drag(spot(me, conv, "out", True), spot(me, relu, "x", False))
    me.until(lambda: wire in graph().links)

    # Saved, closed, opened: the same project.
    assert session.save(path)
    saved = session.document.project
    me.leave()
    again = sit_down(path)
    assert again.session.document.project == saved
    assert again.session.document.path == str(path)
    assert files.load(path).project == saved
