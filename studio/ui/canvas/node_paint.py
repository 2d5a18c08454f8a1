"""How a node looks at each level of detail."""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QPainter,
    QPainterPath,
    QPen,
    QPolygonF,
)

from studio.ui.canvas.faces import (
    BODY_LINE,
    LIVE_WIDTH,
    REPAIR_HEIGHT,
    Face,
    Thumbnail,
    glyph_token,
    repair_top,
)
from studio.ui.canvas.live_paint import LivePainter
from studio.ui.canvas.mark_paint import MarkPainter, stack_depth
from studio.ui.canvas.spots import Spot
from studio.ui.theme import Theme
from studio.ui.views.pixels import rgb_image

#: How far ring, glow and ports reach beyond the card.
MARGIN = 14.0
PORT_RADIUS = 4.5

_PORT_COLORS = {"int": "series.5", "mask": "series.4", "state": "series.6"}


class Detail(IntEnum):
    """How much is drawn, by zoom."""

    BLOCKS = 0
    GLYPHS = 1
    TITLES = 2
    FULL = 3

    @staticmethod
    def at(scale: float) -> Detail:
        """Return the detail for a zoom."""
        if scale >= 0.85:
            return Detail.FULL
        if scale >= 0.5:
            return Detail.TITLES
        return Detail.GLYPHS if scale >= 0.35 else Detail.BLOCKS


