"""A list of steps that samples go through: added from a menu, set, moved and removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QMenu, QWidget

from studio.graph.params import Value
from studio.graph.project import Step
from studio.graph.spec import OptionSpec
from studio.ui.controls import button, column, label, row
from studio.ui.form import Form
from studio.ui.theme import Theme
from studio.ui.views.view import plain

Steps = tuple[Step, ...]


class StepList(QWidget):
    """Shows steps in their order and emits what a person makes of them; `noun` is what one is called."""

    changed = Signal(tuple)

    def __init__(self, theme: Theme, noun: str) -> None:
        super().__init__()
        self._theme = theme
        self._noun = noun
        self._steps: Steps = ()
        self.cards: list[StepCard] = []
        layout = column(self, spacing=6)
        self._box = column(spacing=6)
        layout.addLayout(self._box)
        self.add = button(theme, f"Add {noun}", icon="plus", look="menu", small=True)
        self.menu = QMenu(self.add)
        self.menu.setToolTipsVisible(True)
        self.add.setMenu(self.menu)
        layout.addWidget(self.add)

    def show_steps(self, steps: Steps, specs: Mapping[str, OptionSpec], form: str) -> None:
        """Show these steps, and offer those kinds that fit samples of a form ("" where unknown)."""
        if [card.kind for card in self.cards] != [step.kind for step in steps]:
            self._build(steps)
        self._steps = steps
        for card, step in zip(self.cards, steps, strict=True):
            card.show_step(step, specs.get(step.kind), card is self.cards[-1])
        self.menu.clear()
        for kind, spec in specs.items():
            action = self.menu.addAction(spec.title)
            unfit = bool(form and spec.forms) and form not in spec.forms
            why = f"For {' or '.join(spec.forms)} data; this is {form} data.\n" if unfit else ""
            action.setToolTip(plain(why + spec.doc))
            action.setEnabled(not unfit)
            action.triggered.connect(lambda _=False, chosen=kind: self._on_added(chosen))
        self.add.setEnabled(bool(specs))
        self.add.setToolTip("" if specs else "The engine has not said yet what there is.")

    def _build(self, steps: Steps) -> None:
        for card in self.cards:
            self._box.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = []
        for index, step in enumerate(steps):
            card = StepCard(self._theme, step.kind, self._noun, first=not index)
            card.changed.connect(lambda values, at=index: self._on_set(at, values))
            card.moved.connect(lambda by, at=index: self._on_moved(at, by))
            card.removed.connect(lambda at=index: self._on_removed(at))
            self.cards.append(card)
            self._box.addWidget(card)

    def _on_set(self, index: int, values: dict[str, Value]) -> None:
        kind = self._steps[index].kind
        self._emit(lambda steps: [*steps[:index], Step(kind, values), *steps[index + 1 :]])

    def _on_added(self, kind: str) -> None:
        self._emit(lambda steps: [*steps, Step(kind)])

    def _on_moved(self, index: int, by: int) -> None:
        def swapped(steps: Steps) -> list[Step]:
            order = list(steps)
            order.insert(index + by, order.pop(index))
            return order

        self._emit(swapped)

    def _on_removed(self, index: int) -> None:
        self._emit(lambda steps: [*steps[:index], *steps[index + 1 :]])

    def _emit(self, change: Callable[[Steps], Sequence[Step]]) -> None:
        self.changed.emit(tuple(change(self._steps)))


class StepCard(QWidget):
    """One step with its settings."""

    changed = Signal(dict)
    moved = Signal(int)
    removed = Signal()

    def __init__(self, theme: Theme, kind: str, noun: str, first: bool) -> None:
        super().__init__()
        self.kind = kind
        self._values: dict[str, Value] = {}
        self.setProperty("surface", "card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = column(self, spacing=2)
        outer.setContentsMargins(10, 6, 6, 6)
        head = row()
        self.title = label(theme, weight=500)
        head.addWidget(self.title, 1)
        self.up = button(theme, icon="chevron-up", look="ghost", small=True, tip="Do this earlier")
        self.up.clicked.connect(lambda: self.moved.emit(-1))
        self.up.setVisible(not first)
        self.down = button(
            theme, icon="chevron-down", look="ghost", small=True, tip="Do this later"
        )
        self.down.clicked.connect(lambda: self.moved.emit(1))
        remove = button(theme, icon="close", look="ghost", small=True, tip=f"Remove this {noun}")
        remove.clicked.connect(self.removed)
        for one in (self.up, self.down, remove):
            head.addWidget(one)
        outer.addLayout(head)
        self.form = Form(theme, label_width=60)
        self.form.edited.connect(
            lambda name, value: self.changed.emit(self._values | {name: value})
        )
        self.form.cleared.connect(
            lambda name: self.changed.emit({k: v for k, v in self._values.items() if k != name})
        )
        outer.addWidget(self.form)

    def show_step(self, step: Step, spec: OptionSpec | None, last: bool) -> None:
        """Show a step's settings; one whose plugin is missing shows its kind."""
        self._values = dict(step.params)
        self.title.setText(spec.title if spec else step.kind)
        self.title.setToolTip(plain(spec.doc) if spec else "Its plugin is not installed.")
        self.down.setVisible(not last)
        self.form.show_params(spec.params if spec else (), step.params)
