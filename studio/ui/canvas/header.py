"""The bar above the canvas: where it stands, what it shows, tidy, fit and zoom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from studio.ui.controls import button, label, row, rule, set_property
from studio.ui.theme import Theme

_ZOOMS = (25, 50, 75, 100, 150, 200)


class Crumb(NamedTuple):
    """A part of the way: a network or an instance, and of what block it is."""

    name: str
    block: str = ""


class Header(QWidget):
    """`crumb_chosen` carries how many of the way's parts to keep; `zoom_chosen` a share; `pass_chosen`
    which pass of a repeated block is to be seen."""

    shapes_toggled = Signal(bool)
    parameters_toggled = Signal(bool)
    zoom_chosen = Signal(float)
    crumb_chosen = Signal(int)
    pass_chosen = Signal(int)

    def __init__(self, theme: Theme, tidy: QAction, fit: QAction, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._crumbs: list[QWidget] = []
        self._shown: tuple[tuple[Crumb, ...], bool] = ((), False)
        self.setProperty("surface", "panel")
        self.setFixedHeight(36)
        line = row(self, spacing=4)
        line.setContentsMargins(12, 0, 8, 0)
        self._networks = row(spacing=4)
        line.addLayout(self._networks)
        self._way = row(spacing=4)
        line.addLayout(self._way)
        self._behind = row(spacing=0)
        line.addLayout(self._behind)
        self.passes = button(theme, look="menu", small=True, tip="Which pass of the repeat is seen")
        self.passes.setMenu(QMenu(self.passes))
        self.passes.hide()
        line.addWidget(self.passes)
        self._count = label(theme, tone="3")
        line.addWidget(self._count)
        line.addStretch(1)
        self.shapes = self._toggle("Shapes", "Write shapes on wires", self.shapes_toggled)
        self.parameters = self._toggle(
            "Parameters", "Write parameter counts on nodes", self.parameters_toggled
        )
        line.addWidget(self.shapes)
        line.addWidget(self.parameters)
        self.view = button(theme, "View", look="menu", small=True, tip="What is shown of a run")
        line.addWidget(self.view)
        split = rule(vertical=True)
        split.setFixedHeight(16)
        line.addWidget(split)
        for action, icon in ((tidy, "tidy"), (fit, "fit")):
            made = button(theme, action.text(), icon, "ghost", small=True, tip=action.toolTip())
            made.clicked.connect(action.trigger)
            line.addWidget(made)
        self.zoom = button(theme, "100 %", look="menu", small=True, tip="Zoom")
        self.zoom.setAccessibleName("Zoom")
        menu = QMenu(self.zoom)
        for percent in _ZOOMS:
            entry = menu.addAction(f"{percent} %")
            entry.triggered.connect(
                lambda _=False, share=percent / 100: self.zoom_chosen.emit(share)
            )
        menu.addSeparator()
        menu.addAction(fit)
        self.zoom.setMenu(menu)
        line.addWidget(self.zoom)

    def show_count(self, nodes: int) -> None:
        """Show how many nodes are there."""
        self._count.setText(f"{nodes} node{'' if nodes == 1 else 's'}")

    def show_pass(self, step: int, steps: int) -> None:
        """Show which pass of a repeated block is seen; nothing where it is run once."""
        self.passes.setVisible(steps > 1)
        self.passes.setText(f"pass {step + 1} of {steps}")
        menu = self.passes.menu()
        if steps == 1 or len(menu.actions()) == steps:
            return
        menu.clear()
        for at in range(steps):
            entry = menu.addAction(f"Pass {at + 1}")
            entry.triggered.connect(lambda _=False, number=at: self.pass_chosen.emit(number))

    def put_networks(self, tabs: QWidget, add: QWidget) -> None:
        """Put the tabs of networks in front of the way, and what adds one behind it."""
        self._networks.addWidget(tabs)
        self._behind.addWidget(add)

    def show_way(self, crumbs: Sequence[Crumb], tabbed: bool = False) -> None:
        """Show where the canvas stands: `main › res1 Residual`; `tabbed` where a tab tells the network."""
        if (tuple(crumbs), tabbed) == self._shown:
            return
        self._shown = tuple(crumbs), tabbed
        for old in self._crumbs:
            self._way.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._crumbs = []
        for n, crumb in enumerate(crumbs):
            last = n == len(crumbs) - 1
            if tabbed and not n:
                continue
            if n:
                self._add_crumb(label(self._theme, "›", tone="3"))
            if last:
                self._add_crumb(label(self._theme, crumb.name, weight=600))
            else:
                back = f"Back to {crumb.name}"
                made = button(self._theme, crumb.name, look="link", small=True, tip=back)
                made.clicked.connect(lambda _=False, keep=n + 1: self.crumb_chosen.emit(keep))
                self._add_crumb(made)
            if crumb.block and last:
                self._add_crumb(label(self._theme, crumb.block, tone="2"))

    def _add_crumb(self, crumb: QWidget) -> None:
        self._way.addWidget(crumb)
        self._crumbs.append(crumb)

    def show_zoom(self, scale: float) -> None:
        """Show the zoom."""
        self.zoom.setText(f"{round(scale * 100)} %")

    def _toggle(self, text: str, tip: str, signal: object) -> QPushButton:
        made = button(self._theme, text, "check", "ghost", small=True, tip=tip)
        set_property(made, "look", "toggle")
        made.setCheckable(True)
        made.setChecked(True)

        def show(on: bool) -> None:
            self._theme.put_icon(made, "check" if on else "minus", "accent" if on else "text.3")
            signal.emit(on)  # type: ignore[attr-defined]

        self._theme.put_icon(made, "check", "accent")
        made.toggled.connect(show)
        return made
