"""Loss, score, learning rate, throughput and whatever else a run measures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMenu, QPushButton, QSizePolicy, QWidget

from studio.session.history import History
from studio.ui.controls import button, chip, rule
from studio.ui.theme import Theme
from studio.ui.train.change_words import change_words
from studio.ui.train.curve_export import write_picture, write_series
from studio.ui.train.plot_grid import PlotGrid
from studio.ui.train.scores import LOSS, Score, main_score, named
from studio.ui.train.smoothing import Smoothing
from studio.ui.views.line_plot import LinePlot
from studio.ui.views.numbers import clock, percent
from studio.ui.views.panel import Panel
from studio.ui.views.plot_marks import Mark
from studio.ui.views.plot_painting import Trace
from studio.ui.views.redraw import Redraw

#: Asks where to write: title, suggested name, kinds of files; "" when the person thought better of it.
AskPath = Callable[[QWidget, str, str, str], str]
Axis = Literal["step", "epoch", "time"]

_PAIR = (
    Trace("train", "train", "series.1", smooth=True),
    Trace("val", "val", "series.2", dots=True),
)
RATE, SPEED = "lr", "samples_per_s"


class Curves(Panel):
    """Plots over steps, epochs or time, with one cursor and one zoom; `redraw` decides when they fill.

    A click in a plot wishes for the moment that was kept nearest to it (`moment_wanted`, a step).
    """

    moment_wanted = Signal(object)

    def __init__(
        self,
        theme: Theme,
        redraw: Redraw,
        parent: QWidget | None = None,
        ask_path: AskPath | None = None,
    ) -> None:
        super().__init__(theme, "Curves", parent=parent)
        self._history = History()
        self._name: Callable[[str], str] = str
        self._redraw = redraw
        self._ask_path = ask_path or _ask_path
        self._axis: Axis = "epoch"
        #: What the person wants plotted; None: loss, score, learning rate and throughput.
        self._wanted: tuple[str, ...] | None = None
        self._extra: dict[str, LinePlot] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        where = self._where
        self.loss = LinePlot(theme, "Loss", _PAIR, log=True, form_x=where)
        self.score = LinePlot(theme, "Accuracy", _PAIR, "%", form_x=where)
        now = (Trace(RATE, "now", "series.3", dots=True),)
        self.rate = LinePlot(theme, "Learning rate", now, form_x=where, from_zero=True)
        rates = (Trace(SPEED, "", "series.5", dots=True),)
        self.speed = LinePlot(theme, "Throughput", rates, "samples per second", form_x=where)
        self.smoothing = Smoothing(theme)
        self.grid = PlotGrid(theme)
        self._add(self.loss, lambda: self._fill_loss())
        self._add(self.score, lambda: self._fill_score())
        self._add(self.rate, lambda: self._fill_rate())
        self._add(self.speed, lambda: self._fill_speed())
        self._add_head()
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.addWidget(rule())
        self.body.setSpacing(0)
        self.body.addWidget(self.grid.scroller, 1)
        self._arrange()

    def _add_head(self) -> None:
        theme = self.theme
        self.steps, self.epochs, self.times = (
            chip(theme, "step"),
            chip(theme, "epoch", checked=True),
            chip(theme, "time"),
        )
        self.times.setToolTip("Time that the run had trained, pauses left out")
        self._axes: dict[Axis, QPushButton] = {
            "step": self.steps,
            "epoch": self.epochs,
            "time": self.times,
        }
        for axis, made in self._axes.items():
            made.clicked.connect(lambda _=False, chosen=axis: self.set_axis(chosen))
        self.log = chip(theme, "log", checked=True)
        self.log.setToolTip("Logarithmic axis of the loss; L does the same in any plot")
        self.log.toggled.connect(self.loss.set_log)
        self.loss.log_changed.connect(self.log.setChecked)
        self.smoothing.changed.connect(self._on_smooth)
        self.whole = button(theme, icon="fit", look="ghost", small=True, tip="Show all steps")
        self.whole.clicked.connect(lambda: self._zoom(None))
        self.whole.hide()
        self.choice = button(theme, icon="more", look="ghost", small=True)
        self.choice.setToolTip("Choose what is plotted, export")
        self.choice.setAccessibleName(self.choice.toolTip())
        self.choice.clicked.connect(self._open_menu)
        for widget in (self.whole, *self._axes.values(), self.log, self.smoothing, self.choice):
            self.add_to_head(widget)
        self.export_values = QAction("Export curves as CSV…", self)
        self.export_values.triggered.connect(self._on_export_values)
        self.export_picture = QAction("Export plots as a picture…", self)
        self.export_picture.triggered.connect(self._on_export_picture)

    def _add(self, plot: LinePlot, fill: Callable[[], None]) -> None:
        plot.smoothing = self.smoothing.value
        plot.cursor_moved.connect(self._on_cursor)
        plot.zoomed.connect(self._zoom)
        plot.picked.connect(self._on_picked)
        plot.log_changed.connect(lambda: self._redraw.mark(plot))
        plot.set_zoom(self.loss.zoom)
        self._redraw.register(plot, fill)
        self.grid.take(plot)

    # --------------------------------------------------------------------------------- what is shown

    @property
    def plots(self) -> tuple[LinePlot, ...]:
        """Every plot there is, shown or not."""
        return (self.loss, self.score, self.rate, self.speed, *self._extra.values())

    @property
    def names(self) -> tuple[str, ...]:
        """What is plotted."""
        if self._wanted is not None:
            return self._wanted
        return tuple(dict.fromkeys(("loss", main_score(self._history).name, RATE, SPEED)))

    def offered(self) -> tuple[tuple[str, str], ...]:
        """Return the names and titles of all that can be plotted."""
        names = dict.fromkeys((*self._history.series(), *self.names))
        measured = [(name, named(name).title) for name in names if name not in (RATE, SPEED)]
        return (*measured, (RATE, "Learning rate"), (SPEED, "Throughput"))

    def plot_also(self, name: str, on: bool) -> None:
        """Plot a series, or do not; one plot is always left."""
        names = self.names
        chosen = tuple(
            n for n, _ in self.offered() if (n in names and n != name) or (on and n == name)
        )
        if chosen:
            self._wanted = chosen
            self._arrange()
            self._redraw.mark(*self.plots)

    def _arrange(self) -> None:
        main = main_score(self._history)
        own = {"loss": self.loss, RATE: self.rate, SPEED: self.speed}
        if main != LOSS:
            own[main.name] = self.score
        names = self.names
        for name in names:
            if name not in own and name not in self._extra:
                score = named(name)
                made = LinePlot(self.theme, score.title, _PAIR, score.unit, form_x=self._where)
                made.set_title(score.title, score.form, score.form_tick)
                self._extra[name] = made
                self._add(made, lambda made=made, score=score: self._fill_pair(made, score))  # type: ignore[misc]
        large = [own.get(n) or self._extra[n] for n in names if n not in (RATE, SPEED)]
        self.grid.arrange(large, [own[n] for n in names if n in (RATE, SPEED)])

    def show_history(self, history: History, name: Callable[[str], str] = str) -> None:
        """Draw another run's curves; `name` words the place of a node that was changed."""
        self._history, self._name = history, name
        self.remark.put("")
        self._wanted = None
        for plot in self.plots:
            plot.clear()
        self.whole.hide()
        self._arrange()
        self._redraw.mark(*self.plots)

    def point_out(self, figure: str) -> None:
        """Give the keyboard, and so a ring, to the plot that shows a figure (`val_accuracy`)."""
        plot = {"lr": self.rate}.get(figure, self.loss if figure.endswith("loss") else self.score)
        plot.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def mark_steps(self) -> None:
        """Say that per-step values came."""
        self._arrange()
        self._redraw.mark(*self.plots)

    # --------------------------------------------------------------------------------------- filling

    def _fill_loss(self) -> None:
        log = ", log" if self.loss.log else ""
        self.loss.set_remark("every step, every epoch" + log)
        self._fill_pair(self.loss, LOSS)

    def _fill_score(self) -> None:
        score = main_score(self._history)
        self.score.set_title(score.title, score.form, score.form_tick)
        self.score.set_remark(score.unit)
        self._fill_pair(self.score, score)

    def _fill_pair(self, plot: LinePlot, score: Score) -> None:
        history, name = self._history, score.name
        curve = history.curves.get(f"train_{name}") or history.curves.get(name)
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
        if self._history.started is not None:
            self.rate.set_x_range(0.0, self._place(self._history.total_steps))
        self._fill_one(self.rate, RATE)

    def _fill_speed(self) -> None:
        progress = self._history.progress
        if progress is not None and progress.overhead > 0:
            cost = percent(progress.overhead)
            self.speed.set_remark(f"samples per second, watching costs {cost}")
        self._fill_one(self.speed, SPEED)

    def _fill_one(self, plot: LinePlot, name: str) -> None:
        curve = self._history.curves.get(name)
        if curve is not None:
            x, y = curve.points()
            plot.set_points(name, self._at(x), y)
        self._mark(plot)

    def _mark(self, plot: LinePlot) -> None:
        """Mark what happened and the moment that is looked back at, and draw."""
        history = self._history
        plot.set_marks(
            [Mark(self._place(step), *said) for step, *said in _happened(history, self._name)]
        )
        plot.hold(None if history.at is None else self._place(history.at))
        plot.refresh()

    # ---------------------------------------------------------------------------------- the x axis

    def set_axis(self, axis: Axis) -> None:
        """Plot over steps, epochs or the time trained."""
        for each, made in self._axes.items():
            made.setChecked(each == axis)
        if axis != self._axis:
            self._axis = axis
            self._zoom(None)
            self._redraw.mark(*self.plots)

    def _at(self, steps: np.ndarray) -> np.ndarray:
        match self._axis:
            case "epoch":
                return self._history.epochs_at(steps)
            case "time":
                return self._history.seconds_at(steps)
        return steps

    def _at_epochs(self, epochs: np.ndarray) -> np.ndarray:
        return epochs if self._axis == "epoch" else self._at(self._history.steps_at(epochs))

    def _place(self, step: float) -> float:
        return float(self._at(np.array([step], np.float64))[0])

    def _where(self, x: float) -> str:
        match self._axis:
            case "step":
                return Theme.number(round(x))
            case "time":
                return clock(x)
        return f"{x:.2f}".rstrip("0").rstrip(".")

    # ----------------------------------------------------------------------------------- interaction

    def _on_cursor(self, x: float | None) -> None:
        for plot in self.plots:
            plot.set_cursor(x)

    def _zoom(self, ends: tuple[float, float] | None) -> None:
        for plot in self.plots:
            plot.set_zoom(ends)
        self.whole.setVisible(ends is not None)

    def _on_picked(self, x: float) -> None:
        moments = self._history.moments
        if moments:
            self.moment_wanted.emit(min(moments, key=lambda step: abs(self._place(step) - x)))

    def _on_smooth(self, weight: float) -> None:
        for plot in self.plots:
            plot.smoothing = weight
        self._redraw.mark(*self.plots)

    def menu(self) -> QMenu:
        """Return what can be plotted, and the ways to take it along."""
        menu = QMenu(self)
        names = self.names
        for name, title in self.offered():
            action = menu.addAction(title)
            action.setCheckable(True)
            action.setChecked(name in names)
            action.setEnabled(names != (name,))
            action.toggled.connect(lambda on, chosen=name: self.plot_also(chosen, on))
        menu.addSeparator()
        menu.addAction(self.export_values)
        menu.addAction(self.export_picture)
        return menu

    def _open_menu(self) -> None:
        menu = self.menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.choice.mapToGlobal(QPoint(0, self.choice.height() + 4)))

    # ---------------------------------------------------------------------------------------- export

    def _on_export_values(self) -> None:
        path = self._ask_path(self, "Export curves", "curves.csv", "Tables (*.csv)")
        if path:
            self._write(Path(path), lambda file: write_series(self._history, file))

    def _on_export_picture(self) -> None:
        kinds = "Vector drawings (*.svg);;Pictures (*.png)"
        path = self._ask_path(self, "Export plots", "curves.svg", kinds)
        if path:
            self._write(Path(path), lambda file: write_picture(self.grid, self.theme, file))

    def _write(self, path: Path, write: Callable[[Path], None]) -> None:
        try:
            write(path)
        except OSError as error:
            self.remark.put(f"Nothing was written: {error.strerror or error}.")
        else:
            self.remark.put(f"Written: {path.name}")


def _happened(history: History, name: Callable[[str], str]) -> list[tuple[int, str, str]]:
    """Return what is marked: the step, in words, and a colour."""
    told = [
        (change.step, f"{change_words(change.values, name)} from step {change.step}", "text.3")
        for change in history.changes
        if change.action == "set"
    ]
    told += [
        (found.step, f"step {found.step}: {found.problem.message}", "warn")
        for found in history.found
        if found.problem.severity != "hint"
    ]
    told += [(hit.step, f"paused at step {hit.step}: {hit.what}", "error") for hit in history.hits]
    return told


def _ask_path(parent: QWidget, title: str, suggestion: str, kinds: str) -> str:
    return QFileDialog.getSaveFileName(parent, title, suggestion, kinds)[0]
