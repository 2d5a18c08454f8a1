"""How good the answers are: of each class, how sure, of numbers how near, and the worst of all."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QStackedWidget, QWidget

from studio.session import judgement
from studio.session.history import History
from studio.session.judging import Judged, Judging
from studio.session.session import Session
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.train.sample_sheet import SampleSheet, worded
from studio.ui.views.class_table import ClassTable
from studio.ui.views.fit_plot import FitPlot
from studio.ui.views.numbers import percent, short
from studio.ui.views.panel import Panel
from studio.ui.views.redraw import Redraw
from studio.ui.views.reliability import Reliability

#: The worst samples that are shown.
_WORST = 200


class Verdict(Panel):
    """A view on predictions, or on an epoch's counts; asked for when it is looked at.

    The refresh button takes the weights as they are now: a run under way is not asked by itself.
    """

    def __init__(
        self, theme: Theme, title: str, redraw: Redraw, judging: Judging, view: QWidget
    ) -> None:
        super().__init__(theme, title)
        self._redraw, self._judging = redraw, judging
        self._history = History()
        self.view = view
        self.sentence = controls.label(theme, "", "3", wrap=True)
        self.sentence.setContentsMargins(8, 16, 8, 0)
        self.refresh = controls.button(
            theme,
            icon="reset",
            look="ghost",
            small=True,
            tip="Read the samples with the newest weights",
        )
        self.refresh.clicked.connect(lambda: judging.want(fresh=True))
        self.add_to_head(self.refresh)
        told = QWidget()
        column = controls.column(told)
        column.addWidget(self.sentence)
        column.addStretch(1)
        self._stack = QStackedWidget()
        self._stack.addWidget(view)
        self._stack.addWidget(told)
        self.body.addWidget(self._stack, 1)
        redraw.register(self._stack, self._fill)

    def show_history(self, history: History) -> None:
        """Draw another run."""
        self._history = history
        self.mark()

    def mark(self) -> None:
        """Say that there is something new to judge, or that another moment is shown."""
        self._redraw.mark(self._stack)

    @property
    def task(self) -> str:
        """The task of the shown run."""
        return self._history.started.task if self._history.started else ""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of its classes."""
        return self._history.started.classes if self._history.started else ()

    def _fill(self) -> None:
        self._judging.want()
        judged = self._judging.judged
        self.refresh.setVisible(self._history.at is None)
        self.refresh.setEnabled(not self._judging.waiting)
        if judged is None:
            self.say(self._judging.message)
        else:
            self.remark.put(self.show_judged(judged))
            self._stack.setCurrentWidget(self.view)

    def say(self, sentence: str) -> None:
        """Show a sentence instead."""
        self.remark.put("")
        self.sentence.setText(sentence)
        self._stack.setCurrentIndex(1)

    def show_judged(self, judged: Judged) -> str:
        """Draw predictions; returns the remark, which says of which step they are."""
        raise NotImplementedError


class Classes(Verdict):
    """Precision, recall and F1 of each class: of the epoch that is looked at, where it was counted."""

    def __init__(self, theme: Theme, redraw: Redraw, judging: Judging) -> None:
        self.figures = ClassTable(theme)
        super().__init__(theme, "Classes", redraw, judging, self.figures)

    def _fill(self) -> None:
        started, shown = self._history.started, self._history.epoch_shown
        if started is not None and started.task == "multi-label":
            super()._fill()
            return
        self.refresh.hide()
        if shown is None or shown.confusion is None:
            self.say("The figures of each class appear after the first epoch.")
            return
        self.remark.put(self._show(judgement.of_confusion(shown.confusion), f"epoch {shown.epoch}"))
        self._stack.setCurrentWidget(self.view)

    def show_judged(self, judged: Judged) -> str:
        found = judgement.of_labels(judged.predictions.outputs, judged.predictions.targets)
        return self._show(found, f"step {Theme.number(judged.step)}")

    def _show(self, found: judgement.ClassFigures, when: str) -> str:
        self.figures.set_figures(self.classes or [str(k) for k in range(len(found.support))], found)
        known = found.f1[found.support > 0]
        mean = percent(float(known.mean())) if known.size else "–"
        return f"mean F1 {mean}, {when}"


class Sureness(Verdict):
    """Whether the network is right as often as it is sure."""

    def __init__(self, theme: Theme, redraw: Redraw, judging: Judging) -> None:
        self.diagram = Reliability(theme)
        super().__init__(theme, "Calibration", redraw, judging, self.diagram)

    def show_judged(self, judged: Judged) -> str:
        predictions = judged.predictions
        found = judgement.calibration(predictions.outputs, predictions.targets)
        self.diagram.set_calibration(found)
        off = percent(found.error)
        self.diagram.setToolTip(
            "Expected calibration error: how far sureness and the share that is right lie apart, as "
            "the mean over all samples (Guo et al. 2017)."
        )
        return f"off by {off} on average, step {Theme.number(judged.step)}"


class Nearness(Verdict):
    """Predicted numbers against true ones, and by how much they are off."""

    sample_wanted = Signal(int)

    def __init__(self, theme: Theme, redraw: Redraw, judging: Judging) -> None:
        self.plot = FitPlot(theme)
        super().__init__(theme, "Fit", redraw, judging, self.plot)
        self.plot.sample_picked.connect(self.sample_wanted)
        self.output = QComboBox()
        self.output.setAccessibleName("Which output")
        self.output.activated.connect(lambda: self.mark())
        self.residuals = controls.chip(theme, "errors")
        self.residuals.setToolTip("By how much predictions are off")
        self.residuals.toggled.connect(self.plot.set_residuals)
        self.add_to_head(self.output)
        self.add_to_head(self.residuals)

    def show_judged(self, judged: Judged) -> str:
        targets = judged.predictions.targets.reshape(len(judged.predictions.targets), -1)
        outputs = judged.predictions.outputs.reshape(targets.shape)
        if self.output.count() != targets.shape[1]:
            self.output.clear()
            self.output.addItems([f"output {k + 1}" for k in range(targets.shape[1])])
        self.output.setVisible(targets.shape[1] > 1)
        which = max(0, self.output.currentIndex())
        predicted, true = outputs[:, which], targets[:, which]
        self.plot.set_values(predicted, true)
        found = judgement.fit(predicted, true)
        r2 = "–" if np.isnan(found.r2) else short(found.r2)
        self.plot.setAccessibleDescription(
            f"r² {r2}, mean absolute error {short(found.mae)}, root mean square {short(found.rmse)}, "
            f"mean error {short(found.bias)}"
        )
        step = Theme.number(judged.step)
        return f"r² {r2}, off by {short(found.mae)} on average, step {step}"


class Worst(Verdict):
    """The samples that cost most."""

    sample_wanted = Signal(int)

    def __init__(self, session: Session, theme: Theme, redraw: Redraw, judging: Judging) -> None:
        self.sheet = SampleSheet(session, theme)
        super().__init__(theme, "Worst", redraw, judging, self.sheet)
        self.sheet.picked.connect(self.sample_wanted)
        self._shown: Judged | None = None

    def show_judged(self, judged: Judged) -> str:
        predictions = judged.predictions
        if judged is not self._shown:
            self._shown = judged
            losses = judgement.sample_losses(self.task, predictions.outputs, predictions.targets)
            worst = np.argsort(-losses, kind="stable")[:_WORST]
            self.sheet.show_samples(worst.tolist(), worded(judged, losses, self.task, self.classes))
        return f"largest loss first, step {Theme.number(judged.step)}; a click explains"
