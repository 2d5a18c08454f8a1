"""Small pictures of one kind side by side, as large as the room lets them be."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter, QPen

from studio.ui.theme import Theme
from studio.ui.views.view import Table, View

_GAP = 4.0
_LARGEST = 72.0


class PictureGrid(View):
    """Shows pictures in rows; `tips` say what each one is, `rows` what it is made of."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__(theme, name)
        self._pictures: tuple[QImage, ...] = ()
        self._words: tuple[str, ...] = ()
        self._rows: Table = []
        self.setMinimumSize(160, 96)

    def set_pictures(
        self, pictures: Sequence[QImage], tips: Sequence[str], rows: Table | None = None
    ) -> None:
        """Show these."""
        self._pictures, self._words = tuple(pictures), tuple(tips)
        self._rows = rows or []
        self.update()

    @property
    def pictures(self) -> tuple[QImage, ...]:
        """What is shown."""
        return self._pictures

    def is_empty(self) -> bool:
        return not self._pictures

    def table(self) -> Table:
        return self._rows

    def tip(self, at: QPointF) -> str:
        for box, tip in zip(self._boxes(), self._words, strict=False):
            if box.contains(at):
                return tip
        return ""

    def draw(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QPen(self.theme.color("line"), 1))
        for box, picture in zip(self._boxes(), self._pictures, strict=True):
            painter.drawImage(box, picture)
            painter.drawRect(box)

    def _boxes(self) -> list[QRectF]:
        """Return a place for each picture: of all numbers of columns the one with the largest cells."""
        first = self._pictures[0]
        shape = first.height() / max(1, first.width())
        best, columns = 0.0, 1
        for tried in range(1, len(self._pictures) + 1):
            rows = math.ceil(len(self._pictures) / tried)
            wide = self.width() / tried - _GAP
            wide = min(wide, (self.height() / rows - _GAP) / shape, _LARGEST)
            if wide > best:
                best, columns = wide, tried
        wide, tall = max(2.0, best), max(2.0, best * shape)
        return [
            QRectF(
                (k % columns) * (wide + _GAP) + 0.5,
                (k // columns) * (tall + _GAP) + 0.5,
                math.floor(wide),
                math.floor(tall),
            )
            for k in range(len(self._pictures))
        ]
