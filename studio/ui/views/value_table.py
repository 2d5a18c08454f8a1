"""The values of a picture as a table: to read them, to hear them read, to copy them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QDialog, QHeaderView, QTableView, QWidget

from studio.ui import controls
from studio.ui.views.numbers import short

if TYPE_CHECKING:
    from studio.ui.views.view import View

_Index = QModelIndex | QPersistentModelIndex


class Values(QAbstractTableModel):
    """Rows below a header; only what is in sight is worded."""

    def __init__(self, rows: Sequence[Sequence[object]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._header, self._rows = rows[0], rows[1:]

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._header)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self._rows[index.row()]
        value = row[index.column()] if index.column() < len(row) else ""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if role == Qt.ItemDataRole.DisplayRole:
            return short(float(value)) if number else str(value)  # type: ignore[arg-type]
        if role == Qt.ItemDataRole.TextAlignmentRole and number:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(
        self, section: int, way: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return str(self._header[section]) if way == Qt.Orientation.Horizontal else section + 1


class ValueTable(QDialog):
    """Shows what a view's picture is drawn from, as it was when this was opened."""

    def __init__(self, view: View) -> None:
        super().__init__(view.window())
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"{view.accessibleName()}: values")
        self.resize(520, 480)
        self.table = QTableView()
        self.table.setAccessibleName(self.windowTitle())
        self.table.setModel(Values(view.table(), self))
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        copy = controls.button(view.theme, "Copy as CSV", icon="copy")
        copy.clicked.connect(view.copy_values)
        close = controls.button(view.theme, "Close", look="primary")
        close.clicked.connect(self.accept)
        foot = controls.row()
        foot.addStretch(1)
        foot.addWidget(copy)
        foot.addWidget(close)
        column = controls.column(self, margins=12, spacing=12)
        column.addWidget(self.table, 1)
        column.addLayout(foot)
