"""Pictures of nodes and labels, painted once for each zoom and then only copied."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPixmap, QTransform

_BUDGET = 96 * 2**20

Paint = Callable[[QPainter], None]


class Sprites:
    """A bounded store of pictures, the least recently used go first.

    While the zoom is moving, a picture made for another zoom will do; `sharp` says that it has settled.
    Without `stored` everything is painted afresh: what keeps shapes and words wants no pictures of them.
    """

    def __init__(self) -> None:
        self.stored = True
        self.sharp = True
        self._kept: OrderedDict[Hashable, QPixmap] = OrderedDict()
        self._near: dict[Hashable, float] = {}
        self._bytes = 0
        self._dense = 1.0

    def clear(self) -> None:
        """Forget every picture, as a change of theme needs."""
        self._kept.clear()
        self._near.clear()
        self._bytes = 0

    def forget(self, key: Hashable, detail: Hashable = 0) -> None:
        """Drop the newest picture of what will not look so again: what a run has shown of a layer."""
        scale = self._near.pop((key, detail), None)
        gone = self._kept.pop((key, detail, scale, self._dense), None)
        if gone is not None:
            self._bytes -= gone.width() * gone.height() * 4

    def draw(
        self, painter: QPainter, key: Hashable, box: QRectF, paint: Paint, detail: Hashable = 0
    ) -> None:
        """Draw what `paint` paints in `box`, from the store where it is there."""
        if not self.stored:
            painter.save()
            paint(painter)
            painter.restore()
            return
        view = painter.worldTransform()
        scale = view.m11()
        dense = self._dense = painter.device().devicePixelRatioF()
        wanted = scale
        if not self.sharp:
            near = self._near.get((key, detail))
            if near is not None and (key, detail, near, dense) in self._kept:
                wanted = near
        pixmap = self._picture((key, detail, wanted, dense), box, paint)
        self._near[key, detail] = wanted
        at = view.map(box.topLeft())
        painter.setWorldTransform(QTransform())
        if wanted == scale:
            at = QPointF(math.floor(at.x() * dense) / dense, math.floor(at.y() * dense) / dense)
            painter.drawPixmap(at, pixmap)
        else:
            size = box.size() * scale
            source = QRectF(0, 0, box.width() * wanted * dense, box.height() * wanted * dense)
            painter.drawPixmap(QRectF(at, size), pixmap, source)
        painter.setWorldTransform(view)

    def _picture(self, key: tuple[Hashable, ...], box: QRectF, paint: Paint) -> QPixmap:
        pixmap = self._kept.get(key)
        if pixmap is not None:
            self._kept.move_to_end(key)
            return pixmap
        scale, dense = key[2], key[3]
        assert isinstance(scale, float)
        assert isinstance(dense, float)
        width = math.ceil(box.width() * scale * dense) + 1
        height = math.ceil(box.height() * scale * dense) + 1
        pixmap = QPixmap(width, height)
        pixmap.setDevicePixelRatio(dense)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        try:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
            painter.scale(scale, scale)
            painter.translate(-box.topLeft())
            paint(painter)
        finally:
            painter.end()  # a painter that outlives its pixmap ends the process
        self._kept[key] = pixmap
        self._bytes += width * height * 4
        while self._bytes > _BUDGET and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= gone.width() * gone.height() * 4
        if len(self._near) > 4 * len(self._kept) + 64:
            self._near = {near[:2]: near[2] for near in self._kept}  # type: ignore[index]
        return pixmap
