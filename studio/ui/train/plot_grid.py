"""Plots in two columns with lines between them; where they do not all fit, they can be scrolled."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QWidget

from studio.ui.theme import Theme

#: How much of the height a row of large plots gets, and one of small ones.
_LARGE, _SMALL = 5, 3
#: The heights that plots need for their axes to be read. Units: px.
LEAST, LEAST_SMALL = 104, 88


class PlotGrid(QWidget):
    """Shows large plots above small ones, two in a row; the last of an odd number has its row to itself."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._rows: list[list[QWidget]] = []
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(1)
        for column in range(2):
            self._layout.setColumnStretch(column, 1)
        self.scroller = QScrollArea()
        self.scroller.setFrameShape(QFrame.Shape.NoFrame)
        self.scroller.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroller.setWidgetResizable(True)
        self.scroller.setWidget(self)
        self.scroller.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme.changed.connect(self.update)

    def take(self, plot: QWidget) -> None:
        """Own a plot, which is not shown yet."""
        plot.setParent(self)
        plot.hide()

    def arrange(self, large: Sequence[QWidget], small: Sequence[QWidget]) -> None:
        """Show these plots, and no others."""
        rows = [
            list(plots[at : at + 2]) for plots in (large, small) for at in range(0, len(plots), 2)
        ]
        if rows == self._rows:
            return
        shown = [plot for row in rows for plot in row]
        for plot in (plot for row in self._rows for plot in row):
            self._layout.removeWidget(plot)
            plot.setVisible(plot in shown)
        for at in range(len(self._rows)):
            self._layout.setRowStretch(at, 0)
        for at, row in enumerate(rows):
            self._layout.setRowStretch(at, _LARGE if row[0] in large else _SMALL)
            least = LEAST if row[0] in large else LEAST_SMALL
            for column, plot in enumerate(row):
                plot.setMinimumHeight(least)
                self._layout.addWidget(plot, at, column, 1, 3 - len(row))
                plot.show()
        self._rows = rows
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self._theme.color("line"))
        for at, row in enumerate(self._rows):
            box = row[0].geometry()
            if len(row) == 2:
                painter.drawLine(box.right() + 1, box.top(), box.right() + 1, box.bottom())
            if at + 1 < len(self._rows):
                painter.drawLine(0, box.bottom() + 1, self.width(), box.bottom() + 1)
        painter.end()
