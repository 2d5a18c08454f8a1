"""What lies over the canvas: the empty sheet's invitation, the hint line, the focus ring."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from studio.ui.canvas.access import announce
from studio.ui.controls import button, label, row
from studio.ui.reporting import reported
from studio.ui.theme import Theme

_HINT_MS = 6000
_INSIDE = (
    "An empty block. Its Input and Output nodes are its ports; a State makes it run over time."
)


class Invitation(QWidget):
    """One sentence and one button, on a sheet without nodes.

    `double_clicked` carries where in the host: the words are no less empty canvas than the rest.
    """

    wanted = Signal()
    double_clicked = Signal(QPoint)

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

    def invite(self, title: str, inside: bool = False) -> None:
        """Offer to start from an architecture; "" where there is none to offer.

        `inside` a block, what makes its ports is said instead.
        """
        words = "Drop a layer here, or start from " if title else "Drop a layer here."
        self._words.setText(_INSIDE if inside else words)
        title = "" if inside else title
        self.start.setText(title)
        self.start.setVisible(bool(title))
        self._end.setVisible(bool(title))
        self.adjustSize()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.double_clicked.emit(self.mapToParent(event.position().toPoint()))


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
        """Show a sentence; a lasting one stays until `hide`, "" ends what is said now."""
        if not text:
            self._timer.stop()
            self.hide()
            return
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
        announce(self, text)

    def place(self) -> None:
        """Stand in the middle of the lower edge."""
        host = self._host
        self.move((host.width() - self.width()) // 2, host.height() - self.height() - 16)


class FocusRing(QWidget):
    """Shows that the keyboard is on the canvas, once it came there by a key."""

    def __init__(self, theme: Theme, host: QWidget) -> None:
        super().__init__(host)
        self._theme = theme
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    @reported
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.color("accent"), 2))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(3, 3, -3, -3), 6, 6)
