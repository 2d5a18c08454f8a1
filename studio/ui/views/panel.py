"""Titled areas, and what stands in one that has nothing to show yet."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QLayout, QLayoutItem, QSizePolicy, QWidget

from studio.ui import controls
from studio.ui.theme import Theme


class Remark(QLabel):
    """A quiet line of plain text that is cut with … where there is no room."""

    def __init__(self, theme: Theme, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme.font("body"))
        self.setProperty("tone", "3")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def put(self, text: str) -> None:
        """Show `text`; the whole of it is in the tooltip."""
        if text != self.text():
            self.setText(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        metrics = self.fontMetrics()
        box = self.contentsRect()
        shown = metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, box.width())
        if box.width() < metrics.horizontalAdvance("mm…") and shown != self.text():
            return  # a lone … says nothing
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(box, self.alignment() | Qt.AlignmentFlag.AlignVCenter, shown)


class Panel(QWidget):
    """A titled area: a 32 px head with room at its right, above a body laid out downwards."""

    def __init__(
        self, theme: Theme, title: str, remark: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.theme = theme
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(title)
        self.title = controls.label(theme, title, weight=600)
        self.remark = Remark(theme, remark)
        self.head = QWidget()
        self.head.setFixedHeight(32)
        self.head_row = controls.row(self.head)
        self.head_row.setContentsMargins(12, 0, 12, 0)
        self.head_row.addWidget(self.title)
        self.head_row.addWidget(self.remark, 1)
        self.body = controls.column(spacing=8)
        self.body.setContentsMargins(12, 0, 12, 12)
        column = controls.column(self)
        column.addWidget(self.head)
        column.addLayout(self.body, 1)

    def add_to_head(self, widget: QWidget) -> None:
        """Put a widget at the head's right end."""
        self.head_row.addWidget(widget)


class EmptyState(QWidget):
    """One sentence and at most one button, in the middle."""

    pressed = Signal()

    def __init__(
        self, theme: Theme, sentence: str, button: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.sentence = controls.label(theme, sentence, "2", "title", wrap=True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence.setMaximumWidth(440)
        middle = controls.row(spacing=0)
        middle.addStretch(1)
        middle.addWidget(self.sentence, 100)
        middle.addStretch(1)
        self.button = controls.button(theme, button, look="primary")
        self.button.setVisible(bool(button))
        self.button.clicked.connect(self.pressed)
        column = controls.column(self, margins=16, spacing=12)
        column.addStretch(1)
        column.addLayout(middle)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)


class Card(QFrame):
    """A message with a coloured border: `tone` is warn, error or plain."""

    def __init__(self, theme: Theme, tone: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._tone = theme, tone
        self.column = controls.column(self, margins=12, spacing=6)
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tone = self._tone
        painter.setPen(self._theme.color(tone or "line"))
        painter.setBrush(self._theme.color(f"{tone}.soft" if tone else "bg.card"))
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)


class Flow(QLayout):
    """Widgets in rows, broken where a row is full: chips."""

    def __init__(self, spacing: int = 4, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(spacing)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        around = self.contentsMargins()
        inside = width - around.left() - around.right()
        height = self._arrange(QRect(0, 0, inside, 0), place=False)
        return height + around.top() + around.bottom()

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        widest = max((item.sizeHint().width() for item in self._items), default=0)
        return QSize(widest, max((item.sizeHint().height() for item in self._items), default=0))

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._arrange(rect.marginsRemoved(self.contentsMargins()), place=True)

    def _arrange(self, rect: QRect, *, place: bool) -> int:
        x, y, line = rect.x(), rect.y(), 0
        for item in self._items:
            size = item.sizeHint()
            if x + size.width() > rect.right() + 1 and x > rect.x():
                x, y, line = rect.x(), y + line + self.spacing(), 0
            if place:
                item.setGeometry(QRect(x, y, size.width(), size.height()))
            x += size.width() + self.spacing()
            line = max(line, size.height())
        return y + line - rect.y()
