"""The breakpoints of the document: a row each, to add, change, switch off and remove."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace
from PySide6.QtCore import QLocale, Qt, Signal
from PySide6.QtGui import QDoubleValidator
from PySide6.QtWidgets import QFrame, QLineEdit, QMenu, QScrollArea, QWidget

from studio.graph.breakpoints import (
    DEAD,
    GRADIENT,
    NOT_FINITE,
    OF_A_LAYER,
    SPIKE,
    USUAL,
    WHEN,
    Breakpoint,
    fault,
)
from studio.graph.conditions import of_layer
from studio.graph.formulas import FUNCTIONS
from studio.ui import controls
from studio.ui.editors import Choice
from studio.ui.formula_field import CompletingLine
from studio.ui.theme import Theme
from studio.ui.views.panel import EmptyState, Panel

#: What each kind is called in the menu and before its fields, and what stands behind its limit.
_TITLES = {
    NOT_FINITE: ("Numbers break (NaN, infinite)", "Numbers break", ""),
    GRADIENT: ("Gradient gets long", "Gradient above", ""),
    DEAD: ("Units die", "Dead units above", "%"),
    SPIKE: ("Loss jumps", "Loss above", "× its median"),
    WHEN: ("A condition holds", "When", ""),
}
#: What is recorded at every step and at the end of epochs, for completion.
_RECORDED = (
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "lr",
    "step",
    "epoch",
    "grad_norm",
)
ANY = "any layer"


class BreakpointsPanel(Panel):
    """`changed` carries all breakpoints as they are to be."""

    changed = Signal(tuple)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Breakpoints", "pause the run where it happens", parent)
        self._breakpoints: tuple[Breakpoint, ...] = ()
        self._layers: dict[str, str] = {}
        self.rows: list[BreakpointRow] = []
        self.adder = controls.button(theme, "Add", icon="plus", look="ghost", small=True)
        menu = QMenu(self.adder)
        for kind, (title, _, _) in _TITLES.items():
            menu.addAction(title).triggered.connect(
                lambda _=False, kind=kind: self.add(USUAL[kind])
            )
        self.adder.setMenu(menu)
        self.add_to_head(self.adder)
        self.empty = EmptyState(
            theme,
            "Nothing pauses a run yet. A breakpoint stops it at the step where something happens, and "
            "opens the layer, the batch and the step; from there it goes on, or a step back.",
            "Pause where numbers break",
        )
        self.empty.pressed.connect(lambda: self.add(USUAL[NOT_FINITE]))
        self._list = controls.column(spacing=4)
        holder = QWidget()
        holder.setProperty("surface", "")
        outer = controls.column(holder)
        outer.addLayout(self._list)
        outer.addStretch(1)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(holder)
        self.body.addWidget(self._area, 1)
        self.body.addWidget(self.empty, 1)
        self.show_breakpoints((), {})

    def show_breakpoints(
        self, breakpoints: tuple[Breakpoint, ...], layers: Mapping[str, str]
    ) -> None:
        """Show these; `layers` are the names of the network's layers by id path."""
        if self._layers == dict(layers) and [row.breakpoint for row in self.rows] == [*breakpoints]:
            return
        self._breakpoints, self._layers = breakpoints, dict(layers)
        kept = len(self.rows) == len(breakpoints) and all(
            row.breakpoint.kind == each.kind
            for row, each in zip(self.rows, breakpoints, strict=True)
        )
        if not kept:
            self._make_rows()
        for row, each in zip(self.rows, breakpoints, strict=True):
            row.show_breakpoint(each, self._layers)
        self._area.setVisible(bool(breakpoints))
        self.empty.setVisible(not breakpoints)

    def add(self, breakpoint: Breakpoint) -> None:
        """Add a breakpoint, unless the same one is there."""
        if breakpoint not in self._breakpoints:
            self.changed.emit((*self._breakpoints, breakpoint))

    def _make_rows(self) -> None:
        for old in self.rows:
            self._list.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.rows = []
        for k, each in enumerate(self._breakpoints):
            row = BreakpointRow(self.theme, each.kind)
            row.changed.connect(lambda new, at=k: self._put(at, new))
            row.removed.connect(lambda at=k: self._put(at, None))
            self.rows.append(row)
            self._list.addWidget(row)

    def _put(self, at: int, new: Breakpoint | None) -> None:
        found = list(self._breakpoints)
        found[at : at + 1] = [new] if new is not None else []
        self.changed.emit(tuple(found))


