"""The columns of the runs' table: what each shows, sorts by, and when it says nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from studio.session.stored import StoredRun
from studio.ui.theme import Theme
from studio.ui.views.numbers import clock, percent, short

#: Metrics that rank runs, the first that any run has is used.
_RANKING = ("val_accuracy", "val_r2", "val_mae", "val_loss")

_TITLES = {"val_accuracy": "val accuracy", "val_r2": "val R²", "val_mae": "val MAE"}


class Column(NamedTuple):
    """`value` sorts (None last), `text` is shown. A `setting` may be hidden where all runs agree."""

    key: str
    title: str
    value: Callable[[StoredRun], float | str | None]
    text: Callable[[StoredRun], str]
    setting: bool = False
    figure: bool = True


def ranking(runs: Sequence[StoredRun]) -> str:
    """Return the metric that ranks these runs."""
    for name in _RANKING:
        if any(name in run.info.best for run in runs):
            return name
    return _RANKING[0]


def metric_title(name: str) -> str:
    """Return a metric as a column's title says it."""
    return _TITLES.get(name, name.replace("_", " "))


def metric_text(name: str, value: float | None) -> str:
    """Return a metric's value as it is shown."""
    if value is None:
        return "–"
    return percent(value, 2) if name.endswith("accuracy") else short(value)


def columns(metric: str) -> tuple[Column, ...]:
    """Return the table's columns; `metric` ranks."""

    def best(name: str, part: str) -> Callable[[StoredRun], float | None]:
        return lambda run: run.info.best.get(name, {}).get(part)

    def last(run: StoredRun) -> float | None:
        return run.info.last.get(metric)

    def shown(value: Callable[[StoredRun], object]) -> Callable[[StoredRun], str]:
        def text(run: StoredRun) -> str:
            found = value(run)
            if found is None or found == "":
                return "–"
            return f"{found:g}" if isinstance(found, float) else str(found)

        return text

    def recipe(name: str) -> Callable[[StoredRun], float | str | None]:
        return lambda run: None if run.recipe is None else getattr(run.recipe, name)

    def kind(name: str) -> Callable[[StoredRun], str | None]:
        return lambda run: None if run.recipe is None else getattr(run.recipe, name).split(".")[-1]

    def whole(value: Callable[[StoredRun], float | str | None]) -> Callable[[StoredRun], str]:
        return lambda run: Theme.number(int(value(run) or 0)) if value(run) else "–"

    def rate(run: StoredRun) -> float | None:
        value = run.setting("lr")
        return float(value) if isinstance(value, int | float) else None

    ranked, at = best(metric, "value"), best(metric, "epoch")
    loss = best("val_loss", "value")

    def figure(name: str, value: Callable[[StoredRun], float | None]) -> Callable[[StoredRun], str]:
        return lambda run: metric_text(name, value(run))

    return (
        Column("name", "Run", lambda r: r.info.name, lambda r: r.info.name, figure=False),
        Column("status", "Status", lambda r: r.info.status, _status, figure=False),
        Column("best", f"Best {metric_title(metric)}", ranked, figure(metric, ranked)),
        Column("at", "at epoch", at, whole(at)),
        Column("last", "Last", last, figure(metric, last)),
        Column("loss", "Val loss", loss, figure("val_loss", loss)),
        Column("epochs", "Epochs", lambda r: r.info.epochs, lambda r: str(r.info.epochs)),
        Column("time", "Time", lambda r: r.info.seconds, lambda r: clock(r.info.seconds)),
        Column(
            "parameters",
            "Parameters",
            lambda r: r.parameters or None,
            whole(lambda r: r.parameters),
            setting=True,
        ),
        Column("optimizer", "Optimiser", kind("optimizer"), shown(kind("optimizer")), True, False),
        Column("lr", "lr", rate, lambda r: "default" if rate(r) is None else f"{rate(r):g}", True),
        Column("schedule", "Schedule", kind("schedule"), shown(kind("schedule")), True, False),
        Column("batch", "Batch", recipe("batch_size"), shown(recipe("batch_size")), True),
        Column("seed", "Seed", recipe("seed"), shown(recipe("seed")), True),
        Column("data", "Data", lambda r: r.info.data, shown(lambda r: r.info.data), True, False),
        Column(
            "device", "Device", lambda r: r.info.device, shown(lambda r: r.info.device), True, False
        ),
        Column("when", "Begun", lambda r: r.info.time, _when, figure=False),
    )


def agreed(runs: Sequence[StoredRun], table: Sequence[Column]) -> tuple[Column, ...]:
    """Return the settings' columns in which all runs say the same."""
    if len(runs) < 2:
        return ()
    return tuple(
        column
        for column in table
        if column.setting and len({column.text(run) for run in runs}) == 1
    )


def _status(run: StoredRun) -> str:
    return run.info.status


def _when(run: StoredRun) -> str:
    if not run.info.time:
        return "–"
    return time.strftime("%d %b %H:%M", time.localtime(run.info.time))
