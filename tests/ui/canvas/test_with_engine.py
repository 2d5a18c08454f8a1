"""The canvas over a real session whose engine really infers: mistakes are shown, repaired, undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from studio import paths
from studio.engine import in_process
from studio.engine.client import Client
from studio.engine.service import Service
from studio.engine.setup import Setup
from studio.graph.builder import Net
from studio.graph.edits import Disconnect
from studio.graph.graph import link
from studio.graph.project import DataRef, Project
from studio.session.session import Session
from studio.ui.canvas import Canvas
from studio.ui.canvas.faces import repair_top
from studio.ui.theme import Theme


def without_flatten() -> Project:
    """A convolution that feeds a Linear directly."""
    net = Net()
    x = net.add("torch.nn.Conv2d", net.input(), name="conv1", out_channels=6, kernel_size=3)
    x = net.add("torch.nn.ReLU", x, name="act")
    net.output(net.add("torch.nn.Linear", x, name="fc", out_features=10))
    return net.project(DataRef("sklearn.digits"))


@pytest.fixture
def session() -> Iterator[Session]:
    def connect(role: str) -> Client:
        return in_process.connect(Service(Setup("workbench" if role == "workbench" else "job")))

    made = Session(connect, paths.find())
    made.start()
    yield made
    made.close()


def test_a_mistake_is_shown_repaired_and_undone(
    qtbot: QtBot, theme: Theme, session: Session
) -> None:
    canvas = Canvas(session, theme)
    session.subscribe(canvas.on_event)
    qtbot.addWidget(canvas)
    canvas.resize(1200, 900)
    canvas.show()
    session.new(without_flatten())
    scene = canvas.scene

    def pumped(done: Callable[[], bool]) -> None:
        def pump() -> bool:
            session.pump()
            return done()

        qtbot.waitUntil(pump, timeout=60_000)

    pumped(lambda: bool(scene.nodes["fc"].face.error))
    label = scene.links[link("act", "out", "fc", "x")].label
    assert label is not None
    assert [dim for dim, _ in label.axes] == ["N", "6", "6", "6"]
    assert scene.nodes["conv1"].face.badge == "60"
    pumped(lambda: scene.nodes["x"].face.thumbnail is not None)

    item = scene.nodes["fc"]
    assert item.face.repairs[0][0] == "Insert Flatten"
    canvas.view.set_zoom(1.0)
    canvas.view.show_point(item.rect)
    spot = canvas.view.mapFromScene(item.pos() + QPointF(60, repair_top(item.face, 0) + 10))
    viewport, left = canvas.view.viewport(), Qt.MouseButton.LeftButton
    QTest.mouseClick(viewport, left, Qt.KeyboardModifier.NoModifier, spot)
    assert len(scene.nodes) == 6
    pumped(lambda: not scene.nodes["fc"].face.error)
    assert scene.nodes["fc"].face.badge == "2\u202f170"
    boxes = [one.rect for one in scene.nodes.values()]
    assert not any(a.intersects(b) for n, a in enumerate(boxes) for b in boxes[:n])

    session.undo()
    pumped(lambda: bool(scene.nodes["fc"].face.error))
    session.do(Disconnect("main", (link("act", "out", "fc", "x"),)))
    pumped(lambda: "Insert Flatten" not in dict(scene.nodes["fc"].face.repairs))


def test_the_search_offers_what_the_engine_has_tried(
    qtbot: QtBot, theme: Theme, session: Session
) -> None:
    canvas = Canvas(session, theme)
    session.subscribe(canvas.on_event)
    qtbot.addWidget(canvas)
    canvas.resize(1200, 900)
    canvas.show()
    session.new(without_flatten())
    popup = canvas.search_desk.popup

    def pumped(done: Callable[[], bool]) -> None:
        def pump() -> bool:
            session.pump()
            return done()

        qtbot.waitUntil(pump, timeout=60_000)

    pumped(lambda: "act" in canvas.scene.told.facts)
    canvas.select(("act",))
    canvas.search_here()
    pumped(lambda: any(one.spec.title == "MaxPool2d" and one.result for one in popup.shown))
    shown = {one.spec.kind: one for one in popup.shown}
    assert shown["torch.nn.MaxPool2d"].result == "N×6×3×3"
    assert shown["torch.nn.Flatten"].family == "torch.nn"
    assert "torch.nn.Linear" not in shown
    assert "torch.nn.LSTM" not in shown
    assert popup.shown[0].spec.kind == "torch.nn.Conv2d"
    QTest.keyClicks(popup.line, "maxpool2d")
    QTest.keyClick(popup.line, Qt.Key.Key_Return)
    (new,) = canvas.selection
    pumped(lambda: new in canvas.scene.told.facts)
    assert canvas.scene.told.facts[new].outputs["out"].text == "N×6×3×3"
