"""The columns of a table: what each holds, and what it is used for."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from studio.graph.params import Value
from studio.graph.survey import ColumnFacts, Survey
from studio.ui.controls import column
from studio.ui.theme import Theme
from studio.ui.views.numbers import short

#: What a column is used for, with the parameter of a table's source that says so.
INPUT = "input"
ROLES = {
    INPUT: "input",
    "target": "predict",
    "ignore": "leave out",
    "group": "group",
    "time": "time",
}
_TIPS = {
    INPUT: "The network sees it",
    "target": "What is to be predicted",
    "ignore": "It is not read",
    "group": "Rows that share a value stay together when the data is divided; it is no input",
    "time": "Rows are divided by it: the earliest train, the latest validate",
}
#: Of these there is one at most.
_SINGLE = ("group", "time")
_HEADS = ("column", "holds", "use", "empty", "values")
_ROLE, _VALUES, _ROW = 2, 4, 34
#: Rows that are shown as they are, and the height of one.
_FEW, _LINE = 5, 24


class ColumnTable(QTableWidget):
    """One row a column. `roles_changed` follows a change of what a column is used for."""

    roles_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_HEADS), parent)
        self._theme = theme
        self.names: tuple[str, ...] = ()
        self.choices: list[QComboBox] = []
        self.setHorizontalHeaderLabels(list(_HEADS))
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.horizontalHeader().setHighlightSections(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW)
        self.setShowGrid(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWordWrap(False)
        self.setAccessibleName("Columns of the table")

    def sizeHint(self) -> QSize:
        return QSize(560, 30 + _ROW * min(8, max(2, self.rowCount())))

    def show_columns(self, survey: Survey, params: dict[str, Value]) -> None:
        """Show a table's columns, used as a source's parameters say."""
        self.names = tuple(one.name for one in survey.columns)
        used = {
            name: role
            for role in ROLES
            if role != INPUT
            for name in _listed(str(params.get(role, "")), self.names)
        }
        self.choices = []
        self.setRowCount(len(survey.columns))
        for row, one in enumerate(survey.columns):
            texts = (one.name, one.kind, "", str(one.missing or ""), _values(one))
            for at, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(one.remark or text)
                if one.remark and at != _ROLE:
                    item.setForeground(self._theme.color("warn"))
                self.setItem(row, at, item)
            cell = QWidget()
            room = column(cell)
            room.setContentsMargins(0, 3, 8, 3)
            room.addWidget(self._choice(one.name, used.get(one.name, INPUT)))
            self.setCellWidget(row, _ROLE, cell)
        self.resizeColumnsToContents()
        self.horizontalHeader().setSectionResizeMode(_VALUES, QHeaderView.ResizeMode.Stretch)
        self.updateGeometry()

    def params(self) -> dict[str, Value]:
        """Return the source's parameters that the chosen roles stand for."""
        by_role: dict[str, list[str]] = {}
        for name, choice in zip(self.names, self.choices, strict=True):
            by_role.setdefault(str(choice.currentData()), []).append(name)
        return {role: ", ".join(names) for role, names in by_role.items() if role != INPUT}

    def _choice(self, name: str, role: str) -> QComboBox:
        choice = QComboBox()
        for kind, words in ROLES.items():
            choice.addItem(words, kind)
            choice.setItemData(choice.count() - 1, _TIPS[kind], Qt.ItemDataRole.ToolTipRole)
        choice.setCurrentIndex(list(ROLES).index(role))
        choice.setAccessibleName(f"Use of {name}")
        choice.activated.connect(lambda _, chosen=choice: self._on_role(chosen))
        self.choices.append(choice)
        return choice

    def _on_role(self, chosen: QComboBox) -> None:
        role = chosen.currentData()
        for other in self.choices:
            if role in _SINGLE and other is not chosen and other.currentData() == role:
                other.setCurrentIndex(0)
        self.roles_changed.emit()


class RowTable(QTableWidget):
    """The first rows of a table as the file has them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_LINE)
        self.setShowGrid(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        self.setAccessibleName("First rows of the table")

    def sizeHint(self) -> QSize:
        return QSize(560, 42 + _LINE * self.rowCount())

    def show_rows(self, survey: Survey) -> None:
        """Show the rows of a survey."""
        self.setColumnCount(len(survey.columns))
        self.setHorizontalHeaderLabels([one.name for one in survey.columns])
        self.setRowCount(min(_FEW, len(survey.rows)))
        for at, row in enumerate(survey.rows[:_FEW]):
            for place, text in enumerate(row):
                self.setItem(at, place, QTableWidgetItem(text))
        self.resizeColumnsToContents()
        self.setFixedHeight(self.sizeHint().height())


def _listed(text: str, names: tuple[str, ...]) -> list[str]:
    return [text] if text in names else [part.strip() for part in text.split(",") if part.strip()]


def _values(one: ColumnFacts) -> str:
    if one.kind == "number":
        return f"{short(one.low)} to {short(one.high)}, mean {short(one.mean)}"
    return ", ".join(one.examples) + ("…" if one.distinct > len(one.examples) else "")
