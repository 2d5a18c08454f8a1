"""What a way of learning shows of itself: masks, boxes, texts, pictures beside each other, points, returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen, QPolygonF

from studio.engine.protocol import Preview
from studio.ui.theme import Theme
from studio.ui.views.numbers import percent, short
from studio.ui.views.overlays import box_in, with_classes
from studio.ui.views.pixels import gray_image, rgb_image
from studio.ui.views.scatter import kind_color
from studio.ui.views.tiles import fitted
from studio.ui.views.view import Table, View

_GAP, _LINE = 10.0, 17.0


class PreviewView(View):
    """Draws the latest preview, in as much room as it is given."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Preview")
        self.empty_text = "What the network makes of a few samples appears while it learns."
        self._preview: Preview | None = None
        self._pictures: tuple[tuple[QImage, ...], ...] = ()
        self.setMinimumSize(120, 132)
        theme.changed.connect(self._paint_pictures)

    def set_preview(self, preview: Preview | None) -> None:
        """Show a preview, None for nothing."""
        if preview is not self._preview:
            self._preview = preview
            self._paint_pictures()

    @property
    def preview(self) -> Preview | None:
        """What is shown."""
        return self._preview

    def is_empty(self) -> bool:
        return self._preview is None or self._preview.kind not in _DRAWN

    def draw(self, painter: QPainter) -> None:
        if self._preview is not None:
            _DRAWN[self._preview.kind](self, painter, self._preview)

    def table(self) -> Table:
        preview = self._preview
        if preview is None:
            return []
        match preview.kind:
            case "text":
                return [("text",), *(tuple(text.split("\t")) for text in preview.words)]
            case "boxes":
                return [("picture", "class", "sureness"), *_found(preview)]
            case "masks":
                shares = enumerate(_right(preview))
                return [("picture", "right"), *((k, short(share)) for k, share in shares)]
            case "returns":
                values = preview.arrays["returns"].tolist()
                return [("episode", "return"), *enumerate(values, start=1)]
        return []

    def tip(self, at: QPointF) -> str:
        preview = self._preview
        if preview is None or preview.kind == "text":
            return ""
        place = next((k for k, box in enumerate(self._places()) if box.contains(at)), None)
        if place is None:
            return ""
        if preview.kind == "masks":
            return f"Sample {place}: {percent(_right(preview)[place])} of its pixels are right"
        if preview.kind == "boxes":
            names = [
                f"{name} {percent(sure, 0)}" for k, name, sure in _found(preview) if k == place
            ]
            return f"Sample {place}: {', '.join(names) or 'nothing found'}"
        return f"Sample {place}"

    # ---------------------------------------------------------------------------------------- pictures

    def _paint_pictures(self) -> None:
        """Make pictures of the arrays, once for each preview and theme."""
        preview = self._preview
        columns: list[tuple[QImage, ...]] = []
        if preview is not None and preview.kind in ("images", "masks", "boxes"):
            images = preview.arrays["images"]
            for k, pixels in enumerate(images):
                if preview.kind == "masks":
                    both = (preview.arrays["masks"][k], preview.arrays["targets"][k])
                    shown = _image(pixels)
                    columns.append(tuple(with_classes(self.theme, shown, each) for each in both))
                else:
                    outputs = preview.arrays.get("outputs")
                    pair = [pixels] if outputs is None else [pixels, outputs[k]]
                    columns.append(tuple(_image(each) for each in pair))
        self._pictures = tuple(columns)
        self.update()

    def _places(self) -> list[QRectF]:
        """Where each sample stands: side by side, as large as there is room for."""
        count = len(self._pictures)
        if not count:
            return []
        stacked = self._preview is not None and self._preview.kind == "images"
        beside = 1 if stacked else len(self._pictures[0])
        rows = len(self._pictures[0]) if stacked else 1
        side = (self.height() - 8.0 - 4.0 * (rows - 1)) / rows
        side = max(16.0, min(side, (self.width() - 8.0) / beside - _GAP))
        wide = beside * side + (beside - 1) * 3.0
        fits = max(1, min(count, int((self.width() - 8) // (wide + _GAP))))
        tall = rows * side + 4.0 * (rows - 1)
        top = (self.height() - tall) / 2
        return [QRectF(4 + k * (wide + _GAP), top, wide, tall) for k in range(fits)]

    def _draw_pictures(self, painter: QPainter, preview: Preview) -> None:
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        for column, place in zip(self._pictures, self._places(), strict=False):
            stacked = preview.kind == "images"
            side = place.width() if stacked else place.height()
            for k, picture in enumerate(column):
                left = place.left() + (0.0 if stacked else k * (side + 3.0))
                top = place.top() + (k * (side + 4.0) if stacked else 0.0)
                painter.drawImage(fitted(picture, QRectF(left, top, side, side)), picture)

    def _draw_boxes(self, painter: QPainter, preview: Preview) -> None:
        self._draw_pictures(painter, preview)
        painter.setFont(self.theme.font("caption", 600))
        metrics = QFontMetricsF(painter.font())
        for k, place in enumerate(self._places()):
            inside = fitted(self._pictures[k][0], place)
            for box in preview.arrays["targets"][k]:
                if box[0] >= 0:
                    painter.setPen(QPen(QColor("#FFFFFF"), 1, Qt.PenStyle.DashLine))
                    painter.setBrush(Qt.BrushStyle.NoBrush)
                    painter.drawRect(box_in(box[1:5], inside))
            for box in preview.arrays["boxes"][k]:
                if box[5] < 0:
                    continue
                number = int(box[5])
                colour = kind_color(self.theme, number)
                frame = box_in(box[:4], inside)
                painter.setPen(QPen(colour, 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(frame)
                words = f"{_named(preview.words, number)} {percent(float(box[4]), 0)}"
                label = QRectF(frame.left(), 0, metrics.horizontalAdvance(words) + 6, 14)
                label.moveBottom(max(place.top() + 14, frame.top()))
                label.moveLeft(max(place.left(), min(label.left(), place.right() - label.width())))
                painter.fillRect(label, self.theme.color("bg.panel", 0.85))
                painter.setPen(self.theme.color("text.1"))
                painter.drawText(label, Qt.AlignmentFlag.AlignCenter, words)

    # -------------------------------------------------------------------------------------------- text

    def _draw_text(self, painter: QPainter, preview: Preview) -> None:
        if len(preview.words) == 1:
            self._draw_one_text(painter, preview.words[0])
            return
        painter.setFont(self.theme.font("mono"))
        metrics = QFontMetricsF(painter.font())
        rows = [text.split("\t") for text in preview.words]
        most = max(len(row) for row in rows)
        wide = (self.width() - 8.0 - 16.0 * (most - 1)) / most
        for k, row in enumerate(rows[: max(1, int((self.height() - 4) // _LINE))]):
            for column, text in enumerate(row):
                wrong = column == 1 and len(row) == 3 and text != row[2]
                tone = "error" if wrong else ("text.3", "text.1", "text.2")[min(column, 2)]
                painter.setPen(self.theme.color(tone))
                box = QRectF(4 + column * (wide + 16.0), 2 + k * _LINE, wide, _LINE)
                said = " ".join(text.split("\n"))
                shown = metrics.elidedText(said, Qt.TextElideMode.ElideRight, wide)
                painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, shown)

    def _draw_one_text(self, painter: QPainter, text: str) -> None:
        """Draw what a text began with and, brighter, how it goes on, broken where the room ends."""
        painter.setFont(self.theme.font("mono"))
        metrics = QFontMetricsF(painter.font())
        per_line = max(8, int((self.width() - 12) / max(1.0, metrics.horizontalAdvance("m"))))
        start, _, rest = text.partition("\t")
        top, column, left = 2.0, 0, 4.0
        for part, tone in ((start, "text.3"), (rest, "text.1")):
            painter.setPen(self.theme.color(tone))
            for number, line in enumerate(part.split("\n")):
                if number:
                    top, column, left = top + _LINE, 0, 4.0
                while line:
                    piece, line = line[: per_line - column], line[per_line - column :]
                    if top + _LINE > self.height():
                        return
                    painter.drawText(QPointF(left, top + metrics.ascent()), piece)
                    column, left = column + len(piece), left + metrics.horizontalAdvance(piece)
                    if column >= per_line:
                        top, column, left = top + _LINE, 0, 4.0

    # ----------------------------------------------------------------------------------------- figures

    def _draw_points(self, painter: QPainter, preview: Preview) -> None:
        made, real = preview.arrays["points"], preview.arrays["real"]
        every = np.concatenate([made, real])
        low, high = every.min(0), every.max(0)
        span = np.maximum(high - low, 1e-9)
        side = min(self.width(), self.height()) - 12.0
        left, top = (self.width() - side) / 2, (self.height() - side) / 2
        for points, tone in ((real, "text.3"), (made, "accent")):
            pen = QPen(self.theme.color(tone), 3)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            share = (points - low) / span
            places = [QPointF(left + x * side, top + (1 - y) * side) for x, y in share.tolist()]
            painter.drawPoints(QPolygonF(places))

    def _draw_returns(self, painter: QPainter, preview: Preview) -> None:
        values = preview.arrays["returns"]
        low, high = float(values.min()), float(values.max())
        wide, tall = self.width() - 60.0, self.height() - 16.0
        across = np.linspace(0, wide, max(2, len(values)))
        share = (values - low) / max(high - low, 1e-9)
        places = [QPointF(4 + x, 8 + (1 - y) * tall) for x, y in zip(across, share, strict=False)]
        painter.setPen(QPen(self.theme.color("accent"), 1))
        painter.drawPolyline(QPolygonF(places))
        painter.setPen(self.theme.color("text.2"))
        painter.drawText(QPointF(wide + 10, 16), short(high))
        painter.drawText(QPointF(wide + 10, tall + 8), short(low))


_DRAWN: Mapping[str, Callable[[PreviewView, QPainter, Preview], None]] = {
    "images": PreviewView._draw_pictures,
    "masks": PreviewView._draw_pictures,
    "boxes": PreviewView._draw_boxes,
    "text": PreviewView._draw_text,
    "points": PreviewView._draw_points,
    "returns": PreviewView._draw_returns,
}


def _image(pixels: np.ndarray) -> QImage:
    return rgb_image(pixels) if pixels.ndim == 3 else gray_image(pixels)


def _named(names: Sequence[str], number: int) -> str:
    return names[number] if number < len(names) else str(number)


def _found(preview: Preview) -> list[tuple[int, str, float]]:
    """The boxes found: picture, class and sureness."""
    return [
        (k, _named(preview.words, int(box[5])), float(box[4]))
        for k, boxes in enumerate(preview.arrays["boxes"])
        for box in boxes
        if box[5] >= 0
    ]


def _right(preview: Preview) -> list[float]:
    """The share of each picture's pixels that are read rightly; what is left out does not count."""
    read, true = preview.arrays["masks"], preview.arrays["targets"]
    counted = true >= 0
    right = ((read == true) & counted).sum((1, 2)) / np.maximum(counted.sum((1, 2)), 1)
    return [float(share) for share in right]
