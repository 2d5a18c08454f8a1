"""Forms: a `Param` becomes a row with the right editor, checked in words at the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QWidget

from studio.graph.formulas import SIGN, FormulaError, is_formula
from studio.graph.params import Param, ParamError, Value
from studio.ui.controls import button, column, label, row
from studio.ui.editors import Editor, make_editor
from studio.ui.formula_field import FormulaField, formula_value
from studio.ui.theme import Theme
from studio.ui.views.panel import Remark
from studio.ui.views.view import plain


class ParamRow(QWidget):
    """One parameter: its name, its editor, where its value comes from, and what is wrong with it.

    With `formulas`, a value may be a formula, and `menu_wanted` tells where a menu was asked for.
    """

    edited = Signal(str, object)
    cleared = Signal(str)
    menu_wanted = Signal(str, QPoint)

    def __init__(
        self,
        theme: Theme,
        param: Param,
        label_width: int,
        base: str = "",
        formulas: bool = False,
    ) -> None:
        super().__init__()
        self.param = param
        self._theme = theme
        self._formulas = formulas
        self._names: Mapping[str, Value] = {}
        self._state: tuple[bool, Value, Value] = (False, None, None)
        outer = column(self, spacing=2)
        self._line = row(spacing=4)
        self._line.setContentsMargins(0, 2, 0, 2)
        outer.addLayout(self._line)

        self.name = label(theme, param.name, tone="2")
        self.name.setFixedWidth(label_width)
        self.name.setText(
            self.name.fontMetrics().elidedText(
                param.name, Qt.TextElideMode.ElideMiddle, label_width
            )
        )
        self._line.addWidget(self.name)
        self.editor: Editor = make_editor(theme, param, base)
        self.editor.submitted.connect(self._on_submitted)
        self._line.addWidget(self.editor, 1 if self.editor.wide else 0)
        #: Made when the first formula is shown or begun: most rows never have one.
        self.formula: FormulaField | None = None
        if formulas:
            self.editor.formula_begun.connect(self.begin_formula)
            for inside in (self.editor, *self.editor.findChildren(QWidget)):
                inside.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.hint = Remark(theme, param.unit)
        self.hint.setFont(theme.font("caption"))
        if not self.editor.wide:
            self._line.addWidget(self.hint, 1)
            self._line.addStretch(0)
        self.reset = button(theme, icon="reset", look="ghost", small=True)
        self.reset.clicked.connect(lambda: self.cleared.emit(param.name))
        keep = self.reset.sizePolicy()
        # Where the wire may give the value, the words beside the field need the room.
        keep.setRetainSizeWhenHidden(not param.inferred)
        self.reset.setSizePolicy(keep)
        self.reset.hide()
        self._line.addWidget(self.reset)

        self.message = label(theme, tone="error", role="caption", wrap=True)
        self.message.setContentsMargins(label_width + 8, 0, 0, 2)
        self.message.hide()
        outer.addWidget(self.message)

        tip = _tip(param, formulas)
        self.name.setToolTip(tip)
        self.editor.setToolTip(tip)
        self.editor.setAccessibleName(param.name)
        self.editor.setAccessibleDescription(param.help)

    # ------------------------------------------------------------------------------------- showing

    def show_value(
        self,
        given: bool,
        value: Value,
        inferred: Value = None,
        names: Mapping[str, Value] | None = None,
    ) -> None:
        """Show a value: given by a person, the default, read off the wire, or a formula over `names`."""
        param = self.param
        self._names = names or {}
        self._state = (given, value, inferred)
        if self.formula is not None and self.formula.writing:
            return
        shown = value if given else param.default
        self.complain("")
        written = self._formulas and is_formula(shown)
        reads_wire = param.inferred and shown is None
        if written:
            self._formula_field().show_formula(shown, self._names)
        else:
            self.editor.show_value(inferred if reads_wire else shown, dashed=reads_wire)
        self._show_formula(written)
        if reads_wire:
            self.hint.put("inferred from wire" if inferred is not None else "from the wire")
        else:
            self.hint.put("set by hand" if param.inferred else param.unit)
        self.hint.setVisible(bool(self.hint.text()) and not self.editor.wide and not written)
        differs = given and value != param.default
        self.reset.setVisible(differs)
        tip = "Read it off the wire again" if param.inferred else f"Back to {_shown(param.default)}"
        self.reset.setToolTip(tip)
        self.reset.setAccessibleName(f"{param.name}: {tip}")

    def complain(self, sentence: str) -> None:
        """Show what is wrong with the text in the field, or nothing."""
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))
        self.editor.mark("error" if sentence else "")

    def begin_formula(self, text: str = "") -> None:
        """Let the person write a formula, beginning with `text` or with the present value."""
        given, value, inferred = self._state
        present = value if given else self.param.default
        if not text:
            usual = inferred if present is None else present
            text = usual if is_formula(usual) else SIGN + _as_formula(usual)
        # What was typed moves over; the field behind holds the value again.
        if not is_formula(present):
            self.editor.show_value(present)
        field = self._formula_field()
        self._show_formula(True)
        self.hint.hide()
        field.begin(text, self._names)

    def take_keyboard(self) -> None:
        """Put the keyboard into the field, as Tab would."""
        written = self.formula is not None and self.formula.isVisibleTo(self)
        field = self.formula if written and self.formula is not None else self.editor
        field.setFocus(Qt.FocusReason.TabFocusReason)

    def _formula_field(self) -> FormulaField:
        if self.formula is None:
            field = FormulaField(self._theme, self.param)
            field.submitted.connect(self._on_formula)
            field.abandoned.connect(self._restore)
            field.judged.connect(self.complain)
            self._line.insertWidget(2, field, 1)
            # Made last, it would come last: Tab must lead on to the next setting.
            QWidget.setTabOrder(self.editor.focusProxy() or self.editor, field.line)
            self.formula = field
        return self.formula

    def _show_formula(self, shown: bool) -> None:
        if self.formula is not None:
            if not shown:
                self.formula.drop()
            self.formula.setVisible(shown)
        self.editor.setVisible(not shown)

    def _restore(self) -> None:
        if self.formula is not None:
            self.formula.drop()
        self.show_value(*self._state, self._names)
        if self.editor.isVisibleTo(self):
            self.editor.setFocus()

    # ------------------------------------------------------------------------------------ changing

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self._formulas:
            self.menu_wanted.emit(self.param.name, event.globalPos())
        else:
            event.ignore()

    def _on_submitted(self, raw: object) -> None:
        try:
            value = self.param.parse(raw) if isinstance(raw, str) else self.param.check(raw)
        except ParamError as problem:
            self.complain(str(problem))
            return
        self.complain("")
        if value is None and self.param.inferred:
            self.cleared.emit(self.param.name)
        else:
            self.edited.emit(self.param.name, value)

    def _on_formula(self, text: str) -> None:
        if text in ("", SIGN):
            given, value, _ = self._state
            if given and is_formula(value):
                self._formula_field().writing = False
                self.cleared.emit(self.param.name)
            else:
                self._restore()
            return
        try:
            if is_formula(text):
                formula_value(self.param, text, self._names)
            else:
                self.param.parse(text)
        except (FormulaError, ParamError) as problem:
            self.complain(str(problem))
            return
        self._formula_field().writing = False
        if is_formula(text):
            self.edited.emit(self.param.name, text)
        else:
            self._on_submitted(text)


class Form(QWidget):
    """Editors for a list of parameters; `edited` carries a checked value, `cleared` a name to reset.

    With `formulas`, rows take formulas and ask for a menu by `menu_wanted`.
    """

    edited = Signal(str, object)
    cleared = Signal(str)
    menu_wanted = Signal(str, QPoint)

    def __init__(
        self,
        theme: Theme,
        label_width: int = 86,
        parent: QWidget | None = None,
        formulas: bool = False,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._label_width = label_width
        self._formulas = formulas
        self._params: tuple[Param, ...] = ()
        self.rows: dict[str, ParamRow] = {}
        self._layout = column(self)
        self._base = ""

    def set_base(self, folder: str) -> None:
        """Let path pickers start in `folder`."""
        self._base = folder

    def show_params(
        self,
        params: Sequence[Param],
        values: Mapping[str, Value],
        inferred: Mapping[str, Value] | None = None,
        names: Mapping[str, Value] | None = None,
    ) -> None:
        """Show values; rows are made anew only when the parameters are other ones.

        `names` are what formulas may read here.
        """
        if tuple(params) != self._params:
            self._build(tuple(params))
        for name, line in self.rows.items():
            line.show_value(name in values, values.get(name), (inferred or {}).get(name), names)

    def drop_drafts(self) -> None:
        """Let go of formulas that were begun: what is shown next is another thing's."""
        for line in self.rows.values():
            if line.formula is not None:
                line.formula.drop()

    def _build(self, params: tuple[Param, ...]) -> None:
        for line in self.rows.values():
            self._layout.removeWidget(line)
            line.hide()
            line.deleteLater()
        self.rows = {}
        self._params = params
        metrics = self.fontMetrics()
        widths = {param.name: metrics.horizontalAdvance(param.name) + 4 for param in params}
        # A switch is narrow: its name may be long without taking room from the fields beside others.
        fields = [widths[param.name] for param in params if param.type != "bool"]
        column_width = min(132, max(self._label_width, *fields, 0))
        for param in params:
            own = min(132, widths[param.name]) if param.type == "bool" else 0
            width = max(column_width, own)
            line = ParamRow(self._theme, param, width, self._base, self._formulas)
            line.edited.connect(self.edited)
            line.cleared.connect(self.cleared)
            line.menu_wanted.connect(self.menu_wanted)
            self.rows[param.name] = line
            self._layout.addWidget(line)


def _shown(value: Value) -> str:
    return "none" if value is None else str(value)


def _as_formula(value: Value) -> str:
    """Return a value as a formula would write it; nothing where no formula gives it."""
    if isinstance(value, tuple):
        return ", ".join(_as_formula(part) for part in value)
    return f"{value}" if isinstance(value, (int, float)) else ""


def _tip(param: Param, formulas: bool = False) -> str:
    parts = [param.help] if param.help else []
    parts.append(f"{param.name}, default {_shown(param.default)}")
    if param.minimum is not None or param.maximum is not None:
        low = "" if param.minimum is None else f"from {param.minimum:g} "
        high = "" if param.maximum is None else f"up to {param.maximum:g}"
        parts.append((low + high).strip())
    if formulas:
        parts.append("Type = for a formula")
    return plain("\n".join(parts))
