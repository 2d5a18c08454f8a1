"""Loss, score, learning rate and throughput of a run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from studio.session.history import History
from studio.ui.controls import chip, rule
from studio.ui.theme import Theme
from studio.ui.train.change_words import change_words
from studio.ui.views.line_plot import LinePlot, Trace
from studio.ui.views.numbers import hundredths, percent, short
from studio.ui.views.panel import Panel
from studio.ui.views.redraw import Redraw

SMOOTHING = 0.95


class Score(NamedTuple):
    """A metric beside the loss: its name without prefix, its title, and its unit."""

    name: str
    title: str
    unit: str = ""


_SCORES = (
    Score("exact", "Answers right to the end", "%"),
    Score("mean_iou", "Mean intersection over union", "%"),
    Score("map50", "Mean average precision at 0.5", "%"),
    Score("f1_macro", "F1, mean of the labels", "%"),
    Score("f1_micro", "F1 of all labels", "%"),
    Score("accuracy", "Accuracy", "%"),
    Score("psnr", "Signal to noise", "dB"),
    Score("r2", "R²", "1 is perfect"),
    Score("mae", "Mean absolute error"),
    Score("frechet_distance", "Fréchet distance", "0 is alike"),
    Score("mean_return", "Mean return", "of an episode"),
)


#: The score that is waited for before any came, by task.
_USUAL = {
    "regression": "r2",
    "segmentation": "mean_iou",
    "detection": "map50",
    "multi-label": "f1_macro",
}


class Curves(Panel):
    """Four plots over steps or epochs; `redraw` decides when they are filled."""

    def __init__(self, theme: Theme, redraw: Redraw, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Curves", parent=parent)
        self._history = History()
        self._by_epoch = True
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

        pair = (
            Trace("train", "train", "series.1", smooth=True),
            Trace("val", "val", "series.2", dots=True),
        )
        where = self._where
        self.loss = LinePlot(theme, "Loss", pair, log=True, form_x=where)
        self.score = LinePlot(
            theme, "Accuracy", pair, "%", form_x=where, form=percent, form_tick=hundredths
        )
        now = (Trace("lr", "now", "series.3", dots=True),)
        self.rate = LinePlot(theme, "Learning rate", now, form_x=where, from_zero=True)
        self.speed = LinePlot(
            theme,
            "Throughput",
            (Trace("speed", "", "series.5", dots=True),),
            "samples per second",
            form_x=where,
        )
        self.plots = (self.loss, self.score, self.rate, self.speed)
        for plot, fill in zip(
            self.plots,
            (self._fill_loss, self._fill_score, self._fill_rate, self._fill_speed),
            strict=True,
        ):
            redraw.register(plot, fill)
        self._redraw = redraw

        self.steps = chip(theme, "step")
        self.epochs = chip(theme, "epoch", checked=True)
        self.smooth = chip(theme, f"smoothing {SMOOTHING}", checked=True)
        for button in (self.steps, self.epochs, self.smooth):
            self.add_to_head(button)
        self.steps.clicked.connect(lambda: self._set_by_epoch(False))
        self.epochs.clicked.connect(lambda: self._set_by_epoch(True))
        self.smooth.toggled.connect(self._on_smooth)
        self.loss.log_changed.connect(lambda: self._redraw.mark(self.loss))

        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        grid.addWidget(self.loss, 0, 0)
        grid.addWidget(rule(vertical=True), 0, 1, 3, 1)
        grid.addWidget(self.score, 0, 2)
        grid.addWidget(rule(), 1, 0, 1, 3)
        grid.addWidget(self.rate, 2, 0)
        grid.addWidget(self.speed, 2, 2)
        grid.setRowStretch(0, 5)
        grid.setRowStretch(2, 3)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(2, 1)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.addWidget(rule())
        self.body.setSpacing(0)
        self.body.addLayout(grid, 1)

    def show_history(self, history: History) -> None:
        """Draw another run's curves."""
        self._history = history
        for plot in self.plots:
            plot.clear()
        self._redraw.mark(*self.plots)

    def point_out(self, figure: str) -> None:
        """Give the keyboard, and so a ring, to the plot that shows a figure (`val_accuracy`)."""
        plot = {"lr": self.rate}.get(figure, self.loss if figure.endswith("loss") else self.score)
        plot.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def mark_steps(self) -> None:
        """Say that per-step values came."""
        self._redraw.mark(*self.plots)

    # --------------------------------------------------------------------------------------- filling

    def _fill_loss(self) -> None:
        self._fill_pair(self.loss, "loss")
        log = ", log" if self.loss.log else ""
        self.loss.set_remark("every step, every epoch" + log)

    def _fill_score(self) -> None:
        score = self.score_of(self._history)
        if score.unit == "%":
            self.score.set_title(score.title, percent, hundredths)
        else:
            self.score.set_title(score.title, short)
        self.score.set_remark(score.unit)
        self._fill_pair(self.score, score.name)

    def _fill_pair(self, plot: LinePlot, name: str) -> None:
        history = self._history
        curve = history.curves.get(f"train_{name}")
        if curve is not None:
            x, y = curve.points()
            middle_x, middle = curve.means()
            plot.set_points("train", self._at(x), y, (self._at(middle_x), middle))
        else:
            epochs, values = history.metric(f"train_{name}")
            plot.set_points("train", self._at_epochs(epochs), values)
        epochs, values = history.metric(f"val_{name}")
        plot.set_points("val", self._at_epochs(epochs), values)
        best = history.best(f"val_{name}")
        if best is None:
            plot.set_best(None)
        else:
            epoch, value = best
            at = float(self._at_epochs(np.array([epoch], np.float64))[0])
            plot.set_best((at, value, f"best {plot.form(value)} at epoch {epoch}"))
        self._mark(plot)

    def _fill_rate(self) -> None:
        started = self._history.started
        if started is not None:
            end = float(self._history.total_steps)
            self.rate.set_x_range(0.0, float(self._at(np.array([end]))[0]))
        self._fill_one(self.rate, "lr", "lr")

    def _fill_speed(self) -> None:
        progress = self._history.progress
        if progress is not None and progress.overhead > 0:
            self.speed.set_remark(
                f"samples per second, watching costs {percent(progress.overhead)}"
            )
        self._fill_one(self.speed, "samples_per_s", "speed")

    def _fill_one(self, plot: LinePlot, name: str, trace: str) -> None:
        curve = self._history.curves.get(name)
        if curve is not None:
            x, y = curve.points()
            plot.set_points(trace, self._at(x), y)
        self._mark(plot)

    def _mark(self, plot: LinePlot) -> None:
        """Mark changed settings and the moment that is looked back at, and draw."""
        marks = []
        for change in self._history.changes:
            if change.action == "set":
                words = change_words(change.values)
                at = float(self._at(np.array([change.step], np.float64))[0])
                marks.append((at, f"{words} from step {change.step}"))
        plot.set_marks(marks)
        looked_at = self._history.at
        held = None if looked_at is None else float(self._at(np.array([looked_at], np.float64))[0])
        plot.hold(held)
        plot.refresh()

    # ---------------------------------------------------------------------------------- the x axis

    @staticmethod
    def score_of(history: History) -> Score:
        """Return the metric that stands beside the loss."""
        for score in _SCORES:
            named = (f"val_{score.name}", f"train_{score.name}")
            if any(name in epoch.metrics for epoch in history.epochs[-1:] for name in named):
                return score
            if any(name in history.curves for name in named):
                return score
        usual = _USUAL.get(history.started.task, "accuracy") if history.started else "accuracy"
        return next(score for score in _SCORES if score.name == usual)

    def _at(self, steps: np.ndarray) -> np.ndarray:
        return self._history.epochs_at(steps) if self._by_epoch else steps

    def _at_epochs(self, epochs: np.ndarray) -> np.ndarray:
        return epochs if self._by_epoch else self._history.steps_at(epochs)

    def _where(self, x: float) -> str:
        if not self._by_epoch:
            return Theme.number(round(x))
        return f"{x:.2f}".rstrip("0").rstrip(".")

    def _set_by_epoch(self, on: bool) -> None:
        self.epochs.setChecked(on)
        self.steps.setChecked(not on)
        if on != self._by_epoch:
            self._by_epoch = on
            self._redraw.mark(*self.plots)

    def _on_smooth(self, on: bool) -> None:
        for plot in (self.loss, self.score):
            plot.smoothing = SMOOTHING if on else 0.0
        self._redraw.mark(self.loss, self.score)
