"""What a canvas shows, to choose from: previews on nodes, strength on wires."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from studio.ui.canvas.living import Living
from studio.ui.canvas.previews import GRADIENT, HISTOGRAM, MAPS, PREVIEWS

_TIPS = {
    MAPS: "Show the strongest feature maps of a probe sample on each layer.",
    HISTOGRAM: "Show on each layer how its activations are spread.",
    GRADIENT: "Show on each layer how large its gradient is beside its weights.",
}


class ViewMenu(QObject):
    """The choices as actions, for a menu of the canvas and for the window's; `M` is a key of `widget`."""

    def __init__(self, living: Living, widget: QWidget) -> None:
        super().__init__(widget)
        self._living = living
        self.none = QAction("No previews", self, checkable=True)
        self.none.setToolTip("Show nothing of a run on the layers.")
        self.none.triggered.connect(lambda: living.show_previews(frozenset()))
        self.previews = {key: self._preview(key, words) for key, words in PREVIEWS.items()}
        self.strength = QAction("Wire strength", self, checkable=True)
        self.strength.setToolTip(
            "Draw wires wider and brighter the larger the root mean square of what they carry."
        )
        self.strength.setShortcut(QKeySequence("M"))
        self.strength.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self.strength.triggered.connect(living.show_strength)
        widget.addAction(self.strength)
        names = ("none", *PREVIEWS, "strength")
        for name, action in zip(names, self.actions(), strict=True):
            action.setObjectName(f"canvas.view.{name}")
        living.chosen.connect(self._refresh)
        self._refresh()

    def actions(self) -> list[QAction]:
        """Return the choices, in order."""
        return [self.none, *self.previews.values(), self.strength]

    def marks(self) -> list[QAction]:
        """Return what can be shown of a run."""
        return [*self.previews.values(), self.strength]

    def fill(self, menu: QMenu) -> None:
        """Put the choices into a menu."""
        menu.setToolTipsVisible(True)
        menu.addSection("Previews")
        menu.addActions([self.none, *self.previews.values()])
        menu.addSection("Wires")
        menu.addAction(self.strength)

    def _preview(self, key: str, words: str) -> QAction:
        action = QAction(words, self, checkable=True)
        action.setToolTip(_TIPS[key])
        action.triggered.connect(lambda on, one=key: self._choose(one, on))
        return action

    def _choose(self, key: str, on: bool) -> None:
        shown = self._living.previews
        self._living.show_previews(shown | {key} if on else shown - {key})

    def _refresh(self) -> None:
        shown = self._living.previews
        self.none.setChecked(not shown)
        for key, action in self.previews.items():
            action.setChecked(key in shown)
        self.strength.setChecked(self._living.strength)
