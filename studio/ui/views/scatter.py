"""Points in a plane, each of a kind: told apart by colour and by shape, named by a legend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QPolygonF,
)

from studio.ui.theme import Theme
from studio.ui.views.tiles import fitted
from studio.ui.views.view import Table, View

_SERIES = 6
_LEGEND, _RADIUS, _NEAR = 96.0, 3.2, 9.0
_CARD = 64.0


def kind_color(theme: Theme, kind: int) -> QColor:
    """Return the colour of a kind; after six they come again, with another shape."""
    return theme.color(f"series.{kind % _SERIES + 1}")


def draw_kind(painter: QPainter, at: QPointF, kind: int, radius: float = _RADIUS) -> None:
    """Draw the shape of a kind at a point, with the painter's pen and brush."""
    match kind // _SERIES % 4:
        case 0:
            painter.drawEllipse(at, radius, radius)
        case 1:
            painter.drawRect(
                QRectF(at.x() - radius, at.y() - radius, 2 * radius, 2 * radius).adjusted(
                    0.4, 0.4, -0.4, -0.4
                )
            )
        case 2:
            r = radius * 1.3
            painter.drawPolygon(
                QPolygonF(
                    [at + QPointF(x * r, y * r) for x, y in ((0, -1), (0.9, 0.7), (-0.9, 0.7))]
                )
            )
        case _:
            r = radius * 1.3
            around = ((0, -1), (1, 0), (0, 1), (-1, 0))
            painter.drawPolygon(QPolygonF([at + QPointF(x * r, y * r) for x, y in around]))


