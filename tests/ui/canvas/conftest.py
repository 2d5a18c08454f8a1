"""A canvas over a small session, in a window of a known size at 100 %."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

sys.path.insert(0, str(Path(__file__).parent))

from board import BoardSession, residual, residual_facts

from studio.graph.facts import ProjectFacts
from studio.graph.graph import End
from studio.graph.project import Project
from studio.ui.canvas import Canvas
from studio.ui.theme import Theme

Open = Callable[..., "Board"]


class Board:
    """A canvas with its session, and a hand that presses, drags and types for real."""

    def __init__(self, canvas: Canvas, session: BoardSession, qtbot: QtBot) -> None:
        self.canvas, self.session, self.qtbot = canvas, session, qtbot
        self.scene, self.view = canvas.scene, canvas.view

    def at(self, pos: QPointF) -> QPoint:
        return self.view.mapFromScene(pos)

    def port(self, node: str, port: str, gives: bool) -> QPointF:
        return self.scene.port_pos(End(node, port), gives)

    def body(self, node: str) -> QPointF:
        """A point on the card that is no port and no button."""
        return self.scene.nodes[node].pos() + QPointF(60, 12)

    def click(
        self, pos: QPointF, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    ) -> None:
        button = Qt.MouseButton.LeftButton
        QTest.mouseClick(self.view.viewport(), button, keys, self.at(pos))

    def double_click(self, pos: QPointF) -> None:
        QTest.mouseDClick(
            self.view.viewport(),
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            self.at(pos),
        )

    def drag(
        self,
        start: QPointF,
        end: QPointF,
        keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
        button: Qt.MouseButton = Qt.MouseButton.LeftButton,
        drop: bool = True,
    ) -> None:
        viewport = self.view.viewport()
        a, b = self.at(start), self.at(end)
        QTest.mousePress(viewport, button, keys, a)
        for step in range(1, 6):
            spot = a + (b - a) * (step / 5)
            QTest.mouseMove(viewport, spot)
            self._move(spot, keys, button)
        if drop:
            QTest.mouseRelease(viewport, button, keys, b)

    def _move(self, spot: QPoint, keys: Qt.KeyboardModifier, button: Qt.MouseButton) -> None:
        # QTest.mouseMove carries no buttons; a hand that drags has one down.
        from PySide6.QtCore import QEvent
        from PySide6.QtGui import QMouseEvent

        viewport = self.view.viewport()
        there = QPointF(viewport.mapToGlobal(spot))
        none = Qt.MouseButton.NoButton
        event = QMouseEvent(QEvent.Type.MouseMove, QPointF(spot), there, none, button, keys)
        QApplication.sendEvent(viewport, event)

    def key(self, key: Qt.Key, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(QApplication.focusWidget() or self.view, key, keys)

    def type(self, text: str) -> None:
        QTest.keyClicks(QApplication.focusWidget() or self.view, text)

    def paint(self) -> None:
        self.canvas.grab()

    def check(self) -> None:
        """The scene shows the document: no more, no less, each node where it belongs."""
        self.canvas.arranger.finish()
        sheet, scene = self.session.document.project.sheet(self.canvas.where), self.scene
        assert scene.nodes.keys() == sheet.graph.nodes.keys()
        assert scene.links.keys() == set(sheet.graph.links)
        assert scene.notes.keys() == sheet.notes.keys()
        frames, labels = 2 * len(scene.frames), 1
        known = len(scene.nodes) + len(scene.links) + labels + frames + len(scene.notes)
        assert len(scene.items()) == known
        for key, item in scene.nodes.items():
            place = sheet.places[key]
            assert (item.pos().x(), item.pos().y()) == (place.x, place.y + scene.down[key])
        for link, wire in scene.links.items():
            assert wire.route is not None
            last = wire.route.points[-1]
            assert last == scene.port_pos(link.target, False).toTuple()


@pytest.fixture
def open_board(qtbot: QtBot, theme: Theme) -> Iterator[Open]:
    """Open a canvas over a project."""
    boards: list[Board] = []

    def opened(project: Project | None = None, facts: ProjectFacts | None = None) -> Board:
        session = BoardSession(project or residual(), facts)
        canvas = Canvas(session, theme)  # type: ignore[arg-type]
        session.subscribe(canvas.on_event)
        qtbot.addWidget(canvas)
        canvas.resize(1400, 900)
        canvas.show()
        qtbot.waitExposed(canvas)
        canvas.activateWindow()
        qtbot.waitUntil(canvas.isActiveWindow)
        canvas.view.set_zoom(1.0)
        canvas.view.show_point(canvas.scene.content())
        canvas.view.setFocus()
        boards.append(Board(canvas, session, qtbot))
        return boards[-1]

    yield opened
    for board in boards:
        board.canvas.close()


@pytest.fixture
def board(open_board: Open) -> Board:
    """The residual network with its mistake, and what an engine says about it."""
    project = residual()
    return open_board(project, residual_facts(project))
