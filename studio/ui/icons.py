"""Icons: one-colour drawings, checked, then recoloured and painted at any size."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QPaintEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

#: What a drawing may be made of. QtSvg would load pictures from disk and run style sheets.
_ELEMENTS = frozenset({"svg", "g", "path", "circle", "ellipse", "rect", "line", "polyline"})
_MAXIMUM_CHARACTERS = 20_000


class BadIcon(ValueError):
    """A drawing that is too large or made of more than plain shapes."""


def read_drawing(path: Path) -> str:
    """Return the text of an icon file that holds plain shapes only.

    Raises: BadIcon, OSError.
    """
    text = path.read_text(encoding="utf-8")
    if len(text) > _MAXIMUM_CHARACTERS:
        raise BadIcon(f"{path.name} has {len(text)} characters; an icon may have 20 000.")
    elements = set(re.findall(r"<\s*/?\s*([^\s/>]+)", text))
    foreign = sorted(elements - _ELEMENTS)
    if foreign or re.search(r"href|url\s*\(|style\s*=|&", text):
        found = ", ".join(foreign) or "a reference or a style"
        raise BadIcon(f"{path.name} may hold shapes only, but holds {found}.")
    return text


def keeps_shapes(painter: QPainter) -> bool:
    """Tell whether a painter draws on what keeps shapes and words (SVG, PDF) instead of pixels."""
    return painter.paintEngine().type() in (QPaintEngine.Type.SVG, QPaintEngine.Type.Pdf)


def paint_shapes(
    painter: QPainter, drawing: str, color: QColor, accent: QColor, box: QRectF
) -> None:
    """Paint a drawing in one colour; strokes named `accent` take the second one."""
    text = drawing.replace("currentColor", color.name()).replace('"accent"', f'"{accent.name()}"')
    QSvgRenderer(QByteArray(text.encode())).render(painter, box)


def paint_drawing(drawing: str, color: QColor, accent: QColor, size: int, dpr: float) -> QPixmap:
    """Return a picture of a drawing in these colours."""
    side = max(1, round(size * dpr))
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setOpacity(color.alphaF())
    paint_shapes(painter, drawing, color, accent, QRectF(0, 0, side, side))
    painter.end()
    pixmap.setDevicePixelRatio(dpr)
    return pixmap
