"""A block's parameters as a table: what its instances may set, and what formulas inside read."""

from __future__ import annotations

from typing import cast

from msgspec.structs import replace
from PySide6.QtWidgets import QLineEdit, QWidget

from studio.graph.blocks import readers_text, rename_param, why_no_param_name, with_param
from studio.graph.edits import SetBlock
from studio.graph.formulas import is_formula
from studio.graph.graph import BLOCK, free_name
from studio.graph.params import Param, ParamError, ParamType, Value
from studio.graph.scope import readers
from studio.session.session import Session
from studio.ui.controls import button, column, label, row, set_property, surface
from studio.ui.editors import Choice, Editor, make_editor
from studio.ui.theme import Theme

#: What a person chooses among, by its words; a promoted choice or path keeps its own type.
_TYPES: dict[str, str] = {
    "int": "int",
    "float": "float",
    "ints": "ints",
    "bool": "bool",
    "str": "text",
}
_NEW = Param("width", "int", 64, minimum=1)


class BlockParams(QWidget):
    """Parameters of one block: add, rename, type, default, help, remove."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        self._block = ""
        self._looks: tuple[object, ...] = ()
        layout = column(self, spacing=6)
        self.empty = label(
            theme,
            "None yet. Give a field of a layer in here to the instances: right-click it and choose "
            "Promote to block parameter.",
            tone="2",
            wrap=True,
        )
        layout.addWidget(self.empty)
        self._rows = column(spacing=6)
        layout.addLayout(self._rows)
        self.rows: dict[str, BlockParamRow] = {}
        self.add = button(theme, "Add parameter", icon="plus", small=True)
        self.add.clicked.connect(self._on_add)
        layout.addWidget(self.add)

    def show_block(self, name: str) -> None:
        """Show the parameters of a block; rows stay while they can be edited the same way."""
        project = self._session.document.project
        params = project.blocks[name].params
        self.empty.setVisible(not params)
        looks = tuple(_look(param) for param in params)
        if (name, looks) != (self._block, self._looks):
            self._block, self._looks = name, looks
            self._build(params)
        # By their order: the row of a parameter that was renamed keeps the keyboard.
        rows = zip(params, self.rows.values(), strict=True)
        self.rows = {param.name: line for param, line in rows}
        for param in params:
            found = readers(project, param.name, name)
            self.rows[param.name].show_param(param, readers_text(project, found, BLOCK + name))

    def _build(self, params: tuple[Param, ...]) -> None:
        for old in self.rows.values():
            self._rows.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.rows = {}
        for param in params:
            made = BlockParamRow(self._session, self._theme, self._block, param)
            self.rows[param.name] = made
            self._rows.addWidget(made)

    def _on_add(self) -> None:
        block = self._session.document.project.blocks[self._block]
        name = free_name((param.name for param in block.params), _NEW.name)
        params = (*block.params, replace(_NEW, name=name))
        if self._session.do(SetBlock(self._block, params=params)) and name in self.rows:
            self.rows[name].name.setFocus()
            self.rows[name].name.selectAll()


class BlockParamRow(QWidget):
    """One parameter of a block."""

    def __init__(self, session: Session, theme: Theme, block: str, param: Param) -> None:
        super().__init__()
        self._session = session
        self._block = block
        self._param = param
        outer = column(self)
        card = surface("card")
        outer.addWidget(card)
        layout = column(card, spacing=4)
        layout.setContentsMargins(8, 8, 6, 8)
        line = row(spacing=6)
        self.name = QLineEdit()
        self.name.setFont(theme.font("mono"))
        self.name.editingFinished.connect(self._on_name)
        line.addWidget(self.name, 1)
        self.type = Choice()
        self._kinds = list(dict.fromkeys([*_TYPES, param.type]))
        self.type.addItems([_TYPES.get(kind, _words(param)) for kind in self._kinds])
        self.type.setCurrentIndex(self._kinds.index(param.type))
        self.type.activated.connect(self._on_type)
        self.type.setFixedWidth(84)
        line.addWidget(self.type)
        self.remove = button(theme, icon="trash", look="ghost", small=True, tip="Remove")
        self.remove.clicked.connect(self._on_remove)
        line.addWidget(self.remove)
        layout.addLayout(line)
        line = row(spacing=6)
        line.addWidget(label(theme, "default", tone="2"))
        self.default: Editor = make_editor(theme, _edited(param))
        self.default.submitted.connect(self._on_default)
        line.addWidget(self.default, 1 if self.default.wide else 0)
        if not self.default.wide:
            line.addStretch(1)
        layout.addLayout(line)
        self.help = QLineEdit()
        self.help.setPlaceholderText("What it sets, for the tooltip")
        self.help.editingFinished.connect(self._on_help)
        layout.addWidget(self.help)
        self.readers = label(theme, tone="3", role="caption", wrap=True)
        layout.addWidget(self.readers)
        self.trouble = label(theme, tone="error", role="caption", wrap=True)
        self.trouble.hide()
        layout.addWidget(self.trouble)

    def show_param(self, param: Param, used: str) -> None:
        """Show a parameter, and whose formulas read it."""
        if param != self._param:
            self._complain("", self.name)
        self._param = param
        self.default.show_value(param.default)
        for field, text in ((self.name, param.name), (self.help, param.help)):
            if not (field.hasFocus() and field.isModified()) and field.text() != text:
                field.setText(text)
                field.setCursorPosition(0)
        for part, what in (
            (self.name, "Name of the parameter"),
            (self.type, "Type of"),
            (self.default, "Default of"),
            (self.help, "Help of"),
            (self.remove, "Remove the parameter"),
        ):
            part.setAccessibleName(f"{what} {param.name}")
        self.readers.setText(f"read by {used}" if used else "read by no formula in here yet")
        self.remove.setEnabled(not used)
        self.remove.setToolTip(f"Read by {used}. Change these first." if used else "Remove")

    def _on_name(self) -> None:
        self.name.setModified(False)
        new, project = self.name.text().strip(), self._session.document.project
        block = project.blocks.get(self._block)
        if block is None or new == self._param.name:
            return
        if self._complain(why_no_param_name(block, new, self._param.name), self.name):
            self._session.do(rename_param(project, self._block, self._param.name, new))

    def _on_type(self, index: int) -> None:
        kind = cast(ParamType, self._kinds[index])
        if kind != self._param.type:
            self._change(as_type(self._param, kind))

    def _on_default(self, raw: object) -> None:
        if is_formula(raw):
            self._change(replace(self._param, default=raw))
            return
        try:
            param = self._param
            value = param.parse(raw) if isinstance(raw, str) else param.check(raw)
        except ParamError as problem:
            self._complain(str(problem))
            self.default.mark("error")
            return
        self._change(replace(self._param, default=value))

    def _on_help(self) -> None:
        self.help.setModified(False)
        if self.help.text() != self._param.help:
            self._change(replace(self._param, help=self.help.text()))

    def _on_remove(self) -> None:
        block = self._session.document.project.blocks[self._block]
        kept = tuple(one for one in block.params if one.name != self._param.name)
        self._session.do(SetBlock(self._block, params=kept))

    def _change(self, param: Param) -> None:
        block = self._session.document.project.blocks[self._block]
        params = with_param(block, self._param.name, param)
        self._session.do(SetBlock(self._block, params=params))

    def _complain(self, sentence: str, field: QLineEdit | None = None) -> bool:
        if field is not None:
            set_property(field, "state", "error" if sentence else "")
        self.trouble.setText(sentence)
        self.trouble.setVisible(bool(sentence))
        return not sentence


def as_type(param: Param, kind: ParamType) -> Param:
    """Return a parameter of another type, its default as near to the one before as can be."""
    number = param.default
    if isinstance(number, tuple):
        number = number[0]
    if not isinstance(number, (int, float)):
        number = 0
    low = param.minimum if kind in ("int", "float") else None
    high = param.maximum if kind in ("int", "float") else None
    default: Value = {
        "int": round(number),
        "float": float(number),
        "ints": (round(number),),
        "bool": bool(number),
        "str": str(param.default),
    }[kind]
    return Param(param.name, kind, default, minimum=low, maximum=high, help=param.help)


def _look(param: Param) -> tuple[object, ...]:
    """Return what decides which fields a parameter is edited with."""
    return param.type, param.size, param.choices, param.optional, is_formula(param.default)


def _edited(param: Param) -> Param:
    """Return what the default is edited as: a formula is a text."""
    return Param(param.name, "str") if is_formula(param.default) else param


def _words(param: Param) -> str:
    return "choice" if param.type == "choice" else param.type
