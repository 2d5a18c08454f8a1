"""How often predictions are right that are so sure."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen

from studio.session.judgement import Calibration
from studio.ui.theme import Theme
from studio.ui.views.axis import Scale
from studio.ui.views.numbers import hundredths, percent
from studio.ui.views.view import Table, View

_LEFT, _FOOT, _TOP, _RIGHT = 40.0, 32.0, 6.0, 10.0


class Reliability(View):
    """A bar a bin of sureness, as high as the share that is right; the diagonal is what it should be.

    How dark a bar is tells how many samples it has; the gap to the diagonal is framed.
    """

    def __init__(self, theme: Theme, name: str = "Calibration") -> None:
        super().__init__(theme, name)
        self._found: Calibration | None = None
        self.setMinimumSize(160, 110)

    def set_calibration(self, found: Calibration | None) -> None:
        """Show this."""
        self._found = found
        self.update()

    def is_empty(self) -> bool:
        return self._found is None

    def table(self) -> Table:
        if self._found is None:
            return []
        found = self._found
        rows = [
            (float(low), float(high), int(count), float(sure), float(right))
            for low, high, count, sure, right in zip(
                found.edges,
                found.edges[1:],
                found.samples,
                found.sureness,
                found.accuracy,
                strict=False,
            )
            if count
        ]
        return [("from", "to", "samples", "mean sureness", "share right"), *rows]

    def tip(self, at: QPointF) -> str:
        assert self._found is not None
        across, _ = self._scales()
        place = int(across.value(at.x()) * len(self._found.samples))
        if not 0 <= place < len(self._found.samples):
            return ""
        low, high = self._found.edges[place : place + 2]
        between = f"{hundredths(float(low))} to {percent(float(high), 0)} sure"
        count = int(self._found.samples[place])
        if not count:
            return f"{between}: no samples"
        right = percent(float(self._found.accuracy[place]))
        return f"{between}: {right} of {Theme.number(count)} right"

    def draw(self, painter: QPainter) -> None:
        assert self._found is not None
        colour, found = self.theme.color, self._found
        across, up = self._scales()
        area = self._area()
        painter.setFont(self.theme.font("caption"))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for value in (0.0, 0.5, 1.0):
            x, y = across.pixel(value), up.pixel(value)
            painter.setPen(QPen(colour("line"), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(colour("text.3"))
            painter.drawText(QRectF(0, y - 8, area.left() - 6, 16), right, hundredths(value))
            box = QRectF(x - 24, area.bottom() + 2, 48, 14)
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, hundredths(value))
        words = "% sure, across; % of them right, up"
        shown = QFontMetricsF(painter.font()).elidedText(
            words, Qt.TextElideMode.ElideRight, area.width()
        )
        foot = QRectF(area.left(), area.bottom() + 16, area.width(), 14)
        painter.drawText(foot, Qt.AlignmentFlag.AlignHCenter, shown)
        most = max(1, int(found.samples.max(initial=0)))
        wide = area.width() / len(found.samples)
        for place in np.flatnonzero(found.samples).tolist():
            height = up.pixel(float(found.accuracy[place]))
            wanted = up.pixel(float(found.sureness[place]))
            bar = QRectF(area.left() + place * wide + 1, height, wide - 2, area.bottom() - height)
            strength = 0.35 + 0.65 * float(np.sqrt(found.samples[place] / most))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour("series.1", strength))
            painter.drawRect(bar)
            painter.setPen(QPen(colour("series.2"), 1))
            painter.setBrush(colour("series.2", 0.16))
            painter.drawRect(
                QRectF(bar.left(), min(height, wanted), bar.width(), abs(height - wanted))
            )
        painter.setPen(QPen(colour("text.3"), 1, Qt.PenStyle.DashLine))
        painter.drawLine(area.bottomLeft(), area.topRight())

    def _area(self) -> QRectF:
        width, height = self.width() - _LEFT - _RIGHT, self.height() - _TOP - _FOOT
        return QRectF(_LEFT, _TOP, max(40.0, width), max(40.0, height))

    def _scales(self) -> tuple[Scale, Scale]:
        area = self._area()
        return Scale(0, 1, area.left(), area.right()), Scale(0, 1, area.bottom(), area.top())
