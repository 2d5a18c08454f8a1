"""The popup that adds a layer: type a few letters, see what fits the wire, press Enter."""

from __future__ import annotations

import html
from collections.abc import Mapping

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from studio.graph.graph import BLOCK
from studio.graph.spec import LayerSpec
from studio.ui.canvas.access import announce
from studio.ui.canvas.offering import Entry, Known, Wish, offers, ranked
from studio.ui.controls import button, column, label, row
from studio.ui.reporting import reported
from studio.ui.theme import Theme

_WIDTH = 284
_SHADOW = 9
_ROWS = 7
_ROW_HEIGHT = 28
_ENTRY = Qt.ItemDataRole.UserRole


class LayerSearch(QFrame):
    """A popup over the canvas. `chosen` carries the kind; `closed` follows however it ends."""

    chosen = Signal(str)
    closed = Signal()

    def __init__(self, theme: Theme, host: QWidget) -> None:
        super().__init__(host)
        self._theme = theme
        self._entries: list[Entry] = []
        self._specs: Mapping[str, LayerSpec] = {}
        self._wish = Wish()
        self._all = False
        self._walked = False
        self.setFixedWidth(_WIDTH + 2 * _SHADOW)
        outer = column(self)
        outer.setContentsMargins(_SHADOW + 1, _SHADOW + 1, _SHADOW + 1, _SHADOW + 1)
        head = row(spacing=8)
        head.setContentsMargins(12, 4, 12, 4)
        self._glass = label(theme)
        self._glass.setPixmap(theme.pixmap("search", "text.2", 16, 2.0))
        self.line = QLineEdit()
        self.line.setProperty("look", "search")
        self.line.setAccessibleName("Search for a layer to add")
        self.line.textChanged.connect(self._fill)
        self.line.installEventFilter(self)
        self._shape = label(theme, tone="2", role="mono")
        head.addWidget(self._glass)
        head.addWidget(self.line, 1)
        head.addWidget(self._shape)
        outer.addLayout(head)
        outer.addWidget(_line(theme))
        count = row()
        count.setContentsMargins(12, 6, 12, 2)
        self._what = label(theme, tone="3", role="caption")
        self._count = label(theme, tone="3", role="caption")
        count.addWidget(self._what, 1)
        count.addWidget(self._count)
        outer.addLayout(count)
        self.list = QListWidget()
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setItemDelegate(_Row(theme, self.list))
        self.list.setAccessibleName("Layers")
        self.list.itemClicked.connect(lambda item: self._choose())
        self.list.currentItemChanged.connect(self._on_current)
        outer.addWidget(self.list)
        self._more = button(theme, look="link", small=True)
        self._more.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._more.clicked.connect(self._on_more)
        under = row()
        under.setContentsMargins(12, 4, 12, 4)
        under.addWidget(self._more)
        under.addStretch(1)
        outer.addWidget(_line(theme))
        outer.addLayout(under)
        outer.addWidget(_line(theme))
        keys = row(spacing=6)
        keys.setContentsMargins(12, 6, 12, 6)
        self._verb = label(theme, "add", "3", "caption")
        for key, word in (("↑↓", "choose"), ("Enter", ""), ("Esc", "cancel")):
            cap = label(theme, key, "2", "caption")
            cap.setProperty("look", "key")
            keys.addWidget(cap)
            keys.addWidget(label(theme, word, "3", "caption") if word else self._verb)
        keys.addStretch(1)
        outer.addLayout(keys)
        self.hide()

    @property
    def shown(self) -> tuple[Entry, ...]:
        """What is listed now, best first."""
        return tuple(self.list.item(n).data(_ENTRY) for n in range(self.list.count()))

    def open(
        self, specs: Mapping[str, LayerSpec], wish: Wish, known: Known, at: QPoint, room: QRect
    ) -> None:
        """Show the popup with its upper left corner near a point, inside `room`."""
        self._specs, self._wish = specs, wish
        self._entries = offers(specs, wish, known)
        self._all = False
        self._verb.setText("swap" if wish.swapped else "add")
        self.line.setPlaceholderText(wish.words)
        self.line.setAccessibleName(wish.words.rstrip("…"))
        self._shape.setText(wish.tensor.text if wish.tensor else "")
        self._glass.setPixmap(self._theme.pixmap("search", "text.2", 16, 2.0))
        self.line.clear()
        self._fill()
        self.adjustSize()
        x = max(room.left(), min(at.x() - _SHADOW, room.right() - self.width()))
        y = max(room.top(), min(at.y() - _SHADOW, room.bottom() - self.height()))
        self.move(x, y)
        self.show()
        self.raise_()
        self.line.setFocus()

    def refine(self, known: Known) -> None:
        """Take in what trying the layers has shown; what is typed and chosen stays."""
        item = self.list.currentItem()
        chosen = item.data(_ENTRY).spec.kind if item is not None and self._walked else ""
        self._entries = offers(self._specs, self._wish, known)
        self._fill()
        kinds = [entry.spec.kind for entry in self.shown]
        if chosen in kinds:
            self.list.setCurrentRow(kinds.index(chosen))

    def close_popup(self) -> None:
        """Hide it, with nothing chosen."""
        if self.isVisible():
            self.hide()
            self.closed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut and self.isVisible():
            self.close_popup()
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        key = event.key()
        steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_Tab: 1, Qt.Key.Key_Backtab: -1}
        steps |= {Qt.Key.Key_PageDown: _ROWS, Qt.Key.Key_PageUp: -_ROWS}
        if key in steps:
            last = self.list.count() - 1
            self.list.setCurrentRow(max(0, min(last, self.list.currentRow() + steps[Qt.Key(key)])))
            self._walked = True
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose()
        elif key == Qt.Key.Key_Escape:
            self.close_popup()
        else:
            return False
        return True

    @reported
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(_SHADOW, _SHADOW, -_SHADOW, -_SHADOW)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        dark = self._theme.name == "dark"
        shade = QColor(0, 0, 0) if dark else QColor(23, 27, 33)
        alphas = (0.30, 0.16, 0.07) if dark else (0.07, 0.04, 0.02)
        painter.setPen(Qt.PenStyle.NoPen)
        for reach, alpha in zip((2, 5, 9), alphas, strict=True):
            shade.setAlphaF(alpha)
            painter.setBrush(shade)
            painter.drawRoundedRect(
                box.adjusted(-reach, -reach, reach, reach), 8 + reach, 8 + reach
            )
        painter.setPen(QPen(self._theme.color("line.strong"), 1))
        painter.setBrush(self._theme.color("bg.raised"))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)

    def _fill(self) -> None:
        self._walked = False
        query = self.line.text().strip()
        fitting = [entry for entry in self._entries if not entry.reason]
        other = [entry for entry in self._entries if entry.reason]
        found = ranked(fitting, query)
        rest = ranked(other, query)
        # Who types a whole name means that layer, also where it takes a repair.
        meant = [one for one in rest if one.mendable and one.spec.title.lower() == query.lower()]
        rest = [one for one in rest if one not in meant]
        found = [*meant, *found]
        self.list.clear()
        for entry in [*found, *(rest if self._all else ())]:
            item = QListWidgetItem(entry.spec.title)
            item.setData(_ENTRY, entry)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, _spoken(entry))
            words = html.escape(f"{entry.spec.kind}\n{entry.reason or entry.spec.doc}".strip())
            item.setToolTip(f"<qt>{words.replace(chr(10), '<br>')}</qt>")
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        self.list.setFixedHeight(_ROW_HEIGHT * max(1, min(_ROWS, self.list.count())))
        wired = bool(other) or self._shape.text() != ""
        fits = "Fits here" if self._wish.swapped else "Fits this wire"
        self._what.setText(fits if wired else "Layers")
        if not found:
            self._what.setText("No layer of this name fits" if wired else "No layer of this name")
        self._count.setText(f"{len(found)} of {len(self._entries)}")
        verb = "Hide" if self._all else "Show"
        self._more.setText(f"{verb} {len(rest)} that do not fit, with reasons")
        self._more.setVisible(bool(rest))
        self.adjustSize()

    def _on_current(self, item: QListWidgetItem | None) -> None:
        # The keyboard stays in the line above, so a reader must be told.
        if item is not None and self.isVisible():
            announce(self, _spoken(item.data(_ENTRY)))

    def _on_more(self) -> None:
        self._all = not self._all
        self._fill()

    def _choose(self) -> None:
        item = self.list.currentItem()
        if item is None:
            return
        entry: Entry = item.data(_ENTRY)
        if entry.reason and not entry.mendable:
            self._what.setText(f"{entry.spec.title} {entry.reason}")
            return
        self.hide()
        self.chosen.emit(entry.spec.kind)
        self.closed.emit()


