"""The runs as a table that sorts, hides what does not differ, and marks whose curve is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from studio.session.stored import StoredRun
from studio.ui.runs.columns import Column, agreed, columns, ranking
from studio.ui.theme import Theme
from studio.ui.views.view import plain

Index = QModelIndex | QPersistentModelIndex

ROW = 26
_SORT = Qt.ItemDataRole.UserRole
_STATUS_TOKENS = {"running": "accent", "failed": "error", "interrupted": "error", "unknown": "warn"}


class RunsModel(QAbstractTableModel):
    """Runs down, columns across; the first column holds the mark of a drawn curve."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.runs: tuple[StoredRun, ...] = ()
        self.metric = ranking(())
        self.columns: tuple[Column, ...] = columns(self.metric)
        self.marks: dict[Path, str] = {}

    def show_runs(self, runs: Sequence[StoredRun]) -> None:
        """Show these runs instead."""
        self.beginResetModel()
        self.runs = tuple(runs)
        self.metric = ranking(self.runs)
        self.columns = columns(self.metric)
        self.endResetModel()

    def set_marks(self, marks: Mapping[Path, str]) -> None:
        """Give runs the colour (a token) of their curve."""
        self.marks = dict(marks)
        if self.runs:
            first, last = self.index(0, 0), self.index(len(self.runs) - 1, 0)
            self.dataChanged.emit(first, last)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's signature)
        return 0 if parent.isValid() else len(self.runs)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's signature)
        return 0 if parent.isValid() else 1 + len(self.columns)

    def headerData(
        self, section: int, way: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if way != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section - 1].title if section else ""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        run = self.runs[index.row()]
        if index.column() == 0:
            if role == Qt.ItemDataRole.DecorationRole:
                return self.marks.get(run.folder, "")
            if role == _SORT:
                return run.folder not in self.marks
            return None
        column = self.columns[index.column() - 1]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.text(run)
            case Qt.ItemDataRole.ToolTipRole:
                if run.info.fault is not None:
                    return plain(run.info.fault.message)
                return plain(run.info.message or str(run.folder))
            case Qt.ItemDataRole.FontRole:
                strong = column.key in ("name", "best")
                return self._theme.font("body", 600 if strong else 400)
            case Qt.ItemDataRole.ForegroundRole:
                if column.key == "status":
                    return self._theme.color(_STATUS_TOKENS.get(run.info.status, "text.2"))
                return self._theme.color("text.1" if column.key in ("name", "best") else "text.2")
            case _ if role == _SORT:
                return column.value(run)
            case _:
                return None


class _Order(QSortFilterProxyModel):
    """Sorts numbers as numbers and leaves runs without a value at the end, either way."""

    def lessThan(self, left: Index, right: Index) -> bool:
        a, b = left.data(_SORT), right.data(_SORT)
        if a is None or b is None:
            last_on_top = self.sortOrder() == Qt.SortOrder.DescendingOrder
            return (a is None and b is not None) if last_on_top else (a is not None and b is None)
        if isinstance(a, str) or isinstance(b, str):
            return str(a).lower() < str(b).lower()
        return float(a) < float(b)


class _Mark(QStyledItemDelegate):
    """A dot in the colour of the run's curve, or a ring."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        token = index.data(Qt.ItemDataRole.DecorationRole)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(0, 0, 9, 9)
        box.moveCenter(QRectF(option.rect).center())
        if token:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color(token))
        else:
            painter.setPen(QPen(self._theme.color("line.strong"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(box)
        painter.restore()

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        option.features &= ~QStyleOptionViewItem.ViewItemFeature.HasDecoration


class _Pinned(QTableView):
    """The first columns of a table, laid over it so that they stay while it scrolls sideways."""

    COLUMNS = 2

    def __init__(self, table: QTableView, theme: Theme) -> None:
        super().__init__(table)
        self._table = table
        self.setModel(table.model())
        self.setSelectionModel(table.selectionModel())
        self.setSelectionBehavior(table.selectionBehavior())
        self.setShowGrid(False)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setItemDelegateForColumn(0, _Mark(theme, self))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW)
        self.horizontalHeader().setSectionsClickable(True)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setDefaultAlignment(table.horizontalHeader().defaultAlignment())
        self.horizontalHeader().sectionClicked.connect(self._on_clicked)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(table.verticalScrollMode())
        table.verticalScrollBar().valueChanged.connect(self.verticalScrollBar().setValue)
        self.verticalScrollBar().valueChanged.connect(table.verticalScrollBar().setValue)
        table.horizontalScrollBar().valueChanged.connect(self.place)
        table.horizontalHeader().sectionResized.connect(self.place)
        self.doubleClicked.connect(table.doubleClicked)

    def place(self) -> None:
        """Lie over the table's own first columns; away while nothing is scrolled."""
        table = self._table
        for column in range(self.model().columnCount()):
            self.setColumnHidden(column, column >= self.COLUMNS)
            if column < self.COLUMNS:
                self.setColumnWidth(column, table.columnWidth(column))
        width = sum(table.columnWidth(column) for column in range(self.COLUMNS))
        height = table.viewport().height() + table.horizontalHeader().height()
        self.setGeometry(table.frameWidth(), table.frameWidth(), width, height)
        self.setVisible(table.horizontalScrollBar().value() > 0)
        self.raise_()

    def _on_clicked(self, column: int) -> None:
        header = self._table.horizontalHeader()
        down = header.sortIndicatorSection() == column and (
            header.sortIndicatorOrder() == Qt.SortOrder.AscendingOrder
        )
        order = Qt.SortOrder.DescendingOrder if down else Qt.SortOrder.AscendingOrder
        self._table.sortByColumn(column, order)


