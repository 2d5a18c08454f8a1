"""How curves and axes are painted: one pixel wide and unsmoothed where there are many points."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from studio.ui.theme import Theme
from studio.ui.views.axis import Scale, per_column, polygons

Points = tuple[np.ndarray, np.ndarray]


class Trace(NamedTuple):
    """One curve of a plot. `smooth` draws the running mean above the faint raw values.

    A curve with `dots` has few points, which are marked while there is room.
    """

    name: str
    title: str
    token: str
    smooth: bool = False
    dots: bool = False


class Shape(NamedTuple):
    """What is drawn of a trace, in values: raw and mean (of a smooth one), or one line."""

    trace: Trace
    raw: Points
    line: Points


def draw_curve(
    painter: QPainter, theme: Theme, shape: Shape, across: Scale, up: Scale, room: float
) -> None:
    """Draw one curve; its few points are marked where they fit into `room` pixels."""
    trace = shape.trace
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(QPen(_faint(theme, trace.token), 1))
    for polygon in polygons(*per_column(across.pixels(shape.raw[0]), up.pixels(shape.raw[1]))):
        painter.drawPolyline(polygon)
    x, y = shape.line
    few = trace.smooth or trace.dots
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, few)
    painter.setPen(QPen(theme.color(trace.token), 1.6 if few else 1.0))
    px, py = across.pixels(x), up.pixels(y)
    for polygon in polygons(px, py):
        painter.drawPolyline(polygon)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    if trace.dots and x.size * 8 < room:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(trace.token))
        for a, b in zip(px.tolist(), py.tolist(), strict=True):
            if math.isfinite(b):
                painter.drawEllipse(QPointF(a, b), 2.0, 2.0)


def draw_axes(
    painter: QPainter,
    theme: Theme,
    area: QRectF,
    across: Scale,
    up: Scale,
    *,
    form_x: Callable[[float], str],
    form_y: Callable[[float], str],
) -> None:
    """Draw grid lines and what they stand for."""
    grid, words = theme.color("line"), theme.color("text.3")
    painter.setFont(theme.font("caption"))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    for value in up.ticks(28):
        y = round(up.pixel(value))
        painter.setPen(QPen(grid, 1))
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        painter.setPen(words)
        painter.drawText(QRectF(0, y - 8, area.left() - 8, 16), right, form_y(value))
    painter.setPen(QPen(grid, 1))
    painter.drawLine(area.bottomLeft(), area.bottomRight())
    painter.setPen(words)
    for value in across.ticks(56):
        box = QRectF(across.pixel(value) - 36, area.bottom() + 4, 72, 16)
        painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, form_x(value))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)


def _faint(theme: Theme, token: str) -> QColor:
    """Return a colour a third as strong. Mixed, not translucent: such a line takes 20 times as long."""
    strong, ground = theme.color(token), theme.color("bg.panel")
    parts = (
        (strong.red(), ground.red()),
        (strong.green(), ground.green()),
        (strong.blue(), ground.blue()),
    )
    return QColor(*(round(0.34 * one + 0.66 * other) for one, other in parts))