def _spoken(entry: Entry) -> str:
    if entry.reason:
        return f"{entry.spec.title} {entry.reason}"
    words = entry.spec.title + (f", gives {entry.result}" if entry.result else "")
    return f"{words}, {_opened(entry)}" if entry.open else words


def _opened(entry: Entry) -> str:
    return f"also needs {', '.join(entry.open)}"


def _line(theme: Theme) -> QFrame:
    made = QFrame()
    made.setFixedHeight(1)
    made.setProperty("look", "line")
    return made


class _Row(QStyledItemDelegate):
    """Draws an entry: glyph, title, and at the right what it gives or why it does not fit."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(_WIDTH - 8, _ROW_HEIGHT)

    @reported
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        entry: Entry = index.data(_ENTRY)
        color, area = self._theme.color, QRectF(option.rect)
        current = bool(option.state & QStyle.StateFlag.State_Selected)
        if current:
            painter.fillRect(area, color("accent.soft"))
            painter.fillRect(QRectF(area.left(), area.top(), 2, area.height()), color("accent"))
        spec = entry.spec
        block = spec.kind.startswith(BLOCK)
        plain = block or spec.category == "tensor"
        token = "text.2" if plain else f"cat.{spec.category}"
        pixmap = self._theme.pixmap("block" if block else spec.category, token, 16, 2.0)
        painter.drawPixmap(QPointF(area.left() + 12, area.center().y() - 8), pixmap)
        result = f"→ {entry.result}" if entry.result else ""
        words = entry.reason or result or (_opened(entry) if entry.open else "")
        inner = area.adjusted(38, 0, -12, 0)
        painter.setFont(self._theme.font("body", 600 if current else 400))
        title = painter.fontMetrics().horizontalAdvance(spec.title)
        painter.setPen(color("text.3" if entry.reason else "text.1"))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(inner, middle, spec.title)
        if entry.family:
            painter.setFont(self._theme.font("caption"))
            painter.setPen(color("text.3"))
            painter.drawText(inner.adjusted(title + 8, 0, 0, 0), middle, entry.family)
            title += 8 + painter.fontMetrics().horizontalAdvance(entry.family)
        painter.setFont(self._theme.font("mono" if words == result else "caption"))
        painter.setPen(color("text.3" if entry.reason else "text.2"))
        room = round(inner.width()) - title - 10
        short = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room)
        painter.drawText(inner, middle | Qt.AlignmentFlag.AlignRight, short)
