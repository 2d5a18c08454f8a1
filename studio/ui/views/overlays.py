"""What is laid over a picture: the class of each pixel as a colour, and boxes at their places."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from studio.ui.theme import Theme
from studio.ui.views.scatter import kind_color

#: How much of a pixel is its class's colour.
_COVER = 0.55


def with_classes(theme: Theme, picture: QImage, classes: np.ndarray) -> QImage:
    """Return a picture under the colours of its classes `[h, w]`, which may be coarser or finer.

    The first class, mostly the background, leaves it as it is; what is left out fades.
    """
    colours: np.ndarray = np.zeros(classes.shape, dtype=np.uint32)
    for kind in np.unique(classes):
        if kind:
            colour = kind_color(theme, int(kind) - 1) if kind > 0 else theme.color("bg.panel")
            colour.setAlphaF(_COVER)
            colours[classes == kind] = colour.rgba()
    height, width = colours.shape
    cover = QImage(colours.data, width, height, 4 * width, QImage.Format.Format_ARGB32)
    covered = picture.convertToFormat(QImage.Format.Format_ARGB32)
    painter = QPainter(covered)
    painter.drawImage(covered.rect(), cover)
    painter.end()
    return covered


def box_in(box: np.ndarray, picture: QRectF) -> QRectF:
    """Return where a box of centre x and y, width and height, as shares, lies in a picture."""
    x, y, width, height = (float(value) for value in box)
    left = picture.left() + (x - width / 2) * picture.width()
    top = picture.top() + (y - height / 2) * picture.height()
    return QRectF(left, top, width * picture.width(), height * picture.height()).intersected(
        picture
    )
