"""A tensor as a picture: feature maps, a matrix, a row of values, or the values themselves."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    Qt,
    Signal,
)
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPen

from studio.engine.protocol import Wire
from studio.ui.theme import Theme
from studio.ui.views.numbers import short
from studio.ui.views.pixels import diverging_image, sequential_image, symmetric_limit
from studio.ui.views.tiles import fitted
from studio.ui.views.view import Table, View

_SCALE = 16
#: Maps smaller than this say nothing; of more maps the first ones are shown.
_LEAST_TILE = 14.0
_COLUMNS = 4096

Index = QModelIndex | QPersistentModelIndex


class TensorView(View):
    """Shows what was seen on a wire in the signed colours, or, where nothing is negative, in the others.

    `channel_picked` carries the number of a map that was clicked.
    """

    channel_picked = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Values on the wire")
        self._wire: Wire | None = None
        self._pictures: list[QImage] = []
        self._drawn_with = ""
        self._limits = (0.0, 1.0)
        self.empty_text = "Looking…"
        self.setMinimumHeight(104)

    def show_wire(self, wire: Wire | None) -> None:
        """Show another tensor, or nothing yet."""
        self._wire = wire if wire is not None and wire.values is not None else None
        self._pictures = []
        self.update()

    @property
    def shown(self) -> int:
        """How many maps there are to see."""
        return min(len(self._planes()), self._fitting()[0] * self._fitting()[1])

    def is_empty(self) -> bool:
        return self._wire is None or self._wire.values is None or not self._wire.values.size

    def table(self) -> Table:
        if self.is_empty():
            return []
        return as_rows(self._values())

    def tip(self, at: QPointF) -> str:
        planes = self._planes()
        for number, box in enumerate(self._boxes()):
            place = fitted(self._images()[number], box)
            if place.contains(at):
                height, width = planes[number].shape
                row = min(int((at.y() - place.top()) / place.height() * height), height - 1)
                column = min(int((at.x() - place.left()) / place.width() * width), width - 1)
                value = float(planes[number][row, column])
                stride = self._wire.stride if self._wire else 1
                where = f"{row * stride}, {column * stride}" if height > 1 else str(column * stride)
                head = f"channel {number}, " if len(planes) > 1 else ""
                return f"{head}{where}: {value:.6g}"
        return ""

    def draw(self, painter: QPainter) -> None:
        images = self._images()
        if self._as_bars():
            self._draw_bars(painter)
            self._draw_scale(painter, ramp=False)
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        for number, box in enumerate(self._boxes()):
            painter.drawImage(fitted(images[number], box), images[number])
        self._draw_scale(painter)

    # -------------------------------------------------------------------------------------- pictures

    def _values(self) -> np.ndarray:
        assert self._wire is not None
        assert self._wire.values is not None
        return self._wire.values

    def _planes(self) -> list[np.ndarray]:
        """Return the matrices to draw, one below another where there are channels of several rows."""
        if self.is_empty():
            return []
        assert self._wire is not None
        values, axis = self._values(), self._wire.axis
        if values.ndim < 3:
            return [np.atleast_2d(values)]
        if axis > 0:
            values = np.moveaxis(values, axis, 0)
        return [plane.reshape(-1, plane.shape[-1]) for plane in values]

    def _images(self) -> list[QImage]:
        if not self._pictures or self._drawn_with != self.theme.name:
            values = self._values()
            finite = values[np.isfinite(values)]
            low = float(finite.min()) if finite.size else 0.0
            if low < 0:
                limit = symmetric_limit(values) or 1.0
                self._limits = (-limit, limit)
                self._pictures = [diverging_image(self.theme, one, limit) for one in self._planes()]
            else:
                high = float(np.percentile(finite, 99.5)) if finite.size else 1.0
                self._limits = (0.0, high or 1.0)
                self._pictures = [
                    sequential_image(self.theme, one, *self._limits) for one in self._planes()
                ]
            self._drawn_with = self.theme.name
        return self._pictures

    def _fitting(self) -> tuple[int, int, float]:
        """Return how many maps go beside and below one another, and how wide one is."""
        count = len(self._planes())
        width, height = float(self.width()), float(self.height() - _SCALE - 2)
        most = min(count, int(width // _LEAST_TILE))
        sides = {n: min(width / n, height / math.ceil(count / n)) for n in range(1, most + 1)}
        across = max(sides, key=lambda n: sides[n])
        pitch = max(_LEAST_TILE, sides[across])
        if pitch > sides[across]:
            across = int(width // pitch)
        return across, max(1, int(height // pitch)), pitch

    def _boxes(self) -> list[QRectF]:
        planes = self._planes()
        if len(planes) == 1:
            return [QRectF(0, 0, self.width(), self.height() - _SCALE - 2)]
        across, down, pitch = self._fitting()
        left = (self.width() - min(across, len(planes)) * pitch) / 2
        return [
            QRectF(left + k % across * pitch, k // across * pitch, pitch - 2, pitch - 2)
            for k in range(min(len(planes), across * down))
        ]

    def _as_bars(self) -> bool:
        return self._values().ndim == 1 and self._values().size <= self.width() / 3

    def _draw_bars(self, painter: QPainter) -> None:
        """Draw a value a bar, up or down from zero."""
        values = np.nan_to_num(self._values())
        low, high = float(min(0.0, values.min())), float(max(0.0, values.max()))
        self._limits = (low, high)
        area = QRectF(0, 2, self.width(), self.height() - _SCALE - 4)
        unit = area.height() / ((high - low) or 1.0)
        zero, pitch = area.top() + high * unit, area.width() / values.size
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for at, value in enumerate(values.tolist()):
            top, bottom = sorted((zero, zero - value * unit))
            bar = QRectF(area.left() + at * pitch, top, max(1.0, pitch - 1), max(1.0, bottom - top))
            painter.fillRect(bar, self.theme.color("div.neg" if value < 0 else "div.pos"))
        painter.setPen(QPen(self.theme.color("line.strong"), 1))
        painter.drawLine(QPointF(area.left(), zero), QPointF(area.right(), zero))

    def _draw_scale(self, painter: QPainter, ramp: bool = True) -> None:
        low, high = self._limits
        base = self.height() - _SCALE + 4.0
        if ramp:
            scale = np.linspace(low, high, 128)[None]
            bar = QRectF(48, base + 2, self.width() - 96, 6)
            painter.drawImage(
                bar,
                diverging_image(self.theme, scale, high)
                if low < 0
                else sequential_image(self.theme, scale, low, high),
            )
        painter.setPen(QPen(self.theme.color("text.3"), 1))
        line = QRectF(0, base - 3, self.width(), 16)
        painter.drawText(
            line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, short(low)
        )
        painter.drawText(
            line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, short(high)
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self.is_empty():
            assert self._wire is not None
            for number, box in enumerate(self._boxes()):
                if (
                    len(self._planes()) > 1
                    and self._wire.axis >= 0
                    and box.contains(event.position())
                ):
                    self.channel_picked.emit(number)
                    return
        super().mousePressEvent(event)

    def channel_at(self, at: QPointF) -> int | None:
        """Return the number of the map, or of the unit in a row, at a place; None for none."""
        if self.is_empty() or self._wire is None or self._wire.axis < 0:
            return None
        for number, box in enumerate(self._boxes()):
            if not box.contains(at):
                continue
            if len(self._planes()) > 1:
                return number
            values = self._values()
            if self._wire.axis == values.ndim - 1:
                place = fitted(self._images()[0], box)
                if place.contains(at):
                    share = (at.x() - place.left()) / place.width()
                    return min(int(share * values.shape[-1]), int(values.shape[-1]) - 1)
        return None


def as_rows(values: np.ndarray) -> Table:
    """Return values as rows, each with its place but for the last dimension; the header first."""
    if values.ndim == 0:
        return [("value",), (float(values),)]
    flat = values.reshape(-1, values.shape[-1])
    head: tuple[object, ...] = ("", *range(flat.shape[1]))
    places = [", ".join(map(str, at)) for at in np.ndindex(values.shape[:-1])]
    return [head, *((place, *row.tolist()) for place, row in zip(places, flat, strict=True))]


class ValuesModel(QAbstractTableModel):
    """The values of a tensor for a table view: the last dimension across, all others down."""

    def __init__(self) -> None:
        super().__init__()
        self._values = np.zeros((0, 0), dtype=np.float32)
        self._shape: tuple[int, ...] = ()
        self._stride = 1

    def show_wire(self, wire: Wire | None) -> None:
        """Show another tensor's values."""
        self.beginResetModel()
        values = wire.values if wire is not None else None
        if values is None:
            self._values = np.zeros((0, 0), dtype=np.float32)
        else:
            self._shape = values.shape
            self._values = values.reshape(-1, values.shape[-1] if values.ndim else 1)
            self._stride = wire.stride if wire is not None else 1
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else self._values.shape[0]

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else min(_COLUMNS, self._values.shape[1])

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role == Qt.ItemDataRole.DisplayRole:
            return short(float(self._values[index.row(), index.column()]))
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{float(self._values[index.row(), index.column()]):.9g}"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self, section: int, way: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if way == Qt.Orientation.Horizontal or len(self._shape) < 2:
            return str(section * self._stride) if way == Qt.Orientation.Horizontal else ""
        return ", ".join(map(str, np.unravel_index(section, self._shape[:-1])))
