"""The table of weights: the network's on the left, what each gets from the file on the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractTableModel,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from studio.graph.weight_match import Row, Table, Weight
from studio.ui.theme import Theme

COLUMNS = ("In this network", "Shape", "From the file", "Match")
OURS, SHAPE, THEIRS, HOW = range(4)
#: A tensor of the file on its way to a row.
MIME = "application/x-neuroloom-weight"
#: What stands for no tensor at all.
NOTHING = "Nothing: it keeps its start"

_Index = QModelIndex | QPersistentModelIndex


def icon_of(row: Row) -> tuple[str, str]:
    """Return the glyph and the colour that say how a row stands."""
    if row.how == "shape":
        return "error", "error"
    if not row.taken or row.theirs is None:
        return "minus", "text.3"
    return ("check", "accent") if row.how in ("name", "chosen") else ("swap", "warn")


class WeightModel(QAbstractTableModel):
    """The rows that are shown. `chosen` carries a person's choice: the network's name, the file's ("" none)."""

    chosen = Signal(str, str)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.rows: list[Row] = []

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  # Qt's own default
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  # as above
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[section]
        return None

    def data(self, index: _Index, role: int = 0) -> Any:
        row, place = self.rows[index.row()], index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole:
                theirs = row.theirs.name if row.theirs else "–"
                return (row.ours.name, row.ours.size, theirs, row.told)[place]
            case Qt.ItemDataRole.EditRole:
                return row.theirs.name if row.theirs else ""
            case Qt.ItemDataRole.DecorationRole if place == HOW:
                return self._theme.icon(*icon_of(row))
            case Qt.ItemDataRole.ForegroundRole if place == SHAPE or not row.taken:
                quiet = place in (SHAPE, THEIRS) or row.how != "shape"
                return self._theme.color("text.3" if quiet else "error")
            case Qt.ItemDataRole.ToolTipRole:
                end = "Double-click to choose another match." if place == THEIRS else row.told
                return f"{row.ours.name} ({row.ours.size}). {end}"
            case _:
                return None

    def setData(self, index: _Index, value: Any, role: int = 0) -> bool:
        if role != Qt.ItemDataRole.EditRole or index.column() != THEIRS:
            return False
        self.chosen.emit(self.rows[index.row()].ours.name, str(value))
        return True

    def flags(self, index: _Index) -> Qt.ItemFlag:
        found = super().flags(index)
        if index.column() == THEIRS:
            found |= Qt.ItemFlag.ItemIsEditable
        return found | Qt.ItemFlag.ItemIsDropEnabled

    def mimeTypes(self) -> list[str]:
        return [MIME]

    def dropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: _Index
    ) -> bool:
        if not data.hasFormat(MIME) or not parent.isValid():
            return False
        name = bytes(data.data(MIME).data()).decode("utf-8", "replace")
        self.chosen.emit(self.rows[parent.row()].ours.name, name)
        return True


class WeightView(QTableView):
    """The table itself. `revealed` carries the id path of a row's node."""

    revealed = Signal(str)

    def __init__(self, model: WeightModel) -> None:
        super().__init__()
        self.setModel(model)
        self._model = model
        self.setItemDelegate(_Choice(self))
        self.setAccessibleName("Weights and their matches")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.setDragDropMode(QAbstractItemView.DragDropMode.DropOnly)
        self.setDropIndicatorShown(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideLeft)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(26)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for place in (OURS, THEIRS):
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.Stretch)
        self.setColumnWidth(SHAPE, 104)
        self.setColumnWidth(HOW, 216)
        self.clicked.connect(self._on_clicked)
        self.activated.connect(self._on_clicked)
        self.offered: tuple[Weight, ...] = ()

    def show_table(self, table: Table, rows: Sequence[Row], theirs: Sequence[Weight]) -> None:
        """Show rows of a table; what is left in the file is offered first."""
        left = {one.name for one in table.left}
        self.offered = tuple(sorted(theirs, key=lambda one: one.name not in left))
        at = self.currentIndex()
        self._model.show_rows(rows)
        if at.row() < len(rows):
            self.setCurrentIndex(self._model.index(at.row(), max(at.column(), 0)))

    def row_at(self, index: _Index) -> Row:
        """Return the row at a place in the table."""
        return self._model.rows[index.row()]

    def _on_clicked(self, index: QModelIndex) -> None:
        path = self.row_at(index).ours.path
        if path:
            self.revealed.emit(path)


class _Choice(QStyledItemDelegate):
    """Lets a person choose what a row gets: nothing, or a tensor of the same shape."""

    def __init__(self, view: WeightView) -> None:
        super().__init__(view)
        self._view = view

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: _Index) -> QWidget:
        made = QComboBox(parent)
        made.setAccessibleName("Tensor of the file")
        made.addItem(NOTHING, "")
        row = self._view.row_at(index)
        for one in self._view.offered:
            if one.shape == row.ours.shape:
                made.addItem(one.name, one.name)
        made.activated.connect(lambda: self._done(made))
        return made

    def _done(self, made: QComboBox) -> None:
        self.commitData.emit(made)
        self.closeEditor.emit(made)

    def setEditorData(self, editor: QWidget, index: _Index) -> None:
        assert isinstance(editor, QComboBox)
        editor.setCurrentIndex(max(editor.findData(index.data(Qt.ItemDataRole.EditRole)), 0))

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: _Index) -> None:
        assert isinstance(editor, QComboBox)
        if editor.currentData() != index.data(Qt.ItemDataRole.EditRole):
            model.setData(index, editor.currentData(), Qt.ItemDataRole.EditRole)


class LeftList(QListWidget):
    """What of the file nothing takes; an entry is dragged onto the row that shall have it."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Left in the file")
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setTextElideMode(Qt.TextElideMode.ElideLeft)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_left(self, left: Sequence[Weight]) -> None:
        """Show what is left."""
        self.clear()
        for one in left:
            item = QListWidgetItem(f"{one.name}  {one.size}")
            item.setData(Qt.ItemDataRole.UserRole, one.name)
            item.setToolTip(f"{one.name} ({one.size}). Drag it onto a row.")
            self.addItem(item)

    def mimeData(self, items: Sequence[QListWidgetItem]) -> QMimeData:
        data = QMimeData()
        if items:
            name = str(items[0].data(Qt.ItemDataRole.UserRole))
            data.setData(MIME, name.encode())
        return data
