"""The Train workspace: assembles the panels and tells each what an event concerns."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget, QTabWidget, QWidget

from studio.engine import protocol as p
from studio.engine.runs import checkpoint_steps
from studio.graph.edits import Batch, SimpleEdit
from studio.graph.own_settings import at_place
from studio.graph.problems import Repair
from studio.graph.topology import name_path
from studio.session import events as e
from studio.session.session import Session
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.train.answers_tabs import Answers
from studio.ui.train.breakpoints_panel import BreakpointsPanel
from studio.ui.train.canvas_panel import CanvasPanel, MakeCanvas
from studio.ui.train.continue_bar import ContinueBar
from studio.ui.train.curves import Curves
from studio.ui.train.embedding import EmbeddingPanel
from studio.ui.train.filters import Filters
from studio.ui.train.guard import Guard
from studio.ui.train.layers import LayersOverTime, Outputs
from studio.ui.train.look_here import LookHere
from studio.ui.train.predictions import Predictions
from studio.ui.train.scrubber import Scrubber
from studio.ui.train.status_row import StatusRow
from studio.ui.train.steer import Steer
from studio.ui.train.surface import DecisionSurface
from studio.ui.train.walk_bar import WalkBar
from studio.ui.views.panel import EmptyState, Panel
from studio.ui.views.redraw import Redraw

#: Below this the panels under the canvas become tabs.
_ROOMY = (1440, 780)


class TrainWorkspace(QWidget):
    """Canvas, curves and time above; layers, what they learn, confusion, cards and predictions below.

    Live and stored runs are drawn from the same `History`, at the moment that it is looked at.
    `sample_wanted` carries a validation sample that is to be explained.
    """

    sample_wanted = Signal(int)

    def __init__(
        self,
        session: Session,
        theme: Theme,
        make_canvas: MakeCanvas,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._theme = session, theme
        self._layer = ""
        self.redraw = Redraw(self)
        self.status = StatusRow(theme)
        self.redraw.register(self.status, self._fill_status)
        self.canvas = CanvasPanel(session, theme, make_canvas)
        self.curves = Curves(theme, self.redraw)
        self.scrubber = Scrubber(theme, self.redraw)
        self.over_time = LayersOverTime(theme, self.redraw)
        self.outputs = Outputs(theme, self.redraw)
        self.filters = Filters(theme, self.redraw)
        self.embedding = EmbeddingPanel(session, theme, self.redraw)
        self.surface = DecisionSurface(theme, self.redraw)
        self.answers = Answers(session, theme, self.redraw, self)
        self.answers.sample_wanted.connect(self.sample_wanted)
        self.look_here = LookHere(theme)
        self.steer = Steer(theme)
        self.walk_bar = WalkBar(theme, self._name)
        self.continue_bar = ContinueBar(session, theme)
        self.look_here.put_below(self.steer)
        self.look_here.head.hide()  # its tab says as much
        self.look_here.body.setContentsMargins(12, 8, 12, 12)
        self.breakpoints = BreakpointsPanel(theme)
        self.guard = Guard(session, self.look_here, self.breakpoints, self._name)
        self.redraw.register(self.breakpoints, self.guard.show_breakpoints)
        self.predictions = Predictions(theme, self.redraw)
        self.empty = EmptyState(
            theme,
            "No run yet. Press Train: loss, layers and predictions of this network appear here, "
            "live, and stay with the run.",
            "Train",
        )
        self._seen = QTabWidget()
        self._judged = QTabWidget()
        self._cards = QTabWidget()
        for tabs in (self._seen, self._judged, self._cards):
            controls.set_property(tabs, "surface", "panel")
            tabs.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._assemble()
        self._compact: bool | None = None
        self._arrange(compact=False)

        self.empty.pressed.connect(lambda: session.train())
        self.scrubber.moment_wanted.connect(session.look_at)
        self.curves.moment_wanted.connect(session.look_at)
        self.addActions([self.curves.export_values, self.curves.export_picture])
        self.over_time.layer_picked.connect(self.show_layer)
        self.look_here.layer_wanted.connect(self.show_layer)
        self.look_here.curve_wanted.connect(self.curves.point_out)
        self.look_here.counted.connect(self._on_counted)
        self.look_here.repair_wanted.connect(self._on_repair)
        self.steer.changed.connect(session.set_live)
        self.walk_bar.node_reached.connect(self.show_layer)
        self.walk_bar.step_wanted.connect(lambda: session.step())
        self.canvas.layer_chosen.connect(self._set_layer)
        self._show_history()

    # -------------------------------------------------------------------------------------- events

    def on_event(self, event: e.SessionEvent) -> None:
        """Tell the panels that an event concerns."""
        self.canvas.on_event(event)
        if self.guard.on_event(event):
            self.redraw.mark(self._below)
        match event:
            case e.RunEvent(event=told):
                self._on_run_event(told)
            case e.HistoryOpened():
                self._show_history()
            case e.MomentChanged():
                self.scrubber.moment_changed()
                self.redraw.mark_all()
            case e.TrainingChanged():
                self.redraw.mark(self.status)
                self._show_cards()
                self._show_empty()
            case e.DocumentChanged() | e.DocumentOpened() | e.FactsChanged():
                self.redraw.mark(self.status, self.breakpoints)
                self._show_empty()
            case _:
                pass

    def _on_run_event(self, event: p.Event) -> None:
        self.redraw.mark(self.status, self.scrubber)
        match event:
            case p.Walked():
                self.walk_bar.begin(event)
            case p.Started():
                self._show_history()
            case p.Progress():
                self.curves.mark_steps()
            case p.EpochDone():
                self.curves.mark_steps()
                self.answers.mark()
            case p.LayerStats():
                if not self._layer:
                    self._set_layer(self._telling_layer())
                self.over_time.mark()
                self.outputs.mark()
            case p.Pictures() | p.Preview():
                self.predictions.mark()
            case p.Insight():
                for panel in (self.filters, self.embedding, self.surface):
                    panel.mark()
                self._offer_looks()
            case p.CheckpointSaved():
                self._show_checkpoints()
                self.answers.weights_came()
            case p.BreakpointHit():
                self._show_hit(event)
            case p.ControlApplied(action="back"):
                self._show_history()
            case p.ProblemFound() | p.ControlApplied():
                self._show_cards()
                self.curves.mark_steps()
            case p.Finished() | p.Stopped() | p.Failed():
                self._show_cards()
            case _:
                pass

    def _show_history(self) -> None:
        history = self._session.history
        self.curves.show_history(history, self._name_at)
        self.scrubber.show_history(history, self._name_at)
        self._show_checkpoints()
        self.over_time.show_history(history, self._name)
        self.outputs.show_history(history, self._name)
        self.filters.show_history(history, self._name)
        self.embedding.show_history(history, self._name)
        facts = self._session.facts
        self.surface.show_history(history, facts.data if facts else None)
        self.answers.show_history(history)
        self._offer_looks()
        self.predictions.show_history(history)
        if self._layer not in history.layer_series:
            self._set_layer(self._telling_layer())
        self.redraw.mark_all()
        self._show_cards()
        self._show_empty()

    def _show_cards(self) -> None:
        session, history = self._session, self._session.history
        failed = history.summary.message if history.summary and history.status == "failed" else ""
        self.look_here.show_problems(tuple(history.problems), failed, self._name)
        self.steer.follow(session, self._layer)

    def walk(self) -> None:
        """Go to the next layer of the step that is walked through, or begin with it."""
        if self.walk_bar.walking:
            self.walk_bar.go(1)
        else:
            self._session.walk()

    def _show_empty(self) -> None:
        if self._session.training != "paused":
            self.walk_bar.leave()
        self.continue_bar.refresh()
        started = bool(self._session.history.folder)
        self._stack.setCurrentWidget(self._told if started else self.empty)
        self._below.setVisible(started)
        self.predictions.setVisible(started and not self._compact)
        reason = self._session.can_train()
        self.empty.button.setEnabled(not reason)
        self.empty.button.setToolTip(reason)

    def _fill_status(self) -> None:
        session = self._session
        self.status.show_run(session.history, session.training, edited=session.edited_since_run)

    def _on_counted(self, count: int) -> None:
        """Say at the tab how much there is to look at."""
        for tabs in (self._tabs, self._cards):
            if (place := tabs.indexOf(self.look_here)) >= 0:
                tabs.setTabText(place, f"Look here · {count}" if count else "Look here")

    def _show_hit(self, hit: p.BreakpointHit) -> None:
        """Open the layer that a breakpoint speaks of, and the card with the batch."""
        if hit.node:
            self.show_layer(hit.node)
        for tabs in (self._tabs, self._cards):
            if tabs.indexOf(self.look_here) >= 0:
                tabs.setCurrentWidget(self.look_here)

    def _show_checkpoints(self) -> None:
        folder = self._session.history.folder
        self.scrubber.set_checkpoints(checkpoint_steps(Path(folder)) if folder else ())

    def _looks(self) -> dict[str, Panel]:
        """Return the panels of which one is seen at a time."""
        return {
            "Output": self.outputs,
            "Filters": self.filters,
            "Embedding": self.embedding,
            "Surface": self.surface,
        }

    def _offer_looks(self) -> None:
        """Offer what the run's task has: the decision surface only where samples lie in a plane."""
        self.answers.offer(self._judged, self._tabs)
        insight = self._session.history.insight
        flat = insight is not None and insight.surface is not None
        for tabs in (self._seen, self._tabs):
            place = tabs.indexOf(self.surface)
            if place >= 0:
                tabs.setTabVisible(place, flat)

    # --------------------------------------------------------------------------------------- layers

    def _name(self, path: str) -> str:
        return name_path(self._session.subject, "main", path)

    def _name_at(self, place: str) -> str:
        """Word the node of a key of `Recipe.groups`."""
        network, path = at_place(place)
        return name_path(self._session.subject, network, path)

    def _telling_layer(self) -> str:
        """The last layer with weights but the very last: its outputs say most."""
        history = self._session.history
        started = history.started
        told = [path for path in (started.nodes if started else ()) if path in history.layers]
        told = told or list(history.layers)
        weighted = [path for path in told if history.layers[path].grad is not None]
        if len(weighted) > 1:
            return weighted[-2]
        return (weighted or told or [""])[-1]

    def show_layer(self, path: str) -> None:
        """Make a layer the chosen one, on the canvas too."""
        self._set_layer(path)
        self.canvas.choose(path)

    def _set_layer(self, path: str) -> None:
        if path and path not in self._session.history.layer_series and self._layer:
            return
        self._layer = path
        self.over_time.set_layer(path)
        self.outputs.set_layer(path)
        self.filters.set_layer(path)
        self.steer.follow(self._session, path)

    def _on_repair(self, repair: Repair) -> None:
        edits: list[SimpleEdit] = []
        for edit in repair.edits:
            edits += edit.edits if isinstance(edit, Batch) else (edit,)
        self._session.do(Batch(repair.title, tuple(edits)))

    # --------------------------------------------------------------------------------------- layout

    def _assemble(self) -> None:
        self._stack = QStackedWidget()
        self._told = controls.surface("panel")
        told = controls.column(self._told)
        told.addWidget(self.curves, 1)
        told.addWidget(controls.rule())
        told.addWidget(self.scrubber)
        self._stack.addWidget(self._told)
        self._stack.addWidget(self.empty)
        above = _splitter(Qt.Orientation.Horizontal, self.canvas, self._stack)
        above.setSizes([800, 800])
        self.canvas.setMinimumSize(320, 240)
        self._stack.setMinimumWidth(420)
        self._row = _splitter(Qt.Orientation.Horizontal)
        self._tabs = QTabWidget()
        for tabs in (self._tabs, self._seen, self._judged, self._cards):
            tabs.setDocumentMode(True)
        self._below = QStackedWidget()
        # Also while the cards' tab is hidden: it tells how many there are.
        self.redraw.register(self._below, self.guard.diagnose)
        self._below.addWidget(self._row)
        self._below.addWidget(self._tabs)
        self._halves = _splitter(Qt.Orientation.Vertical, above, self._below)
        self._halves.setStretchFactor(0, 3)
        self._halves.setStretchFactor(1, 1)
        self._foot = controls.column()
        column = controls.column(self)
        column.addWidget(self.status)
        column.addWidget(self.walk_bar)
        column.addWidget(self.continue_bar)
        column.addWidget(self._halves, 1)
        column.addWidget(controls.rule())
        column.addLayout(self._foot)

    def _arrange(self, *, compact: bool) -> None:
        if compact == self._compact:
            return
        self._compact = compact
        self.scrubber.set_compact(compact)
        if compact:
            panels: dict[str, QWidget] = {"Layers": self.over_time, **self._looks()}
            panels |= self.answers.panels()
            panels |= {"Look here": self.look_here, "Breakpoints": self.breakpoints}
            panels |= {"Predictions": self.predictions}
            for title, panel in panels.items():
                self._tabs.addTab(panel, title)
            self._below.setCurrentWidget(self._tabs)
        else:
            for title, look in self._looks().items():
                self._seen.addTab(look, title)
            for title, panel in self.answers.panels().items():
                self._judged.addTab(panel, title)
            self._cards.addTab(self.look_here, "Look here")
            self._cards.addTab(self.breakpoints, "Breakpoints")
            for panel in (self.over_time, self._seen, self._judged, self._cards):
                self._row.addWidget(panel)
                panel.show()
            self._row.setSizes([468, 348, 372, 412])
            self._foot.addWidget(self.predictions)
            self._below.setCurrentWidget(self._row)
        # Less than its tallest tab would like, for the sake of the plots' axes above.
        self._below.setMinimumHeight(212 if compact else 0)
        self._halves.setSizes([344, 199] if compact else [496, 260])
        self._on_counted(self.look_here.count)
        self._offer_looks()
        self._show_empty()

    def resizeEvent(self, event: QResizeEvent) -> None:
        size = event.size()
        self._arrange(compact=size.width() < _ROOMY[0] or size.height() < _ROOMY[1])


def _splitter(way: Qt.Orientation, *widgets: QWidget) -> QSplitter:
    made = QSplitter(way)
    made.setHandleWidth(1)
    made.setChildrenCollapsible(False)
    for widget in widgets:
        made.addWidget(widget)
    return made
