"""The sheet from far away: everything in a few batched calls, for small zooms and the minimap."""

from __future__ import annotations

import itertools

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from studio.ui.canvas.previews import LEVELS
from studio.ui.canvas.scene import SheetScene
from studio.ui.theme import Theme

#: Below this zoom the view paints the overview instead of the items.
OVERVIEW_SCALE = 0.35


class Overview:
    """Lists of rectangles and lines, made once for each state of the scene."""

    def __init__(self, scene: SheetScene, theme: Theme) -> None:
        self._scene = scene
        self._theme = theme
        self._revision = -1
        self._cards: list[QRectF] = []
        self._bars: dict[str, list[QRectF]] = {}
        #: By how strong their tensors are, where that is shown.
        self._wires: dict[int | None, list[QLineF]] = {}
        self._frames: list[QRectF] = []

    def collect(self) -> None:
        """Take in where everything is, unless nothing has changed."""
        if self._revision == self._scene.revision:
            return
        self._revision = self._scene.revision
        self._cards, self._bars, self._wires = [], {}, {}
        for item in self._scene.nodes.values():
            rect = item.rect
            face = item.face
            if face.dot:
                continue  # a part of its wires
            self._cards.append(rect)
            token = "error" if face.error else "warn" if face.warning else f"cat.{face.category}"
            self._bars.setdefault(token, []).append(rect)
        for link in self._scene.links.values():
            if link.route is None:
                continue
            points = [QPointF(x, y) for x, y in link.route.points]
            lines = self._wires.setdefault(link.level, [])
            lines += [QLineF(a, b) for a, b in itertools.pairwise(points)]
        self._frames = [frame.rect for frame in self._scene.frames.values()]

    def forget(self) -> None:
        """Collect again next time, as while something is dragged."""
        self._revision = -1

    def _pen(self, level: int | None) -> QPen:
        """Return the pen of wires: thin, and up to 3 px for the strongest, however far away."""
        if level is None:
            return QPen(self._theme.color("wire"), 0)
        pen = QPen(self._scene.wires.look.strong(level))
        pen.setWidthF(1 + 2 * level / (LEVELS - 1))
        pen.setCosmetic(True)
        return pen

    def paint(self, painter: QPainter, wires: bool = True, bar: float = 36.0) -> None:
        """Paint the sheet in scene coordinates; `bar` is how much of a node its colour takes."""
        self.collect()
        color = self._theme.color
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("bg.raised"))
        painter.drawRects(self._frames)
        if wires:
            for level, lines in self._wires.items():
                painter.setPen(self._pen(level))
                painter.drawLines(lines)
        if bar < 216:
            painter.setPen(QPen(color("line.strong"), 0))
            painter.setBrush(color("bg.card"))
            painter.drawRects(self._cards)
        painter.setPen(Qt.PenStyle.NoPen)
        for token, rects in self._bars.items():
            painter.setBrush(color(token))
            if bar >= 216:
                painter.drawRects(rects)
            else:
                painter.drawRects([QRectF(r.x(), r.y(), bar, r.height()) for r in rects])
        if self._scene.selection:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            pen = QPen(color("accent"), 2)
            pen.setCosmetic(True)
            painter.setPen(pen)
            nodes = self._scene.nodes
            painter.drawRects([nodes[key].rect for key in self._scene.selection if key in nodes])