class BreakpointRow(QWidget):
    """Switch, words, fields, bin; a sentence below where it cannot be watched for."""

    changed = Signal(object)
    removed = Signal()

    def __init__(self, theme: Theme, kind: str) -> None:
        super().__init__()
        self.breakpoint = Breakpoint(kind)
        self._layers: dict[str, str] = {}
        title, words, unit = _TITLES.get(kind, (kind, kind, ""))
        outer = controls.column(self, spacing=2)
        line = controls.row(spacing=8)
        self.switch = controls.Switch(theme)
        self.switch.setAccessibleName(f"{title}: watched for")
        self.switch.clicked.connect(lambda on: self._change(enabled=on))
        line.addWidget(self.switch)
        line.addWidget(controls.label(theme, words, "1"))
        self.limit = QLineEdit()
        self.limit.setFixedWidth(52)
        self.limit.setAccessibleName(f"{title}: limit")
        validator = QDoubleValidator(0.0, 1e12, 12, self.limit)
        validator.setLocale(QLocale.c())
        self.limit.setValidator(validator)
        self.limit.editingFinished.connect(self._on_limit)
        self.text = CompletingLine()
        self.text.setFont(theme.font("mono"))
        self.text.setAccessibleName("Condition")
        self.text.setToolTip(
            'Compares what is recorded: train_loss < 0.1, grad["conv1"] > 10 and epoch >= 2.'
        )
        self.text.editingFinished.connect(self._on_text)
        self.layer = Choice()
        self.layer.setMinimumContentsLength(4)
        self.layer.setAccessibleName(f"{title}: layer")
        self.layer.activated.connect(self._on_layer)
        limited = kind in (GRADIENT, DEAD, SPIKE)
        self.limit.setVisible(limited)
        self.text.setVisible(kind == WHEN)
        self.layer.setVisible(kind in OF_A_LAYER)
        line.addWidget(self.limit)
        if unit:
            line.addWidget(controls.label(theme, unit, "2"))
        line.addWidget(self.text, 1)
        line.addWidget(self.layer)
        line.addStretch(0 if kind == WHEN else 1)
        self.bin = controls.button(
            theme, icon="trash", look="ghost", small=True, tip="Remove this breakpoint"
        )
        self.bin.clicked.connect(self.removed)
        line.addWidget(self.bin)
        outer.addLayout(line)
        self.fault = controls.label(theme, "", "error", "caption", wrap=True)
        self.fault.setContentsMargins(40, 0, 0, 0)
        outer.addWidget(self.fault)

    def show_breakpoint(self, breakpoint: Breakpoint, layers: Mapping[str, str]) -> None:
        """Show its settings."""
        self.breakpoint = breakpoint
        self.switch.setChecked(breakpoint.enabled)
        share = 100 if breakpoint.kind == DEAD else 1
        if not self.limit.isModified() or not self.limit.hasFocus():
            self.limit.setText(f"{breakpoint.limit * share:g}")
        if not self.text.isModified() or not self.text.hasFocus():
            self.text.setText(breakpoint.text)
        if self._layers != dict(layers):
            self._layers = dict(layers)
            self.text.offer(
                [
                    *_RECORDED,
                    *(of_layer(q, name) for name in layers.values() for q in ("grad", "dead")),
                    *sorted(FUNCTIONS),
                ]
            )
            self.layer.clear()
            self.layer.addItem(ANY, "")
            for path, name in layers.items():
                self.layer.addItem(name, path)
        place = self.layer.findData(breakpoint.node)
        if place < 0:
            self.layer.addItem("a layer that is gone", breakpoint.node)
            place = self.layer.count() - 1
        self.layer.setCurrentIndex(place)
        self._tell(fault(breakpoint))

    def _tell(self, sentence: str) -> None:
        self.fault.setText(sentence)
        self.fault.setVisible(bool(sentence))
        field = self.text if self.breakpoint.kind == WHEN else self.limit
        controls.set_property(field, "state", "error" if sentence else "")

    def _change(self, **values: object) -> None:
        new = replace(self.breakpoint, **values)
        if new != self.breakpoint:
            self.changed.emit(new)

    def _on_limit(self) -> None:
        if self.limit.hasAcceptableInput():
            share = 100 if self.breakpoint.kind == DEAD else 1
            self.limit.setModified(False)
            self._change(limit=float(self.limit.text()) / share)

    def _on_text(self) -> None:
        self.text.setModified(False)
        self._change(text=self.text.text().strip())

    def _on_layer(self) -> None:
        self._change(node=self.layer.currentData())
