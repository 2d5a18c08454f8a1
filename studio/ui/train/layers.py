"""What the layers do over time: gradient norms of all, the outputs of one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.session.history import History
from studio.ui.theme import Theme
from studio.ui.views.heatmap import Heatmap
from studio.ui.views.panel import Panel
from studio.ui.views.redraw import Redraw
from studio.ui.views.ridges import Moment, Ridges

_RIDGES = 14


class Gradients(Panel):
    """Gradient norm of every layer with weights, layer × time."""

    layer_picked = Signal(str)

    def __init__(self, theme: Theme, redraw: Redraw, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Gradient norm", "layer × time, log scale", parent)
        self.view = Heatmap(theme, "Gradient norm of each layer over time")
        self.view.empty_text = "Gradient norms appear with the first steps."
        self.view.row_picked.connect(self._on_row)
        self.body.addWidget(self.view, 1)
        self._history = History()
        self._name: Callable[[str], str] = str
        self._paths: tuple[str, ...] = ()
        self._redraw = redraw
        redraw.register(self.view, self._fill)

    def show_history(self, history: History, name: Callable[[str], str]) -> None:
        """Draw another run; `name` words a layer's path."""
        self._history, self._name = history, name
        self.mark()

    def mark(self) -> None:
        """Say that statistics came."""
        self._redraw.mark(self.view)

    def set_layer(self, path: str) -> None:
        """Make a layer's name bold."""
        self.view.set_chosen(self._name(path) if path else "")

    def _fill(self) -> None:
        series = self._history.layer_series
        steps = np.array(self._history.layer_steps, np.int64)
        started = self._history.started
        order = [path for path in (started.nodes if started else ()) if path in series]
        order += [path for path in series if path not in order]
        rows = {
            path: [float("nan") if s.grad is None else s.grad for s in series[path]]
            for path in order
            if any(stat.grad is not None for stat in series[path])
        }
        self._paths = tuple(rows)
        values = np.full((len(rows), steps.size), np.nan)
        for k, row in enumerate(rows.values()):
            values[k, steps.size - len(row) :] = row[-steps.size :] if steps.size else []
        names = [self._name(path) for path in rows]
        self.view.set_values(values, names, steps, self._ticks(steps))

    def _ticks(self, steps: np.ndarray) -> list[tuple[float, str]]:
        started = self._history.started
        if started is None or steps.size < 2:
            return []
        epochs = steps / max(1, started.steps_per_epoch)
        first, last = float(epochs[0]), float(epochs[-1])
        stride = max(1, int(np.ceil((last - first) / 7)))
        ticks: list[tuple[float, str]] = []
        for epoch in range(int(np.ceil(first)), int(last) + 1, stride):
            share = float(np.searchsorted(epochs, epoch)) / steps.size
            ticks.append((share, f"epoch {epoch}" if not ticks else str(epoch)))
        return ticks

    def _on_row(self, name: str) -> None:
        for path in self._paths:
            if self._name(path) == name:
                self.layer_picked.emit(path)


class Outputs(Panel):
    """Histograms of one layer's outputs over time."""

    def __init__(self, theme: Theme, redraw: Redraw, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Output over time", "of the chosen layer", parent)
        self.view = Ridges(theme, "Outputs of the chosen layer over time")
        self.view.empty_text = "Histograms appear with the first steps."
        self.body.addWidget(self.view, 1)
        self._history = History()
        self._path = ""
        self._name: Callable[[str], str] = str
        self._redraw = redraw
        redraw.register(self.view, self._fill)

    def show_history(self, history: History, name: Callable[[str], str]) -> None:
        """Draw another run; `name` words a layer's path."""
        self._history, self._name = history, name
        self.set_layer(self._path)

    def set_layer(self, path: str) -> None:
        """Follow another layer."""
        self._path = path
        self.title.setText(f"{self._name(path)} output over time" if path else "Output over time")
        self.remark.put("on the probe batch; heights are square roots")
        self.mark()

    def mark(self) -> None:
        """Say that statistics came."""
        self._redraw.mark(self.view)

    def _fill(self) -> None:
        series = self._history.layer_series.get(self._path, [])
        steps = self._history.layer_steps[-len(series) :] if series else []
        told = [(step, stat) for step, stat in zip(steps, series, strict=False) if stat.histogram]
        count = len(told)
        keep = np.unique(np.linspace(0, count - 1, min(count, _RIDGES)).round().astype(int))
        moments = []
        for k in keep.tolist() if count else []:
            step, stat = told[k]
            label = "now" if k == count - 1 else Theme.number(step)
            counts = np.asarray(stat.histogram, np.float64)
            moments.append(Moment(label, stat.low, stat.high, counts))
        self.view.set_moments(moments)
