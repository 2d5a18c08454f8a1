"""Which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPen

from studio.ui.theme import Theme
from studio.ui.views.numbers import percent
from studio.ui.views.view import Table, View

_STRIDES = {
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
}


class Confusion(View):
    """Counts `[true, predicted]`: the diagonal in the sequential map, mistakes in the error colour.

    By row, cells hold the percentage of their class. Arrows and the mouse go to a cell; Enter or a click
    picks it (`cell_picked`: true class, predicted class).
    """

    cell_picked = Signal(int, int)

    def __init__(self, theme: Theme, name: str = "Confusion") -> None:
        super().__init__(theme, name)
        self.own_keys = frozenset(_STRIDES)
        self._counts = np.zeros((0, 0), np.int64)
        self._by_row = False
        self._cell: tuple[int, int] | None = None
        self._classes: tuple[str, ...] = ()
        self.setMinimumSize(160, 140)

    def set_counts(self, counts: np.ndarray | None, classes: Sequence[str]) -> None:
        """Show counts `[true, predicted]`, or nothing."""
        self._counts = np.zeros((0, 0), np.int64) if counts is None else counts
        self._classes = tuple(classes) or tuple(str(k) for k in range(len(self._counts)))
        if self._cell is not None and max(self._cell) >= len(self._counts):
            self._cell = None
        self.update()

    def set_by_row(self, on: bool) -> None:
        """Show shares of each true class instead of counts."""
        self._by_row = on
        self.update()

    def shares(self) -> np.ndarray:
        """Return what share of each true class was read as which. Shapes: `[true, predicted]`."""
        return np.asarray(self._counts / np.maximum(1, self._counts.sum(1, keepdims=True)))

    @property
    def wrong(self) -> int:
        """How many samples lie beside the diagonal."""
        return int(self._counts.sum() - np.trace(self._counts)) if self._counts.size else 0

    def is_empty(self) -> bool:
        return self._counts.size == 0

    def table(self) -> Table:
        if self.is_empty():
            return []
        shown = self.shares().round(4) if self._by_row else self._counts
        rows = zip(self._classes, shown.tolist(), strict=True)
        return [("true \\ predicted", *self._classes), *((name, *row) for name, row in rows)]

    def tip(self, at: QPointF) -> str:
        cell = self._cell_at(at)
        return "" if cell is None else self.words(*cell)

    def words(self, row: int, column: int) -> str:
        """Return what a cell says."""
        count = Theme.number(int(self._counts[row, column]))
        share = percent(float(self.shares()[row, column]))
        if row == column:
            return f"{self._classes[row]} read rightly: {count}, {share} of all"
        return f"{self._classes[row]} read as {self._classes[column]}: {count}, {share} of all"

    def draw(self, painter: QPainter) -> None:
        colour = self.theme.color
        area, side = self._area()
        size = len(self._counts)
        pad = 1.0 if side >= 6 else 0.0
        radius = 2.0 if side >= 12 else 0.0
        values = 100 * self.shares() if self._by_row else self._counts
        diagonal = values.diagonal()
        beside = values - np.diag(diagonal)
        worst = max(1.0, float(beside.max(initial=1)))
        painter.setPen(Qt.PenStyle.NoPen)
        shades = self.theme.sequential(0.5 + 0.25 * diagonal / max(1.0, diagonal.max(initial=1)))
        for row in range(size):
            for column in range(size):
                cell = QRectF(area.left() + column * side, area.top() + row * side, side, side)
                cell.adjust(pad, pad, -pad, -pad)
                count = float(values[row, column])
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
            for row, column in np.argwhere(beside > 0):
                cell = QRectF(area.left() + column * side, area.top() + row * side, side, side)
                painter.setPen(self._ink(float(beside[row, column]) / worst))
                text = f"{beside[row, column]:.0f}" if beside[row, column] >= 0.5 else "<1"
                painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, text)
        if self._cell is not None:
            row, column = self._cell
            painter.setPen(QPen(colour("text.1"), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            cell = QRectF(area.left() + column * side, area.top() + row * side, side, side)
            painter.drawRoundedRect(cell, radius + 1, radius + 1)
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

    # ---------------------------------------------------------------------------------- interaction

    def _cell_at(self, at: QPointF) -> tuple[int, int] | None:
        area, side = self._area()
        column, row = int((at.x() - area.left()) // side), int((at.y() - area.top()) // side)
        size = len(self._counts)
        return (row, column) if 0 <= row < size and 0 <= column < size else None

    def _go(self, cell: tuple[int, int] | None) -> None:
        if cell != self._cell:
            self._cell = cell
            self.setAccessibleDescription("" if cell is None else self.words(*cell))
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._go(self._cell_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._go(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self._cell_at(event.position())
        if cell is not None and event.button() == Qt.MouseButton.LeftButton:
            self._go(cell)
            self.cell_picked.emit(*cell)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        stride = _STRIDES.get(Qt.Key(event.key()))
        last = len(self._counts) - 1
        if stride is not None and last >= 0:
            row, column = self._cell or (0, 0)
            down, across = stride if self._cell is not None else (0, 0)
            self._go((min(max(row + down, 0), last), min(max(column + across, 0), last)))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._cell is not None:
            self.cell_picked.emit(*self._cell)
        else:
            super().keyPressEvent(event)
