"""The frame is painted before there is anything in it, and closes only when its contents may."""

from __future__ import annotations

from PySide6.QtGui import QCloseEvent, QColor
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from studio.ui.frame import LIBRARY, MENU, TOOLBAR, Frame
from studio.ui.theme import Theme


class Contents(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.may = False
        self.told: list[bool] = []

    def closeEvent(self, event: QCloseEvent) -> None:
        event.setAccepted(self.may)

    def minimised(self, yes: bool) -> None:
        self.told.append(yes)


def test_an_empty_frame_shows_where_its_panels_will_be(qtbot: QtBot, theme: Theme) -> None:
    frame = Frame(theme, "")
    qtbot.addWidget(frame)
    frame.resize(1600, 1000)
    frame.show()
    picture = frame.grab().toImage()
    middle = MENU + TOOLBAR + 200

    def color(x: int, y: int) -> str:
        return QColor(picture.pixel(x, y)).name()

    assert color(LIBRARY // 2, middle) == theme.color("bg.panel").name()
    assert color(800, middle) == theme.color("bg.canvas").name()
    assert color(800, MENU // 2) == theme.color("bg.window").name()


def test_it_takes_the_title_and_asks_before_it_closes(qtbot: QtBot, theme: Theme) -> None:
    frame, contents = Frame(theme, ""), Contents()
    qtbot.addWidget(frame, before_close_func=lambda one: setattr(contents, "may", True))
    contents.setWindowTitle("one")
    frame.hold(contents)
    frame.show()
    assert frame.windowTitle() == "one"
    contents.setWindowTitle("two")
    assert frame.windowTitle() == "two"
    assert not frame.close()
    assert frame.isVisible()
    contents.may = True
    assert frame.close()


def test_the_contents_hear_that_nobody_looks(qtbot: QtBot, theme: Theme) -> None:
    frame, contents = Frame(theme, ""), Contents()
    contents.may = True
    qtbot.addWidget(frame)
    frame.hold(contents)
    frame.show()
    frame.showMinimized()
    frame.showNormal()
    assert contents.told[0] is True
    assert contents.told[-1] is False


def test_its_place_is_the_one_of_the_last_time(qtbot: QtBot, theme: Theme) -> None:
    first = Frame(theme, "")
    qtbot.addWidget(first)
    first.resize(1024, 700)  # no wider than the test's screen is clamped to
    first.show()
    kept = first.saveGeometry().toBase64().toStdString()
    second = Frame(theme, kept)
    qtbot.addWidget(second)
    assert second.size() == first.size()
