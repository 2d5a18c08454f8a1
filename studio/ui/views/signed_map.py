"""One explanation: a signed map over its sample, with its limits stated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QImage, QMouseEvent, QPainter, QPen

from studio.ui.theme import Theme
from studio.ui.views.numbers import short
from studio.ui.views.pixels import diverging_image, symmetric_limit
from studio.ui.views.tiles import fitted
from studio.ui.views.view import Table, View

_HEAD = 38
_BAR = 5
_LINE = 17


class Line(NamedTuple):
    """A figure under a map: its name and its value; `quiet` where it is not defined."""

    name: str
    value: str
    quiet: bool = False


class SignedMap(View):
    """A map `[h, w]` in the diverging colours, or bars for `[features]`; grey words until it is there."""

    #: The least side of a map, and what its words and its scale take above and below.
    LEAST, WORDS = 136, 130

    picked = Signal(str)

    def __init__(self, theme: Theme, kind: str, title: str) -> None:
        super().__init__(theme, f"{title} map")
        self.kind, self.title = kind, title
        self._remark = ""
        self._values: np.ndarray | None = None
        self._features: tuple[str, ...] = ()
        self._limit = 0.0
        self._under: QImage | None = None
        self._over = False
        self._chosen = False
        self._lines: tuple[Line, ...] = ()
        self._state, self._message = "waiting", ""
        self._progress = 0.0
        self._image: QImage | None = None
        self._drawn_with = ""
        self.setMinimumSize(self.LEAST, 220)

    @property
    def state(self) -> str:
        """waiting, working, done or refused."""
        return self._state

    @property
    def message(self) -> str:
        """Why it was refused."""
        return self._message

    @property
    def values(self) -> np.ndarray | None:
        """What is shown."""
        return self._values

    @property
    def limit(self) -> float:
        """The end of the colours: ±limit."""
        return self._limit

    @property
    def lines(self) -> tuple[Line, ...]:
        """The figures under the map."""
        return self._lines

    def set_remark(self, text: str) -> None:
        """Say under the title how it was made."""
        self._remark = text
        self.update()

    def set_working(self, share: float = 0.0, words: str = "") -> None:
        """Say that it is being made; the last map is gone, for it explained something else."""
        self._state, self._progress, self._message = "working", share, words
        self._values, self._lines = None, ()
        self.update()

    def set_waiting(self, message: str = "") -> None:
        """Say that it is not being made."""
        self._state, self._message = "waiting", message
        self._values, self._lines = None, ()
        self.update()

    def set_refused(self, message: str) -> None:
        """Say why there is no map."""
        self._state, self._message = "refused", message
        self._values, self._lines = None, ()
        self.update()

    def set_values(
        self,
        values: np.ndarray,
        under: QImage | None,
        features: Sequence[str] = (),
        lines: Sequence[Line] = (),
    ) -> None:
        """Show a map `[h, w]` or `[features]`; colours end at the 99th percentile of its size."""
        self._state, self._values, self._under = "done", np.asarray(values), under
        self._features, self._lines = tuple(features), tuple(lines)
        self._limit = symmetric_limit(self._values, 99.0 if self._values.ndim > 1 else 100.0)
        self._image = None
        self.setAccessibleDescription(f"limits ±{short(self._limit)}")
        self.update()

    def set_under(self, under: QImage | None) -> None:
        """Give the sample that lies below the map."""
        self._under = under
        self.update()

    def set_over(self, on: bool) -> None:
        """Lay the map over its sample, or show it alone."""
        self._over = on
        self.update()

    def set_chosen(self, on: bool) -> None:
        """Frame it in accent: its settings are in the form."""
        self._chosen = on
        self.update()

    def table(self) -> Table:
        if self._values is None:
            return []
        if self._values.ndim == 1:
            names = self._features or [str(k) for k in range(self._values.size)]
            return [("feature", "value"), *zip(names, self._values.tolist(), strict=True)]
        return [list(range(self._values.shape[1])), *self._values.tolist()]

    def tip(self, at: QPointF) -> str:
        if self._values is None:
            return ""
        area = self._area()
        if self._values.ndim == 1:
            k = int((at.y() - area.top()) / area.height() * self._values.size)
            if 0 <= k < self._values.size:
                name = self._features[k] if k < len(self._features) else str(k)
                return f"{name}: {float(self._values[k]):.5g}"
            return ""
        if self._image is None:
            return ""
        place = fitted(self._image, area)
        if not place.contains(at):
            return ""
        height, width = self._values.shape
        row = min(int((at.y() - place.top()) / place.height() * height), height - 1)
        column = min(int((at.x() - place.left()) / place.width() * width), width - 1)
        return f"row {row}, column {column}: {float(self._values[row, column]):.5g}"

    # -------------------------------------------------------------------------------------- drawing

    def draw(self, painter: QPainter) -> None:
        colour = self.theme.color
        width = float(self.width())
        painter.setFont(self.theme.font("body", 600))
        painter.setPen(colour("text.1"))
        self._words(painter, self.title, QRectF(0, 0, width, 18))
        painter.setFont(self.theme.font("caption"))
        painter.setPen(colour("text.3"))
        self._words(painter, self._remark, QRectF(0, 18, width, 16))
        area = self._area()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("div.zero" if self._values is not None else "bg.input"))
        painter.drawRect(area)
        if self._values is None:
            self._draw_state(painter, area)
        elif self._values.ndim == 1:
            self._draw_bars(painter, area)
        else:
            self._draw_map(painter, area)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour("accent" if self._chosen else "line"), 1))
        painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))
        if self._values is not None:
            self._draw_scale(painter, area)
            self._draw_lines(painter, area.bottom() + _BAR + 26)

    def _draw_state(self, painter: QPainter, area: QRectF) -> None:
        colour = self.theme.color
        inner = area.adjusted(10, 10, -10, -10)
        text = self._message
        if self._state == "working":
            track = QRectF(inner.left(), inner.center().y() + 8, inner.width(), 6)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour("bg.raised"))
            painter.drawRoundedRect(track, 3, 3)
            track.setWidth(track.width() * min(1.0, max(0.02, self._progress)))
            painter.setBrush(colour("accent"))
            painter.drawRoundedRect(track, 3, 3)
            inner.setBottom(track.top() - 4)
            text = text or "working…"
        token = "error" if self._state == "refused" else "text.3"
        painter.setPen(colour("text.2" if self._state == "refused" else token))
        painter.drawText(inner, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)

    def _draw_map(self, painter: QPainter, area: QRectF) -> None:
        assert self._values is not None
        if self._image is None or self._drawn_with != self.theme.name:
            self._image = diverging_image(self.theme, self._values, self._limit)
            self._drawn_with = self.theme.name
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        place = fitted(self._image, area.adjusted(1, 1, -1, -1))
        if self._over and self._under is not None:
            painter.drawImage(place, self._under)
            painter.setOpacity(0.66)
        painter.drawImage(place, self._image)
        painter.setOpacity(1.0)

    def _draw_bars(self, painter: QPainter, area: QRectF) -> None:
        assert self._values is not None
        colour = self.theme.color
        count = self._values.size
        pitch = area.height() / count
        middle = area.center().x()
        half = area.width() / 2 - 6
        painter.setFont(self.theme.font("caption"))
        metrics = QFontMetricsF(painter.font())
        for k, value in enumerate(self._values.tolist()):
            size = half * min(1.0, abs(value) / self._limit) if self._limit else 0.0
            y = area.top() + k * pitch
            bar = QRectF(middle - (size if value < 0 else 0), y + 1, size, max(1.0, pitch - 2))
            painter.fillRect(bar, colour("div.pos" if value > 0 else "div.neg"))
            if pitch >= 12 and k < len(self._features):
                painter.setPen(colour("text.2"))
                room = half - 4
                name = metrics.elidedText(self._features[k], Qt.TextElideMode.ElideRight, room)
                left = area.left() + 6 if value > 0 else middle + 4
                painter.drawText(QRectF(left, y, room, pitch), Qt.AlignmentFlag.AlignVCenter, name)
        painter.setPen(QPen(colour("line.strong"), 1))
        painter.drawLine(QPointF(middle, area.top()), QPointF(middle, area.bottom()))

    def _draw_scale(self, painter: QPainter, area: QRectF) -> None:
        bar = QRectF(area.left(), area.bottom() + 6, area.width(), _BAR)
        ramp = np.linspace(-1.0, 1.0, 128)[None, :]
        painter.drawImage(bar, diverging_image(self.theme, ramp, 1.0))
        painter.setFont(self.theme.font("caption"))
        painter.setPen(self.theme.color("text.3"))
        box = QRectF(bar.left(), bar.bottom() + 1, bar.width(), 15)
        limit = short(self._limit)
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft, "−" + limit)
        painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, "0")
        painter.drawText(box, Qt.AlignmentFlag.AlignRight, "+" + limit)

    def _draw_lines(self, painter: QPainter, top: float) -> None:
        painter.setFont(self.theme.font("caption"))
        for k, line in enumerate(self._lines):
            box = QRectF(0, top + k * _LINE, self._area().width(), _LINE)
            painter.setPen(self.theme.color("text.2"))
            metrics = QFontMetricsF(painter.font())
            room = box.width() - metrics.horizontalAdvance(line.value) - 6
            name = metrics.elidedText(line.name, Qt.TextElideMode.ElideRight, room)
            painter.drawText(box, Qt.AlignmentFlag.AlignLeft, name)
            painter.setPen(self.theme.color("text.3" if line.quiet else "text.1"))
            painter.drawText(box, Qt.AlignmentFlag.AlignRight, line.value)

    def _words(self, painter: QPainter, text: str, box: QRectF) -> None:
        shown = QFontMetricsF(painter.font()).elidedText(
            text, Qt.TextElideMode.ElideRight, box.width()
        )
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, shown)

    def _area(self) -> QRectF:
        foot = _BAR + 26 + 3 * _LINE + 6
        side = max(60.0, min(float(self.width()), self.height() - _HEAD - foot))
        return QRectF(0, _HEAD, side, side)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.picked.emit(self.kind)
        super().mousePressEvent(event)
