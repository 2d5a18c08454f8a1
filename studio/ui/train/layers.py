"""What the layers do over time: a quantity of all, the outputs of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QWidget

from studio.engine.protocol import LayerStat
from studio.session.history import History
from studio.ui.theme import Theme
from studio.ui.views.heatmap import Heatmap
from studio.ui.views.panel import Panel
from studio.ui.views.redraw import Redraw
from studio.ui.views.ridges import Moment, Ridges

_RIDGES = 14


class Quantity(NamedTuple):
    """Something measured of each layer: its title, how it reads, its scale, and its value (None: none)."""

    title: str
    remark: str
    value: Callable[[LayerStat], float | None]
    log: bool = False
    limits: tuple[float, float] | None = None


QUANTITIES = (
    Quantity("Gradient norm", "layer × time, log scale", lambda s: s.grad, log=True),
    Quantity("Update to weight", "a step's change as a share", lambda s: s.update, log=True),
    Quantity("Activation mean", "layer × time", lambda s: s.mean),
    Quantity("Activation deviation", "layer × time, log scale", lambda s: s.std, log=True),
    Quantity(
        "Dead units",
        "share that is zero on all probed samples",
        lambda s: s.dead if s.units else None,
        limits=(0.0, 1.0),
    ),
    Quantity(
        "Saturated units",
        "share that is at a limit on all probed samples",
        lambda s: s.saturated if s.units else None,
        limits=(0.0, 1.0),
    ),
)


class LayersOverTime(Panel):
    """One quantity of every layer that has it, layer × time."""

    layer_picked = Signal(str)

    def __init__(self, theme: Theme, redraw: Redraw, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Layers over time", parent=parent)
        self.title.hide()
        self.choice = QComboBox()
        self.choice.setAccessibleName("Quantity")
        self.choice.setProperty("look", "title")
        self.choice.addItems([quantity.title for quantity in QUANTITIES])
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.choice.currentIndexChanged.connect(self.mark)
        self.head_row.insertWidget(0, self.choice)
        self.view = Heatmap(theme, "A quantity of each layer over time")
        self.view.row_picked.connect(self._on_row)
        self.body.addWidget(self.view, 1)
        self._history = History()
        self._name: Callable[[str], str] = str
        self._paths: tuple[str, ...] = ()
        self._redraw = redraw
        redraw.register(self.view, self._fill)

    @property
    def quantity(self) -> Quantity:
        """What is shown of each layer."""
        return QUANTITIES[self.choice.currentIndex()]

    def show_history(self, history: History, name: Callable[[str], str]) -> None:
        """Draw another run; `name` words a layer's path."""
        self._history, self._name = history, name
        self.mark()

    def mark(self) -> None:
        """Say that statistics came, or that another moment is shown."""
        self._redraw.mark(self.view)

    def set_layer(self, path: str) -> None:
        """Make a layer's name bold."""
        self.view.set_chosen(self._name(path) if path else "")

    def _fill(self) -> None:
        quantity = self.quantity
        self.remark.put(quantity.remark)
        self.view.setAccessibleName(f"{quantity.title} of each layer over time")
        self.view.empty_text = f"{quantity.title}: no layer of this network has it yet."
        series = self._history.layer_series
        steps = np.array(self._history.layer_steps, np.int64)
        started = self._history.started
        order = [path for path in (started.nodes if started else ()) if path in series]
        order += [path for path in series if path not in order]
        read = {path: [quantity.value(stat) for stat in series[path]] for path in order}
        rows = {
            path: [float("nan") if value is None else value for value in row]
            for path, row in read.items()
            if any(value is not None for value in row)
        }
        self._paths = tuple(rows)
        values = np.full((len(rows), steps.size), np.nan)
        for k, row in enumerate(rows.values()):
            values[k, steps.size - len(row) :] = row[-steps.size :] if steps.size else []
        names = [self._name(path) for path in rows]
        self.view.set_values(
            values,
            names,
            steps,
            self._ticks(steps),
            log=quantity.log,
            limits=quantity.limits,
        )
        self.view.hold(self._history.at)

    def _ticks(self, steps: np.ndarray) -> list[tuple[float, str]]:
        started = self._history.started
        if started is None or steps.size < 2:
            return []
        epochs = self._history.epochs_at(steps)
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
        at, chosen = self._history.at, None
        if at is not None and count:
            # The moment that is looked back at is one of the ridges, in its nearest one's place.
            moment = int(np.abs(np.array([step for step, _ in told]) - at).argmin())
            chosen = int(np.abs(keep - moment).argmin())
            keep[chosen] = moment
        moments = []
        for k in keep.tolist() if count else []:
            step, stat = told[k]
            label = "now" if k == count - 1 else Theme.number(step)
            counts = np.asarray(stat.histogram, np.float64)
            moments.append(Moment(label, stat.low, stat.high, counts))
        self.view.set_moments(moments, chosen)
