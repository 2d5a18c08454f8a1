"""A matrix as colours: rows named, columns over time, with a colour bar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QPen

from studio.ui.theme import Theme
from studio.ui.views.axis import decades, rounds
from studio.ui.views.numbers import short
from studio.ui.views.pixels import sequential_image
from studio.ui.views.view import Table, View

_BAR = 8
_FOOT = 20


class Heatmap(View):
    """Rows × columns in the sequential map, on a logarithmic or an even scale; a click picks a row.

    A column can be held: the moment that is looked back at.
    """

    row_picked = Signal(str)

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__(theme, name)
        self._values = np.zeros((0, 0))
        self._rows: tuple[str, ...] = ()
        self._at: np.ndarray = np.empty(0)
        self._ticks: tuple[tuple[float, str], ...] = ()
        self._chosen = ""
        self._log = True
        self._held: float | None = None
        self._low, self._high = 0.0, 1.0
        self._image: QImage | None = None
        self._drawn_with = ""
        self.setMinimumSize(240, 120)

    def set_values(
        self,
        values: np.ndarray,
        rows: Sequence[str],
        at: np.ndarray,
        ticks: Sequence[tuple[float, str]] = (),
        *,
        log: bool = True,
        limits: tuple[float, float] | None = None,
    ) -> None:
        """Show values `[rows, columns]`; `at` places the columns, `ticks` names places.

        On a logarithmic scale only those above zero have a colour. `limits` are the ends of an even
        scale, which else follows the values.
        """
        self._values, self._rows, self._at, self._log = values, tuple(rows), at, log
        self._ticks = tuple(ticks)
        fine = values[np.isfinite(values)] if values.size else np.empty(0)
        fine = np.log10(fine[fine > 0]) if log else fine
        if limits is not None and not log:
            self._low, self._high = limits
        elif fine.size:
            low, high = np.percentile(fine, [1, 99])
            self._low = float(low)
            self._high = float(max(high, low + (0.3 if log else 1e-9)))
        self._image = None
        self.update()

    def set_chosen(self, row: str) -> None:
        """Make one row's name bold."""
        if row != self._chosen:
            self._chosen = row
            self.update()

    def hold(self, at: float | None) -> None:
        """Mark the column nearest to a place on the horizontal axis."""
        if at != self._held:
            self._held = at
            self.update()

    def value(self, row: str, column: int) -> float:
        """Return one of the values shown."""
        return float(self._values[self._rows.index(row), column])

    def is_empty(self) -> bool:
        return self._values.size == 0

    def table(self) -> Table:
        if self.is_empty():
            return []
        head = ("layer", *(float(at) for at in self._at))
        rows = zip(self._rows, self._values.tolist(), strict=True)
        return [head, *((name, *values) for name, values in rows)]

    def tip(self, at: QPointF) -> str:
        area = self._area()
        if not area.contains(at):
            return ""
        row = int((at.y() - area.top()) / area.height() * len(self._rows))
        column = int((at.x() - area.left()) / area.width() * self._values.shape[1])
        step = Theme.number(int(self._at[column]))
        return f"{self._rows[row]} at step {step}: {short(self._values[row, column])}"

    # -------------------------------------------------------------------------------------- drawing

    def draw(self, painter: QPainter) -> None:
        colour = self.theme.color
        area = self._area()
        height = area.height() / len(self._rows)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(area, self._picture())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(colour("bg.panel"))
        for row in range(1, len(self._rows)):
            y = round(area.top() + row * height)
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        if self._held is not None:
            column = int(np.abs(self._at - self._held).argmin()) + 0.5
            x = area.left() + column / self._values.shape[1] * area.width()
            painter.setPen(QPen(colour("accent"), 2))
            painter.drawLine(QPointF(x, area.top() - 3), QPointF(x, area.bottom() + 3))
        stride = max(1, int(np.ceil(12 / height)))
        for row in range(0, len(self._rows), stride):
            name = self._rows[row]
            chosen = name == self._chosen
            painter.setFont(self.theme.font("caption", 600 if chosen else 400))
            painter.setPen(colour("text.1" if chosen else "text.2"))
            box = QRectF(0, area.top() + row * height, area.left() - 8, height)
            if height < 12:
                box = QRectF(0, box.center().y() - 8, box.width(), 16)
            shown = painter.fontMetrics().elidedText(
                name, Qt.TextElideMode.ElideLeft, int(box.width())
            )
            flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(box, flags, shown)
        painter.setFont(self.theme.font("caption"))
        painter.setPen(colour("text.3"))
        free = area.left()
        for share, text in self._ticks:
            x = area.left() + share * area.width()
            half = painter.fontMetrics().horizontalAdvance(text) / 2 + 4
            if x - half < free and free > area.left():
                continue
            free = area.left() + 2 * half if share < 0.04 else x + half
            box = QRectF(x - 40, area.bottom() + 2, 80, _FOOT - 4)
            if share < 0.04:
                box.moveLeft(area.left())
                painter.drawText(box, Qt.AlignmentFlag.AlignLeft, text)
            elif share > 0.96:
                box.moveRight(area.right())
                painter.drawText(box, Qt.AlignmentFlag.AlignRight, text)
            else:
                painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, text)
        self._draw_bar(painter, area)

    def _draw_bar(self, painter: QPainter, area: QRectF) -> None:
        bar = QRectF(area.right() + 16, area.top(), _BAR, area.height())
        ramp = np.linspace(1.0, 0.0, 128)[:, None]
        painter.drawImage(bar, sequential_image(self.theme, ramp, 0.0, 1.0))
        painter.setPen(self.theme.color("text.3"))
        ticks = decades(self._low, self._high, 4) if self._log else []
        ticks = ticks or rounds(self._low, self._high, 3)
        for value in ticks:
            y = bar.bottom() - (value - self._low) / (self._high - self._low) * bar.height()
            box = QRectF(bar.right() + 6, y - 8, 44, 16)
            words = short(10.0**value if self._log else value)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, words)

    def _picture(self) -> QImage:
        if self._image is None or self._drawn_with != self.theme.name:
            shown = self._values
            if self._log:
                with np.errstate(divide="ignore", invalid="ignore"):
                    shown = np.where(shown > 0, np.log10(shown), self._low)
            self._image = sequential_image(self.theme, shown, self._low, self._high)
            self._drawn_with = self.theme.name
        return self._image

    def _area(self) -> QRectF:
        metrics = self.fontMetrics()
        names = max((metrics.horizontalAdvance(name) for name in self._rows), default=0)
        left = min(names + 12, self.width() // 3)
        return QRectF(
            left, 4, max(40, self.width() - left - 72), max(24, self.height() - 4 - _FOOT)
        )

    # ---------------------------------------------------------------------------------- interaction

    def mousePressEvent(self, event: QMouseEvent) -> None:
        area = self._area()
        at = event.position()
        if not self.is_empty() and area.top() <= at.y() <= area.bottom():
            row = int((at.y() - area.top()) / area.height() * len(self._rows))
            self.row_picked.emit(self._rows[min(row, len(self._rows) - 1)])
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if step is None or self.is_empty():
            super().keyPressEvent(event)
            return
        now = self._rows.index(self._chosen) if self._chosen in self._rows else -1
        self.row_picked.emit(self._rows[min(max(now + step, 0), len(self._rows) - 1)])
