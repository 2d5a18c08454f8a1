"""The top-level window: there at once, with the outlines of what is being made; then it holds that."""

from __future__ import annotations

from typing import Protocol, cast

from PySide6.QtCore import QByteArray, QEvent, QRect
from PySide6.QtGui import QCloseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.ui.theme import Theme

MINIMUM = (1024, 640)
USUAL = (1600, 1000)
#: Heights of menu, toolbar and status row, widths of Library and Inspector.
MENU, TOOLBAR, STATUS, LIBRARY, INSPECTOR = 28, 48, 24, 272, 328


class Held(Protocol):
    """What the frame asks of the window's contents."""

    def minimised(self, yes: bool) -> None: ...


class Frame(QWidget):
    """Place, size and title of the window; `kept` is the place of the last time.

    It imports nothing of the studio but the theme, so that it is on the screen within a few tenths of
    a second; what it holds is imported and made behind its first picture.
    """

    def __init__(self, theme: Theme, kept: str) -> None:
        super().__init__()
        self.theme = theme
        self._held: QWidget | None = None
        self.setWindowTitle("Neuroloom")
        self.setMinimumSize(*MINIMUM)
        if not (kept and self.restoreGeometry(QByteArray.fromBase64(kept.encode()))):
            room = self.screen().availableSize()
            self.resize(min(USUAL[0], room.width()), min(USUAL[1], room.height()))

    def hold(self, contents: QWidget) -> None:
        """Show the contents for good; their title becomes the window's."""
        self._held = contents
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        contents.windowTitleChanged.connect(self.setWindowTitle)
        self.setWindowTitle(contents.windowTitle())
        layout.addWidget(contents)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), self.theme.color("bg.window"))
            if self._held is not None:
                return
            line, panel = self.theme.color("line"), self.theme.color("bg.panel")
            top, height = MENU + TOOLBAR, self.height() - MENU - TOOLBAR - STATUS
            right = self.width() - INSPECTOR
            canvas = QRect(LIBRARY, top, right - LIBRARY, height)
            painter.fillRect(canvas, self.theme.color("bg.canvas"))
            for x, width in ((0, LIBRARY), (right, INSPECTOR)):
                painter.fillRect(x, top, width, height, panel)
            painter.setPen(line)
            painter.drawLine(0, top, self.width(), top)
            painter.drawLine(0, top + height, self.width(), top + height)
            for x in (LIBRARY, right):
                painter.drawLine(x, top, x, top + height)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close when the contents may: they ask what has to be asked."""
        event.setAccepted(self._held is None or self._held.close())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange and self._held is not None:
            cast(Held, self._held).minimised(self.isMinimized())
