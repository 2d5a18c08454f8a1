"""How well each class is found, as a table that is sorted by any of its columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QHeaderView, QTableView, QWidget

from studio.session.judgement import ClassFigures
from studio.ui.theme import Theme
from studio.ui.views.numbers import percent

_Index = QModelIndex | QPersistentModelIndex
_HEADER = ("class", "precision", "recall", "F1", "samples")
_TIPS = (
    "",
    "Of what was read as this class, the share that is of it",
    "Of the samples of this class, the share that was read as it",
    "The harmonic mean of precision and recall",
    "Validation samples of this class",
)


class _Model(QAbstractTableModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._names: tuple[str, ...] = ()
        self._columns: tuple[np.ndarray, ...] = ()
        self._order: list[int] = []
        self._sorted: tuple[int, Qt.SortOrder] = (0, Qt.SortOrder.AscendingOrder)

    def put(self, names: Sequence[str], figures: ClassFigures | None) -> None:
        self.beginResetModel()
        self._names = tuple(names) if figures is not None else ()
        self._columns = tuple(figures) if figures is not None else ()
        self._order = self._sort()
        self.endResetModel()

    def _sort(self) -> list[int]:
        column, order = self._sorted
        places = list(range(len(self._names)))
        falling = order == Qt.SortOrder.DescendingOrder
        if not column:
            return places[::-1] if falling else places
        keys = self._columns[column - 1]
        places.sort(key=lambda k: (bool(np.isnan(keys[k])), -keys[k] if falling else keys[k]))
        return places

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sorted = (column, order)
        self.layoutAboutToBeChanged.emit()
        self._order = self._sort()
        self.layoutChanged.emit()

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._names)

    def columnCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(_HEADER)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        place, column = self._order[index.row()], index.column()
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if not column:
            return self._names[place]
        value = float(self._columns[column - 1][place])
        if column == len(_HEADER) - 1:
            return Theme.number(int(value))
        return "–" if np.isnan(value) else percent(value)

    def headerData(
        self, section: int, way: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if way != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.ToolTipRole:
            return _TIPS[section]
        return _HEADER[section] if role == Qt.ItemDataRole.DisplayRole else None


class ClassTable(QTableView):
    """Precision, recall, F1 and number of samples of each class; a press on a head sorts."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Figures of each class")
        self.setFont(theme.font("body"))
        self._model = _Model(self)
        self.setModel(self._model)
        self.setShowGrid(False)
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        head = self.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        head.setHighlightSections(False)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)

    def set_figures(self, names: Sequence[str], figures: ClassFigures | None) -> None:
        """Show these classes' figures."""
        self._model.put(names, figures)
