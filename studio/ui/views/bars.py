"""A value for each class: probabilities, or outputs where there are no classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter

from studio.ui.theme import Theme
from studio.ui.views.numbers import percent, short
from studio.ui.views.view import Table, View

#: Rows that stay legible; of more classes the likeliest are shown.
_ROWS = 12


class Bars(View):
    """Horizontal bars: what was read in the map's positive colour, the truth in its negative one.

    Values beyond 0…1 (outputs of a regression) grow left and right from zero.
    """

    def __init__(self, theme: Theme, name: str = "Class probability") -> None:
        super().__init__(theme, name)
        self._values = np.empty(0)
        self._names: tuple[str, ...] = ()
        self._read = self._true = -1
        self._shares = True
        self._truths = np.empty(0)
        self.setMinimumSize(200, 60)

    def set_probabilities(
        self, values: np.ndarray, names: Sequence[str], read: int, true: int
    ) -> None:
        """Show a probability for each class; `read` and `true` are the marked ones."""
        self._values, self._names = np.asarray(values, np.float64), tuple(names)
        self._read, self._true, self._shares = read, true, True
        self._truths = np.empty(0)
        self._tell()

    def set_outputs(self, values: np.ndarray, truths: np.ndarray, names: Sequence[str]) -> None:
        """Show outputs beside their targets."""
        self._values, self._names = np.asarray(values, np.float64), tuple(names)
        self._truths = np.asarray(truths, np.float64)
        self._read = self._true = -1
        self._shares = False
        self._tell()

    def clear(self) -> None:
        """Show nothing."""
        self._values = np.empty(0)
        self._tell()

    def _tell(self) -> None:
        shown = [] if self.is_empty() else self._rows()
        rows = [f"{name} {self._text(k)}" for k, name in shown]
        self.setAccessibleDescription("; ".join(rows))
        self.update()

    def is_empty(self) -> bool:
        return self._values.size == 0

    def table(self) -> Table:
        if self.is_empty():
            return []
        if self._truths.size:
            rows = zip(self._names, self._values.tolist(), self._truths.tolist(), strict=True)
            return [("output", "value", "true"), *rows]
        return [("class", "probability"), *zip(self._names, self._values.tolist(), strict=True)]

    def tip(self, at: QPointF) -> str:
        rows = self._rows()
        k = int(at.y() // self._pitch())
        if not 0 <= k < len(rows):
            return ""
        index, name = rows[k]
        return f"{name}: {float(self._values[index]):.6g}"

    def draw(self, painter: QPainter) -> None:
        colour = self.theme.color
        pitch = self._pitch()
        rows = self._rows()
        metrics = QFontMetricsF(self.theme.font("caption", 600))
        left = min(self.width() * 0.3, max(metrics.horizontalAdvance(n) for _, n in rows) + 10)
        right = 64.0 if self._shares else 120.0
        track = QRectF(left, 0, max(20.0, self.width() - left - right), min(10.0, pitch - 6))
        for k, (index, name) in enumerate(rows):
            y = k * pitch
            track.moveTop(y + (pitch - track.height()) / 2)
            marked = index in (self._read, self._true)
            painter.setFont(self.theme.font("caption", 600 if marked else 400))
            painter.setPen(colour("text.1" if marked else "text.3"))
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, left - 8)
            box = QRectF(0, y, left - 8, pitch)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, shown)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour("bg.input" if self.theme.name == "dark" else "grid"))
            painter.drawRoundedRect(track, 2, 2)
            painter.setBrush(colour(self._token(index)))
            painter.drawRoundedRect(self._bar(track, index), 2, 2)
            painter.setPen(colour("text.1" if self._values[index] >= 0.01 else "text.3"))
            box = QRectF(track.right() + 8, y, right - 8, pitch)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, self._text(index))

    def _bar(self, track: QRectF, index: int) -> QRectF:
        if self._shares:
            width = max(1.0, track.width() * float(np.clip(self._values[index], 0, 1)))
            return QRectF(track.left(), track.top(), width, track.height())
        limit = float(np.abs(np.concatenate([self._values, self._truths])).max(initial=1e-12))
        low = min(0.0, float(np.concatenate([self._values, self._truths]).min(initial=0.0)))
        zero = track.left() + track.width() * (-low / (limit - low))
        end = track.left() + track.width() * ((float(self._values[index]) - low) / (limit - low))
        return QRectF(min(zero, end), track.top(), max(1.0, abs(end - zero)), track.height())

    def _token(self, index: int) -> str:
        if index == self._true and self._true != self._read:
            return "div.neg"
        return "div.pos" if index == self._read and self._true != self._read else "series.1"

    def _text(self, index: int) -> str:
        value = float(self._values[index])
        if not self._shares:
            return f"{short(value)}, true {short(float(self._truths[index]))}"
        return percent(value) if value >= 0.0005 else "0"

    def _rows(self) -> list[tuple[int, str]]:
        pairs = list(enumerate(self._names))
        if len(pairs) <= _ROWS:
            return pairs
        order = np.argsort(-np.abs(self._values), kind="stable")[:_ROWS]
        keep = {int(k) for k in order} | ({self._true} if self._true >= 0 else set())
        return [pair for pair in pairs if pair[0] in keep]

    def _pitch(self) -> float:
        return min(28.0, self.height() / max(1, len(self._rows())))
