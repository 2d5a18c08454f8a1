"""What the marks of a run on nodes and wires mean, in one row below the canvas."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from studio.ui.canvas.link_item import WireLook
from studio.ui.canvas.living import Living
from studio.ui.canvas.previews import (
    GRADIENT,
    HISTOGRAM,
    LEAST_SHARE,
    LEVELS,
    MAPS,
    MOST_SHARE,
    Strength,
)
from studio.ui.canvas.sprites import Sprites
from studio.ui.theme import Theme
from studio.ui.views.pixels import sequential_image
from studio.ui.views.view import View

_HEIGHT = 26
_MARK = 20.0


@dataclass(frozen=True)
class Entry:
    """A mark with its words, and fewer of them where there is little room."""

    mark: Callable[[QPainter, QRectF], None]
    words: str
    short: str


class Legend(View):
    """The marks that are shown now. Hidden while nothing of a run is."""

    def __init__(self, theme: Theme, living: Living, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Legend", parent)
        self._living = living
        self._look = WireLook(theme, Sprites())
        self.entries: tuple[Entry, ...] = ()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFixedHeight(_HEIGHT)
        theme.changed.connect(self._look.dress)
        living.chosen.connect(self._fill)
        living.told.connect(self._fill)
        self._fill()

    def _fill(self, _: object = None) -> None:
        entries = self._entries()
        words = [entry.words for entry in entries]
        if words == [entry.words for entry in self.entries] and self.entries:
            return
        self.entries = entries
        self.setAccessibleName("Legend: " + ", ".join(words))
        self.setVisible(bool(entries))
        self.update()

    def _entries(self) -> tuple[Entry, ...]:
        living, found = self._living, []
        if MAPS in living.previews:
            found.append(Entry(self._maps, "strongest maps", "maps"))
        if HISTOGRAM in living.previews:
            found.append(Entry(self._hill, "activations", "activations"))
        if GRADIENT in living.previews:
            ends = f"{_power(LEAST_SHARE)} to {_power(MOST_SHARE)}"
            words = f"gradient ÷ weights, {ends}, log; tick: middle layer"
            found.append(Entry(self._bar, words, "gradient ÷ weights"))
        if living.previews:
            found.append(Entry(self._ring, "needs a look", "look here"))
        if living.strength:
            found.append(Entry(self._lines, _wire_words(living.scale), "wires: RMS"))
        if living.stale:
            found.append(Entry(self._clock, "measured before your edits", "edited"))
        return tuple(found)

    def draw(self, painter: QPainter) -> None:
        colour = self.theme.color
        painter.fillRect(self.rect(), colour("bg.panel"))
        painter.setPen(QPen(colour("line"), 1))
        painter.drawLine(QPointF(0, 0.5), QPointF(self.width(), 0.5))
        painter.setFont(self.theme.font("caption"))
        metrics = painter.fontMetrics()
        room = self.width() - 24 - (_MARK + 6) * len(self.entries) - 12 * (len(self.entries) - 1)
        texts = [entry.words for entry in self.entries]
        if sum(metrics.horizontalAdvance(text) for text in texts) > room:
            texts = [entry.short for entry in self.entries]
        spare = room - sum(metrics.horizontalAdvance(text) for text in texts)
        gap = 12 + min(12.0, max(0.0, spare / max(1, len(texts) - 1)))
        left = 12.0
        for entry, text in zip(self.entries, texts, strict=True):
            entry.mark(painter, QRectF(left, 5, _MARK, 16))
            left += _MARK + 6
            width = metrics.horizontalAdvance(text)
            painter.setPen(colour("text.2"))
            box = QRectF(left, 0, width + 2, _HEIGHT)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, text)
            left += width + gap

    def _maps(self, painter: QPainter, box: QRectF) -> None:
        grain = np.abs(np.sin(np.arange(36.0).reshape(6, 6) * 1.7)) * np.linspace(0.3, 1, 6)
        square = QRectF(box.left() + 2, box.top(), 16, 16)
        painter.drawImage(square, sequential_image(self.theme, grain, 0, 1.4))

    def _hill(self, painter: QPainter, box: QRectF) -> None:
        x = np.linspace(-2.2, 2.2, 24)
        step, foot = box.width() / 23, box.bottom() - 1
        hill = [
            QPointF(box.left() + step * k, foot - 13 * float(np.exp(-v * v)))
            for k, v in enumerate(x)
        ]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.theme.color("series.1", 0.7))
        painter.drawPolygon(
            QPolygonF([QPointF(box.left(), foot), *hill, QPointF(box.right(), foot)])
        )

    def _bar(self, painter: QPainter, box: QRectF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.theme.color("series.2"))
        painter.drawRoundedRect(QRectF(box.left() + 2, box.center().y() - 2, 14, 4), 2, 2)
        tick = QRectF(box.left() + 11, box.center().y() - 4, 1.5, 8)
        painter.fillRect(tick, self.theme.color("text.1"))

    def _ring(self, painter: QPainter, box: QRectF) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self.theme.color("warn"), 2))
        painter.drawRoundedRect(box.adjusted(1, 2, -1, -2), 4, 4)

    def _lines(self, painter: QPainter, box: QRectF) -> None:
        for n, level in enumerate((0, LEVELS // 2, LEVELS - 1)):
            painter.setPen(self._look.strong(level))
            x = box.left() + 3 + 7 * n
            painter.drawLine(QPointF(x, box.top() + 4), QPointF(x, box.bottom() - 4))

    def _clock(self, painter: QPainter, box: QRectF) -> None:
        at = QPointF(box.left() + 3, box.top() + 1)
        self.theme.draw_icon(painter, at, "history", "warn", 14)


def _power(value: float) -> str:
    """Return a power of ten as it is set: `10⁻⁵`."""
    exponent = round(math.log10(value))
    raised = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}" if exponent else "1"


def _wire_words(scale: Strength | None) -> str:
    if scale is None:
        return "wires: train to see root mean squares"
    return f"wires: root mean square {scale.low:g} to {scale.high:g}, log"
