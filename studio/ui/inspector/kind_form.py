"""A kind chosen from the catalogue, with its options below it."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.graph.params import Value
from studio.graph.spec import OptionSpec
from studio.ui.controls import column, label, row
from studio.ui.editors import Choice
from studio.ui.form import Form
from studio.ui.theme import Theme
from studio.ui.views.view import plain


class KindForm(QWidget):
    """A kind chosen from a table, with its options below: an optimiser, a schedule, a loss."""

    changed = Signal(str, dict)

    def __init__(self, theme: Theme, title: str) -> None:
        super().__init__()
        self._specs: dict[str, OptionSpec] = {}
        self._kinds: list[str] = []
        self._kind = ""
        self._values: dict[str, Value] = {}
        outer = column(self, spacing=2)
        line = row(spacing=4)
        name = label(theme, title, tone="2")
        name.setFixedWidth(86)
        line.addWidget(name)
        self.choice = Choice()
        self.choice.setAccessibleName(title)
        self.choice.activated.connect(self._on_kind)
        line.addWidget(self.choice, 1)
        outer.addLayout(line)
        self.form = Form(theme)
        self.form.edited.connect(self._on_edited)
        self.form.cleared.connect(self._on_cleared)
        outer.addWidget(self.form)

    def show_kind(
        self,
        specs: Mapping[str, OptionSpec],
        kind: str,
        values: Mapping[str, Value],
        empty: str = "",
    ) -> None:
        """Show the kind chosen and its options; `empty` is what no kind means, where that may be."""
        self._specs, self._kind, self._values = dict(specs), kind, dict(values)
        self._kinds = ([""] if empty else []) + list(specs)
        titles = ([empty] if empty else []) + [spec.title for spec in specs.values()]
        if kind not in self._kinds:
            self._kinds.append(kind)
            titles.append(f"{kind} (missing)" if specs else kind)
        if [self.choice.itemText(at) for at in range(self.choice.count())] != titles:
            self.choice.clear()
            self.choice.addItems(titles)
        self.choice.setCurrentIndex(self._kinds.index(kind))
        spec = specs.get(kind)
        self.choice.setToolTip(plain(spec.doc) if spec else "")
        self.form.show_params(spec.params if spec else (), values)

    def _on_kind(self, index: int) -> None:
        kind = self._kinds[index]
        if kind == self._kind:
            return
        # Options that both kinds have, such as lr, stay.
        spec = self._specs.get(kind)
        names = {param.name for param in spec.params} if spec else set()
        kept = {name: value for name, value in self._values.items() if name in names}
        self.changed.emit(kind, kept)

    def _on_edited(self, name: str, value: Value) -> None:
        self.changed.emit(self._kind, self._values | {name: value})

    def _on_cleared(self, name: str) -> None:
        kept = {key: value for key, value in self._values.items() if key != name}
        self.changed.emit(self._kind, kept)