class NodePainter:
    """Paints faces in one theme, in the node's own coordinates."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._live = LivePainter(theme)
        self._mark = MarkPainter(theme)

    def paint(
        self,
        painter: QPainter,
        face: Face,
        detail: Detail,
        selected: bool = False,
        bare: frozenset[str] = frozenset(),
        faded: frozenset[str] = frozenset(),
        lit: bool = False,
    ) -> None:
        """Paint a node. `bare` ports are not drawn, `faded` ones at 30 %; a `lit` dot is hovered."""
        if face.dot:
            self._mark.dot(painter, face, selected, lit)
            return
        color = self._theme.color
        width, height = face.size
        card = QRectF(0.5, 0.5, width - 1, height - 1)
        if face.warning and not face.error:
            self._glow(painter, face)
        if selected:
            painter.setPen(QPen(color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            deep = stack_depth(face)
            painter.drawRoundedRect(QRectF(-3, -3, width + 6 + deep, height + 6 + deep), 11, 11)
        painter.save()
        if face.bypassed:
            painter.setOpacity(0.5)
        edge = QPen(color("error" if face.error else "line.strong"), 1.5 if face.error else 1)
        if face.missing:
            edge.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(edge)
        painter.setBrush(color("bg.card"))
        if face.repeat > 1:
            self._mark.stack(painter, face, edge)
        painter.drawRoundedRect(card, 7.5, 7.5)
        # Cut to the card's corners as a shape: not everything that is painted on can clip.
        outline, bar = QPainterPath(), QPainterPath()
        outline.addRoundedRect(QRectF(0, 0, width, height), 8, 8)
        bar.addRect(QRectF(0, 0, 5, height))
        painter.fillPath(outline & bar, color(f"cat.{face.category}"))
        if face.bypassed or face.missing:
            self._hatch(painter, width, height)
        self._contents(painter, face, detail)
        painter.restore()
        for spot in face.inputs:
            if f"in {spot.port}" not in bare:
                wrong = bool(face.error) and face.error_port in ("", spot.port)
                self._port(painter, spot, False, f"in {spot.port}" in faded, wrong)
        for spot in face.outputs:
            hidden = spot.spare and not (selected or faded)  # while a wire is laid, all is shown
            if f"out {spot.port}" not in bare and not hidden:
                self._port(painter, spot, True, f"out {spot.port}" in faded, False)

    def _contents(self, painter: QPainter, face: Face, detail: Detail) -> None:
        if detail is Detail.FULL:
            self._head(painter, face)
            if not face.pill:
                self._live.card(painter, face)
            if face.error:
                self._body(painter, face)
            return
        tall = 1.0 if detail is Detail.TITLES else 1.55
        middle = face.header / 2
        living = face.has_previews and not face.pill
        if detail is Detail.TITLES and living:
            middle = 15.0 if face.tight else 26.0
        self._glyph(painter, face, 14, middle - 7 * tall, 14 * tall)
        font = self._theme.font("title", 600)
        font.setPixelSize(round(14 * tall))
        metrics = QFontMetricsF(font)
        taken = _picture_side(face) + 14 if face.thumbnail else 12
        right = self._mark.from_afar(painter, face, face.size[0] - taken, middle, tall)
        room = right - 20 - 16 * tall
        painter.setFont(font)
        painter.setPen(self._theme.color("text.1"))
        baseline = middle + (metrics.ascent() - metrics.descent()) / 2
        text = metrics.elidedText(face.title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QPointF(20 + 16 * tall, baseline), text)
        if face.thumbnail:
            self._thumbnail(painter, face)
        if detail is Detail.TITLES:
            if face.pill and face.live:
                self._aside(painter, face, face.size[0] - 10, middle + 4.5)
            elif not face.pill:
                self._live.card(painter, face)
                if face.stale and face.has_previews:
                    self._live.edited(painter, face.size[0] - 10, middle + 4.5)
        if face.error:
            body = QRectF(5, face.header, face.size[0] - 6, face.size[1] - face.header - 1)
            painter.fillRect(body, self._theme.color("error.soft"))
            if detail is Detail.TITLES:
                self._body(painter, face)

    def _head(self, painter: QPainter, face: Face) -> None:
        color, font = self._theme.color, self._theme.font
        width = face.size[0]
        tight = face.tight and not face.pill
        short = face.pill or (tight and face.maps is not None)
        rise = 0.0
        if face.thumbnail:
            rise = 4.0
        base = face.header / 2 + 4.5 if face.pill else (19.0 if short else 23.0) + rise
        self._glyph(painter, face, 14, base - 11.5, 14)
        right = width - 10.0
        if face.thumbnail:
            self._thumbnail(painter, face)
            right -= _picture_side(face)
        if face.frozen:
            right -= 14
            top = base - 11.5
            self._icon(painter, QPointF(right, top), "freeze", "syn.type", 14)
            right -= 6
        if face.stale and face.has_previews and not face.pill:
            right = self._live.edited(painter, right, base)
        right = self._mark.beside(painter, face, right, base)
        if face.badge and not tight and not (face.pill and face.has_previews):
            right = self._mark.badge(painter, right, base, face.badge)
        right = self._aside(painter, face, right, base)
        title = font("title", 600)
        metrics = QFontMetricsF(title)
        painter.setFont(title)
        painter.setPen(color("text.1"))
        text = metrics.elidedText(face.title, Qt.TextElideMode.ElideRight, right - 37)
        painter.drawText(QPointF(36, base), text)
        self._name(painter, face, 36 + metrics.horizontalAdvance(text) + 8, right, base)
        if face.line and not tight:
            small = font("caption")
            painter.setFont(small)
            painter.setPen(color("text.2"))
            room = (right if face.thumbnail else width - 12) - 36
            line = QFontMetricsF(small).elidedText(face.line, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QPointF(36, base + 19), line)

    def _aside(self, painter: QPainter, face: Face, right: float, base: float) -> float:
        """Paint what a pill says at its right: a warning, a small histogram or its one setting."""
        color = self._theme.color
        small = self._theme.font("caption", 600 if face.warning else 400)
        metrics = QFontMetricsF(small)
        if face.pill and face.stale and face.has_previews:
            right = self._live.edited(painter, right, base)
        if face.warning and not face.error:
            text = face.note if face.note.endswith("dead") else ""
            right -= metrics.horizontalAdvance(text)
            painter.setFont(small)
            painter.setPen(color("warn"))
            painter.drawText(QPointF(right, base - 0.5), text)
            right -= 20
            self._icon(painter, QPointF(right, base - 11.5), "warning", "warn", 14)
            return right - 6
        dead = face.note.endswith("dead")
        if face.pill and not dead and face.histogram:
            # A long title takes some of its room, or all.
            title = QFontMetricsF(self._theme.font("title", 600)).horizontalAdvance(face.title)
            wide = min(52.0, right - 46 - 1.08 * title)
            if wide >= 16:
                box = QRectF(right - wide, face.header / 2 - 8, wide, 16)
                self._live.hill(painter, face.histogram, box)
                right -= wide + 6
            return right
        if face.pill and face.note:
            title = QFontMetricsF(self._theme.font("title", 600)).horizontalAdvance(face.title)
            room = right - 46 - 1.08 * title
            text = metrics.elidedText(face.note, Qt.TextElideMode.ElideRight, room)
            painter.setFont(small)
            painter.setPen(color("text.2"))
            right -= metrics.horizontalAdvance(text) + 4
            painter.drawText(QPointF(right, base - 0.5), text)
            right -= 6
        return right

    def _name(self, painter: QPainter, face: Face, left: float, right: float, base: float) -> None:
        font = self._theme.font("caption")
        metrics = QFontMetricsF(font)
        room = right - left
        if face.category == "io" or not face.name or face.line.startswith(f"{face.name} ·"):
            return
        if metrics.horizontalAdvance(face.name) > room and room < 40:
            return
        painter.setFont(font)
        painter.setPen(self._theme.color("text.3"))
        text = metrics.elidedText(face.name, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QPointF(left, base - 0.5), text)

    def _body(self, painter: QPainter, face: Face) -> None:
        color, font = self._theme.color, self._theme.font
        width, height = face.size
        area = QPainterPath()
        area.addRoundedRect(
            QRectF(-8, face.header - 20, width + 7.25, height - face.header + 19.25), 7, 7
        )
        clip = QPainterPath()
        clip.addRect(QRectF(5, face.header, width, height))
        painter.fillPath(area & clip, color("error.soft"))
        painter.setPen(QPen(color("error"), 1))
        painter.drawLine(QPointF(5, face.header - 0.5), QPointF(width - 1, face.header - 0.5))
        self._icon(painter, QPointF(13, face.header + 9), "error", "error", 14)
        base = face.header + 20
        for n, line in enumerate(face.error):
            painter.setFont(font("body", 400 if n else 600))
            painter.setPen(color("text.2" if n else "text.1"))
            painter.drawText(QPointF(34, base + n * BODY_LINE), line)
        for n, (title, result) in enumerate(face.repairs):
            self._repair(painter, face, n, title, result)

    def _repair(self, painter: QPainter, face: Face, n: int, title: str, result: str) -> None:
        color, font = self._theme.color, self._theme.font
        top = repair_top(face, n)
        box = QRectF(14, top, face.size[0] - 26, REPAIR_HEIGHT - 2)
        first = n == 0
        if first:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("accent"))
            painter.drawRoundedRect(box, 5, 5)
        words, mono = font("body", 600 if first else 400), font("mono")
        text = title if first else f"or {title[:1].lower()}{title[1:]}"
        metrics = QFontMetricsF(words)
        room = box.width() - 18
        arrow = f"→ {result}" if result else ""
        taken = QFontMetricsF(mono).horizontalAdvance(arrow)
        if arrow and metrics.horizontalAdvance(text) + taken + 8 <= room:
            painter.setFont(mono)
            painter.setPen(color("on.accent" if first else "text.2"))
            painter.drawText(QPointF(box.right() - 8 - taken, top + 15), arrow)
        painter.setFont(words)
        painter.setPen(color("on.accent" if first else "text.1"))
        short = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QPointF(24, top + 15), short)

    def _thumbnail(self, painter: QPainter, face: Face) -> None:
        assert face.thumbnail is not None
        side = _picture_side(face)
        box = QRectF(face.size[0] - side - 8, (face.header - side) / 2, side, side)
        painter.drawImage(box, thumbnail_image(face.thumbnail))
        painter.setPen(QPen(self._theme.color("line.strong"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, 2, 2)

    def _glyph(self, painter: QPainter, face: Face, x: float, y: float, side: float) -> None:
        self._icon(painter, QPointF(x, y), face.glyph, glyph_token(face), round(side))

    def _icon(self, painter: QPainter, at: QPointF, name: str, token: str, side: int) -> None:
        dense = math.ceil(painter.deviceTransform().m11() * 2) / 2
        self._theme.draw_icon(painter, at, name, token, side, min(8.0, max(1.0, dense)))

    def _port(self, painter: QPainter, spot: Spot, gives: bool, faded: bool, wrong: bool) -> None:
        color = self._theme.color
        token = "error" if wrong else _PORT_COLORS.get(spot.type, "wire")
        painter.setOpacity(0.3 if faded else 1.0)
        painter.setPen(QPen(color(token), 2))
        painter.setBrush(color(token) if gives else color("bg.canvas"))
        painter.drawPath(port_shape(spot))
        painter.setOpacity(1.0)

    def _glow(self, painter: QPainter, face: Face) -> None:
        width, height = face.size
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for reach, alpha in ((11, 0.10), (8, 0.18), (5, 0.32), (2, 0.6)):
            painter.setPen(QPen(self._theme.color("warn", alpha), 3))
            box = QRectF(-reach, -reach, width + 2 * reach, height + 2 * reach)
            painter.drawRoundedRect(box, 8 + reach, 8 + reach)

    def _hatch(self, painter: QPainter, width: float, height: float) -> None:
        painter.setPen(QPen(self._theme.color("text.3", 0.35), 1))
        for x in range(8 - int(height), int(width), 8):
            left, right = max(x, 1.0), min(x + height, width - 1.0)
            painter.drawLine(QPointF(left, x + height - left), QPointF(right, x + height - right))


def _picture_side(face: Face) -> float:
    """Return how large the sample on a data node is: smaller on the narrow cards of a watched run."""
    return 36.0 if face.size[0] == LIVE_WIDTH else 48.0


def port_shape(spot: Spot) -> QPainterPath:
    """Return the outline of a port: its shape tells what passes through it."""
    path, r = QPainterPath(), PORT_RADIUS
    x, y = spot.x, spot.y
    if spot.type == "int":
        path.addPolygon(_polygon((x, y - r - 1), (x + r + 1, y), (x, y + r + 1), (x - r - 1, y)))
    elif spot.type == "mask":
        path.addRect(QRectF(x - r + 0.5, y - r + 0.5, 2 * r - 1, 2 * r - 1))
    elif spot.type == "state":
        path.addPolygon(_polygon((x, y + r + 0.5), (x - r - 0.5, y - r), (x + r + 0.5, y - r)))
    else:
        path.addEllipse(QPointF(x, y), r, r)
    return path


def _polygon(*corners: tuple[float, float]) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in (*corners, corners[0])])


def thumbnail_image(thumbnail: Thumbnail) -> QImage:
    """Return the image of a sample, grey or in colour."""
    pixels = np.ascontiguousarray(thumbnail.pixels)
    if pixels.ndim == 3:
        return rgb_image(pixels)
    height, width = pixels.shape
    return QImage(pixels.tobytes(), width, height, width, QImage.Format.Format_Grayscale8).copy()


def outline(color: QColor, width: float = 2.0, dashed: bool = False) -> QPen:
    """Return the pen of a wire."""
    pen = QPen(color, width)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    if dashed:
        pen.setDashPattern([2, 2])
    return pen
