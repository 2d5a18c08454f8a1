"""What a run has told so far, live or read from its folder, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from msgspec.structs import replace

from studio.engine import protocol as p
from studio.engine.runs import is_low_best
from studio.graph.problems import Problem

#: Buckets a curve keeps; each gives its least and greatest value, so at most twice as many points.
BUCKETS = 2000
#: Layer statistics kept over time; beyond it every other one is dropped.
MOMENTS = 400


class Curve:
    """A long series as running buckets of minimum, maximum and mean: flat in its length.

    Appending to a million points and drawing costs the same as to a thousand.
    """

    def __init__(self) -> None:
        self.length = 0
        self.last = float("nan")
        self._size = 1
        self._count = 0
        self._table = np.zeros((4, BUCKETS), dtype=np.float64)  # x, low, high, mean
        self._rest = np.zeros((2, 0), dtype=np.float64)

    def append(self, x: np.ndarray, y: np.ndarray) -> None:
        """Add values; `x` rises. Values that are not finite are left out."""
        fine = np.isfinite(y)
        if not fine.any():
            return
        new = np.stack([x[fine], y[fine]]).astype(np.float64)
        self.length += new.shape[1]
        self.last = float(new[1, -1])
        rest = np.concatenate([self._rest, new], axis=1)
        while rest.shape[1] >= self._size:
            room = BUCKETS - self._count
            take = min(rest.shape[1] // self._size, room)
            part = rest[:, : take * self._size].reshape(2, take, self._size)
            rest = rest[:, take * self._size :]
            into = self._table[:, self._count : self._count + take]
            into[0] = part[0, :, 0]
            into[1] = part[1].min(axis=1)
            into[2] = part[1].max(axis=1)
            into[3] = part[1].mean(axis=1)
            self._count += take
            if self._count == BUCKETS:
                self._halve()
        self._rest = rest

    def _halve(self) -> None:
        pairs = self._table.reshape(4, BUCKETS // 2, 2)
        half = BUCKETS // 2
        self._table[0, :half] = pairs[0, :, 0]
        self._table[1, :half] = pairs[1].min(axis=1)
        self._table[2, :half] = pairs[2].max(axis=1)
        self._table[3, :half] = pairs[3].mean(axis=1)
        self._count = half
        self._size *= 2

    def cut(self, x: float) -> None:
        """Forget what lies beyond `x`; in a long curve, to the bucket that begins after it."""
        self._count = int(np.searchsorted(self._table[0, : self._count], x, side="right"))
        self._rest = self._rest[:, self._rest[0] <= x]
        drawn = self.points()[1]
        if self._rest.shape[1]:
            self.last = float(self._rest[1, -1])
        elif len(drawn):
            self.last = float(drawn[-1])

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y to draw: every value, or each bucket's least and greatest."""
        table = self._table[:, : self._count]
        if self._size == 1:
            return table[0].copy(), table[1].copy()
        return np.repeat(table[0], 2), np.stack([table[1], table[2]], axis=1).ravel()

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x and the mean of each bucket, for smoothing."""
        table = self._table[:, : self._count]
        return table[0].copy(), table[3].copy()


class History:
    """A run's events, taken in one at a time. The same for a live run and for a stored one."""

    def __init__(self, folder: str = "") -> None:
        self.folder = folder
        self.status = ""
        #: What it does before its first step, such as Compiling.
        self.working = ""
        self.started: p.Started | None = None
        self.progress: p.Progress | None = None
        self.summary: p.RunSummary | None = None
        self.pictures: p.Pictures | None = None
        self.preview: p.Preview | None = None
        self.insight: p.Insight | None = None
        #: The steps that can be gone back to, and the one that is looked at (None: the newest).
        self.moments: tuple[int, ...] = ()
        self.moment: p.Moment | None = None
        self.curves: dict[str, Curve] = {}
        #: How long the run had trained at a step, in seconds.
        self.clock = Curve()
        self.epochs: list[p.EpochDone] = []
        self.layers: dict[str, p.LayerStat] = {}
        self.flows: dict[str, float] = {}
        self.layer_steps: list[int] = []
        self.layer_series: dict[str, list[p.LayerStat]] = {}
        self.checkpoints: list[p.CheckpointSaved] = []
        self.found: list[p.ProblemFound] = []
        self.changes: list[p.ControlApplied] = []
        #: Where breakpoints were hit, the newest last.
        self.hits: list[p.BreakpointHit] = []
        #: The one that holds the run now.
        self.held: p.BreakpointHit | None = None

    @classmethod
    def of(cls, folder: str, events: Iterable[p.Event], status: str = "") -> History:
        """Return the history that stored events tell."""
        history = cls(folder)
        for event in events:
            history.take(event)
        history.status = status or history.status
        return history

    @property
    def problems(self) -> list[Problem]:
        """What deserves a look, the newest last."""
        return [found.problem for found in self.found]

    @property
    def at(self) -> int | None:
        """The step that is looked back at; None while the newest is shown."""
        return self.moment.step if self.moment is not None else None

    @property
    def shown(self) -> p.Moment:
        """What is looked at: a stored moment, else the newest of everything."""
        if self.moment is not None:
            return self.moment
        step = self.layer_steps[-1] if self.layer_steps else 0
        layers = p.LayerStats(step, self.layers, self.flows) if self.layers else None
        return p.Moment(self.step, layers, self.pictures, self.insight, self.preview)

    @property
    def epoch_shown(self) -> p.EpochDone | None:
        """The newest epoch that was over at the step that is looked at."""
        at = self.at
        over = [epoch for epoch in self.epochs if at is None or epoch.step <= at]
        return over[-1] if over else None

    @property
    def step(self) -> int:
        """The newest step heard of."""
        return self.progress.step if self.progress else 0

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the epoch under way: another batch size gives another number."""
        if len(self.epochs) > 1:
            resized = any("batch_size" in c.values for c in self.changes if c.action == "set")
            if resized:
                return max(1, self.epochs[-1].step - self.epochs[-2].step)
        return max(1, self.started.steps_per_epoch) if self.started else 1

    @property
    def total_steps(self) -> int:
        """Steps that the whole run will have taken."""
        if self.started is None:
            return 0
        done, at = (self.epochs[-1].epoch, self.epochs[-1].step) if self.epochs else (0, 0)
        return at + max(0, self.started.epochs - done) * self.steps_per_epoch

    def epochs_at(self, steps: np.ndarray) -> np.ndarray:
        """Return steps as epochs, parts of them included, however long each epoch was."""
        ends = np.array([0, *(done.step for done in self.epochs)], np.float64)
        count = np.array([0, *(done.epoch for done in self.epochs)], np.float64)
        beyond = np.maximum(0, steps - ends[-1]) / self.steps_per_epoch
        return np.asarray(np.interp(steps, ends, count) + beyond)

    def steps_at(self, epochs: np.ndarray) -> np.ndarray:
        """Return epochs as steps."""
        ends = np.array([0, *(done.step for done in self.epochs)], np.float64)
        count = np.array([0, *(done.epoch for done in self.epochs)], np.float64)
        beyond = np.maximum(0, epochs - count[-1]) * self.steps_per_epoch
        return np.asarray(np.interp(epochs, count, ends) + beyond)

    def seconds_at(self, steps: np.ndarray) -> np.ndarray:
        """Return steps as seconds that the run had trained, pauses left out."""
        x, y = self.clock.points()
        if not x.size:  # an old run, which told the time of epochs only
            x = np.array([done.step for done in self.epochs], np.float64)
            y = np.array([done.seconds for done in self.epochs], np.float64)
        if not x.size:
            return np.zeros_like(steps, np.float64)
        x, y = np.insert(x, 0, 0.0), np.insert(y, 0, 0.0)
        rate = y[-1] / max(1.0, x[-1])
        return np.asarray(np.interp(steps, x, y) + rate * np.maximum(0, steps - x[-1]))

    def series(self) -> tuple[str, ...]:
        """Return what is measured of the run, without `train_` and `val_`, the loss first."""
        found = {"loss": None}
        names = [*self.curves, *(name for epoch in self.epochs[-1:] for name in epoch.metrics)]
        for name in names:
            if name not in ("lr", "samples_per_s"):
                found[name.removeprefix("train_").removeprefix("val_")] = None
        return tuple(found)

    def metric(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return epochs and values of a metric that is measured once an epoch."""
        pairs = [(e.epoch, e.metrics[name]) for e in self.epochs if name in e.metrics]
        table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    def best(self, name: str) -> tuple[int, float] | None:
        """Return the epoch and value of a metric's best: losses and errors are best when low."""
        epochs, values = self.metric(name)
        if not np.isfinite(values).any():
            return None
        at = int(np.nanargmin(values) if is_low_best(name) else np.nanargmax(values))
        return int(epochs[at]), float(values[at])

    def take(self, event: p.Event) -> None:
        """Take one event in."""
        match event:
            case p.Started():
                self.started = event
                self.status = "running"
            case p.Progress():
                self.progress, self.working = event, ""
                for name, values in event.values.items():
                    self.curves.setdefault(name, Curve()).append(event.steps, values)
                rate = self.curves.setdefault("samples_per_s", Curve())
                rate.append(np.array([event.step]), np.array([event.samples_per_s]))
                if event.elapsed_s > 0:
                    self.clock.append(np.array([event.step]), np.array([event.elapsed_s]))
            case p.LayerStats():
                self._take_layers(event)
            case p.Pictures():
                self.pictures = event
            case p.Preview():
                self.preview = event
            case p.Insight():
                self.insight, self.moments = event, event.kept
            case p.EpochDone():
                self.epochs.append(event)
            case p.CheckpointSaved():
                self.checkpoints.append(event)
            case p.ControlApplied(action="back"):
                self._go_back(event.step)
            case p.ControlApplied():
                self.changes.append(event)
                if event.action in ("resumed", "stepped"):
                    self.held = None
                self.status = {"paused": "paused", "resumed": "running"}.get(
                    event.action, self.status
                )
            case p.BreakpointHit():
                self.hits.append(event)
                self.held = event
            case p.ProblemFound():
                known = [old for old in self.found if old.problem.node != event.problem.node]
                self.found = [*known, event]
            case p.Finished() | p.Stopped() | p.Failed():
                self.summary, self.held = event.summary, None
                self.status = event.summary.status
            case p.Working():
                self.working = event.what

    def _go_back(self, step: int) -> None:
        """Forget what was told of the steps after `step`: they are taken again."""
        for curve in (*self.curves.values(), self.clock):
            curve.cut(step)
        self.epochs = [epoch for epoch in self.epochs if epoch.step <= step]
        count = sum(seen <= step for seen in self.layer_steps)
        dropped = len(self.layer_steps) - count
        if dropped:
            self.layer_steps = self.layer_steps[:count]
            self.layer_series = {path: row[:-dropped] for path, row in self.layer_series.items()}
        if self.progress is not None:
            self.progress = replace(self.progress, step=step)

    def _take_layers(self, event: p.LayerStats) -> None:
        self.layers, self.flows = dict(event.nodes), dict(event.flows)
        self.layer_steps.append(event.step)
        for path, stat in event.nodes.items():
            self.layer_series.setdefault(path, []).append(stat)
        if len(self.layer_steps) > MOMENTS:
            self.layer_steps = self.layer_steps[::2]
            self.layer_series = {path: row[::2] for path, row in self.layer_series.items()}
