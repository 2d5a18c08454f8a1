"""What deserves a look, as cards; and the values that may be changed while training."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QLocale, Qt, Signal
from PySide6.QtGui import QDoubleValidator
from PySide6.QtWidgets import QLineEdit, QScrollArea, QWidget

from studio.graph.problems import Problem
from studio.session.history import History
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.views.panel import Card, Flow, Panel

_ICONS = {"error": "error", "warning": "warning", "hint": "info"}
_TONES = {"error": "error", "warning": "warn", "hint": ""}


class LookHere(Panel):
    """One card a problem: what was seen, and what can be done about it."""

    layer_wanted = Signal(str)
    repair_wanted = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Look here", parent=parent)
        self._theme = theme
        self.badge = controls.badge(theme, "badge-warn")
        self.head_row.insertWidget(1, self.badge)
        self.cards: list[ProblemCard] = []
        self._problems: tuple[Problem, ...] = ()
        self._list = controls.column(spacing=8)
        holder = QWidget()
        holder.setProperty("surface", "")
        outer = controls.column(holder)
        outer.addLayout(self._list)
        outer.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder)
        self.nothing = controls.label(theme, tone="3", wrap=True)
        self._list.addWidget(self.nothing)
        self.body.addWidget(area, 1)
        self.show_problems((), "", str)

    def show_problems(
        self, problems: tuple[Problem, ...], message: str, name: Callable[[str], str]
    ) -> None:
        """Show a card for each problem; `message` is how the run failed, where it says more."""
        if message and not any(message == problem.message for problem in problems):
            problems = (Problem(message), *problems)
        if problems == self._problems and problems:
            return
        self._problems = problems
        for card in self.cards:
            self._list.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = []
        for problem in problems:
            card = ProblemCard(self._theme, problem, name(problem.node) if problem.node else "")
            card.layer_wanted.connect(self.layer_wanted)
            card.repair_wanted.connect(self.repair_wanted)
            self.cards.append(card)
            self._list.addWidget(card)
        self.nothing.setVisible(not problems)
        self.nothing.setText(
            "Nothing needs a look: all values are finite, and no layer is largely dead."
        )
        self.badge.setText(str(len(problems)))
        self.badge.setVisible(bool(problems))


class ProblemCard(Card):
    """One problem: its first sentence strong, the rest quiet, repairs as buttons."""

    layer_wanted = Signal(str)
    repair_wanted = Signal(object)

    def __init__(self, theme: Theme, problem: Problem, layer: str) -> None:
        super().__init__(theme, _TONES[problem.severity])
        self.problem = problem
        head, _, rest = problem.message.partition(". ")
        icon = controls.label(theme)
        token = _TONES[problem.severity] or "text.2"
        icon.setPixmap(theme.pixmap(_ICONS[problem.severity], token, 16, self.devicePixelRatioF()))
        title = controls.label(theme, head if rest else head.rstrip("."), weight=600, wrap=True)
        line = controls.row()
        line.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(title, 1)
        self.column.addLayout(line)
        if rest:
            words = controls.label(theme, rest, "2", wrap=True)
            words.setContentsMargins(24, 0, 0, 0)
            self.column.addWidget(words)
        self.setAccessibleName(problem.message)
        if not layer and not problem.repairs:
            return
        buttons = Flow(spacing=8)
        buttons.setContentsMargins(24, 2, 0, 0)
        for k, repair in enumerate(problem.repairs):
            made = controls.button(
                theme, repair.title, look="primary" if k == 0 else "", small=True
            )
            made.setToolTip("Changes the network for the next run; this run goes on as it is.")
            made.clicked.connect(lambda _=False, chosen=repair: self.repair_wanted.emit(chosen))
            buttons.addWidget(made)
        if layer:
            show = controls.button(theme, f"Show {layer}", small=True)
            show.clicked.connect(lambda: self.layer_wanted.emit(problem.node))
            buttons.addWidget(show)
        self.column.addLayout(buttons)


class Steer(QWidget):
    """Learning rate and weight decay of the running job; Enter applies them from the next step on."""

    changed = Signal(dict)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = controls.column(self, spacing=6)
        head = controls.row()
        head.addWidget(controls.label(theme, "Steer", weight=600))
        self.remark = controls.label(theme, "changes are marked on every plot", "3")
        head.addWidget(self.remark, 1)
        layout.addLayout(head)
        self.fields: dict[str, QLineEdit] = {}
        self._notes = {}
        for name, title in (("lr", "learning rate"), ("weight_decay", "weight decay")):
            line = controls.row(spacing=12)
            words = controls.label(theme, title, "2")
            words.setFixedWidth(84)
            field = QLineEdit()
            field.setFixedWidth(84)
            validator = QDoubleValidator(0.0, 1e6, 12, field)
            validator.setLocale(QLocale.c())
            field.setValidator(validator)
            field.setAccessibleName(title)
            field.returnPressed.connect(lambda chosen=name: self._on_entered(chosen))
            note = controls.label(theme, "", "3", "caption")
            words.setBuddy(field)
            line.addWidget(words)
            line.addWidget(field)
            line.addWidget(note, 1)
            layout.addLayout(line)
            self.fields[name], self._notes[name] = field, note

    def show_run(
        self, history: History, values: dict[str, float | None], *, steerable: bool
    ) -> None:
        """Show the values in force; a value of None is one that the optimiser does not have."""
        changed = {name: c for c in history.changes if c.action == "set" for name in c.values}
        for name, field in self.fields.items():
            value = values.get(name)
            known = value is not None
            field.setEnabled(steerable and known)
            field.setToolTip(
                "Enter applies it from the next step on"
                if steerable
                else "Values can be changed while a run is under way."
            )
            if name in changed:
                change = changed[name]
                value = float(change.values[name])
                note = f"since step {Theme.number(change.step)}"
            elif not known:
                note = "this optimiser has none"
            else:
                note = "Enter applies it" if steerable else ""
            if not field.hasFocus() or not field.isModified():
                field.setText("" if value is None else f"{value:g}")
            self._notes[name].setText(note)

    def _on_entered(self, name: str) -> None:
        field = self.fields[name]
        if field.hasAcceptableInput():
            field.setModified(False)
            self._notes[name].setText("applies next step")
            self.changed.emit({name: float(field.text())})
