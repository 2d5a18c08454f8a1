"""The shapes on wires: one item paints those in sight, however many a sheet has."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from studio.ui.canvas.node_paint import Detail
from studio.ui.reporting import reported

if TYPE_CHECKING:
    from studio.ui.canvas.link_item import Axes, LinkItem, WireLook
    from studio.ui.canvas.routes import Point

LABEL_Z = 5.0
#: The side of squares by which labels are found.
_CELL = 512.0
#: How much further than asked the item grows: telling Qt of its size costs time.
_ROOM = 2048.0


class Label(NamedTuple):
    """A shape over the longest stretch of its wire; `tone` is "", `error`, `unknown` or `hover`."""

    axes: Axes
    tone: str
    at: Point
    #: What it takes up in the scene.
    rect: QRectF


class LabelLayer(QGraphicsItem):
    """All labels of a scene. An item for each would make every change as slow as there are many."""

    def __init__(self, look: WireLook) -> None:
        super().__init__()
        self._look = look
        self._cells: dict[tuple[int, int], dict[LinkItem, None]] = {}
        self._box = QRectF()
        self.setZValue(LABEL_Z)
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemUsesExtendedStyleOption)

    def put(self, item: LinkItem, axes: Axes | None, tone: str = "") -> None:
        """Write a shape on a wire where its route has room for one, or none."""
        label = None
        if axes is not None and item.route is not None:
            x, y = item.route.label
            width = self._room(axes)
            label = Label(axes, tone, (x, y), QRectF(x - width / 2 - 1, y - 10, width + 2, 20))
        before = item.label
        if before == label:
            return
        if before is not None:
            for cell in _cells(before.rect):
                self._cells[cell].pop(item, None)
        item.label = label
        if label is not None:
            if not self._box.contains(label.rect):
                self.prepareGeometryChange()
                room = label.rect.adjusted(-_ROOM, -_ROOM, _ROOM, _ROOM)
                self._box = self._box.united(room)
            for cell in _cells(label.rect):
                self._cells.setdefault(cell, {})[item] = None
        for one in (before, label):
            self.refresh(one)

    def refresh(self, label: Label | None) -> None:
        """Let what stands at a label be painted again."""
        scene = self.scene()
        if label is not None and scene is not None:
            scene.update(label.rect)

    def within(self, box: QRectF) -> Iterator[LinkItem]:
        """Yield the wires whose labels touch a part of the scene."""
        near = itertools.chain.from_iterable(self._cells.get(cell, ()) for cell in _cells(box))
        for item in dict.fromkeys(near):
            if item.label is not None and item.isVisible() and item.label.rect.intersects(box):
                yield item

    def extent(self) -> QRectF:
        """Return the rectangle that all labels take up."""
        box = QRectF()
        for item in itertools.chain.from_iterable(self._cells.values()):
            if item.label is not None:
                box = box.united(item.label.rect)
        return box

    def _room(self, axes: Axes) -> float:
        letters = sum(len(dim) for dim, _ in axes) + len(axes) - 1
        return letters * self._look.letter + 12

    def boundingRect(self) -> QRectF:
        return self._box

    @reported
    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        detail = Detail.at(painter.worldTransform().m11())
        if detail < Detail.TITLES:
            return
        exposed: QRectF = option.exposedRect
        for item in self.within(exposed):
            if item.label is not None and item.label.axes:
                self._draw(painter, item.label, detail)

    def _draw(self, painter: QPainter, label: Label, detail: Detail) -> None:
        axes, tone = label.axes, label.tone
        if detail is Detail.TITLES and len(axes) > 1:
            axes = axes[1:]
        painter.translate(*label.at)
        self._look.sprites.draw(
            painter,
            (axes, tone),
            label.rect.translated(-label.at[0], -label.at[1]),
            lambda inner: self._paint(inner, axes, tone),
            detail,
        )
        painter.translate(-label.at[0], -label.at[1])

    def _paint(self, painter: QPainter, axes: Axes, tone: str) -> None:
        color, letter = self._look.theme.color, self._look.letter
        parts: list[tuple[str, bool]] = []
        for n, (dim, changed) in enumerate(axes):
            parts += [("×", False)] if n else []
            parts.append((dim, changed))
        width = self._room(axes)
        edge = {"error": "error", "hover": "accent"}.get(tone, "line.strong")
        pen = QPen(color(edge), 1)
        if tone == "unknown":
            pen.setDashPattern([3, 2])
        painter.setPen(pen)
        painter.setBrush(color("bg.canvas"))
        painter.drawRoundedRect(QRectF(-width / 2 + 0.5, -8.5, width - 1, 17), 4, 4)
        painter.setFont(self._look.font)
        x = -width / 2 + 6
        for text, changed in parts:
            painter.setPen(color("text.1" if changed and tone != "unknown" else "text.3"))
            painter.drawText(QPointF(x, 4), text)
            x += letter * len(text)


def _cells(box: QRectF) -> Iterator[tuple[int, int]]:
    """Yield the squares that a rectangle touches."""
    across = range(math.floor(box.left() / _CELL), math.floor(box.right() / _CELL) + 1)
    along = range(math.floor(box.top() / _CELL), math.floor(box.bottom() / _CELL) + 1)
    return itertools.product(across, along)
