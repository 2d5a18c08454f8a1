"""The Runs workspace: every stored run in a table, the chosen ones' curves below."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QSplitter, QStackedWidget, QWidget

from studio.engine import protocol as p
from studio.session import events as e
from studio.session.history import History
from studio.session.session import Session
from studio.session.stored import StoredRun
from studio.ui import controls
from studio.ui.prompts import Ask, Choice, Prompts
from studio.ui.runs.columns import metric_text, metric_title
from studio.ui.runs.table import RunsTable
from studio.ui.theme import Theme
from studio.ui.views.line_plot import LinePlot
from studio.ui.views.numbers import hundredths, size
from studio.ui.views.panel import EmptyState, Remark
from studio.ui.views.plot_painting import Trace

#: There are as many series colours.
_DRAWN = 6


class RunsWorkspace(QWidget):
    """`run_opened` follows a run that is now shown: look at it in Train."""

    run_opened = Signal()

    def __init__(
        self, session: Session, theme: Theme, parent: QWidget | None = None, ask: Ask | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._theme = session, theme
        self._ask = ask or Prompts(theme, self).ask
        self._histories: dict[Path, History] = {}
        self._stale = True
        self._assemble()
        self.table.chosen_changed.connect(self._on_chosen)
        self.table.open_wanted.connect(self.open_chosen)
        self.table.delete_wanted.connect(self.delete_chosen)
        self.empty.pressed.connect(lambda: session.train())

    def _assemble(self) -> None:
        theme = self._theme
        self.count = Remark(theme)
        self.differing = controls.chip(theme, "Only differing columns", checked=True)
        self.differing.toggled.connect(self._on_differing)
        self.open = controls.button(theme, "Open", icon="curve", tip="Show it in Train (Enter)")
        self.go_on = controls.button(theme, "Continue", icon="play")
        self.go_on.clicked.connect(self.continue_chosen)
        self.folder = controls.button(theme, "Open folder", icon="folder")
        self.delete = controls.button(theme, "Delete", icon="trash", tip="Move to the bin (Del)")
        self.open.clicked.connect(self.open_chosen)
        self.folder.clicked.connect(self.open_folder)
        self.delete.clicked.connect(self.delete_chosen)
        top = controls.surface("panel")
        top.setFixedHeight(44)
        line = controls.row(top)
        line.setContentsMargins(12, 0, 12, 0)
        line.addWidget(self.count, 1)
        for widget in (self.differing, self.open, self.go_on, self.folder, self.delete):
            line.addWidget(widget)

        self.table = RunsTable(theme)
        self.hidden = Remark(theme)
        self.hidden.setFixedHeight(28)
        self.hidden.setContentsMargins(12, 0, 0, 0)
        upper = controls.surface("panel")
        lines = controls.column(upper)
        lines.addWidget(self.table, 1)
        lines.addWidget(self.hidden)

        self.score = LinePlot(theme, "Validation accuracy", (), "of the chosen runs, by epoch")
        self.loss = LinePlot(theme, "Validation loss", (), "log", log=True)
        lower = controls.surface("panel")
        plots = controls.row(lower, spacing=0)
        plots.addWidget(self.score, 1)
        plots.addWidget(controls.rule(vertical=True))
        plots.addWidget(self.loss, 1)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.setHandleWidth(1)
        halves.setChildrenCollapsible(False)
        halves.addWidget(upper)
        halves.addWidget(lower)
        halves.setSizes([440, 416])
        content = QWidget()
        page = controls.column(content)
        page.addWidget(top)
        page.addWidget(controls.rule())
        page.addWidget(halves, 1)
        self.empty = EmptyState(
            theme,
            "No run yet. Every training is kept here, with its network, settings, curves and "
            "weights, to be compared and opened again.",
            "Train",
        )
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(content)
        controls.column(self).addWidget(self.pages)
        for title, then in (
            ("Open the chosen run", self.open_chosen),
            ("Continue the chosen run", self.continue_chosen),
            ("Open the run's folder", self.open_folder),
            ("Delete the chosen runs…", self.delete_chosen),
        ):
            action = QAction(title, self)
            action.triggered.connect(then)
            self.addAction(action)

    # -------------------------------------------------------------------------------------- events

    def on_event(self, event: e.SessionEvent) -> None:
        """Read the runs again when there are others; redraw the live one as it goes."""
        match event:
            case e.RunsChanged() | e.HistoryOpened() | e.TrainingChanged(state="running" | "ended"):
                self._stale = True
                if self.isVisible():
                    self.refresh()
            case e.RunEvent(event=p.EpochDone()):
                self._stale = True
                if self.isVisible():
                    self.refresh()
            case _:
                pass

    def showEvent(self, event: object) -> None:
        if self._stale:
            self.refresh()

    def refresh(self) -> None:
        """Read the list again."""
        self._stale = False
        runs = self._session.stored_runs()
        reason = self._session.can_train()
        self.empty.button.setEnabled(not reason)
        self.empty.button.setToolTip(reason)
        self.pages.setCurrentIndex(1 if runs else 0)
        self._histories = {
            run.folder: self._histories[run.folder]
            for run in runs
            if run.folder in self._histories and run.info.status != "running"
        }
        self.table.show_runs(runs)
        total = size(sum(run.info.size for run in runs))
        noun = "run" if len(runs) == 1 else "runs"
        self.count.put(
            f"{Theme.number(len(runs))} {noun}, {total} in {self._session.runs_root}; everything "
            "stays on this computer"
        )
        self._show_hidden()

    def _on_differing(self, on: bool) -> None:
        self.table.set_only_differing(on)
        self._show_hidden()

    def _show_hidden(self) -> None:
        hidden = self.table.hidden_columns()
        noun = "column is" if len(hidden) == 1 else "columns are"
        names = ", ".join(name.lower() for name in hidden)
        self.hidden.setVisible(bool(hidden))
        self.hidden.put(
            f"{len(hidden)} {noun} hidden because every run has the same value: {names}"
        )

    # ------------------------------------------------------------------------------------- overlay

    def _on_chosen(self) -> None:
        chosen = self.table.chosen()
        usable = [run for run in chosen if run.info.fault is None]
        drawn = usable[:_DRAWN]
        tokens = {run.folder: f"series.{k + 1}" for k, run in enumerate(drawn)}
        self.table.runs.set_marks(tokens)
        one = len(chosen) == 1
        self.open.setEnabled(one and bool(usable))
        reason = self._session.can_continue(chosen[0].folder) if one else "Choose one run."
        self.go_on.setEnabled(not reason)
        self.go_on.setToolTip(reason or "Go on exactly where it stands, in the same run")
        self.folder.setEnabled(one)
        self.delete.setEnabled(bool(chosen))
        metric = self.table.runs.metric
        self._overlay(self.loss, "val_loss", drawn, tokens)
        self._overlay(self.score, metric, drawn, tokens)
        title = metric_title(metric).replace("val ", "validation ", 1)
        share = metric.endswith("accuracy")
        self.score.set_title(
            title[0].upper() + title[1:],
            lambda value: metric_text(metric, value),
            hundredths if share else None,
        )
        more = f", {_DRAWN} of {len(usable)} drawn" if len(usable) > _DRAWN else ""
        self.score.set_remark(f"{'% ' if share else ''}by epoch{more}")

    def _overlay(
        self, plot: LinePlot, metric: str, runs: list[StoredRun], tokens: dict[Path, str]
    ) -> None:
        plot.set_traces(
            [Trace(str(r.folder), r.info.name, tokens[r.folder], dots=True) for r in runs]
        )
        for run in runs:
            epochs, values = self._history(run).metric(metric)
            plot.set_points(str(run.folder), epochs, values)
        plot.refresh()

    def _history(self, run: StoredRun) -> History:
        shown = self._session.history
        if shown.folder and Path(shown.folder) == run.folder:
            return shown
        if run.folder not in self._histories:
            self._histories[run.folder] = self._session.stored_history(run.folder)
        return self._histories[run.folder]

    # -------------------------------------------------------------------------------------- actions

    def open_chosen(self) -> None:
        """Show the chosen run in Train."""
        chosen = self.table.chosen()
        if len(chosen) == 1 and self._session.open_run(chosen[0].folder):
            self.run_opened.emit()

    def continue_chosen(self) -> None:
        """Show the chosen run in Train and go on with it; one that is done offers more epochs there."""
        chosen = self.table.chosen()
        if len(chosen) != 1 or not self._session.open_run(chosen[0].folder):
            return
        run = chosen[0]
        if run.recipe is not None and run.info.epochs < run.recipe.epochs:
            self._session.continue_run(run.folder)
        self.run_opened.emit()

    def open_folder(self) -> None:
        """Show the chosen run's folder in the file manager."""
        for run in self.table.chosen()[:1]:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.folder)))

    def delete_chosen(self) -> None:
        """Move the chosen runs to the bin, after asking."""
        chosen = self.table.chosen()
        if not chosen:
            return
        what = chosen[0].info.name if len(chosen) == 1 else f"{len(chosen)} runs"
        answer = self._ask(
            f"Delete {what}",
            "Curves and weights move to the folder .bin beside the runs. Bring them back by moving "
            "them out of it; Clean up, in the settings, empties it.",
            (Choice("keep", "Keep"), Choice("delete", "Delete", True)),
        )
        if answer == "delete":
            for run in chosen:
                self._session.delete_run(run.folder)
