"""Use your own data: choose a file or a folder, see what it holds, say what is predicted, take it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from studio.engine import protocol as p
from studio.graph.edits import SetData
from studio.graph.params import Value
from studio.graph.project import DataRef, Split
from studio.graph.survey import Survey
from studio.session.session import Session
from studio.ui.controls import button, column, label, row, rule, set_property
from studio.ui.data_panel import SPLIT_PARAMS
from studio.ui.form import Form
from studio.ui.theme import Theme
from studio.ui.views.panel import EmptyState
from studio.ui.wizard.columns import ROLES, ColumnTable, RowTable
from studio.ui.wizard.outcome import Outcome

#: Asks for a place: whether it is a folder, a path or "" out.
Pick = Callable[[bool], str]

_SIZE = QSize(1000, 640)
_TEACH = (
    "Choose a file or a folder, or drop it here: a table (CSV, TSV, Parquet), images in one folder a "
    "class, NumPy arrays, IDX or CIFAR files, plain text, sounds, a graph of nodes.csv and edges.csv, "
    "or a .tar of samples. It is looked over first; nothing changes until you press Use this data."
)
#: Sources whose columns the person gives roles.
_TABLES = ("files.csv", "files.parquet")
#: More columns than these are named in the settings: nobody goes through a longer list.
_MOST_LISTED = 200
#: Doubts about columns that are shown.
_DOUBTS = 20


class DataWizard(QDialog):
    """Ends with one undoable edit that sets the project's data."""

    def __init__(
        self, session: Session, theme: Theme, pick: Pick, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._theme, self._pick = session, theme, pick
        self.survey: Survey | None = None
        self._asked = ""
        self._chosen: DataRef | None = None
        self._closed = False  # answers may come when the panel is gone
        self.setWindowTitle("Use your own data")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAcceptDrops(True)
        self.resize(_SIZE)
        layout = column(self, margins=20, spacing=12)
        layout.addWidget(label(theme, "Use your own data", role="heading", weight=600))
        layout.addLayout(self._place())
        self.message = label(theme, tone="2", wrap=True)
        layout.addWidget(self.message)
        self.halves = self._halves()
        layout.addWidget(self.halves, 1)
        self.empty = EmptyState(theme, _TEACH, "Choose a file…")
        self.empty.pressed.connect(lambda: self._on_pick(False))
        layout.addWidget(self.empty, 1)
        layout.addLayout(self._buttons())
        self.finished.connect(self._on_finished)
        self._show_survey(None)

    # ------------------------------------------------------------------------------------ assembling

    def _place(self) -> QHBoxLayout:
        line = row()
        self.path = QLineEdit()
        self.path.setPlaceholderText("A file or a folder")
        self.path.setAccessibleName("File or folder")
        self.path.editingFinished.connect(lambda: self.look_at(self.path.text()))
        self.file = button(self._theme, "File…", icon="open")
        self.file.clicked.connect(lambda: self._on_pick(False))
        self.folder = button(self._theme, "Folder…", icon="folder")
        self.folder.clicked.connect(lambda: self._on_pick(True))
        for made in (self.file, self.folder):
            made.setAutoDefault(False)
        line.addWidget(self.path, 1)
        line.addWidget(self.file)
        line.addWidget(self.folder)
        return line

    def _halves(self) -> QWidget:
        both = QWidget()
        line = row(both, spacing=20)
        left = column(spacing=8)
        self._head(left, "How it is read")
        self.readings = QListWidget()
        self.readings.setAccessibleName("Ways to read it")
        self.readings.currentRowChanged.connect(self._on_reading)
        left.addWidget(self.readings)
        self.why = label(self._theme, tone="3", role="caption", wrap=True)
        left.addWidget(self.why)
        self.columns_head = self._head(left, "Columns")
        self.columns = ColumnTable(self._theme)
        self.columns.roles_changed.connect(self._read)
        left.addWidget(self.columns)
        self.remarks = label(self._theme, tone="warn", role="caption", wrap=True)
        left.addWidget(self.remarks)
        self.rows_head = self._head(left, "First rows")
        self.rows = RowTable()
        left.addWidget(self.rows)
        self._head(left, "Settings")
        self.settings = self._settings()
        left.addWidget(self.settings)
        self._head(left, "Division")
        self.division = self._settings()
        left.addWidget(self.division)
        left.addStretch(1)
        right = column(spacing=8)
        self._head(right, "What it becomes")
        self.outcome = Outcome(self._session, self._theme)
        self.outcome.settled.connect(self._refresh)
        right.addWidget(_scrolled(self.outcome), 1)
        inside = QWidget()
        inside.setLayout(left)
        line.addWidget(_scrolled(inside), 3)
        line.addWidget(rule(vertical=True))
        line.addLayout(right, 2)
        return both

    def _settings(self) -> Form:
        made = Form(self._theme, label_width=84)
        made.edited.connect(self._on_setting)
        made.cleared.connect(lambda name: self._on_setting(name, None))
        return made

    def _head(self, into: QVBoxLayout, text: str) -> QWidget:
        made = label(self._theme, text, tone="1", weight=600)
        into.addWidget(made)
        return made

    def _buttons(self) -> QHBoxLayout:
        line = row()
        line.addStretch(1)
        cancel = button(self._theme, "Cancel")
        cancel.clicked.connect(self.reject)
        self.use = button(self._theme, "Use this data", look="primary")
        self.use.clicked.connect(self._on_use)
        self.use.setDefault(True)
        line.addWidget(cancel)
        line.addWidget(self.use)
        return line

    # --------------------------------------------------------------------------------------- looking

    def look_at(self, path: str) -> None:
        """Look a file or a folder over."""
        path = path.strip()
        if not path or path == self._asked:
            return
        self._asked = path
        self.path.setText(path)
        self._say(f"{Path(path).name} is being looked over…")

        def came(answer: p.Answer) -> None:
            if not self._closed and path == self._asked and isinstance(answer, p.Surveyed):
                self._show_survey(answer.survey)

        def refused(answer: p.Refused) -> None:
            if not self._closed and path == self._asked:
                self._show_survey(None)
                self._say(answer.message, "error")
                self._asked = ""  # the same may be tried again once it is mended

        self._session.ask(p.LookAt(path), came, refused)

    def _show_survey(self, survey: Survey | None) -> None:
        self.survey, self._chosen = survey, None
        self.halves.setVisible(survey is not None)
        self.empty.setVisible(survey is None)
        self.readings.clear()
        if survey is None:
            self._say("")
            self.outcome.show_nothing()
            self._refresh()
            return
        rows = f"{self._theme.number(survey.count)} rows" if survey.columns else ""
        self._say(" · ".join(part for part in (Path(survey.path).name, rows) if part))
        doubts = [f"{one.name}: {one.remark}" for one in survey.columns if one.remark]
        more = (
            [f"Doubts about {len(doubts) - _DOUBTS} further columns."]
            if len(doubts) > _DOUBTS
            else []
        )
        self.remarks.setText("\n".join([*survey.remarks, *doubts[:_DOUBTS], *more]))
        self.remarks.setVisible(bool(survey.remarks or doubts))
        self.readings.setFixedHeight(28 * min(4, len(survey.proposals)) + 4)
        self.readings.addItems([one.title for one in survey.proposals])
        self.readings.setCurrentRow(0)

    def _on_reading(self, index: int) -> None:
        if self.survey is None or index < 0:
            return
        chosen = self.survey.proposals[index]
        table = self._lists(chosen.data)
        count = self._theme.number(len(self.survey.columns))
        many = chosen.data.kind in _TABLES and not table
        named = f"{count} columns are too many to list: name them in the settings." if many else ""
        self.why.setText(" ".join(part for part in (chosen.why, named) if part))
        self.why.setVisible(bool(self.why.text()))
        self.columns.setVisible(table)
        self.columns_head.setVisible(table)
        rows = 0 < len(self.survey.columns) <= _MOST_LISTED and bool(self.survey.rows)
        self.rows.setVisible(rows)
        self.rows_head.setVisible(rows)
        if rows:
            self.rows.show_rows(self.survey)
        if table:
            self.columns.show_columns(self.survey, chosen.data.params)
        self._chosen = chosen.data
        self._read()

    def _on_setting(self, name: str, value: Value) -> None:
        """Take a setting of the source or of the division; None is its own default."""
        data = self._chosen
        if data is None:
            return
        if name in self.settings.rows:
            kept = {key: given for key, given in data.params.items() if key != name}
            self._chosen = replace(data, params=kept if value is None else kept | {name: value})
        elif name == "seed":
            self._chosen = replace(data, seed=value or 0)
        else:
            usual = getattr(Split(), name)
            split = replace(data.split, **{name: usual if value is None else value})
            self._chosen = replace(data, split=split)
        self._read()

    def data(self) -> DataRef | None:
        """Return the data as it is chosen now."""
        chosen = self._chosen
        if chosen is None or not self._lists(chosen):
            return chosen
        kept = {key: value for key, value in chosen.params.items() if key not in ROLES}
        given = self.columns.params()
        by = "groups" if given.get("group") else "time" if given.get("time") else chosen.split.by
        return replace(chosen, params=kept | given, split=replace(chosen.split, by=by))

    def _lists(self, data: DataRef) -> bool:
        """Whether the columns stand in the list, where each is given its role."""
        columns = self.survey.columns if self.survey else ()
        return data.kind in _TABLES and len(columns) <= _MOST_LISTED

    def _read(self) -> None:
        data = self.data()
        if data is not None:
            self._show_settings(data)
            self.outcome.show_data(data)
        self._refresh()

    def _show_settings(self, data: DataRef) -> None:
        spec = self._session.catalog.sources.get(data.kind)
        hidden = ("path", "images", *ROLES) if self._lists(data) else ("path", "images")
        params = [one for one in (spec.params if spec else ()) if one.name not in hidden]
        self.settings.show_params(params, data.params)
        split = {name: getattr(data.split, name) for name in Split.__struct_fields__}
        self.division.show_params(SPLIT_PARAMS, split | {"seed": data.seed})

    # --------------------------------------------------------------------------------------- acting

    def _refresh(self) -> None:
        ready = self.outcome.facts is not None
        self.use.setEnabled(ready)
        self.use.setToolTip("" if ready else "Choose data that can be read first.")

    def _on_pick(self, folder: bool) -> None:
        path = self._pick(folder)
        if path:
            self.look_at(path)

    def _on_use(self) -> None:
        data = self.data()
        if data is not None and self._session.do(SetData(data)):
            self.accept()

    def _on_finished(self) -> None:
        self._closed = True
        self.outcome.forget()

    def _say(self, text: str, tone: str = "2") -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))
        set_property(self.message, "tone", tone)

    # ------------------------------------------------------------------------------- dropping files

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.look_at(paths[0])


def _scrolled(inside: QWidget) -> QScrollArea:
    made = QScrollArea()
    made.setWidgetResizable(True)
    made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    made.setWidget(inside)
    return made
