"""Small pictures of samples with what was read beneath: a fixed strip, and a grid of thousands."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from studio.ui.theme import Theme
from studio.ui.views.pixels import gray_image, sequential_image
from studio.ui.views.view import Table, Tips, View

_PICTURES = 4000


class Tile(NamedTuple):
    """What stands under a picture: `read` in bold where wrong, then a quieter remark."""

    read: str
    remark: str = ""
    wrong: bool = False
    tip: str = ""


def sample_image(theme: Theme, sample: np.ndarray, low: float = 0.0, high: float = 0.0) -> QImage:
    """Return a picture of any sample: images in grey or colour, sequences and rows as a heat map.

    Shapes: `[h, w]` uint8, `[1|3, h, w]`, `[rows, features]` or `[features]`.
    """
    sample = np.asarray(sample)
    if sample.ndim >= 3 or sample.dtype == np.uint8:
        return gray_image(sample)
    flat = sample.reshape(1, -1) if sample.ndim < 2 else sample
    if high <= low:
        low, high = float(np.nanmin(flat)), float(np.nanmax(flat))
    return sequential_image(theme, flat.astype(np.float32), low, high)


def paint_tile(
    painter: QPainter,
    theme: Theme,
    box: QRectF,
    picture: QImage | None,
    tile: Tile,
    *,
    chosen: bool = False,
    outlined: bool = False,
) -> None:
    """Draw one tile: the picture in the upper square of `box`, the words under it."""
    colour = theme.color
    frame = QRectF(box.left(), box.top(), box.width(), box.width())
    painter.setPen(QPen(colour("line"), 1))
    painter.setBrush(colour("bg.input"))
    painter.drawRoundedRect(frame, 4, 4)
    if picture is not None:
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(fitted(picture, frame.adjusted(2, 2, -2, -2)), picture)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if chosen:
        painter.setPen(QPen(colour("accent"), 2))
        painter.drawRoundedRect(box.adjusted(-3, -3, 3, 1), 6, 6)
    if tile.wrong and outlined:
        painter.setPen(QPen(colour("error"), 2))
        painter.drawRoundedRect(frame.adjusted(-1, -1, 1, 1), 5, 5)
    strong, quiet = theme.font("caption", 600 if tile.wrong else 500), theme.font("caption")
    read = tile.read
    first = QFontMetricsF(strong).horizontalAdvance(read)
    gap = 3.0 if tile.remark else 0.0
    second = QFontMetricsF(quiet).horizontalAdvance(tile.remark)
    room = box.width() + 8
    if first + gap + second > room:
        second = max(0.0, room - first - gap)
    left = box.center().x() - (first + gap + second) / 2
    line = QRectF(left, frame.bottom() + 3, first + 2, 14)
    painter.setFont(strong)
    painter.setPen(colour("error" if tile.wrong else "text.1"))
    painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, read)
    painter.setFont(quiet)
    painter.setPen(colour("text.3"))
    rest = QFontMetricsF(quiet).elidedText(tile.remark, Qt.TextElideMode.ElideRight, second + 1)
    line = QRectF(left + first + gap, frame.bottom() + 3, second + 2, 14)
    painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, rest)


def fitted(picture: QImage, into: QRectF) -> QRectF:
    """Return the largest centred place in `into` with the picture's proportions; strips are stretched."""
    wide, tall = picture.width(), picture.height()
    if not wide or not tall or max(wide, tall) > 8 * min(wide, tall):
        return into
    scale = min(into.width() / wide, into.height() / tall)
    place = QRectF(0, 0, wide * scale, tall * scale)
    place.moveCenter(into.center())
    return place


