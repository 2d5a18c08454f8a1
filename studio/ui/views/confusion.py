"""Which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter

from studio.ui.theme import Theme
from studio.ui.views.view import Table, View


class Confusion(View):
    """Counts `[true, predicted]`: the diagonal in the sequential map, mistakes in the error colour."""

    def __init__(self, theme: Theme, name: str = "Confusion") -> None:
        super().__init__(theme, name)
        self._counts = np.zeros((0, 0), np.int64)
        self._classes: tuple[str, ...] = ()
        self.setMinimumSize(160, 140)

    def set_counts(self, counts: np.ndarray | None, classes: Sequence[str]) -> None:
        """Show counts `[true, predicted]`, or nothing."""
        self._counts = np.zeros((0, 0), np.int64) if counts is None else counts
        self._classes = tuple(classes) or tuple(str(k) for k in range(len(self._counts)))
        self.update()

    @property
    def wrong(self) -> int:
        """How many samples lie beside the diagonal."""
        return int(self._counts.sum() - np.trace(self._counts)) if self._counts.size else 0

    def is_empty(self) -> bool:
        return self._counts.size == 0

    def table(self) -> Table:
        if self.is_empty():
            return []
        rows = zip(self._classes, self._counts.tolist(), strict=True)
        return [("true \\ predicted", *self._classes), *((name, *row) for name, row in rows)]

    def tip(self, at: QPointF) -> str:
        area, side = self._area()
        column, row = int((at.x() - area.left()) // side), int((at.y() - area.top()) // side)
        size = len(self._counts)
        if not (0 <= row < size and 0 <= column < size):
            return ""
        count = Theme.number(int(self._counts[row, column]))
        if row == column:
            return f"{self._classes[row]} read rightly: {count}"
        return f"{self._classes[row]} read as {self._classes[column]}: {count}"

    def draw(self, painter: QPainter) -> None:
        colour = self.theme.color
        area, side = self._area()
        size = len(self._counts)
        pad = 1.0 if side >= 6 else 0.0
        radius = 2.0 if side >= 12 else 0.0
        right = self._counts.diagonal().max(initial=1)
        beside = self._counts - np.diag(self._counts.diagonal())
        worst = max(1, int(beside.max(initial=1)))
        painter.setPen(Qt.PenStyle.NoPen)
        shades = self.theme.sequential(0.5 + 0.25 * self._counts.diagonal() / max(1, right))
        for row in range(size):
            for column in range(size):
                cell = QRectF(area.left() + column * side, area.top() + row * side, side, side)
                cell.adjust(pad, pad, -pad, -pad)
                count = int(self._counts[row, column])
                if row == column and count:
                    from_map = shades[row]
                    painter.setBrush(self._rgb(from_map))
                elif count:
                    painter.setBrush(colour("error", 0.35 + 0.65 * count / worst))
                else:
                    painter.setBrush(colour("bg.card" if self.theme.name == "dark" else "grid"))
                painter.drawRoundedRect(cell, radius, radius)
        if side >= 13:
            painter.setFont(self.theme.font("caption", 600))
            painter.setPen(colour("bg.window" if self.theme.name == "dark" else "bg.card"))
            for row, column in np.argwhere(beside > 0):
                cell = QRectF(area.left() + column * side, area.top() + row * side, side, side)
                painter.setPen(self._ink(int(beside[row, column]) / worst))
                text = str(int(beside[row, column]))
                painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, text)
        self._draw_names(painter, area, side)

    def _ink(self, share: float) -> object:
        bright = share > 0.5
        if self.theme.name == "dark":
            return self.theme.color("bg.window" if bright else "text.1")
        return self.theme.color("bg.card" if bright else "text.1")

    def _rgb(self, parts: np.ndarray) -> object:
        colour = self.theme.color("text.1")
        colour.setRgb(*(int(part) for part in parts))
        return colour

    def _draw_names(self, painter: QPainter, area: QRectF, side: float) -> None:
        painter.setFont(self.theme.font("caption"))
        painter.setPen(self.theme.color("text.3"))
        metrics = QFontMetricsF(painter.font())
        stride = max(1, int(np.ceil(14 / side)))
        for k in range(0, len(self._classes), stride):
            name = self._classes[k]
            flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            room = area.left() - 6
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRectF(0, area.top() + k * side, room, side), flags, shown)
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, side * stride - 1)
            top = QRectF(area.left() + k * side, area.top() - 18, side * stride, 16)
            where = Qt.AlignmentFlag.AlignHCenter if stride == 1 else Qt.AlignmentFlag.AlignLeft
            painter.drawText(top, where, shown)

    def _area(self) -> tuple[QRectF, float]:
        metrics = QFontMetricsF(self.theme.font("caption"))
        names = max((metrics.horizontalAdvance(name) for name in self._classes), default=0)
        left = min(names + 10, self.width() * 0.34)
        count = max(1, len(self._counts))
        side = min((self.width() - left - 4) / count, (self.height() - 22) / count, 40.0)
        return QRectF(left, 20, side * count, side * count), max(1.0, side)
