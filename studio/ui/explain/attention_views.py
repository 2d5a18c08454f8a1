"""Attention as pictures: all heads small, one head large, one patch's view over the sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QImage, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy

from studio.engine.protocol import AttentionMap
from studio.ui.theme import Theme
from studio.ui.views.numbers import percent
from studio.ui.views.pixels import sequential_image
from studio.ui.views.tiles import fitted
from studio.ui.views.view import Table, View

_ARROWS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


def scaled(weights: np.ndarray, *, root: bool) -> np.ndarray:
    """Return weights to colour: their square root, where small ones should be seen too."""
    return np.sqrt(weights) if root else weights


class HeadGrid(View):
    """A row for each layer, a small picture for each head; one is chosen.

    Pictures are the heads' matrices, or, given a row and a sample, where that row looks over it.
    """

    picked = Signal(int, int)

    def __init__(self, theme: Theme, name: str, side: float = 96.0) -> None:
        super().__init__(theme, name)
        self.own_keys = frozenset(_ARROWS)
        self._layers: tuple[AttentionMap, ...] = ()
        self._images: dict[tuple[int, int], QImage] = {}
        self._chosen = (0, 0)
        self._root = True
        self._row = -1
        self._under: QImage | None = None
        self._side = side
        self.setMinimumSize(160, 60)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        theme.changed.connect(self._images.clear)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        heads = max((layer.weights.shape[0] for layer in self._layers), default=4)
        side = min((width - 36) / heads - 8, self._side)
        return int(24 + max(1, len(self._layers)) * (side + 8))

    def sizeHint(self) -> QSize:
        return QSize(320, self.heightForWidth(320))

    def set_layers(self, layers: Sequence[AttentionMap]) -> None:
        """Show these."""
        self._layers = tuple(layers)
        self._images.clear()
        self.updateGeometry()
        self.update()

    def set_row(self, row: int, under: QImage | None) -> None:
        """Show where one position looks over the sample, instead of the matrices."""
        self._row, self._under = row, under
        self._images.clear()
        self.update()

    def set_chosen(self, layer: int, head: int) -> None:
        """Ring one head."""
        self._chosen = (layer, head)
        self.setAccessibleDescription(f"layer {layer + 1}, head {head + 1}")
        self.update()

    def set_root(self, on: bool) -> None:
        """Colour by square roots."""
        self._root = on
        self._images.clear()
        self.update()

    def is_empty(self) -> bool:
        return not self._layers

    def tip(self, at: QPointF) -> str:
        for (layer, head), box in self._boxes().items():
            if box.contains(at):
                return f"{self._layers[layer].name}, head {head + 1}"
        return ""

    def draw(self, painter: QPainter) -> None:
        colour = self.theme.color
        boxes = self._boxes()
        for (layer, head), box in boxes.items():
            self._draw_head(painter, layer, head, box)
            if layer == 0:
                painter.setPen(colour("text.3"))
                above = QRectF(box.left(), box.top() - 18, box.width(), 14)
                painter.drawText(above, Qt.AlignmentFlag.AlignCenter, str(head + 1))
            if head == 0:
                painter.setPen(colour("text.3"))
                beside = QRectF(0, box.top(), 26, box.height())
                painter.drawText(beside, Qt.AlignmentFlag.AlignVCenter, f"L{layer + 1}")
        if self._chosen in boxes:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour("accent"), 2))
            painter.drawRoundedRect(boxes[self._chosen].adjusted(-3, -3, 3, 3), 4, 4)

    def _draw_head(self, painter: QPainter, layer: int, head: int, box: QRectF) -> None:
        chosen = self._layers[layer]
        if (layer, head) not in self._images:
            weights = chosen.weights[head]
            if self._row >= 0 and len(chosen.grid) == 2:
                weights = weights[self._row, chosen.prefix :].reshape(tuple(chosen.grid))
            weights = scaled(weights, root=self._root)
            top = float(weights.max(initial=0.0)) or 1.0
            self._images[layer, head] = sequential_image(self.theme, weights, 0.0, top)
        image = self._images[layer, head]
        smooth = image.width() > box.width()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        if self._row >= 0 and self._under is not None:
            painter.drawImage(box, self._under)
            painter.setOpacity(0.62)
        painter.drawImage(box, image)
        painter.setOpacity(1.0)

    def _boxes(self) -> dict[tuple[int, int], QRectF]:
        heads = max((layer.weights.shape[0] for layer in self._layers), default=1)
        rows = max(1, len(self._layers))
        side = min((self.width() - 36) / heads - 8, (self.height() - 24) / rows - 8, self._side)
        side = max(8.0, side)
        return {
            (row, head): QRectF(32 + head * (side + 8), 22 + row * (side + 8), side, side)
            for row, layer in enumerate(self._layers)
            for head in range(layer.weights.shape[0])
        }

    def mousePressEvent(self, event: QMouseEvent) -> None:
        for key, box in self._boxes().items():
            if box.adjusted(-4, -4, 4, 4).contains(event.position()):
                self.picked.emit(*key)
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _ARROWS.get(Qt.Key(event.key()))
        if step is None or not self._layers:
            super().keyPressEvent(event)
            return
        layer = min(max(self._chosen[0] + step[0], 0), len(self._layers) - 1)
        heads = self._layers[layer].weights.shape[0]
        self.picked.emit(layer, min(max(self._chosen[1] + step[1], 0), heads - 1))


class HeadMatrix(View):
    """One head: row looks at column. A row is chosen; arrows move the cell."""

    row_picked = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Attention of the chosen head")
        self.own_keys = frozenset(_ARROWS)
        self._weights = np.zeros((0, 0), np.float32)
        self._tokens: tuple[str, ...] = ()
        self._row, self._column = 0, 0
        self._root = True
        self._image: QImage | None = None
        self.setMinimumSize(240, 240)
        theme.changed.connect(self._forget)

    def set_weights(self, weights: np.ndarray, tokens: Sequence[str]) -> None:
        """Show `[queries, keys]`."""
        self._weights, self._tokens = weights, tuple(tokens)
        self._row = min(self._row, max(0, len(weights) - 1))
        self._column = min(self._column, max(0, weights.shape[-1] - 1)) if weights.size else 0
        self._forget()

    @property
    def row(self) -> int:
        """The row that looks."""
        return self._row

    def set_row(self, row: int) -> None:
        """Choose the row that looks."""
        self._row = min(row, max(0, len(self._weights) - 1))
        if self._weights.size:
            self._column = int(self._weights[self._row].argmax())
        self._describe()
        self.update()

    def set_root(self, on: bool) -> None:
        """Colour by square roots."""
        self._root = on
        self._forget()

    def _forget(self) -> None:
        self._image = None
        self.update()

    def token(self, k: int) -> str:
        """Return a position's name."""
        return self._tokens[k] if k < len(self._tokens) else str(k)

    def cell_text(self) -> str:
        """Return what the chosen cell says: `to → and 89 %`."""
        if not self._weights.size:
            return ""
        value = float(self._weights[self._row, self._column])
        return f"{self.token(self._row)} → {self.token(self._column)} {percent(value, 0)}"

    def is_empty(self) -> bool:
        return self._weights.size == 0

    def table(self) -> Table:
        if self.is_empty():
            return []
        keys = [self.token(k) for k in range(self._weights.shape[1])]
        rows = [(self.token(k), *row) for k, row in enumerate(self._weights.tolist())]
        return [("row looks at column", *keys), *rows]

    def tip(self, at: QPointF) -> str:
        cell = self._cell(at)
        if cell is None:
            return ""
        value = float(self._weights[cell])
        return f"{self.token(cell[0])} → {self.token(cell[1])}: {percent(value, 2)}"

    def draw(self, painter: QPainter) -> None:
        colour = self.theme.color
        area, side = self._area()
        if self._image is None:
            weights = scaled(self._weights, root=self._root)
            top = float(weights.max(initial=0.0)) or 1.0
            self._image = sequential_image(self.theme, weights, 0.0, top)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(area, self._image)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour("line.strong"), 1))
        painter.drawRect(area)
        self._draw_names(painter, area, side)
        row = QRectF(area.left(), area.top() + self._row * side, area.width(), side)
        painter.setPen(QPen(colour("accent"), 2))
        painter.drawRect(row.adjusted(-1, -1, 1, 1))
        cell = QRectF(area.left() + self._column * side, row.top(), side, side)
        painter.setPen(QPen(colour("text.1"), 1))
        painter.drawRect(cell)

    def _draw_names(self, painter: QPainter, area: QRectF, side: float) -> None:
        colour = self.theme.color
        stride = max(1, int(np.ceil(13 / side)))
        metrics = QFontMetricsF(self.theme.font("caption", 600))
        for k in range(len(self._weights)):
            chosen = k == self._row
            if k % stride and not chosen:
                continue
            if not chosen and abs(k - self._row) < stride:
                continue
            painter.setFont(self.theme.font("caption", 600 if chosen else 400))
            painter.setPen(colour("accent" if chosen else "text.2"))
            box = QRectF(0, area.top() + (k + 0.5) * side - 8, area.left() - 8, 16)
            flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            text = metrics.elidedText(self.token(k), Qt.TextElideMode.ElideRight, box.width())
            painter.drawText(box, flags, text)
        for k in range(0, self._weights.shape[1], stride):
            chosen = k == self._column
            painter.setFont(self.theme.font("caption", 600 if chosen else 400))
            painter.setPen(colour("text.1" if chosen else "text.3"))
            painter.save()
            painter.translate(area.left() + (k + 0.5) * side + 4, area.top() - 6)
            painter.rotate(-90)
            text = metrics.elidedText(self.token(k), Qt.TextElideMode.ElideRight, area.top() - 8)
            painter.drawText(QPointF(0, 0), text)
            painter.restore()

    def _area(self) -> tuple[QRectF, float]:
        metrics = QFontMetricsF(self.theme.font("caption", 600))
        names = max((metrics.horizontalAdvance(name) for name in self._tokens), default=0.0)
        gap = min(names + 16, self.width() * 0.3)
        queries, keys = self._weights.shape
        side = min((self.width() - gap - 4) / keys, (self.height() - gap - 4) / queries, 44.0)
        return QRectF(gap, gap, side * keys, side * queries), max(0.5, side)

    def _cell(self, at: QPointF) -> tuple[int, int] | None:
        if self.is_empty():
            return None
        area, side = self._area()
        if not area.contains(at):
            return None
        row, column = int((at.y() - area.top()) / side), int((at.x() - area.left()) / side)
        return min(row, len(self._weights) - 1), min(column, self._weights.shape[1] - 1)

    def _describe(self) -> None:
        self.setAccessibleDescription(self.cell_text())

    def _move(self, row: int, column: int) -> None:
        changed = row != self._row
        self._row, self._column = row, column
        self._describe()
        self.update()
        if changed:
            self.row_picked.emit(row)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self._cell(event.position())
        if cell is not None:
            self._move(*cell)
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _ARROWS.get(Qt.Key(event.key()))
        if step is None or self.is_empty():
            super().keyPressEvent(event)
            return
        row = min(max(self._row + step[0], 0), len(self._weights) - 1)
        column = min(max(self._column + step[1], 0), self._weights.shape[1] - 1)
        self._move(row, column)


