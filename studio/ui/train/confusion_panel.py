"""Which class is taken for which at the epoch that is looked at, and the samples behind a cell."""

from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QWidget

from studio.engine import protocol as p
from studio.graph.answers import SUPERVISED
from studio.session.history import History
from studio.session.judging import Judging
from studio.session.session import Session
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.train.sample_sheet import CellSamples
from studio.ui.views.confusion import Confusion
from studio.ui.views.panel import Panel
from studio.ui.views.redraw import Redraw


class ConfusionPanel(Panel):
    """The counts that the run told; a click on a cell asks which samples those are."""

    def __init__(
        self,
        session: Session,
        theme: Theme,
        redraw: Redraw,
        judging: Judging,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, "Confusion", parent=parent)
        self._redraw, self._judging = redraw, judging
        self._history = History()
        self.view = Confusion(theme)
        self.view.empty_text = confusing(None)
        self.by_row = controls.chip(theme, "% of row")
        self.by_row.setToolTip("Shares of each true class instead of numbers of samples")
        self.by_row.toggled.connect(self.view.set_by_row)
        self.words = controls.label(theme, "", "3", wrap=True)
        # Beside the table, which is square: above it they would make it smaller.
        self.head.hide()
        self._side = QWidget()
        self._side.setFixedWidth(104)
        side = controls.column(self._side, spacing=8)
        side.addWidget(self.words)
        side.addWidget(self.by_row)
        side.addStretch(1)
        line = controls.row(spacing=8)
        line.addWidget(self.view, 1)
        line.addWidget(self._side)
        self.body.setContentsMargins(12, 6, 12, 8)
        self.body.addLayout(line, 1)
        self.samples = CellSamples(session, theme, self)
        self._cell: tuple[int, int] | None = None
        self.view.cell_picked.connect(self._on_cell)
        redraw.register(self.view, self._fill)

    def show_history(self, history: History) -> None:
        """Draw another run."""
        self._history = history
        self._cell = None
        self.samples.hide()
        self.mark()

    def mark(self) -> None:
        """Say that an epoch is over, or that another moment is shown."""
        self._redraw.mark(self.view)

    def _fill(self) -> None:
        history = self._history
        shown = history.epoch_shown
        counts = shown.confusion if shown is not None else None
        classes = history.started.classes if history.started else ()
        self.view.empty_text = confusing(history.started)
        self.view.set_counts(counts, classes)
        self._side.setVisible(counts is not None)
        if shown is not None and counts is not None:
            self.words.setText(
                f"{Theme.number(self.view.wrong)} wrong after epoch {shown.epoch}. True down, predicted "
                "across; a click shows the samples."
            )

    # --------------------------------------------------------------------------------------- samples

    def _on_cell(self, true: int, read: int) -> None:
        self._cell = (true, read)
        self._judging.want()
        self.show_cell()
        self.samples.open_at(self.mapToGlobal(QPoint(0, self.height() // 2)))

    def show_cell(self) -> None:
        """Show the samples of the chosen cell, or what is waited for."""
        if self._cell is None:
            return
        title, judging = self._title(*self._cell), self._judging
        if judging.judged is None:
            self.samples.say(title, judging.message)
        else:
            self.samples.show_cell(title, judging.judged, *self._cell)

    def _title(self, true: int, read: int) -> str:
        classes = self._history.started.classes if self._history.started else ()
        names = [classes[k] if k < len(classes) else str(k) for k in (true, read)]
        return f"{names[0]} read rightly" if true == read else f"{names[0]} read as {names[1]}"


def confusing(started: p.Started | None) -> str:
    """Return what stands where no confusion table is."""
    counted = ("classification", "segmentation")
    if started is None or (started.learner in ("", SUPERVISED) and started.task in counted):
        return "The confusion table appears after the first epoch."
    if started.task == "regression":
        return "Regression has no classes to confuse."
    return "This way of learning does not count which class was taken for which."
