"""One step, layer by layer: where the walk through the next step stands, and what flows there."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.engine import protocol as p
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.views.numbers import short
from studio.ui.views.panel import Remark


class WalkBar(QWidget):
    """Goes forward through the network and back along its gradients; hidden while nobody walks.

    `node_reached` carries the id path of the layer to show, `step_wanted` asks for the step itself.
    """

    node_reached = Signal(str)
    step_wanted = Signal()

    def __init__(self, theme: Theme, name: Callable[[str], str]) -> None:
        super().__init__()
        self._name = name
        self._stops: list[tuple[str, p.Walk]] = []
        self._at = 0
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = controls.column(self)
        line = controls.row(spacing=8)
        line.setContentsMargins(16, 6, 12, 6)
        self.back = controls.button(theme, icon="chevron-left", small=True, tip="The layer before")
        self.next = controls.button(theme, icon="chevron-right", small=True, tip="The next layer")
        self.place = controls.label(theme, weight=600)
        self.layer = controls.label(theme, tone="accent", weight=600)
        self.figures = Remark(theme)
        self.figures.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.take = controls.button(theme, "Take this step", icon="step", small=True)
        self.close_button = controls.button(
            theme, icon="close", look="ghost", small=True, tip="Leave the walk; nothing has changed"
        )
        self.back.clicked.connect(lambda: self.go(-1))
        self.next.clicked.connect(lambda: self.go(1))
        self.take.clicked.connect(self._on_taken)
        self.close_button.clicked.connect(self.leave)
        for widget in (self.back, self.next, self.place, self.layer):
            line.addWidget(widget)
        line.addWidget(self.figures, 1)
        line.addWidget(self.take)
        line.addWidget(self.close_button)
        outer.addLayout(line)
        outer.addWidget(controls.rule())
        self.hide()

    @property
    def walking(self) -> bool:
        """Whether a step is being walked through."""
        return bool(self._stops)

    def begin(self, walked: p.Walked) -> None:
        """Start at the first layer of the step that comes next."""
        self._stops = [("Forward", stop) for stop in walked.forward]
        self._stops += [("Back", stop) for stop in walked.backward]
        self._at = 0
        self.setVisible(self.walking)
        self._show()

    def go(self, by: int) -> None:
        """Go to the next layer, or with −1 to the one before."""
        self._at = min(max(0, self._at + by), max(0, len(self._stops) - 1))
        self._show()

    def leave(self) -> None:
        """End the walk."""
        self._stops = []
        self.hide()

    def _on_taken(self) -> None:
        self.leave()
        self.step_wanted.emit()

    def _show(self) -> None:
        if not self._stops:
            return
        way, stop = self._stops[self._at]
        along = [i for i, (each, _) in enumerate(self._stops) if each == way]
        self.place.setText(f"{way} {self._at - along[0] + 1} of {len(along)}")
        self.layer.setText(self._name(stop.path))
        what = "gradient of its output" if way == "Back" else "output"
        shape = "×".join(str(dim) for dim in stop.shape)
        self.figures.put(
            f"{what} {shape} · mean {short(stop.mean)} · std {short(stop.std)} · "
            f"{short(stop.low)} to {short(stop.high)} · norm {short(stop.norm)}"
        )
        self.back.setEnabled(self._at > 0)
        self.next.setEnabled(self._at < len(self._stops) - 1)
        self.setAccessibleName(f"{self.place.text()}: {self.layer.text()}, {self.figures.text()}")
        self.node_reached.emit(stop.path)
