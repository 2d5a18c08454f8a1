"""Steering: what can be changed of a run under way, and since which step it is so."""

from __future__ import annotations

from PySide6.QtCore import QLocale, Signal
from PySide6.QtGui import QDoubleValidator, QIntValidator, QValidator
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QWidget

from studio.graph.params import Value
from studio.graph.topology import name_path
from studio.graph.unfold import unfold
from studio.session.history import History
from studio.session.session import Session
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.views.view import plain

#: Settings of the whole run: name, words, and whether it is a whole number.
_FIELDS = (
    ("lr", "learning rate", False),
    ("weight_decay", "weight decay", False),
    ("batch_size", "batch size", True),
)
_NOT_STEERABLE = "Values can be changed while a run is under way."


class Steer(QWidget):
    """Rates, batch size, and of the chosen layer whether it is frozen or how much drops out.

    Enter applies a value. `changed` carries values as `Control("set")` takes them.
    """

    changed = Signal(dict)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._layout = controls.column(self, spacing=6)
        head = controls.row()
        head.addWidget(controls.label(theme, "Steer", weight=600))
        self.remark = controls.label(theme, "changes are marked on every plot", "3")
        head.addWidget(self.remark, 1)
        self._layout.addLayout(head)
        self.fields: dict[str, QLineEdit] = {}
        self._notes: dict[str, QLabel] = {}
        for name, title, whole in _FIELDS:
            self._add_field(name, title, whole)
        self._layer = ""
        line = controls.row(spacing=12)
        self._layer_name = controls.label(theme, "", "2")
        self._layer_name.setFixedWidth(84)
        self.freeze = controls.button(theme, "Freeze", icon="freeze", small=True)
        self.freeze.setCheckable(True)
        self.freeze.clicked.connect(lambda on: self._change({"frozen": on}))
        line.addWidget(self._layer_name)
        line.addWidget(self.freeze)
        self._note_of_layer = controls.label(theme, "", "3", "caption")
        line.addWidget(self._note_of_layer, 1)
        self._layer_row = QWidget()
        self._layer_row.setLayout(line)
        self._layout.addWidget(self._layer_row)
        self._drop_row = QWidget()
        self._add_field("p", "drops out", False, self._drop_row)
        self._layout.addWidget(self._drop_row)
        self.show_layer(History(), "", "", learns=False, drops=None, frozen=False, steerable=False)

    def _add_field(self, name: str, title: str, whole: bool, holder: QWidget | None = None) -> None:
        line: QHBoxLayout = controls.row(holder, spacing=12)
        words = controls.label(self._theme, title, "2")
        words.setFixedWidth(84)
        field = QLineEdit()
        field.setFixedWidth(84)
        field.setValidator(_validator(name, whole, field))
        field.setAccessibleName(title)
        field.returnPressed.connect(lambda: self._on_entered(name))
        note = controls.label(self._theme, "", "3", "caption")
        words.setBuddy(field)
        line.addWidget(words)
        line.addWidget(field)
        line.addWidget(note, 1)
        if holder is None:
            self._layout.addLayout(line)
        self.fields[name], self._notes[name] = field, note

    def follow(self, session: Session, path: str) -> None:
        """Show the shown run's settings, and what can be changed of the layer at an id path."""
        project, history = session.subject, session.history
        steerable = session.training in ("running", "paused")
        recipe = project.recipe
        spec = session.catalog.optimizers.get(recipe.optimizer)
        values: dict[str, float | None] = {"batch_size": recipe.batch_size}
        for name in ("lr", "weight_decay"):
            param = spec.param(name) if spec else None
            given = recipe.optimizer_params.get(name, param.default if param else None)
            values[name] = float(given) if isinstance(given, int | float) else None
        self.show_run(history, values, steerable=steerable)
        layer = next((one for one in unfold(project, "main") if one.path == path), None)
        stat = history.layers.get(path)
        now = _newest(history, "frozen", path)
        share = layer.node.params.get("p", 0.5) if layer and _drops(layer.node.kind) else None
        self.show_layer(
            history,
            path if layer else "",
            name_path(project, "main", path) if layer else "",
            learns=bool(layer)
            and (now is not None or (stat is not None and stat.grad is not None)),
            drops=float(share) if isinstance(share, int | float) else None,
            frozen=layer is not None and layer.frozen,
            steerable=steerable,
        )

    def show_run(
        self, history: History, values: dict[str, float | None], *, steerable: bool
    ) -> None:
        """Show the values in force; a value of None is one that the optimiser does not have."""
        for name, _, _ in _FIELDS:
            value = values.get(name)
            known = value is not None
            field = self.fields[name]
            field.setEnabled(steerable and known)
            when = "the next epoch" if name == "batch_size" else "the next step"
            field.setToolTip(f"Enter applies it from {when} on" if steerable else _NOT_STEERABLE)
            change = _newest(history, name)
            if change is not None:
                step, value, asked = change
                note = "from the next epoch on" if asked else f"since step {Theme.number(step)}"
            elif not known:
                note = "this optimiser has none"
            else:
                note = "Enter applies it" if steerable else ""
            self._show_value(name, value, note)

    def show_layer(
        self,
        history: History,
        place: str,
        name: str,
        *,
        learns: bool,
        drops: float | None,
        frozen: bool,
        steerable: bool,
    ) -> None:
        """Show what can be changed of a layer; `drops` is a dropout's share, None for other layers."""
        self._layer = place
        now = _newest(history, "frozen", place)
        frozen = bool(now[1]) if now is not None else frozen
        self._layer_row.setVisible(learns)
        self._layer_name.setText(name)
        self.freeze.setChecked(frozen)
        self.freeze.setText("Frozen" if frozen else "Freeze")
        self.freeze.setEnabled(steerable)
        self.freeze.setToolTip(
            plain(
                f"{'Let' if frozen else 'Keep'} the weights of {name} "
                f"{'learn again' if frozen else 'as they are'} from the next step on"
            )
            if steerable
            else _NOT_STEERABLE
        )
        self._note_of_layer.setText(f"since step {Theme.number(now[0])}" if now else "")
        self._drop_row.setVisible(drops is not None)
        change = _newest(history, "p", place)
        share = change[1] if change is not None else drops
        self.fields["p"].setEnabled(steerable)
        self.fields["p"].setToolTip(
            plain(f"Share that {name} drops; Enter applies it") if steerable else _NOT_STEERABLE
        )
        note = f"{name}, since step {Theme.number(change[0])}" if change else name
        self._show_value("p", share, note)

    def _show_value(self, name: str, value: float | None, note: str) -> None:
        field = self.fields[name]
        if not field.hasFocus() or not field.isModified():
            field.setText("" if value is None else f"{value:g}")
        self._notes[name].setText(note)

    def _on_entered(self, name: str) -> None:
        field = self.fields[name]
        if not field.hasAcceptableInput():
            return
        field.setModified(False)
        later = name == "batch_size"
        self._notes[name].setText("applies next epoch" if later else "applies next step")
        value: Value = int(field.text()) if later else float(field.text())
        if name == "p":
            self._change({name: value})
        else:
            self.changed.emit({name: value})

    def _change(self, values: dict[str, Value]) -> None:
        if self._layer:
            self.changed.emit({"node": self._layer, **values})


def _validator(name: str, whole: bool, field: QLineEdit) -> QValidator:
    if whole:
        return QIntValidator(1, 1_000_000, field)
    made = QDoubleValidator(0.0, 1.0 if name == "p" else 1e6, 12, field)
    made.setLocale(QLocale.c())
    return made


def _drops(kind: str) -> bool:
    return kind.startswith("torch.nn.") and kind.endswith(
        ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d")
    )


def _newest(history: History, name: str, node: str = "") -> tuple[int, float, bool] | None:
    """Return the step and value of a setting's newest change, and whether it is yet to come."""
    for change in reversed(history.changes):
        if change.action not in ("set", "asked") or name not in change.values:
            continue
        if change.values.get("node", "") == node:
            value = change.values[name]
            if isinstance(value, int | float):
                return change.step, float(value), change.action == "asked"
    return None
