"""Forms: a `Param` becomes a row with the right editor, checked in words at the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from studio.graph.params import Param, ParamError, Value
from studio.ui.controls import button, column, label, row
from studio.ui.editors import Editor, make_editor
from studio.ui.theme import Theme
from studio.ui.views.panel import Remark
from studio.ui.views.view import plain


class ParamRow(QWidget):
    """One parameter: its name, its editor, where its value comes from, and what is wrong with it."""

    edited = Signal(str, object)
    cleared = Signal(str)

    def __init__(self, theme: Theme, param: Param, label_width: int, base: str = "") -> None:
        super().__init__()
        self.param = param
        self._theme = theme
        self._given = False
        outer = column(self, spacing=2)
        line = row(spacing=4)
        line.setContentsMargins(0, 2, 0, 2)
        outer.addLayout(line)

        self.name = label(theme, param.name, tone="2")
        self.name.setFixedWidth(label_width)
        self.name.setText(
            self.name.fontMetrics().elidedText(
                param.name, Qt.TextElideMode.ElideMiddle, label_width
            )
        )
        line.addWidget(self.name)
        self.editor: Editor = make_editor(theme, param, base)
        self.editor.submitted.connect(self._on_submitted)
        line.addWidget(self.editor, 1 if self.editor.wide else 0)
        self.hint = Remark(theme, param.unit)
        self.hint.setFont(theme.font("caption"))
        if not self.editor.wide:
            line.addWidget(self.hint, 1)
            line.addStretch(0)
        self.reset = button(theme, icon="reset", look="ghost", small=True)
        self.reset.clicked.connect(lambda: self.cleared.emit(param.name))
        keep = self.reset.sizePolicy()
        # Where the wire may give the value, the words beside the field need the room.
        keep.setRetainSizeWhenHidden(not param.inferred)
        self.reset.setSizePolicy(keep)
        self.reset.hide()
        line.addWidget(self.reset)

        self.message = label(theme, tone="error", role="caption", wrap=True)
        self.message.setContentsMargins(label_width + 8, 0, 0, 2)
        self.message.hide()
        outer.addWidget(self.message)

        tip = _tip(param)
        self.name.setToolTip(tip)
        self.editor.setToolTip(tip)
        self.editor.setAccessibleName(param.name)
        self.editor.setAccessibleDescription(param.help)

    def show_value(self, given: bool, value: Value, inferred: Value = None) -> None:
        """Show a value: given by a person, the default, or read off the wire."""
        param = self.param
        shown = value if given else param.default
        reads_wire = param.inferred and shown is None
        self.editor.show_value(inferred if reads_wire else shown, dashed=reads_wire)
        self.complain("")
        if reads_wire:
            self.hint.put("inferred from wire" if inferred is not None else "from the wire")
        else:
            self.hint.put("set by hand" if param.inferred else param.unit)
        self.hint.setVisible(bool(self.hint.text()) and not self.editor.wide)
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


class Form(QWidget):
    """Editors for a list of parameters; `edited` carries a checked value, `cleared` a name to reset."""

    edited = Signal(str, object)
    cleared = Signal(str)

    def __init__(self, theme: Theme, label_width: int = 86, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._label_width = label_width
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
    ) -> None:
        """Show values; rows are made anew only when the parameters are other ones."""
        if tuple(params) != self._params:
            self._build(tuple(params))
        for name, line in self.rows.items():
            line.show_value(name in values, values.get(name), (inferred or {}).get(name))

    def _build(self, params: tuple[Param, ...]) -> None:
        for line in self.rows.values():
            self._layout.removeWidget(line)
            line.hide()
            line.deleteLater()
        self.rows = {}
        self._params = params
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(param.name) for param in params), default=0)
        label_width = min(132, max(self._label_width, widest + 4))
        for param in params:
            line = ParamRow(self._theme, param, label_width, self._base)
            line.edited.connect(self.edited)
            line.cleared.connect(self.cleared)
            self.rows[param.name] = line
            self._layout.addWidget(line)


def _shown(value: Value) -> str:
    return "none" if value is None else str(value)


def _tip(param: Param) -> str:
    parts = [param.help] if param.help else []
    parts.append(f"{param.name}, default {_shown(param.default)}")
    if param.minimum is not None or param.maximum is not None:
        low = "" if param.minimum is None else f"from {param.minimum:g} "
        high = "" if param.maximum is None else f"up to {param.maximum:g}"
        parts.append((low + high).strip())
    return plain("\n".join(parts))
