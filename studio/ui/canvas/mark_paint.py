"""Marks on nodes: badges, repeated blocks as a stack, loops, shared weights, the dots of wires."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen

from studio.ui.canvas.faces import Face
from studio.ui.theme import Theme

#: How wide the words in a badge may be.
_BADGE_ROOM = 64.0
#: How far each pass behind a repeated block looks out, and how many do.
_STACKED, _MOST_STACKED = 4.0, 2


def stack_depth(face: Face) -> float:
    """Return how far the passes behind a repeated block reach beyond its card."""
    return _STACKED * max(0, min(_MOST_STACKED, face.repeat - 1))


class MarkPainter:
    """Paints marks in one theme, in the node's own coordinates."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme

    def beside(self, painter: QPainter, face: Face, right: float, base: float) -> float:
        """Paint at the right how a node learns by itself, how often a block runs, whether over time, and
        who shares its weights."""
        if face.own:
            right = self.badge(painter, right, base, face.own)
        if face.repeat != 1:
            linked = "link" if face.again else ""
            right = self.badge(painter, right, base, f"×{face.repeat}", linked)
        if face.loop:
            right -= 16
            self._icon(painter, QPointF(right, base - 11.5), "loop", 14)
            right -= 6
        if face.owner:
            right = self.badge(painter, right, base, face.owner, "link")
        elif face.sharers:
            right = self.badge(painter, right, base, f"{face.sharers + 1}", "link")
        return right

    def from_afar(
        self, painter: QPainter, face: Face, right: float, middle: float, tall: float
    ) -> float:
        """Paint from afar how often a block runs, or that it runs over time; return where it begins."""
        if face.loop:
            side = 14 * tall
            self._icon(painter, QPointF(right - side, middle - side / 2), "loop", round(side))
            right -= side + 6
        if face.repeat == 1:
            return right
        font = self._theme.font("title")
        font.setPixelSize(round(13 * tall))
        metrics = QFontMetricsF(font)
        text = f"×{face.repeat}"
        right -= metrics.horizontalAdvance(text)
        painter.setFont(font)
        painter.setPen(self._theme.color("text.2"))
        baseline = middle + (metrics.ascent() - metrics.descent()) / 2
        painter.drawText(QPointF(right, baseline), text)
        return right - 8

    def stack(self, painter: QPainter, face: Face, edge: QPen) -> None:
        """Paint the edges of the passes behind a block that is repeated."""
        width, height = face.size
        for n in range(round(stack_depth(face) / _STACKED), 0, -1):
            behind = QRectF(_STACKED * n + 0.5, _STACKED * n + 0.5, width - 1, height - 1)
            painter.setPen(edge)
            painter.drawRoundedRect(behind, 7.5, 7.5)

    def dot(self, painter: QPainter, face: Face, selected: bool, lit: bool) -> None:
        """Paint the point that a wire is led through."""
        color = self._theme.color
        middle = QPointF(face.size[0] / 2, face.size[1] / 2)
        if selected:
            painter.setPen(QPen(color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(middle, 9, 9)
        painter.setPen(QPen(color("bg.canvas"), 2))
        painter.setBrush(color("accent" if lit or selected else "wire"))
        painter.drawEllipse(middle, 6, 6)

    def badge(
        self, painter: QPainter, right: float, base: float, text: str, icon: str = ""
    ) -> float:
        """Paint a word or number in a box; return what is left of it."""
        color = self._theme.color
        small = self._theme.font("caption")
        metrics = QFontMetricsF(small)
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, _BADGE_ROOM)
        room = metrics.horizontalAdvance(text) + (28 if icon else 12)
        box = QRectF(right - room, base - 13.5, room, 18)
        painter.setPen(QPen(color("line")) if self._theme.name == "light" else Qt.PenStyle.NoPen)
        painter.setBrush(color("bg.raised"))
        painter.drawRoundedRect(box, 4, 4)
        if icon:
            self._icon(painter, QPointF(box.left() + 6, box.top() + 3), icon, 12)
            box.setLeft(box.left() + 16)
        painter.setFont(small)
        painter.setPen(color("text.2"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        return right - room - 6

    def _icon(self, painter: QPainter, at: QPointF, name: str, side: int) -> None:
        dense = math.ceil(painter.deviceTransform().m11() * 2) / 2
        self._theme.draw_icon(painter, at, name, "text.2", side, min(8.0, max(1.0, dense)))
