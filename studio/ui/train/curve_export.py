"""Curves in files: every value of every series as CSV, the plots as a picture."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QImage, QPaintDevice, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from studio.session.history import History
from studio.ui.theme import Theme

#: Pixels of a PNG for each of the screen.
_SCALE = 2


def write_series(history: History, path: Path) -> None:
    """Write every series as rows of series, step, epoch, seconds and value.

    Of more steps than a curve keeps, each stretch of steps gives its least and its greatest value.

    Raises: OSError.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("series", "step", "epoch", "seconds", "value"))
        for name, steps, values in _series(history):
            epochs, seconds = history.epochs_at(steps), history.seconds_at(steps)
            for step, epoch, second, value in zip(
                steps.tolist(), epochs.tolist(), seconds.tolist(), values.tolist(), strict=True
            ):
                rows.writerow((name, int(step), round(epoch, 4), round(second, 3), value))


def _series(history: History) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for name, curve in history.curves.items():
        yield name, *curve.points()
    measured = {name: None for epoch in history.epochs for name in epoch.metrics}
    for name in measured:
        if name not in history.curves:
            epochs, values = history.metric(name)
            yield name, history.steps_at(epochs), values


def write_picture(plots: QWidget, theme: Theme, path: Path) -> None:
    """Write what `plots` shows: lines that can be edited where the name ends in .svg, else pixels.

    Raises: OSError.
    """
    size = plots.size()
    if path.suffix.lower() == ".svg":
        path.open("wb").close()  # says at once why it cannot be written
        drawing = QSvgGenerator()
        drawing.setFileName(str(path))
        drawing.setSize(size)
        drawing.setViewBox(QRect(0, 0, size.width(), size.height()))
        drawing.setTitle("Curves")
        _paint(plots, theme, drawing)
        return
    picture = QImage(size * _SCALE, QImage.Format.Format_ARGB32_Premultiplied)
    picture.setDevicePixelRatio(_SCALE)
    _paint(plots, theme, picture)
    if not picture.save(str(path), "PNG"):  # type: ignore[call-overload]
        raise OSError(f"{path.name} cannot be written there")


def _paint(plots: QWidget, theme: Theme, onto: QPaintDevice) -> None:
    painter = QPainter(onto)
    try:
        painter.fillRect(plots.rect(), theme.color("bg.panel"))
        plots.render(painter, QPoint(), renderFlags=QWidget.RenderFlag.DrawChildren)
    finally:
        painter.end()
