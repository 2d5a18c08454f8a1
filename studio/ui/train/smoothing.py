"""How much curves are smoothed: a chip that opens a slider, with what its value means."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QMenu, QSlider, QWidget, QWidgetAction

from studio.ui import controls
from studio.ui.theme import Theme

#: The weights of what came before, and the one to begin with.
LEVELS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
SMOOTHING = 0.95


class Smoothing(QWidget):
    """Holds the weight of a running mean; `changed` carries it."""

    changed = Signal(float)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chip = controls.button(theme, look="chip")
        self.chip.clicked.connect(self._open)
        line = controls.row(self)
        line.addWidget(self.chip)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Smoothing")
        self.slider.setRange(0, len(LEVELS) - 1)
        self.slider.setValue(LEVELS.index(SMOOTHING))
        self.slider.setPageStep(1)
        self.meaning = controls.label(theme, "", "2", wrap=True)
        self.meaning.setMinimumHeight(34)
        page = controls.surface("popup")
        page.setFixedWidth(264)
        column = controls.column(page, margins=12, spacing=8)
        column.addWidget(controls.label(theme, "Smoothing", weight=600))
        column.addWidget(self.slider)
        column.addWidget(self.meaning)
        self._menu = QMenu(self)
        shown = QWidgetAction(self._menu)
        shown.setDefaultWidget(page)
        self._menu.addAction(shown)
        self.slider.valueChanged.connect(self._on_moved)
        self._say()

    @property
    def value(self) -> float:
        """The weight of what came before: 0 draws values as they are."""
        return LEVELS[self.slider.value()]

    def _on_moved(self) -> None:
        self._say()
        self.changed.emit(self.value)

    def _say(self) -> None:
        weight = self.value
        self.chip.setText(f"smoothing {weight:g}" if weight else "no smoothing")
        if weight:
            count = round(1 / (1 - weight))
            self.meaning.setText(
                f"The strong line is the running mean of about the last {count} values; the faint "
                "one has the values themselves."
            )
        else:
            self.meaning.setText("The line has the values themselves.")
        self.chip.setToolTip(self.meaning.text())

    def _open(self) -> None:
        self._menu.popup(self.chip.mapToGlobal(QPoint(0, self.chip.height() + 4)))
        self.slider.setFocus()
