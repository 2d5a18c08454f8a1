"""The bar above the canvas: where it stands, what it shows, tidy, fit and zoom."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from studio.ui.controls import button, label, row, rule, set_property
from studio.ui.theme import Theme

_ZOOMS = (25, 50, 75, 100, 150, 200)


class Header(QWidget):
    """`crumb_chosen` carries how many of the way's parts to keep; `zoom_chosen` a share."""

    shapes_toggled = Signal(bool)
    parameters_toggled = Signal(bool)
    zoom_chosen = Signal(float)
    crumb_chosen = Signal(int)

    def __init__(self, theme: Theme, tidy: QAction, fit: QAction, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._crumbs: list[QWidget] = []
        self._names: tuple[str, ...] = ()
        self.setProperty("surface", "panel")
        self.setFixedHeight(36)
        line = row(self, spacing=4)
        line.setContentsMargins(12, 0, 8, 0)
        self._way = row(spacing=4)
        line.addLayout(self._way)
        self._count = label(theme, tone="3")
        line.addWidget(self._count)
        line.addStretch(1)
        self.shapes = self._toggle("Shapes", "Write shapes on wires", self.shapes_toggled)
        self.parameters = self._toggle(
            "Parameters", "Write parameter counts on nodes", self.parameters_toggled
        )
        line.addWidget(self.shapes)
        line.addWidget(self.parameters)
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

    def show_way(self, names: Sequence[str], nodes: int) -> None:
        """Show where the canvas stands, and how many nodes are there."""
        self._count.setText(f"{nodes} node{'' if nodes == 1 else 's'}")
        if tuple(names) == self._names:
            return
        self._names = tuple(names)
        for old in self._crumbs:
            self._way.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._crumbs = []
        for n, name in enumerate(names):
            if n:
                self._add_crumb(label(self._theme, "›", tone="3"))
            if n == len(names) - 1:
                self._add_crumb(label(self._theme, name, weight=600))
            else:
                crumb = button(self._theme, name, look="link", small=True, tip=f"Back to {name}")
                crumb.clicked.connect(lambda _=False, keep=n + 1: self.crumb_chosen.emit(keep))
                self._add_crumb(crumb)

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
