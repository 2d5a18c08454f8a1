"""What every view shares: theme, keyboard focus, a name for screen readers, a table of its values."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QGuiApplication,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QMenu, QToolTip, QWidget

from studio.ui.theme import Theme

#: The rows of a table, its header first.
Table = list[Sequence[object]]


class View(QWidget):
    """A plain-painted widget: subclasses implement `draw`, and `table` and `tip` where they can."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.empty_text = ""
        #: Keys that this view uses itself where a shortcut would take them.
        self.own_keys: frozenset[Qt.Key] = frozenset()
        self.paint_ms = 0.0
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self._tips = Tips(self, self._tip_at)
        self._keys = _OwnKeys(self)
        theme.changed.connect(self.update)

    def _tip_at(self, at: QPointF) -> str:
        return "" if self.is_empty() else self.tip(at)

    def draw(self, painter: QPainter) -> None:
        """Paint the values."""
        raise NotImplementedError

    def is_empty(self) -> bool:
        """Tell whether there is nothing to draw, so that `empty_text` stands instead."""
        return False

    def table(self) -> Table:
        """Return the values as rows, header first; [] offers no table."""
        return []

    def tip(self, at: QPointF) -> str:
        """Return the raw value at a place, "" for none."""
        return ""

    # ------------------------------------------------------------------------------------- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        started = time.perf_counter()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.theme.font("caption"))
        try:
            if self.is_empty():
                self.draw_empty(painter)
            else:
                self.draw(painter)
            if self.hasFocus() and self.focusPolicy() & Qt.FocusPolicy.TabFocus:
                painter.setPen(QPen(self.theme.color("accent"), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)
        finally:
            painter.end()
        self.paint_ms = 1000.0 * (time.perf_counter() - started)

    def draw_empty(self, painter: QPainter) -> None:
        painter.setFont(self.theme.font("body"))
        painter.setPen(self.theme.color("text.3"))
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(QRectF(self.rect()).adjusted(16, 8, -16, -8), flags, self.empty_text)

    # ---------------------------------------------------------------------------------- interaction

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.open_menu(event.globalPos())

    def open_menu(self, at: QPoint) -> None:
        """Show what can be done with this view."""
        menu = QMenu(self)
        self.fill_menu(menu)
        if not menu.isEmpty():
            menu.exec(at)
        menu.deleteLater()

    def fill_menu(self, menu: QMenu) -> None:
        """Put this view's actions into its context menu."""
        if self.table():
            menu.addAction("Show values as a table…").triggered.connect(self.open_table)
            menu.addAction("Copy values as CSV").triggered.connect(self.copy_values)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy) and self.table():
            self.copy_values()
        else:
            super().keyPressEvent(event)

    def open_table(self) -> None:
        """Open the values as a table."""
        from studio.ui.views.value_table import ValueTable  # seldom needed

        ValueTable(self).show()

    def copy_values(self) -> None:
        """Put the table on the clipboard."""
        QGuiApplication.clipboard().setText(as_csv(self.table()))


class Tips(QObject):
    """Shows a tooltip that depends on the place.

    A filter rather than an override of `event`: with that in Python, an error while painting, which
    goes through `event` too, would end the process (shiboken 6.11) instead of being reported.
    """

    def __init__(self, widget: QWidget, tip_at: Callable[[QPointF], str]) -> None:
        super().__init__(widget)
        self._widget, self._tip_at = widget, tip_at
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.ToolTip or not isinstance(event, QHelpEvent):
            return False
        text = self._tip_at(QPointF(event.pos()))
        if text:
            QToolTip.showText(event.globalPos(), plain(text), self._widget)
        else:
            QToolTip.hideText()
        return True


class _OwnKeys(QObject):
    """Keeps a view's own keys from the shortcuts that would take them."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._view = view
        view.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
            return False
        own = Qt.Key(event.key()) in self._view.own_keys and not event.modifiers()
        if own:
            event.accept()
        return own


def as_csv(table: Table) -> str:
    """Return a table as CSV text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    return text.getvalue()


def plain(text: str) -> str:
    """Return tooltip text that Qt cannot take for HTML, whatever a file or a pack called its things."""
    if not text:
        return ""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "<span>" + escaped.replace("\n", "<br>") + "</span>"
