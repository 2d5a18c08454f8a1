"""The network, live: a canvas in train mode, and above it what is chosen to be seen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton, QWidget

from studio.graph.project import Project
from studio.session import events as e
from studio.session.session import Session
from studio.ui import controls
from studio.ui.canvas import Canvas
from studio.ui.theme import Theme
from studio.ui.views.panel import Panel

#: Makes a canvas of its own for this workspace.
MakeCanvas = Callable[[], Canvas]


class CanvasPanel(Panel):
    """Shows the network with what its layers do; `layer_chosen` carries the selected id path."""

    layer_chosen = Signal(str)

    def __init__(
        self, session: Session, theme: Theme, make_canvas: MakeCanvas, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, "main", "live on the probe image", parent)
        self._session = session
        self._theme = theme
        self._missed = False
        #: The document that the canvas shows, where it was edited since and nobody looked.
        self._before: Project | None = None
        self.canvas = make_canvas()
        self.canvas.set_mode("train")
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.addWidget(controls.rule())
        self.body.setSpacing(0)
        self.body.addWidget(self.canvas, 1)
        self.chips = [self._chip(action) for action in self.canvas.view_menu.marks()]
        self.zoom = controls.label(theme, "", "3")
        self.add_to_head(self.zoom)
        self.canvas.zoom_changed.connect(self._on_zoom)
        self.canvas.selection_changed.connect(self._on_selection)
        self.canvas.sheet_shown.connect(self._on_sheet)
        self._on_sheet()

    def _chip(self, action: QAction) -> QPushButton:
        """Put a choice of the canvas' view into the head."""
        chip = controls.chip(self._theme, action.text(), checked=action.isChecked())
        chip.setToolTip(action.toolTip())
        chip.clicked.connect(action.trigger)
        action.toggled.connect(chip.setChecked)
        self.add_to_head(chip)
        return chip

    def on_event(self, event: e.SessionEvent) -> None:
        """Follow the session; what a run tells meanwhile is caught up with when it is seen again."""
        if isinstance(event, e.MomentChanged | e.HistoryOpened):
            at = self._session.history.at
            live = "live on the probe image"
            self.remark.put(live if at is None else f"as it was at step {Theme.number(at)}")
        if self.isVisible():
            self.canvas.on_event(event)
            return
        match event:
            case e.RunEvent():
                self._missed = True
            case e.DocumentChanged(before=before):
                # While the network is drawn in Build, nobody pays for drawing it here too.
                self._before = self._before or before
            case e.FactsChanged() | e.CatalogChanged() if self._before is not None:
                pass  # asked for when the edits are taken in
            case e.DocumentOpened():
                self._before = None
                self.canvas.on_event(event)
            case e.MomentChanged():
                self._missed = True
            case e.HistoryOpened():
                self._follow()
                self.canvas.on_event(event)
            case _:
                self.canvas.on_event(event)

    def showEvent(self, event: object) -> None:
        self._follow()
        if self._missed:
            self._missed = False
            self.canvas.on_event(e.HistoryOpened(self._session.history.folder))

    def _follow(self) -> None:
        """Take in at once what was edited while nobody looked."""
        if self._before is not None:
            before, self._before = self._before, None
            self.canvas.on_event(e.DocumentChanged(before, self._session.document.project, ""))
            if self._session.facts is not None:
                self.canvas.on_event(e.FactsChanged(self._session.facts))

    def choose(self, path: str) -> None:
        """Select the layer at an id path."""
        self._follow()
        self.canvas.reveal(self.canvas.network, path)

    def _on_selection(self, ids: tuple[str, ...]) -> None:
        if len(ids) == 1:
            self.layer_chosen.emit(self.canvas.prefix + ids[0])

    def _on_sheet(self) -> None:
        self.title.setText(self.canvas.where.removeprefix("block."))

    def _on_zoom(self, scale: float) -> None:
        self.zoom.setText(f"{100 * scale:.0f} %")
