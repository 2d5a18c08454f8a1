"""The network, live: a canvas in train mode with a head and a legend."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.session.session import Session
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.train.legend import Legend
from studio.ui.views.panel import Panel

#: Makes a canvas of its own for this workspace.
MakeCanvas = Callable[[], QWidget]


class CanvasPanel(Panel):
    """Shows the network with what its layers do; `layer_chosen` carries the id path that was selected."""

    layer_chosen = Signal(str)

    def __init__(
        self, session: Session, theme: Theme, make_canvas: MakeCanvas, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, "main", "live on the probe image", parent)
        self._session = session
        self.view = make_canvas()
        self.view.set_mode("train")
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.addWidget(controls.rule())
        self.body.setSpacing(0)
        self.body.addWidget(self.view, 1)
        self.legend = Legend(theme, self.view)
        marks = controls.chip(theme, "Legend", checked=True)
        marks.toggled.connect(self.legend.setVisible)
        self.add_to_head(marks)

    def choose(self, path: str) -> None:
        """Select the layer at an id path."""