class Scatter(View):
    """Shows points; the one under the mouse (or walked to by ← and →) is told by `hovered`, −1 for none.

    A click or Enter picks it: it stays looked at while the points move. The same again lets go of it.
    """

    hovered = Signal(int)

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__(theme, name)
        self.own_keys = frozenset([Qt.Key.Key_Left, Qt.Key.Key_Right])
        self._points = np.zeros((0, 2))
        self._kinds = np.zeros(0, np.int64)
        self._names: tuple[str, ...] = ()
        self._ramp: np.ndarray | None = None
        self._marked = np.zeros(0, bool)
        self._words: Sequence[str] = ()
        self._under = -1
        self._chosen = -1
        self._card: QImage | None = None
        self.setMinimumSize(200, 120)

    def set_points(
        self,
        points: np.ndarray,
        kinds: np.ndarray,
        names: Sequence[str],
        words: Sequence[str],
        marked: np.ndarray | None = None,
        ramp: np.ndarray | None = None,
    ) -> None:
        """Show points `[n, 2]` of `kinds` `[n]` named by `names`, each told by its `words`.

        `marked` ones get a ring in the error colour. With `ramp` `[n]` of 0…1 points are coloured by the
        sequential map instead.
        """
        self._points = np.asarray(points, np.float64)
        self._kinds, self._names, self._words = kinds, tuple(names), words
        self._marked = np.zeros(len(points), bool) if marked is None else marked
        self._ramp = ramp
        if self._under >= len(points):
            self._under = -1
        if self._chosen >= len(points):
            self._chosen = -1
        self.update()

    def show_card(self, picture: QImage | None) -> None:
        """Show a picture of the sample that is looked at."""
        self._card = picture
        self.update()

    @property
    def looked_at(self) -> int:
        """The point under the mouse, else the picked one, −1 for none."""
        return self._under if self._under >= 0 else self._chosen

    def choose(self, index: int) -> None:
        """Pick a point; −1 lets go of it."""
        self._chosen = index
        self.update()

    def is_empty(self) -> bool:
        return not len(self._points)

    def table(self) -> Table:
        if self.is_empty():
            return []
        rows = zip(self._points.tolist(), self._words, strict=True)
        return [("x", "y", "sample"), *((x, y, words) for (x, y), words in rows)]

    # -------------------------------------------------------------------------------------- drawing

    def draw(self, painter: QPainter) -> None:
        places = self._places()
        painter.setPen(Qt.PenStyle.NoPen)
        if self._ramp is not None:
            for (x, y), rgb in zip(places, self.theme.sequential(self._ramp), strict=True):
                painter.setBrush(QColor(*(int(part) for part in rgb)))
                painter.drawEllipse(QPointF(x, y), _RADIUS, _RADIUS)
        else:
            for kind in np.unique(self._kinds).tolist():
                colour = QColor(kind_color(self.theme, kind))
                colour.setAlphaF(0.85)
                painter.setBrush(colour)
                for x, y in places[self._kinds == kind]:
                    draw_kind(painter, QPointF(x, y), kind)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self.theme.color("error"), 1.4))
        for x, y in places[self._marked]:
            painter.drawEllipse(QPointF(x, y), _RADIUS + 2.4, _RADIUS + 2.4)
        self._draw_legend(painter)
        if self.looked_at >= 0:
            painter.setPen(QPen(self.theme.color("text.1"), 1.6))
            painter.drawEllipse(QPointF(*places[self.looked_at]), _RADIUS + 3, _RADIUS + 3)
            self._draw_card(painter)

    def _draw_legend(self, painter: QPainter) -> None:
        left, y = self.width() - _LEGEND + 12, 8.0
        # Many classes stand closer, so that all are named.
        pitch = max(11.0, min(16.0, (self.height() - 8) / max(1, len(self._names))))
        painter.setFont(self.theme.font("caption"))
        metrics = QFontMetricsF(painter.font())
        for kind, name in enumerate(self._names):
            if y > self.height() - 4 or self._ramp is not None:
                break
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(kind_color(self.theme, kind))
            draw_kind(painter, QPointF(left + 4, y + 1), kind)
            painter.setPen(self.theme.color("text.2"))
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, _LEGEND - 28)
            painter.drawText(QPointF(left + 14, y + 5), shown)
            y += pitch

    def _draw_card(self, painter: QPainter) -> None:
        words = self._words[self.looked_at]
        painter.setFont(self.theme.font("caption", 500))
        lines = words.split("\n")
        metrics = QFontMetricsF(painter.font())
        wide = max(metrics.horizontalAdvance(line) for line in lines) + 16
        tall = 14.0 * len(lines) + 10
        if self._card is not None:
            wide, tall = max(wide, _CARD + 16), tall + _CARD + 4
        at = QPointF(*self._places()[self.looked_at])
        left = 4.0 if at.x() > self.width() / 2 - _LEGEND / 2 else self.width() - _LEGEND - wide
        box = QRectF(left, 4, wide, tall)
        painter.setPen(QPen(self.theme.color("line.strong"), 1))
        painter.setBrush(self.theme.color("bg.raised"))
        painter.drawRoundedRect(box, 6, 6)
        top = box.top() + 6
        if self._card is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
            place = QRectF(box.center().x() - _CARD / 2, top, _CARD, _CARD)
            painter.drawImage(fitted(self._card, place), self._card)
            top += _CARD + 4
        painter.setPen(self.theme.color("text.1"))
        for k, line in enumerate(lines):
            row = QRectF(box.left() + 8, top + 14 * k, wide - 8, 14)
            painter.drawText(row, Qt.AlignmentFlag.AlignVCenter, line)

    def _places(self) -> np.ndarray:
        """Return where the points lie in pixels, in the same scale both ways."""
        low, high = self._points.min(0), self._points.max(0)
        span = float(max((high - low).max(), 1e-9))
        room = np.array([max(40.0, self.width() - _LEGEND), max(40.0, self.height())]) - 16
        middle = (low + high) / 2
        spans = np.maximum(high - low, 0.35 * span)
        scale = float((room / spans).min())
        centred: np.ndarray = (self._points - middle) * scale * np.array([1.0, -1.0])
        places: np.ndarray = centred + room / 2 + 8
        return places

    # ---------------------------------------------------------------------------------- interaction

    def _nearest(self, at: QPointF) -> int:
        if self.is_empty():
            return -1
        away = np.hypot(*(self._places() - np.array([at.x(), at.y()])).T)
        nearest = int(away.argmin())
        return nearest if away[nearest] <= _NEAR else -1

    def _look_at(self, index: int) -> None:
        if index != self._under:
            self._under = index
            self._card = None
            self.setAccessibleDescription(self._words[index] if index >= 0 else "")
            self.update()
            self.hovered.emit(self.looked_at)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._look_at(self._nearest(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._look_at(-1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pick(self._nearest(event.position()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        stride = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if stride is not None and len(self._points):
            self._look_at((self.looked_at + stride) % len(self._points))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.looked_at >= 0:
            self._pick(self.looked_at)
        else:
            super().keyPressEvent(event)

    def _pick(self, index: int) -> None:
        self.choose(-1 if index == self._chosen else index)
        self._card = None
        self.hovered.emit(self.looked_at)
