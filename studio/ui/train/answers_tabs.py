"""What is told of the answers, as tabs: those that the shown run's task has."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QTabWidget

from studio.session.history import History
from studio.session.judging import Judging, judgeable
from studio.session.session import Session
from studio.ui.theme import Theme
from studio.ui.train.confusion_panel import ConfusionPanel
from studio.ui.train.verdicts import Classes, Nearness, Sureness, Worst
from studio.ui.views.panel import Panel
from studio.ui.views.redraw import Redraw


class Answers(QObject):
    """Confusion, figures of classes, calibration, nearness and the worst samples, from one question.

    `sample_wanted` carries a validation sample that is to be explained.
    """

    sample_wanted = Signal(int)

    def __init__(self, session: Session, theme: Theme, redraw: Redraw, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._judging = Judging(session, self._changed)
        self.confusion = ConfusionPanel(session, theme, redraw, self._judging)
        self.classes = Classes(theme, redraw, self._judging)
        self.sureness = Sureness(theme, redraw, self._judging)
        self.nearness = Nearness(theme, redraw, self._judging)
        self.worst = Worst(session, theme, redraw, self._judging)
        self._verdicts = (self.classes, self.sureness, self.nearness, self.worst)
        for source in (self.confusion.samples, self.nearness, self.worst):
            source.sample_wanted.connect(self.sample_wanted)
        for panel in (self.confusion, *self._verdicts):
            panel.title.hide()  # its tab says as much

    def panels(self) -> dict[str, Panel]:
        """Return the panels by what their tabs say."""
        return {
            "Confusion": self.confusion,
            "Classes": self.classes,
            "Calibration": self.sureness,
            "Fit": self.nearness,
            "Worst": self.worst,
        }

    def show_history(self, history: History) -> None:
        """Draw another run."""
        self._judging.forget()
        self.confusion.show_history(history)
        for panel in self._verdicts:
            panel.show_history(history)

    def weights_came(self) -> None:
        """Say that there is another checkpoint."""
        self._judging.weights_came()
        self._changed()

    def mark(self) -> None:
        """Say that an epoch is over, or that another moment is shown."""
        self.confusion.mark()
        for panel in self._verdicts:
            panel.mark()

    def offer(self, *tabs: QTabWidget) -> None:
        """Show the tabs that the shown run's task has."""
        history = self._session.history
        task = history.started.task if history.started else "classification"
        single = not judgeable(history) or history.started is None
        numbers = task == "regression" and single
        shown = {
            self.confusion: not numbers and task != "multi-label",
            self.classes: task in ("classification", "segmentation", "nodes", "multi-label")
            and (single or task in ("segmentation", "nodes")),
            self.sureness: single and task == "classification",
            self.nearness: numbers,
            self.worst: single,
        }
        for panel, on in shown.items():
            for each in tabs:
                if (place := each.indexOf(panel)) >= 0:
                    each.setTabVisible(place, on)

    def _changed(self) -> None:
        self.confusion.show_cell()
        for panel in self._verdicts:
            panel.mark()
