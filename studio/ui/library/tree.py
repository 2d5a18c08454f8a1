"""The list of layers: categories with a colour bar and a count, and what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import (
    QEvent,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QDrag, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
)

from studio.graph.spec import CATEGORIES, LayerSpec
from studio.ui.theme import Theme

ModelIndex = QModelIndex | QPersistentModelIndex

KIND_MIME = "application/x-neuroloom-kind"

#: How many of a category's layers show before "more", so that every category stays in view.
_HEADS = {"conv": 6}
_HEAD = 3
#: What is wanted most comes first; the rest keeps the catalogue's order.
_COMMON = (
    *("Conv2d", "Conv1d", "Conv3d", "ConvTranspose2d", "MaxPool2d", "AvgPool2d"),
    *("AdaptiveAvgPool2d", "BatchNorm2d", "LayerNorm", "Dropout", "ReLU", "GELU", "Sigmoid"),
    *("Flatten", "Add", "Concat", "LSTM", "GRU", "MultiheadAttention"),
)
#: Where a divided category's layers stand that belong to no group.
_UNGROUPED = "Others"
_OPEN_AT_FIRST = ("conv", "pool", "norm")

_ROLE = Qt.ItemDataRole.UserRole
_KIND = int(_ROLE)
_CATEGORY = int(_ROLE) + 1
_ROW = int(_ROLE) + 2


class LayerTree(QTreeWidget):
    """Layers by category; `added` on Enter or double-click, `hovered` with a kind or nothing."""

    added = Signal(str)
    hovered = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._specs: tuple[LayerSpec, ...] = ()
        self._open = set(_OPEN_AT_FIRST)
        self._full: set[str] = set()
        self._query = ""
        self.setHeaderHidden(True)
        self.setIndentation(0)
        self.setRootIsDecorated(False)
        self.setMouseTracking(True)
        self.setExpandsOnDoubleClick(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setItemDelegate(_Line(theme, self))
        self.setAccessibleName("Layers")
        self.itemClicked.connect(self._on_clicked)
        self.itemDoubleClicked.connect(lambda item: self._add(item))
        self.itemEntered.connect(lambda item: self.hovered.emit(item.data(0, _KIND) or ""))
        self.currentItemChanged.connect(
            lambda item, _: self.hovered.emit((item.data(0, _KIND) or "") if item else "")
        )
        theme.changed.connect(self.viewport().update)

    @property
    def shown_kinds(self) -> list[str]:
        """The kinds that are listed now, from the top."""
        found = []
        for index in range(self.topLevelItemCount()):
            group = self.topLevelItem(index)
            if group is not None and group.isExpanded():
                found += [kind for item in _children(group) if (kind := item.data(0, _KIND))]
        return found

    def show_layers(self, specs: Iterable[LayerSpec], query: str = "") -> None:
        """List `specs`, or those that answer `query`."""
        common = {title: at for at, title in enumerate(_COMMON)}
        ordered = sorted(specs, key=lambda spec: common.get(spec.title, len(common)))
        self._specs = tuple(ordered)
        self._query = query.strip().lower()
        self._rebuild()

    def add_first(self) -> None:
        """Add the first layer that is listed."""
        if self.shown_kinds:
            self.added.emit(self.shown_kinds[0])

    def choose_first(self) -> None:
        """Make the first layer current."""
        for index in range(self.topLevelItemCount()):
            group = self.topLevelItem(index)
            if group is not None and group.isExpanded() and group.childCount():
                layers = [item for item in _children(group) if item.data(0, _KIND)]
                self.setCurrentItem(layers[0])
                return

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item = self.currentItem()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and item is not None:
            if item.data(0, _KIND):
                self._add(item)
            else:
                self._on_clicked(item)
        elif item is not None and event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            group = item.parent() or item
            self._set_open(group, event.key() == Qt.Key.Key_Right)
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if self.itemAt(event.position().toPoint()) is None:
            self.hovered.emit("")

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        item = self.currentItem()
        self.hovered.emit((item.data(0, _KIND) or "") if item else "")

    def mimeData(self, items: Sequence[QTreeWidgetItem]) -> QMimeData:
        mime = QMimeData()
        kinds = [item.data(0, _KIND) for item in items if item.data(0, _KIND)]
        if kinds:
            mime.setData(KIND_MIME, kinds[0].encode())
        return mime

    def startDrag(self, actions: Qt.DropAction) -> None:
        item = self.currentItem()
        if item is None or not item.data(0, _KIND):
            return
        drag = QDrag(self)
        drag.setMimeData(self.mimeData([item]))
        drag.setPixmap(card(self._theme, item.text(0), item.data(0, _CATEGORY)))
        drag.setHotSpot(drag.pixmap().rect().center() / int(drag.pixmap().devicePixelRatio()))
        drag.exec(Qt.DropAction.CopyAction)

    def _rebuild(self) -> None:
        scroll = self.verticalScrollBar().value()
        current = self.currentItem()
        kept = current.data(0, _KIND) if current else ""
        self.blockSignals(True)
        self.clear()
        for category, title in self._categories():
            specs = [spec for spec in self._specs if spec.category == category]
            found = rank(specs, self._query) if self._query else specs
            if found:
                self._add_group(category, title, found)
        for item in self._items():
            if kept and item.data(0, _KIND) == kept:
                self.setCurrentItem(item)
        self.blockSignals(False)
        self.verticalScrollBar().setValue(scroll)

    def _categories(self) -> list[tuple[str, str]]:
        others = {spec.category for spec in self._specs} - set(CATEGORIES)
        return [*CATEGORIES.items(), *((key, key.capitalize()) for key in sorted(others))]

    def _add_group(self, category: str, title: str, specs: list[LayerSpec]) -> None:
        group = QTreeWidgetItem(self, [title])
        group.setData(0, _CATEGORY, category)
        group.setData(0, _ROW, str(len(specs)))
        group.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        head = _HEADS.get(category, _HEAD)
        full = bool(self._query) or category in self._full or len(specs) <= head + 1
        divided = full and not self._query and any(spec.group for spec in specs)
        if divided:
            groups = {spec.group: n for n, spec in enumerate(reversed(specs))}
            specs = sorted(specs, key=lambda spec: (not spec.group, -groups[spec.group]))
        heading = ""
        for spec in specs if full else specs[:head]:
            if divided and (spec.group or _UNGROUPED) != heading:
                heading = spec.group or _UNGROUPED
                line = QTreeWidgetItem(group, [heading])
                line.setData(0, _ROW, "heading")
                line.setFlags(Qt.ItemFlag.ItemIsEnabled)
            item = QTreeWidgetItem(group, [spec.title])
            item.setData(0, _KIND, spec.kind)
            item.setData(0, _CATEGORY, category)
        if not full:
            more = QTreeWidgetItem(group, [f"{len(specs) - head} more"])
            more.setData(0, _CATEGORY, category)
            more.setData(0, _ROW, "more")
            more.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        group.setExpanded(bool(self._query) or category in self._open)

    def _items(self) -> list[QTreeWidgetItem]:
        groups = [self.topLevelItem(index) for index in range(self.topLevelItemCount())]
        return [item for group in groups if group for item in _children(group)]

    def _on_clicked(self, item: QTreeWidgetItem) -> None:
        if item.data(0, _ROW) == "more":
            self._full.add(item.data(0, _CATEGORY))
            self._rebuild()
        elif item.parent() is None:
            self._set_open(item, not item.isExpanded())

    def _set_open(self, group: QTreeWidgetItem, opened: bool) -> None:
        group.setExpanded(opened)
        category = group.data(0, _CATEGORY)
        (self._open.add if opened else self._open.discard)(category)
        self.setCurrentItem(group)

    def _add(self, item: QTreeWidgetItem) -> None:
        kind = item.data(0, _KIND)
        if kind:
            self.added.emit(kind)


class _Line(QStyledItemDelegate):
    """Draws a category or a layer."""

    def __init__(self, theme: Theme, tree: LayerTree) -> None:
        super().__init__(tree)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: ModelIndex) -> QSize:
        if index.data(_KIND):
            return QSize(100, 26)
        return QSize(100, 24 if index.data(_ROW) in ("more", "heading") else 28)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: ModelIndex) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if index.data(_KIND):
            self._paint_layer(painter, option, index)
        elif index.data(_ROW) in ("more", "heading"):
            painter.setFont(self._theme.font("caption"))
            painter.setPen(self._theme.color("text.3"))
            indent = 60 if index.data(_ROW) == "more" else 34
            area = option.rect.adjusted(indent, 0, 0, 0)
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, index.data())
        else:
            self._paint_category(painter, option, index)
        painter.restore()

    def _paint_layer(
        self, painter: QPainter, option: QStyleOptionViewItem, index: ModelIndex
    ) -> None:
        theme, rect = self._theme, option.rect
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if hovered or chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent.soft" if chosen else "bg.hover"))
            painter.drawRoundedRect(QRectF(rect.adjusted(8, 0, -8, 0)), 6, 6)
        dpr = painter.device().devicePixelRatioF()
        if hovered or chosen:
            painter.drawPixmap(
                QPointF(rect.left() + 14, rect.top() + 5), theme.pixmap("grip", "text.2", 16, dpr)
            )
        category = index.data(_CATEGORY)
        glyph = theme.pixmap(glyph_of(category), token_of(category), 14, dpr)
        painter.drawPixmap(QPointF(rect.left() + 34, rect.top() + 6), glyph)
        right = 0
        if hovered:
            painter.setFont(theme.font("caption"))
            painter.setPen(theme.color("text.3"))
            right = QFontMetrics(painter.font()).horizontalAdvance("drag or Enter") + 8
            painter.drawText(
                rect.adjusted(0, 0, -12, 0),
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
                "drag or Enter",
            )
        painter.setFont(theme.font("body"))
        painter.setPen(theme.color("text.1"))
        area = rect.adjusted(56, 0, -12 - right, 0)
        words = QFontMetrics(painter.font()).elidedText(
            index.data(), Qt.TextElideMode.ElideRight, area.width()
        )
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, words)

    def _paint_category(
        self, painter: QPainter, option: QStyleOptionViewItem, index: ModelIndex
    ) -> None:
        theme, rect = self._theme, option.rect
        if option.state & (QStyle.StateFlag.State_MouseOver | QStyle.StateFlag.State_Selected):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("bg.hover"))
            painter.drawRoundedRect(QRectF(rect.adjusted(4, 1, -8, -1)), 6, 6)
        opened = bool(option.state & QStyle.StateFlag.State_Open)
        dpr = painter.device().devicePixelRatioF()
        arrow = theme.pixmap("chevron-down" if opened else "chevron-right", "text.3", 16, dpr)
        painter.drawPixmap(QPointF(rect.left() + 8, rect.top() + 6), arrow)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(token_of(index.data(_CATEGORY))))
        painter.drawRoundedRect(QRectF(rect.left() + 30, rect.top() + 7, 4, 14), 2, 2)
        painter.setFont(theme.font("body", 600))
        painter.setPen(theme.color("text.1"))
        painter.drawText(rect.adjusted(40, 0, -40, 0), Qt.AlignmentFlag.AlignVCenter, index.data())
        painter.setFont(theme.font("caption"))
        painter.setPen(theme.color("text.3"))
        painter.drawText(
            rect.adjusted(0, 0, -12, 0),
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
            index.data(_ROW),
        )


def _children(group: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    found = [group.child(at) for at in range(group.childCount())]
    return [item for item in found if item is not None]


def glyph_of(category: str) -> str:
    """Return the icon of a category; blocks and categories of packs share one."""
    return category if category in CATEGORIES else "block"


def token_of(category: str) -> str:
    """Return the colour of a category."""
    return f"cat.{category}" if category in CATEGORIES else "text.2"


def rank(specs: Iterable[LayerSpec], query: str) -> list[LayerSpec]:
    """Return the specs that answer a query, best first: by title, then kind, keywords and doc."""

    def worth(spec: LayerSpec) -> int:
        title = spec.title.lower()
        if title.startswith(query):
            return 4
        if query in title:
            return 3
        if query in spec.kind.lower() or any(query in word.lower() for word in spec.keywords):
            return 2
        return 1 if len(query) > 2 and query in spec.doc.lower() else 0

    scored = [(worth(spec), spec) for spec in specs]
    return [spec for value, spec in sorted(scored, key=lambda pair: -pair[0]) if value]


def card(theme: Theme, title: str, category: str) -> QPixmap:
    """Return the little card that follows the mouse while a layer is dragged."""
    pixmap = QPixmap(320, 64)
    pixmap.setDevicePixelRatio(2.0)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(theme.color("line.strong"))
    painter.setBrush(theme.color("bg.card"))
    painter.drawRoundedRect(QRectF(0.5, 0.5, 159, 31), 8, 8)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color(token_of(category)))
    painter.drawRoundedRect(QRectF(0, 4, 5, 24), 2, 2)
    painter.drawPixmap(QPointF(14, 9), theme.pixmap(glyph_of(category), token_of(category), 14, 2))
    painter.setFont(theme.font("title", 500))
    painter.setPen(theme.color("text.1"))
    painter.drawText(QRectF(36, 0, 120, 32), Qt.AlignmentFlag.AlignVCenter, title)
    painter.end()
    return pixmap
