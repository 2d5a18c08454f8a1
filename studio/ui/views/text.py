"""Words in a panel: plain-text labels, panel headers, chips, empty states."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.ui.theme import FontRole, Theme


class Text(QLabel):
    """One run of plain text in a theme's font and colour."""

    def __init__(
        self,
        theme: Theme,
        text: str = "",
        role: FontRole = "body",
        token: str = "text.2",
        weight: int = 400,
        *,
        wrap: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self._theme, self._role, self._token, self._weight = theme, role, token, weight
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        self._dress()
        theme.changed.connect(self._dress)

    def set_token(self, token: str) -> None:
        """Take another colour."""
        if token != self._token:
            self._token = token
            self._dress()

    def put(self, text: str) -> None:
        """Show `text`; the same text again costs nothing."""
        if text != self.text():
            self.setText(text)

    def _dress(self) -> None:
        self.setFont(self._theme.font(self._role, self._weight))
        colour = self._theme.color(self._token).name()
        self.setStyleSheet(f"QLabel {{ color: {colour}; background: transparent; }}")


class Fill(QWidget):
    """A flat area in one colour with 1 px lines at the edges named (`l`, `t`, `r`, `b`)."""

    def __init__(
        self, theme: Theme, token: str = "bg.panel", edges: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.theme, self._token, self._edges = theme, token, edges
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), self.theme.color(self._token))
        painter.setPen(QPen(self.theme.color("line"), 1))
        right, bottom = self.width() - 1, self.height() - 1
        ends = {
            "l": (0, 0, 0, bottom),
            "t": (0, 0, right, 0),
            "r": (right, 0, right, bottom),
            "b": (0, bottom, right, bottom),
        }
        for edge in self._edges:
            painter.drawLine(*ends[edge])


class Header(QWidget):
    """A panel's 32 px head: title, a quieter remark, and room for chips at the right."""

    def __init__(
        self, theme: Theme, title: str, remark: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setFixedHeight(32)
        self.title = Text(theme, title, token="text.1", weight=600)
        self.remark = Text(theme, remark, token="text.3")
        self.remark.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(12, 0, 12, 0)
        self.row.setSpacing(8)
        self.row.addWidget(self.title)
        self.row.addWidget(self.remark, 1)

    def add(self, widget: QWidget) -> None:
        """Put a widget at the right end."""
        self.row.addWidget(widget)


class Panel(Fill):
    """A titled area: a header above a body laid out downwards."""

    def __init__(
        self,
        theme: Theme,
        title: str,
        remark: str = "",
        edges: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, "bg.panel", edges, parent)
        self.header = Header(theme, title, remark)
        self.body = QVBoxLayout()
        self.body.setContentsMargins(12, 0, 12, 12)
        self.body.setSpacing(8)
        column = QVBoxLayout(self)
        column.setContentsMargins(
            int("l" in edges), int("t" in edges), int("r" in edges), int("b" in edges)
        )
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addLayout(self.body, 1)
        self.setAccessibleName(title)


class Chip(QAbstractButton):
    """A small round-ended button; checkable ones are accent while on."""

    def __init__(
        self, theme: Theme, text: str, *, checkable: bool = True, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setText(text)
        self.setCheckable(checkable)
        self.setFont(theme.font("caption"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(text)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(max(24, self.fontMetrics().horizontalAdvance(self.text()) + 16), 20)

    def put(self, text: str) -> None:
        """Show another text."""
        if text != self.text():
            self.setText(text)
            self.setAccessibleName(text)
            self.updateGeometry()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self._theme.color
        on, usable = self.isChecked(), self.isEnabled()
        border = "accent.line" if on else "line.strong" if usable else "line"
        if self.hasFocus():
            border = "accent"
        painter.setPen(QPen(colour(border), 1))
        hover = self.underMouse() and usable
        fill = colour("accent.soft") if on else colour("bg.hover") if hover else None
        painter.setBrush(fill or Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1).toRectF(), 9.5, 9.5)
        painter.setFont(self._theme.font("caption"))
        painter.setPen(colour("text.1" if on else "text.2" if usable else "text.3"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())


class EmptyState(QWidget):
    """One sentence and one button, in the middle."""

    pressed = Signal()

    def __init__(
        self, theme: Theme, sentence: str, button: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.sentence = Text(theme, sentence, "title", "text.2", wrap=True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence.setMaximumWidth(480)
        self.sentence.setMinimumWidth(160)
        self.button = QPushButton(button)
        self.button.setProperty("primary", True)
        self.button.setVisible(bool(button))
        self.button.clicked.connect(self.pressed)
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.addStretch(1)
        column.addWidget(self.sentence, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
