"""A table over time, cut into windows: what was, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from studio.data.csv_file import read_csv
from studio.data.dates import read_date
from studio.data.reading import check_size
from studio.data.source import DataProblem, Loaded, Source, existing
from studio.data.table import MISSING_PARAM, Table, times_of
from studio.data.transforms import STANDARDIZE_PARAM
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: inputs `[n, past, columns]`, targets `[n, ahead · predicted columns]`, step by step."""
    path = existing(params["path"], base, "A CSV file", "a table with one moment a row")
    table = read_csv(path)
    when = _time_column(table, str(params["time"]))
    columns = _columns(table, str(params["columns"]), when)
    wanted = table.positions(str(params["target"]), "target") if params["target"] else columns[:1]
    notes: tuple[str, ...] = ()
    if params["missing"] == "skip":
        needed = [*columns, *wanted, *([] if when is None else [when])]
        table, notes = table.without_gaps(needed)
    if when is not None:
        table, notes = _in_order(table, when, notes)
    values = np.stack([table.numbers(i) for i in columns], axis=1).astype(np.float32)
    answers = np.stack([table.numbers(i) for i in wanted], axis=1).astype(np.float32)
    past, ahead, stride = int(params["past"]), int(params["ahead"]), int(params["stride"])
    count = (len(table) - past - ahead) // stride + 1
    if count < 2:
        raise DataProblem(
            f"{table.file} has {len(table)} rows; {past} past and {ahead} future ones every {stride} "
            f"need at least {past + ahead + stride}. Choose a longer series, or shorter windows."
        )
    check_size(4 * count * past * len(columns), f"{table.file} in {count} windows of {past} rows")
    inputs = sliding_window_view(values, past, axis=0)[::stride][:count].transpose(0, 2, 1)
    targets = sliding_window_view(answers[past:], ahead, axis=0)[::stride][:count]
    names = tuple(
        table.names[index] + (f" +{step}" if ahead > 1 else "")
        for step in range(1, ahead + 1)
        for index in wanted
    )
    return Loaded(
        title=path.name,
        form="sequence",
        inputs=inputs.copy(),
        targets=targets.transpose(0, 2, 1).reshape(count, -1).copy(),
        times=np.arange(count, dtype=np.int64) * stride,
        features=tuple(table.names[index] for index in columns),
        target_names=names,
        notes=(*notes, f"{len(table)} rows, {count} windows of {past} and {ahead} after them."),
    )


def _time_column(table: Table, wish: str) -> int | None:
    """Return the column that says when: the one wished for, else the first of dates, if there is one."""
    if wish:
        return table.position(wish, "time column")
    for index in range(len(table.names)):
        if not table.numeric(index) and read_date(str(table.columns[index][0])) is not None:
            return index
    return None


def _columns(table: Table, wish: str, when: int | None) -> list[int]:
    if wish:
        return table.positions(wish, "column")
    found = [i for i in range(len(table.names)) if i != when and table.numeric(i)]
    if not found:
        raise DataProblem(
            f"{table.file} has no column of numbers beside the time: {', '.join(table.names)}. "
            "Choose a table with at least one."
        )
    return found


def _in_order(table: Table, when: int, notes: tuple[str, ...]) -> tuple[Table, tuple[str, ...]]:
    """Return the rows from the earliest to the latest. Raises: DataProblem, for a cell without time."""
    times = times_of(table, when)
    order = np.argsort(times, kind="stable")
    repeated = int((np.diff(times[order]) == 0).sum())
    steps = np.diff(times[order])
    gaps = int((steps > 1.5 * np.median(steps)).sum())
    if gaps:
        notes = (*notes, f"{gaps} steps in time are longer than usual: rows seem to be missing.")
    if repeated:
        notes = (*notes, f"{repeated} rows have the same time as the row before.")
    if np.array_equal(order, np.arange(len(order))):
        return table, notes
    return table.rows(order.tolist()), (*notes, f"The rows were sorted by {table.names[when]!r}.")


SERIES = Source(
    SourceSpec(
        kind="files.series",
        title="Time series",
        doc="A table with one moment a row: the next rows are predicted from the last ones.",
        form="sequence",
        params=(
            Param("path", "path", "", required=True, help="A CSV or TSV with one moment a row"),
            Param(
                "columns", "str", "", help="What is seen, by name; empty: every column of numbers"
            ),
            Param(
                "target", "str", "", help="What is predicted, by name; empty: the first one seen"
            ),
            Param("time", "str", "", help="The column that says when; empty: the first of dates"),
            Param("past", "int", 30, minimum=1, maximum=10_000, help="Rows that are seen"),
            Param("ahead", "int", 1, minimum=1, maximum=1000, help="Rows that are predicted"),
            Param("stride", "int", 1, minimum=1, maximum=10_000, help="Rows between windows"),
            MISSING_PARAM,
            STANDARDIZE_PARAM,
        ),
    ),
    _load,
)