class Strip(View):
    """The fixed strip of validation samples in one row, as many as fit."""

    def __init__(self, theme: Theme, name: str = "Predictions") -> None:
        super().__init__(theme, name)
        self._pictures: tuple[QImage, ...] = ()
        self._tiles: tuple[Tile, ...] = ()
        self.setMinimumSize(120, 76)

    def set_tiles(self, pictures: Sequence[QImage], tiles: Sequence[Tile]) -> None:
        """Show these."""
        self._pictures, self._tiles = tuple(pictures), tuple(tiles)
        self.update()

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """What is shown."""
        return self._tiles

    def is_empty(self) -> bool:
        return not self._tiles

    def table(self) -> Table:
        rows = [(tile.read, tile.remark, "wrong" if tile.wrong else "") for tile in self._tiles]
        return [("read", "remark", "verdict"), *rows] if rows else []

    def tip(self, at: QPointF) -> str:
        for tile, box in zip(self._tiles, self._boxes(), strict=False):
            if box.contains(at):
                return tile.tip or f"{tile.read} {tile.remark}".strip()
        return ""

    def draw(self, painter: QPainter) -> None:
        for tile, picture, box in zip(self._tiles, self._pictures, self._boxes(), strict=False):
            paint_tile(painter, self.theme, box, picture, tile, outlined=True)

    def _boxes(self) -> list[QRectF]:
        side = float(min(52, self.height() - 24))
        count = len(self._tiles)
        fits = max(1, min(count, int((self.width() - 8) // (side + 10))))
        pitch = min((self.width() - 8) / fits, side + 40)
        top = (self.height() - side - 18) / 2
        return [
            QRectF(4 + k * pitch + (pitch - side) / 2, top, side, side + 18) for k in range(fits)
        ]


class SampleGrid(QAbstractScrollArea):
    """Thumbnails of any number of samples; only those in sight are painted, and asked for.

    `wanted` names samples in sight that have no picture yet.
    """

    picked = Signal(int)
    wanted = Signal(tuple)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._order: tuple[int, ...] = ()
        self._places: dict[int, int] = {}
        self._tile: Callable[[int], Tile] = lambda index: Tile(str(index))
        self._pictures: OrderedDict[int, QImage] = OrderedDict()
        self._asked: set[int] = set()
        self._chosen = -1
        self.empty_text = ""
        self.setAccessibleName("Samples")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.verticalScrollBar().valueChanged.connect(self._look)
        self._tips = Tips(self.viewport(), self._tip_at)
        theme.changed.connect(self.viewport().update)

    def set_samples(self, order: Sequence[int], tile: Callable[[int], Tile]) -> None:
        """Show these samples in this order; `tile` words one."""
        self._order, self._tile = tuple(order), tile
        self._places = {index: place for place, index in enumerate(self._order)}
        self._measure()
        self.viewport().update()
        self._look()

    def forget_pictures(self) -> None:
        """Drop all pictures: other data."""
        self._pictures.clear()
        self._asked.clear()
        self.viewport().update()
        self._look()

    def set_picture(self, index: int, picture: QImage) -> None:
        """Give one sample's picture."""
        self._pictures[index] = picture
        self._asked.discard(index)
        while len(self._pictures) > _PICTURES:
            self._pictures.popitem(last=False)
        self.viewport().update()

    def drop_asked(self, indices: Sequence[int]) -> None:
        """Say that these pictures did not come; they may be asked for again."""
        self._asked.difference_update(indices)

    @property
    def order(self) -> tuple[int, ...]:
        """The samples shown, in order."""
        return self._order

    @property
    def chosen(self) -> int:
        """The chosen sample, −1 without one."""
        return self._chosen

    def choose(self, index: int, *, tell: bool = True) -> None:
        """Make a sample the chosen one and bring it into sight."""
        if index == self._chosen:
            return
        self._chosen = index
        if index in self._places:
            across, _, tall = self._grid()
            top = self._places[index] // across * tall
            bar = self.verticalScrollBar()
            if not bar.value() <= top <= bar.value() + self.viewport().height() - tall:
                bar.setValue(int(top - self.viewport().height() / 3))
        self.viewport().update()
        if tell:
            self.picked.emit(index)

    def walk(self, by: int) -> None:
        """Choose the sample `by` places further."""
        if self._order:
            place = self._places.get(self._chosen, -1 if by > 0 else len(self._order))
            self.choose(self._order[min(max(place + by, 0), len(self._order) - 1)])

    # -------------------------------------------------------------------------------------- layout

    def _grid(self) -> tuple[int, float, float]:
        """Samples a row, and the width and height of a place."""
        width = max(60, self.viewport().width() - 8)
        across = max(1, width // 48)
        return across, width / across, 72.0

    def _measure(self) -> None:
        across, _, tall = self._grid()
        rows = -(-len(self._order) // across)
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, int(rows * tall) + 8 - self.viewport().height()))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(int(tall / 2))

    def _in_sight(self) -> range:
        across, _, tall = self._grid()
        first = int(self.verticalScrollBar().value() // tall) * across
        rows = int(self.viewport().height() // tall) + 2
        return range(first, min(len(self._order), first + rows * across))

    def _box(self, place: int) -> QRectF:
        across, wide, tall = self._grid()
        side = min(48.0, wide - 6)
        left = 4 + place % across * wide + (wide - side) / 2
        top = 6 + place // across * tall - self.verticalScrollBar().value()
        return QRectF(left, top, side, side + 18)

    def _look(self) -> None:
        if not self.isVisible():
            return
        sight = [self._order[place] for place in self._in_sight()]
        missing = [k for k in sight if k not in self._pictures and k not in self._asked]
        if missing:
            self._asked.update(missing)
            self.wanted.emit(tuple(missing))

    # -------------------------------------------------------------------------------------- events

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._order:
            painter.setFont(self._theme.font("body"))
            painter.setPen(self._theme.color("text.3"))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(
                self.viewport().rect().adjusted(16, 8, -16, -8), flags, self.empty_text
            )
        for place in self._in_sight():
            index = self._order[place]
            picture = self._pictures.get(index)
            tile = self._tile(index)
            chosen = index == self._chosen
            paint_tile(painter, self._theme, self._box(place), picture, tile, chosen=chosen)
        if self.hasFocus():
            painter.setPen(QPen(self._theme.color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.viewport().rect().adjusted(1, 1, -1, -1))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._measure()
        self._look()

    def showEvent(self, event: object) -> None:
        self._look()

    def sizeHint(self) -> QSize:
        return QSize(296, 400)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self._place_at(event.position())
        if place is not None:
            self.choose(self._order[place])

    def _tip_at(self, at: QPointF) -> str:
        place = self._place_at(at)
        if place is None:
            return ""
        tile = self._tile(self._order[place])
        said = tile.tip or f"{tile.read} {tile.remark}".strip()
        return f"Sample {self._order[place]}: {said}"

    def keyPressEvent(self, event: QKeyEvent) -> None:
        across = self._grid()[0]
        page = max(1, int(self.viewport().height() // 72)) * across
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -across,
            Qt.Key.Key_Down: across,
            Qt.Key.Key_PageUp: -page,
            Qt.Key.Key_PageDown: page,
            Qt.Key.Key_Home: -len(self._order),
            Qt.Key.Key_End: len(self._order),
        }
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.walk(step)

    def _place_at(self, at: QPointF) -> int | None:
        for place in self._in_sight():
            if self._box(place).adjusted(-4, -4, 4, 4).contains(at):
                return place
        return None
