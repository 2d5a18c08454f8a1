"""What is answered everywhere in a plane, and the samples that taught it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from studio.engine.protocol import Surface
from studio.ui.theme import MINUS, Theme
from studio.ui.views.axis import Scale
from studio.ui.views.numbers import percent, short
from studio.ui.views.pixels import rgb_image
from studio.ui.views.scatter import draw_kind, kind_color
from studio.ui.views.view import Table, View

_LEFT, _FOOT = 40.0, 22.0


class SurfaceMap(View):
    """Colours a plane by the likeliest class, paler where it is less sure; or by the value answered."""

    def __init__(self, theme: Theme, name: str = "Decision surface") -> None:
        super().__init__(theme, name)
        self._surface: Surface | None = None
        self._classes: tuple[str, ...] = ()
        self._axes: tuple[str, str] = ("", "")
        self._image: QImage | None = None
        self._drawn_with = ""
        self.setMinimumSize(180, 120)

    def set_surface(
        self, surface: Surface | None, classes: Sequence[str], axes: tuple[str, str] = ("", "")
    ) -> None:
        """Show a surface; without `classes` its values are values, not probabilities."""
        self._surface, self._classes, self._axes = surface, tuple(classes), axes
        self._image = None
        self.update()

    def is_empty(self) -> bool:
        return self._surface is None

    def table(self) -> Table:
        if self._surface is None:
            return []
        rows, columns, depth = self._surface.values.shape
        left, right, bottom, top = self._surface.extent
        xs, ys = np.linspace(left, right, columns), np.linspace(bottom, top, rows)
        names = (
            self._classes if len(self._classes) == depth else [f"answer {k}" for k in range(depth)]
        )
        flat = self._surface.values.reshape(-1, depth).tolist()
        places = [(float(x), float(y)) for y in ys for x in xs]
        return [
            ("x", "y", *names),
            *((x, y, *values) for (x, y), values in zip(places, flat, strict=True)),
        ]

    def tip(self, at: QPointF) -> str:
        across, up = self._scales()
        assert self._surface is not None
        if not self._area().contains(at):
            return ""
        left, right, bottom, top = self._surface.extent
        x, y = across.value(at.x()), up.value(at.y())
        rows, columns, _ = self._surface.values.shape
        row = min(max(int((y - bottom) / (top - bottom) * rows), 0), rows - 1)
        column = min(max(int((x - left) / (right - left) * columns), 0), columns - 1)
        values = self._surface.values[row, column].astype(np.float64)
        where = f"{short(x)}, {short(y)}: "
        if not self._classes:
            return where + ", ".join(short(float(value)) for value in values)
        likeliest = int(self._shares()[row, column].argmax())
        sure = float(self._shares()[row, column, likeliest])
        return where + f"{self._class_name(likeliest)}, {percent(sure)}"

    def draw(self, painter: QPainter) -> None:
        assert self._surface is not None
        area, (across, up) = self._area(), self._scales()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
        painter.drawImage(area, self._picture())
        self._draw_points(painter, across, up)
        painter.setFont(self.theme.font("caption"))
        painter.setPen(self.theme.color("text.3"))
        for value in across.ticks(64):
            box = QRectF(across.pixel(value) - 32, area.bottom() + 3, 64, 16)
            text = short(value).replace("-", MINUS)
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, text)
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for value in up.ticks(40):
            box = QRectF(0, up.pixel(value) - 8, area.left() - 6, 16)
            painter.drawText(box, flags, short(value).replace("-", MINUS))
        painter.setPen(self.theme.color("text.2"))
        inside = area.adjusted(4, 2, -6, -2)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom
        painter.drawText(inside, right, self._axes[0])
        painter.drawText(inside, Qt.AlignmentFlag.AlignLeft, self._axes[1])

    def _draw_points(self, painter: QPainter, across: Scale, up: Scale) -> None:
        assert self._surface is not None
        points, targets = self._surface.points, self._surface.targets
        xs, ys = across.pixels(points[:, 0]), up.pixels(points[:, 1])
        painter.setPen(QPen(self.theme.color("bg.panel"), 1))
        if self._classes:
            for x, y, kind in zip(xs, ys, targets.astype(int).tolist(), strict=True):
                painter.setBrush(kind_color(self.theme, kind))
                draw_kind(painter, QPointF(x, y), kind, 3.4)
            return
        low, high = self._limits()
        shares = np.clip((targets - low) / max(high - low, 1e-12), 0, 1)
        for x, y, rgb in zip(xs, ys, self.theme.sequential(shares), strict=True):
            colour = self.theme.color("text.1")
            colour.setRgb(*(int(part) for part in rgb))
            painter.setBrush(colour)
            painter.drawEllipse(QPointF(x, y), 3.4, 3.4)

    def _class_name(self, kind: int) -> str:
        return self._classes[kind] if kind < len(self._classes) else str(kind)

    def _shares(self) -> np.ndarray:
        """Return probabilities `[rows, columns, classes]`, also of an answer that is one number."""
        assert self._surface is not None
        values = self._surface.values.astype(np.float32)
        return np.concatenate([1 - values, values], axis=2) if values.shape[2] == 1 else values

    def _limits(self) -> tuple[float, float]:
        assert self._surface is not None
        values = self._surface.values[..., 0].astype(np.float32)
        return float(values.min()), float(values.max())

    def _picture(self) -> QImage:
        if self._image is None or self._drawn_with != self.theme.name:
            self._drawn_with = self.theme.name
            self._image = rgb_image(self._colours()[::-1])
        return self._image

    def _colours(self) -> np.ndarray:
        """Return uint8 `[rows, columns, 3]`, the lowest row first."""
        assert self._surface is not None
        if not self._classes:
            low, high = self._limits()
            values = self._surface.values[..., 0].astype(np.float32)
            return self.theme.sequential(np.clip((values - low) / max(high - low, 1e-12), 0, 1))
        shares = self._shares()
        count = shares.shape[2]
        palette = np.array(
            [_rgb(kind_color(self.theme, kind)) for kind in range(count)], np.float32
        )
        ground = np.array(_rgb(self.theme.color("bg.panel")), np.float32)
        likeliest = shares.argmax(2)
        # Chance is the colour of the ground, certainty two thirds of the way to the class's own.
        chance = 1 / count
        sure = np.clip((shares.max(2) - chance) / max(1 - chance, 1e-6), 0, 1)[..., None] * 0.66
        mixed: np.ndarray = ground * (1 - sure) + palette[likeliest] * sure
        return mixed.astype(np.uint8)

    def _scales(self) -> tuple[Scale, Scale]:
        assert self._surface is not None
        left, right, bottom, top = self._surface.extent
        area = self._area()
        return (
            Scale(left, right, area.left(), area.right()),
            Scale(bottom, top, area.bottom(), area.top()),
        )

    def _area(self) -> QRectF:
        return QRectF(
            _LEFT, 4, max(40.0, self.width() - _LEFT - 8), max(40.0, self.height() - 4 - _FOOT)
        )


def _rgb(color: QColor) -> tuple[int, int, int]:
    return color.red(), color.green(), color.blue()