class PatchMap(View):
    """Where one patch looks, over the sample; a click chooses the patch that looks."""

    patch_picked = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Attention from one patch over the sample")
        self.own_keys = frozenset(_ARROWS)
        self._image: QImage | None = None
        self._weights = np.empty(0)
        self._grid: tuple[int, int] = (0, 0)
        self._chosen = -1
        self.setMinimumSize(160, 160)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return min(width, 400)

    @property
    def image(self) -> QImage | None:
        """The sample below."""
        return self._image

    def set_image(self, image: QImage | None) -> None:
        """Show this sample below."""
        self._image = image
        self.update()

    def set_weights(self, weights: np.ndarray, grid: tuple[int, int], chosen: int) -> None:
        """Show one weight a patch `[rows × columns]`; `chosen` is the patch that looks, or −1."""
        self._weights, self._grid, self._chosen = weights, grid, chosen
        self.update()

    def is_empty(self) -> bool:
        return self._image is None or not self._weights.size

    def tip(self, at: QPointF) -> str:
        patch = self._patch(at)
        if patch is None:
            return ""
        columns = self._grid[1]
        where = f"row {patch // columns + 1}, column {patch % columns + 1}"
        return f"{where}: {percent(float(self._weights[patch]), 2)}"

    def draw(self, painter: QPainter) -> None:
        assert self._image is not None
        colour = self.theme.color
        place = self._place()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(place, self._image)
        top = float(self._weights.max(initial=0.0)) or 1.0
        shades = self._weights.reshape(self._grid)
        painter.setOpacity(0.62)
        painter.drawImage(place, sequential_image(self.theme, shades, 0.0, top))
        painter.setOpacity(1.0)
        rows, columns = self._grid
        wide, tall = place.width() / columns, place.height() / rows
        painter.setPen(QPen(colour("bg.window", 0.6), 1))
        for k in range(1, columns):
            x = place.left() + k * wide
            painter.drawLine(QPointF(x, place.top()), QPointF(x, place.bottom()))
        for k in range(1, rows):
            y = place.top() + k * tall
            painter.drawLine(QPointF(place.left(), y), QPointF(place.right(), y))
        if self._chosen >= 0:
            row, column = divmod(self._chosen, columns)
            box = QRectF(place.left() + column * wide, place.top() + row * tall, wide, tall)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour("accent"), 2))
            painter.drawRect(box)

    def _place(self) -> QRectF:
        assert self._image is not None
        side = float(min(self.width(), self.height()))
        return fitted(self._image, QRectF(1, 1, side - 2, side - 2))

    def _patch(self, at: QPointF) -> int | None:
        if self.is_empty() or not self._place().contains(at):
            return None
        place, (rows, columns) = self._place(), self._grid
        row = min(int((at.y() - place.top()) / place.height() * rows), rows - 1)
        column = min(int((at.x() - place.left()) / place.width() * columns), columns - 1)
        return row * columns + column

    def mousePressEvent(self, event: QMouseEvent) -> None:
        patch = self._patch(event.position())
        if patch is not None:
            self.patch_picked.emit(patch)
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _ARROWS.get(Qt.Key(event.key()))
        if step is None or self.is_empty():
            super().keyPressEvent(event)
            return
        row, column = divmod(max(0, self._chosen), self._grid[1])
        row = min(max(row + step[0], 0), self._grid[0] - 1)
        column = min(max(column + step[1], 0), self._grid[1] - 1)
        self.patch_picked.emit(row * self._grid[1] + column)
