"""The sheet from far away: everything in a few batched calls, for small zooms and the minimap."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen, QStaticText

from studio.ui.canvas.faces import glyph_token
from studio.ui.canvas.previews import LEVELS
from studio.ui.canvas.scene import SheetScene
from studio.ui.theme import Theme

#: Below this zoom the view paints the overview instead of the items, and from here on with titles.
OVERVIEW_SCALE, TITLES_SCALE = 0.35, 0.25
#: How much of a card its colour takes where there are titles, in the scene.
BAR = 16.0
#: The side of squares by which nodes in sight are found, and how many are written on at most.
_CELL, _MOST_WRITTEN = 1024.0, 1000
#: How high glyphs and letters are, in pixels.
_GLYPH, _LETTER = 10, 9


class _Name(NamedTuple):
    """What is written on a card."""

    rect: QRectF
    middle: float
    title: str
    glyph: str
    token: str


class Overview:
    """Lists of rectangles and lines, made once for each state of the scene."""

    def __init__(self, scene: SheetScene, theme: Theme) -> None:
        self._scene = scene
        self._theme = theme
        self._revision = -1
        self._cards: list[QRectF] = []
        self._bars: dict[str, list[QRectF]] = {}
        #: By how strong their tensors are, where that is shown.
        self._wires: dict[int | None, list[QLineF]] = {}
        self._frames: list[QRectF] = []
        self._names: dict[tuple[int, int], list[_Name]] = {}
        self._texts: dict[tuple[str, int], QStaticText] = {}

    def collect(self) -> None:
        """Take in where everything is, unless nothing has changed."""
        if self._revision == self._scene.revision:
            return
        self._revision = self._scene.revision
        self._cards, self._bars, self._wires, self._names = [], {}, {}, {}
        for item in self._scene.nodes.values():
            rect = item.rect
            face = item.face
            if face.dot:
                continue  # a part of its wires
            self._cards.append(rect)
            token = "error" if face.error else "warn" if face.warning else f"cat.{face.category}"
            self._bars.setdefault(token, []).append(rect)
            name = _Name(rect, face.header / 2, face.title, face.glyph, glyph_token(face))
            self._names.setdefault(_cell(rect.x(), rect.y()), []).append(name)
        for link in self._scene.links.values():
            if link.route is None:
                continue
            points = [QPointF(x, y) for x, y in link.route.points]
            lines = self._wires.setdefault(link.level, [])
            lines += [QLineF(a, b) for a, b in itertools.pairwise(points)]
        self._frames = [frame.rect for frame in self._scene.frames.values()]

    def forget(self) -> None:
        """Collect again next time, as while something is dragged."""
        self._revision = -1

    def _pen(self, level: int | None) -> QPen:
        """Return the pen of wires: thin, and up to 3 px for the strongest, however far away."""
        if level is None:
            return QPen(self._theme.color("wire"), 0)
        pen = QPen(self._scene.wires.look.strong(level))
        pen.setWidthF(1 + 2 * level / (LEVELS - 1))
        pen.setCosmetic(True)
        return pen

    def paint(self, painter: QPainter, wires: bool = True, bar: float = math.inf) -> None:
        """Paint the sheet in scene coordinates; `bar` is how much of a node its colour takes."""
        self.collect()
        color = self._theme.color
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("bg.raised"))
        painter.drawRects(self._frames)
        if wires:
            for level, lines in self._wires.items():
                painter.setPen(self._pen(level))
                painter.drawLines(lines)
        if bar < 216:
            painter.setPen(QPen(color("line.strong"), 0))
            painter.setBrush(color("bg.card"))
            painter.drawRects(self._cards)
        painter.setPen(Qt.PenStyle.NoPen)
        for token, rects in self._bars.items():
            painter.setBrush(color(token))
            if bar >= 216:
                painter.drawRects(rects)
            else:
                painter.drawRects([QRectF(r.x(), r.y(), bar, r.height()) for r in rects])
        if self._scene.selection:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            pen = QPen(color("accent"), 2)
            pen.setCosmetic(True)
            painter.setPen(pen)
            nodes = self._scene.nodes
            painter.drawRects([nodes[key].rect for key in self._scene.selection if key in nodes])

    def write(self, painter: QPainter, seen: QRectF) -> None:
        """Write titles beside glyphs on the cards that are `seen`; none where they are too many to read."""
        named = [name for name in self._in_sight(seen) if name.rect.intersects(seen)]
        if len(named) > _MOST_WRITTEN:
            return
        view, font = painter.worldTransform(), self._theme.font("title", 600)
        font.setPixelSize(_LETTER)
        dense = painter.device().devicePixelRatioF()
        painter.save()
        painter.resetTransform()  # letters this small are made for the pixels they stand on
        painter.setFont(font)
        painter.setPen(self._theme.color("text.1"))
        for name in named:
            corner = view.map(QPointF(name.rect.x() + BAR, name.rect.y() + name.middle))
            left, middle = round(corner.x()) + 3, round(corner.y())
            at = QPointF(left, middle - _GLYPH / 2)
            self._theme.draw_icon(painter, at, name.glyph, name.token, _GLYPH, dense)
            left += _GLYPH + 3
            room = int(view.map(name.rect.topRight()).x()) - 2 - left
            text = self._text(name.title, room, QFontMetricsF(font))
            painter.drawStaticText(QPointF(left, middle - text.size().height() / 2), text)
        painter.restore()

    def _in_sight(self, seen: QRectF) -> Iterator[_Name]:
        """Yield what is written near a part of the scene; a card begins in its cell or one before."""
        left, top = _cell(seen.left(), seen.top())
        right, bottom = _cell(seen.right(), seen.bottom())
        for cell in itertools.product(range(left - 1, right + 1), range(top - 1, bottom + 1)):
            yield from self._names.get(cell, ())

    def _text(self, title: str, room: int, metrics: QFontMetricsF) -> QStaticText:
        """Return a title that fits, laid out once."""
        text = self._texts.get((title, room))
        if text is None:
            if len(self._texts) > _MOST_WRITTEN:
                self._texts.clear()
            text = QStaticText(metrics.elidedText(title, Qt.TextElideMode.ElideRight, room))
            text.setTextFormat(Qt.TextFormat.PlainText)
            self._texts[title, room] = text
        return text


def _cell(x: float, y: float) -> tuple[int, int]:
    return math.floor(x / _CELL), math.floor(y / _CELL)
