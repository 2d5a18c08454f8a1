"""One line that says which surgery an answer was given under; a click on a chip ends it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from studio.graph.project import Project
from studio.graph.surgery import Intervention
from studio.ui.canvas.surgery_list import place_name
from studio.ui.controls import button, label, row
from studio.ui.theme import Theme
from studio.ui.views.panel import Flow


class SurgeryBar(QWidget):
    """Hidden without surgery. `healed` carries the interventions to end."""

    healed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: tuple[tuple[str, Intervention], ...] = ()
        self.chips: list[QPushButton] = []
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        line = row(self)
        line.setContentsMargins(12, 4, 12, 4)
        line.addWidget(
            label(theme, "With surgery on the wires:", "warn"), 0, Qt.AlignmentFlag.AlignTop
        )
        self._flow = Flow(spacing=6)
        line.addLayout(self._flow, 1)
        self.hide()

    def show_surgery(self, project: Project) -> None:
        """Show the surgery that answers are given under."""
        wanted = tuple((f"{place_name(project, one)} {one.text}", one) for one in project.surgery)
        self.setVisible(bool(wanted))
        if wanted == self._shown:
            return
        self._shown = wanted
        for old in self.chips:
            self._flow.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.chips = []
        for words, one in wanted:
            made = button(self._theme, words, icon="close", look="chip", small=True)
            made.setToolTip("Remove this surgery")
            made.setAccessibleName(f"Remove surgery: {words}")
            made.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
            made.clicked.connect(lambda _=False, gone=one: self.healed.emit((gone,)))
            self._flow.addWidget(made)
            self.chips.append(made)
