"""The project's constants: names that formulas read, their values, and who reads them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QLineEdit, QWidget

from studio.graph.blocks import readers_text, rename_constant, why_no_constant_name
from studio.graph.edits import SetConstants
from studio.graph.edits.instances import sheets
from studio.graph.formulas import FormulaError, evaluate
from studio.graph.graph import free_name
from studio.graph.params import Value
from studio.graph.scope import readers
from studio.session.session import Session
from studio.ui.controls import button, column, label, row, set_property
from studio.ui.formula_field import written
from studio.ui.theme import Theme

_FIRST, _USUAL = "width", 64


class ConstantsTable(QWidget):
    """Constants can be added, renamed, changed and, while nobody reads them, removed."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        layout = column(self, spacing=4)
        self.empty = label(
            theme,
            "None yet. A constant is a number with a name: write =width in any field of a node, and "
            "change them all here.",
            tone="2",
            wrap=True,
        )
        layout.addWidget(self.empty)
        self._rows = column(spacing=4)
        layout.addLayout(self._rows)
        self.rows: dict[str, ConstantRow] = {}
        self._shown: tuple[object, ...] = ()
        self.add = button(theme, "Add constant", icon="plus", small=True)
        self.add.clicked.connect(self._on_add)
        layout.addWidget(self.add)

    def refresh(self) -> None:
        """Show the present project's constants; nodes that only moved need no new look."""
        project = self._session.document.project
        shown = (project.constants, *(sheet.graph for _, sheet in sheets(project)))
        same = len(shown) == len(self._shown)
        if same and all(one is other for one, other in zip(shown, self._shown, strict=True)):
            return
        self._shown = shown
        self.empty.setVisible(not project.constants)
        if len(project.constants) != len(self.rows):
            self._build(tuple(project.constants))
        # By their order: the row of a constant that was renamed keeps the keyboard.
        self.rows = dict(zip(project.constants, self.rows.values(), strict=True))
        for name, line in self.rows.items():
            used = readers_text(project, readers(project, name))
            line.show_constant(name, project.constants[name], used)

    def _build(self, names: tuple[str, ...]) -> None:
        for old in self.rows.values():
            self._rows.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.rows = {name: ConstantRow(self._session, self._theme) for name in names}
        for made in self.rows.values():
            self._rows.addWidget(made)

    def _on_add(self) -> None:
        name = free_name(self._session.document.project.constants, _FIRST)
        if self._session.do(SetConstants({name: _USUAL})) and name in self.rows:
            self.rows[name].name.setFocus()
            self.rows[name].name.selectAll()


class ConstantRow(QWidget):
    """One constant."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._constant = ""
        outer = column(self, spacing=2)
        line = row(spacing=6)
        self.name = _field(112, self._on_name)
        self.name.setFont(theme.font("mono"))
        line.addWidget(self.name)
        self.value = _field(72, self._on_value)
        line.addWidget(self.value)
        line.addStretch(1)
        self.remove = button(theme, icon="trash", look="ghost", small=True, tip="Remove")
        self.remove.clicked.connect(lambda: session.do(SetConstants({self._constant: None})))
        line.addWidget(self.remove)
        outer.addLayout(line)
        self.users = label(theme, tone="3", role="caption", wrap=True)
        outer.addWidget(self.users)
        self.trouble = label(theme, tone="error", role="caption", wrap=True)
        self.trouble.hide()
        outer.addWidget(self.trouble)

    def show_constant(self, name: str, value: Value, used: str) -> None:
        """Show a constant, and who reads it."""
        if name != self._constant:
            self._complain(self.name, "")
        self._constant = name
        for field, text in ((self.name, name), (self.value, written(value))):
            if not (field.hasFocus() and field.isModified()) and field.text() != text:
                field.setText(text)
        self.name.setAccessibleName(f"Name of the constant {name}")
        self.value.setAccessibleName(f"Value of the constant {name}")
        self.remove.setAccessibleName(f"Remove the constant {name}")
        self.users.setText(f"read by {used}" if used else "read by no formula yet")
        self.remove.setEnabled(not used)
        self.remove.setToolTip(f"Read by {used}. Change these first." if used else "Remove")

    def _on_name(self) -> None:
        self.name.setModified(False)
        new, project = self.name.text().strip(), self._session.document.project
        if new == self._constant or self._constant not in project.constants:
            return
        if self._complain(self.name, why_no_constant_name(project, new, self._constant)):
            self._session.do(rename_constant(project, self._constant, new))

    def _on_value(self) -> None:
        text = self.value.text().strip()
        self.value.setModified(False)
        if self._constant not in self._session.document.project.constants:
            return
        try:
            value = evaluate("=" + text.replace("×", ","), {})
        except FormulaError:
            self._complain(
                self.value,
                f"{self._constant} needs to be a number, or a few such as 3, 3. Got {text!r}.",
            )
            return
        self._complain(self.value, "")
        self._session.do(SetConstants({self._constant: value}))

    def _complain(self, field: QLineEdit, sentence: str) -> bool:
        set_property(field, "state", "error" if sentence else "")
        self.trouble.setText(sentence)
        self.trouble.setVisible(bool(sentence))
        return not sentence


def _field(width: int, take: Callable[[], None]) -> QLineEdit:
    made = QLineEdit()
    made.setFixedWidth(width)
    made.editingFinished.connect(take)
    return made
