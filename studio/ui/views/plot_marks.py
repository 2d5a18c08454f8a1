"""What is written into a plot beside its curves: what happened when, and the best point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen, QPolygonF

from studio.ui.theme import Theme
from studio.ui.views.axis import Scale

_TALL = 16.0


class Mark(NamedTuple):
    """Something that happened: where, in words, and its colour. What needs a look has a flag as well."""

    x: float
    text: str
    token: str = "text.3"


class Best(NamedTuple):
    """The best value and its sentence."""

    x: float
    y: float
    text: str


def draw_marks(
    painter: QPainter, theme: Theme, area: QRectF, across: Scale, marks: Sequence[Mark]
) -> None:
    """Draw a dashed line for each mark; problems have a triangle at its top."""
    for mark in marks:
        at = round(across.pixel(mark.x)) + 0.5
        painter.setPen(QPen(theme.color(mark.token), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(at, area.top()), QPointF(at, area.bottom()))
        if mark.token in ("warn", "error"):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color(mark.token))
            top = area.top()
            corners = (QPointF(at - 4, top), QPointF(at + 4, top), QPointF(at, top + 7))
            painter.drawPolygon(QPolygonF(corners))


def draw_best(
    painter: QPainter, theme: Theme, area: QRectF, across: Scale, up: Scale, best: Best
) -> None:
    """Ring the best point and write its sentence where there is room: below, above or beside it."""
    at = QPointF(across.pixel(best.x), up.pixel(best.y))
    if not area.adjusted(-1, -1, 1, 1).contains(at):
        return
    font = theme.font("caption")
    width = QFontMetricsF(font).horizontalAdvance(best.text) + 8
    left = min(max(at.x() - width / 2, area.left()), area.right() - width)
    painter.setPen(QPen(theme.color("text.3"), 1))
    if area.bottom() - at.y() > 40:
        top = at.y() + 20
        painter.drawLine(QPointF(at.x(), at.y() + 5), QPointF(at.x(), top))
    elif at.y() - area.top() > 36:
        top = at.y() - 36
        painter.drawLine(QPointF(at.x(), at.y() - 5), QPointF(at.x(), top + _TALL))
    else:
        room_left = at.x() - area.left() > width + 8
        left = at.x() - width - 8 if room_left else min(at.x() + 8, area.right() - width)
        top = min(max(at.y() - _TALL / 2, area.top()), area.bottom() - _TALL)
    painter.setPen(QPen(theme.color("text.1"), 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(at, 4.5, 4.5)
    box = QRectF(left, top, width, _TALL)
    painter.fillRect(box, theme.color("bg.panel", 0.82))
    painter.setFont(font)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, best.text)
