"""A figure to take along: the picture as PNG, its numbers as NPZ beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QWidget

_SCALE = 2


def save_figure(widget: QWidget, arrays: dict[str, np.ndarray], path: Path) -> tuple[Path, ...]:
    """Write the widget's picture at twice its size, and the arrays beside it; return both paths.

    Raises: OSError.
    """
    path = path.with_suffix(".png")
    picture = QImage(widget.size() * _SCALE, QImage.Format.Format_ARGB32_Premultiplied)
    picture.setDevicePixelRatio(_SCALE)
    picture.fill(widget.palette().window().color())
    painter = QPainter(picture)
    widget.render(painter, QPoint())
    painter.end()
    if not picture.save(str(path)):
        raise OSError(f"{path} cannot be written. Choose another folder.")
    numbers = path.with_suffix(".npz")
    with numbers.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    return path, numbers