class RunsTable(QTableView):
    """Rows are chosen to be drawn; Enter opens one, Delete deletes. The run's name stays in sight."""

    chosen_changed = Signal()
    open_wanted = Signal()
    delete_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.runs = RunsModel(theme)
        self._order = _Order(self)
        self._order.setSourceModel(self.runs)
        self._only_differing = True
        self.setModel(self._order)
        self.setAccessibleName("Runs")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setShowGrid(False)
        self.setSortingEnabled(True)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setItemDelegateForColumn(0, _Mark(theme, self))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(28)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.selectionModel().selectionChanged.connect(lambda *_: self.chosen_changed.emit())
        self.doubleClicked.connect(lambda _: self.open_wanted.emit())
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.pinned = _Pinned(self, theme)
        theme.changed.connect(self.viewport().update)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.pinned.place()

    def show_runs(self, runs: Sequence[StoredRun]) -> None:
        """Show these, keep what was chosen and how they were sorted."""
        kept = {run.folder for run in self.chosen()}
        fresh = self.runs.rowCount() == 0
        self.blockSignals(True)
        self.runs.show_runs(runs)
        if fresh:
            self.sortByColumn(self._place("when"), Qt.SortOrder.DescendingOrder)
            self._widths()
        self._hide_agreed()
        self.choose(kept or ({runs[0].folder} if runs else set()))
        self.blockSignals(False)
        self.chosen_changed.emit()

    def chosen(self) -> tuple[StoredRun, ...]:
        """Return the chosen runs, in the order shown."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        sources = [self._order.mapToSource(self._order.index(row, 0)).row() for row in rows]
        return tuple(self.runs.runs[row] for row in sources)

    def choose(self, folders: set[Path]) -> None:
        """Choose the runs in these folders."""
        model = self.selectionModel()
        model.clearSelection()
        flags = model.SelectionFlag.Select | model.SelectionFlag.Rows
        for row, run in enumerate(self.runs.runs):
            if run.folder in folders:
                model.select(self._order.mapFromSource(self.runs.index(row, 0)), flags)

    def set_only_differing(self, on: bool) -> None:
        """Hide settings in which all runs agree, or show them."""
        self._only_differing = on
        self._hide_agreed()

    def hidden_columns(self) -> tuple[str, ...]:
        """Return the titles of the columns that are hidden."""
        if not self._only_differing:
            return ()
        return tuple(column.title for column in agreed(self.runs.runs, self.runs.columns))

    def shown_texts(self, key: str) -> list[str]:
        """Return one column's texts from top to bottom."""
        place = self._place(key)
        return [str(self._order.index(r, place).data()) for r in range(self._order.rowCount())]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_wanted.emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.delete_wanted.emit()
        else:
            super().keyPressEvent(event)

    def _place(self, key: str) -> int:
        return 1 + [column.key for column in self.runs.columns].index(key)

    def _widths(self) -> None:
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.setColumnWidth(0, 34)
        wide = {"name": 190, "status": 90, "best": 132, "optimizer": 90, "data": 130, "when": 104}
        for place, column in enumerate(self.runs.columns, start=1):
            self.setColumnWidth(place, wide.get(column.key, 76))

    def _hide_agreed(self) -> None:
        hidden = self.hidden_columns()
        for place, column in enumerate(self.runs.columns, start=1):
            self.setColumnHidden(place, column.title in hidden)
