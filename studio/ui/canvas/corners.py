"""What lies over the canvas: the empty sheet's invitation, the hint line, and text being typed."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget

from studio.ui.controls import button, label, row
from studio.ui.theme import Theme

_HINT_MS = 6000


class Invitation(QWidget):
    """One sentence and one button, on a sheet without nodes."""

    wanted = Signal()

    def __init__(self, theme: Theme, host: QWidget) -> None:
        super().__init__(host)
        line = row(self, spacing=0)
        self._words = label(theme, tone="2", role="title")
        self.start = button(theme, look="link")
        self.start.setFont(theme.font("title"))
        self.start.clicked.connect(self.wanted)
        self._end = label(theme, ".", tone="2", role="title")
        for part in (self._words, self.start, self._end):
            line.addWidget(part)
        self.hide()

    def invite(self, title: str) -> None:
        """Offer to start from an architecture; "" where there is none to offer."""
        self._words.setText("Drop a layer here, or start from " if title else "Drop a layer here.")
        self.start.setText(title)
        self.start.setVisible(bool(title))
        self._end.setVisible(bool(title))
        self.adjustSize()


class Hint(QWidget):
    """A sentence at the lower edge that goes away by itself."""

    def __init__(self, theme: Theme, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self.setProperty("surface", "popup")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        line = row(self, spacing=8)
        line.setContentsMargins(12, 8, 12, 8)
        self._words = label(theme, tone="1")
        line.addWidget(self._words)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_HINT_MS)
        self._timer.timeout.connect(self.hide)
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._words.text()

    def say(self, text: str, lasting: bool = False) -> None:
        """Show a sentence; a lasting one stays until `hide`."""
        host = self._host
        self._words.setWordWrap(False)
        self._words.setText(text)
        self.adjustSize()
        if self.width() > host.width() - 48:
            self._words.setWordWrap(True)
            self.setFixedWidth(host.width() - 48)
            self.adjustSize()
        self.place()
        self.show()
        self.raise_()
        self._timer.stop() if lasting else self._timer.start()

    def place(self) -> None:
        """Stand in the middle of the lower edge."""
        host = self._host
        self.move((host.width() - self.width()) // 2, host.height() - self.height() - 16)


class InlineLine(QLineEdit):
    """A name being typed over the canvas. Enter takes it, Escape leaves it."""

    def __init__(self, theme: Theme, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self._take: Callable[[str], object] | None = None
        self.setFont(theme.font("title", 600))
        self.returnPressed.connect(self._finish)
        self.hide()

    def edit(self, text: str, box: QRect, what: str, take: Callable[[str], object]) -> None:
        """Let the person type; `take` gets the text if it is kept."""
        self._take = take
        self.setText(text)
        self.setAccessibleName(what)
        self.setGeometry(box)
        self.show()
        self.raise_()
        self.selectAll()
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._leave()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if self.isVisible():
            self._finish()

    def _finish(self) -> None:
        take, self._take = self._take, None
        self._leave()
        if take is not None:
            take(self.text().strip())

    def _leave(self) -> None:
        self.hide()
        self._take = None
        self._host.setFocus()


class InlineText(QPlainTextEdit):
    """A note being typed over the canvas. Escape or a press elsewhere takes it."""

    def __init__(self, theme: Theme, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self._take: Callable[[str], object] | None = None
        self.setFont(theme.font("body"))
        self.setAccessibleName("Note")
        self.setPlaceholderText("Write a note")
        self.installEventFilter(self)
        self.hide()

    def edit(self, text: str, box: QRect, take: Callable[[str], object]) -> None:
        """Let the person type; `take` gets the text."""
        self._take = take
        self.setPlainText(text)
        self.setGeometry(box)
        self.show()
        self.raise_()
        self.selectAll()
        self.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut and self.isVisible():
            self._finish()
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        if event.key() == Qt.Key.Key_Escape:
            self._finish()
            return True
        return False

    def _finish(self) -> None:
        take, self._take = self._take, None
        self.hide()
        self._host.setFocus()
        if take is not None:
            take(self.toPlainText())
