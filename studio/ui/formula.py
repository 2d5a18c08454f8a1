"""A line of mathematics: plain text with `_` and `^` drawn as marks below and above the line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.ui.theme import Theme

_MARK = re.compile(r"([_^])(\([^()]*\)|\{[^{}]*\}|\w+'?|[*+])")
_LINE = 22.0
#: How far a mark is moved, and how large it is, as shares of the letters.
_LOWERED, _RAISED, _SMALLER = 0.26, 0.42, 0.78


@dataclass(frozen=True)
class Piece:
    """Letters that are set alike: `level` is −1 below the line, 1 above it, 0 on it."""

    text: str
    level: int = 0


def pieces(formula: str) -> tuple[Piece, ...]:
    """Return what a formula is made of; brackets that only hold a mark together are left out."""
    found: list[Piece] = []
    end = 0
    for mark in _MARK.finditer(formula):
        if mark.start() > end:
            found.append(Piece(formula[end : mark.start()]))
        inside = mark[2][1:-1] if mark[2][0] in "({" else mark[2]
        found.append(Piece(inside, -1 if mark[1] == "_" else 1))
        end = mark.end()
    if end < len(formula):
        found.append(Piece(formula[end:]))
    return tuple(found)


class Formula(QWidget):
    """Shows a formula, broken between its words where it is longer than there is room."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._text = ""
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setSizePolicy(policy)
        theme.changed.connect(self.update)

    def text(self) -> str:
        """Return the formula as plain text."""
        return self._text

    def show_formula(self, text: str) -> None:
        """Show another formula."""
        if text == self._text:
            return
        self._text = text
        self.setAccessibleName(f"Formula: {text}")
        self.setToolTip("")
        self._fit()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, round(_LINE * max(1, len(self._lines()))))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self._theme.color("text.1"))
        for n, line in enumerate(self._lines()):
            x, base = 0.0, (n + 0.7) * _LINE
            for piece in line:
                font, shift = self._set(piece.level)
                painter.setFont(font)
                painter.drawText(QPointF(x, base + shift), piece.text)
                x += QFontMetricsF(font).horizontalAdvance(piece.text)
        painter.end()

    def _fit(self) -> None:
        self.setFixedHeight(self.sizeHint().height())

    def _set(self, level: int) -> tuple[QFont, float]:
        """Return the font of a level, and how far down its letters stand."""
        font = self._theme.font("title")
        font.setItalic(True)
        size = font.pixelSize()
        if level:
            font.setPixelSize(round(_SMALLER * size))
        return font, (size * _LOWERED if level < 0 else -size * _RAISED if level else 0.0)

    def _lines(self) -> list[list[Piece]]:
        """Return the pieces of every line; a line is broken only at blanks on the line's own level."""
        lines: list[list[Piece]] = [[]]
        used = 0.0
        for word in _words(pieces(self._text)):
            width = sum(
                QFontMetricsF(self._set(one.level)[0]).horizontalAdvance(one.text) for one in word
            )
            if lines[-1] and used + width > max(60, self.width()):
                lines.append([])
                used = 0.0
            lines[-1] += word
            used += width
        return lines


def _words(found: tuple[Piece, ...]) -> list[list[Piece]]:
    words: list[list[Piece]] = [[]]
    for piece in found:
        if piece.level:
            words[-1].append(piece)
            continue
        for n, part in enumerate(re.split(r"(?<= )", piece.text)):
            if n:
                words.append([])
            if part:
                words[-1].append(Piece(part))
    return [word for word in words if word]
