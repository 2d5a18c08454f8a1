"""Small widgets that every panel is made of; their colours come from the style sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.ui.theme import ICON_GAP, FontRole, Theme

Tone = Literal["1", "2", "3", "error", "warn", "accent"]
ButtonLook = Literal["", "primary", "ghost", "chip", "link", "segment", "menu"]


def label(
    theme: Theme,
    text: str = "",
    tone: Tone = "1",
    role: FontRole = "body",
    weight: int = 400,
    wrap: bool = False,
) -> QLabel:
    """Return a label that shows plain text, whatever the text holds."""
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    made.setProperty("tone", tone)
    made.setFont(theme.font(role, weight))
    made.setWordWrap(wrap)
    return made


def badge(theme: Theme, look: Literal["badge", "badge-error", "badge-warn"] = "badge") -> QLabel:
    """Return a small rounded count, hidden while empty."""
    made = label(theme, role="caption", weight=600)
    made.setProperty("look", look)
    made.setAlignment(Qt.AlignmentFlag.AlignCenter)
    made.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    made.hide()
    return made


def button(
    theme: Theme,
    text: str = "",
    icon: str = "",
    look: ButtonLook = "",
    small: bool = False,
    large: bool = False,
    tip: str = "",
) -> QPushButton:
    """Return a push button; with an icon and no text it is square and named by its `tip`."""
    made = QPushButton(text)
    made.setProperty("look", look)
    if small:
        made.setProperty("small", "true")
    if large:
        made.setProperty("large", "true")
    if icon:
        theme.put_icon(made, icon, "on.accent" if look == "primary" else "text.2")
        side = 14 if small else 16
        made.setIconSize(QSize(side + ICON_GAP * bool(text), side))
        if not text:
            made.setProperty("square", "small" if small else "true")
    made.setToolTip(tip)
    if tip and not text:
        made.setAccessibleName(tip)
    made.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return made


def chip(theme: Theme, text: str, checked: bool = False) -> QPushButton:
    """Return a rounded button that stays pressed."""
    made = button(theme, text, look="chip")
    made.setCheckable(True)
    made.setChecked(checked)
    return made


def rule(vertical: bool = False) -> QFrame:
    """Return a line of one pixel."""
    line = QFrame()
    line.setProperty("look", "line")
    if vertical:
        line.setFixedWidth(1)
    else:
        line.setFixedHeight(1)
    return line


def surface(
    kind: Literal["window", "panel", "card", "well", "popup"] = "panel",
    parent: QWidget | None = None,
) -> QWidget:
    """Return a plain widget with one of the theme's backgrounds."""
    made = QWidget(parent)
    made.setProperty("surface", kind)
    made.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    return made


def column(parent: QWidget | None = None, margins: int = 0, spacing: int = 0) -> QVBoxLayout:
    """Return a vertical layout with even margins."""
    layout = QVBoxLayout(parent) if parent is not None else QVBoxLayout()
    layout.setContentsMargins(margins, margins, margins, margins)
    layout.setSpacing(spacing)
    return layout


def row(parent: QWidget | None = None, margins: int = 0, spacing: int = 8) -> QHBoxLayout:
    """Return a horizontal layout with even margins."""
    layout = QHBoxLayout(parent) if parent is not None else QHBoxLayout()
    layout.setContentsMargins(margins, margins, margins, margins)
    layout.setSpacing(spacing)
    return layout


def set_property(widget: QWidget, name: str, value: str) -> None:
    """Change a property that the style sheet looks at, and restyle where it changed."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class SearchField(QLineEdit):
    """A line with a glass before it and, while it is empty, the key that leads to it."""

    def __init__(self, theme: Theme, key: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._key = key
        self.setTextMargins(20, 0, 0, 0)
        self.setClearButtonEnabled(True)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        top = (self.height() - 14) / 2
        glass = self._theme.pixmap("search", "text.3", 14, self.devicePixelRatioF())
        painter.drawPixmap(QPointF(9, top), glass)
        if self._key and not self.text():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(self._theme.font("caption"))
            width = painter.fontMetrics().horizontalAdvance(self._key) + 10
            area = QRectF(self.width() - width - 7.5, (self.height() - 17) / 2, width, 17)
            painter.setPen(self._theme.color("line.strong"))
            painter.drawRoundedRect(area, 4, 4)
            painter.setPen(self._theme.color("text.2"))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, self._key)
        painter.end()


class Segments(QFrame):
    """A row of buttons of which one is pressed: Build | Train | Explain | Runs."""

    picked = Signal(int)

    def __init__(self, theme: Theme, titles: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("look", "segments")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        layout = row(self, margins=2, spacing=0)
        self._group = QButtonGroup(self)
        for index, title in enumerate(titles):
            made = button(theme, title, look="segment")
            made.setCheckable(True)
            made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self._group.addButton(made, index)
            layout.addWidget(made)
        self._group.idClicked.connect(self.picked)
        self.set_current(0)

    @property
    def current(self) -> int:
        """The index of the pressed button."""
        return self._group.checkedId()

    def set_current(self, index: int) -> None:
        """Press a button without telling anyone."""
        self._group.button(index).setChecked(True)

    def button(self, index: int) -> QAbstractButton:
        """Return one of the buttons."""
        return self._group.button(index)


class Icon(QWidget):
    """An icon beside words, in a colour of the look, which it follows."""

    def __init__(
        self, theme: Theme, name: str, token: str, size: int = 16, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme, self._name, self._token, self._size = theme, name, token, size
        self.setFixedSize(size, size)
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        dpr = self.devicePixelRatioF()
        self._theme.draw_icon(painter, QPointF(), self._name, self._token, self._size, dpr)
        painter.end()


class Switch(QAbstractButton):
    """On or off, as a small slide."""

    def __init__(self, theme: Theme, on: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setCheckable(True)
        self.setChecked(on)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(32, 20)

    def paintEvent(self, event: QPaintEvent) -> None:
        color = self._theme.color
        on = self.isChecked()
        strong = "accent" if on or self.hasFocus() else "line.strong"
        knob = "accent" if on else "text.3"
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(1.0 if self.isEnabled() else 0.5)
        painter.setPen(QPen(color(strong), 1.0))
        painter.setBrush(color("accent.soft" if on else "bg.raised"))
        painter.drawRoundedRect(QRectF(2.5, 2.5, 27.0, 15.0), 7.5, 7.5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color(knob))
        painter.drawEllipse(QRectF(17.0 if on else 5.0, 5.0, 10.0, 10.0))
        painter.end()
