"""A table in memory: named columns of text or numbers, and what they become for a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.data.dates import date_columns, read_date
from studio.data.source import DataProblem, Loaded
from studio.data.transforms import STANDARDIZE_PARAM
from studio.graph.params import Param, Value

#: Text as a file holds it, or numbers, NaN where a cell is empty.
Column = Sequence[str] | NDArray[np.float64]
Targets = tuple[NDArray[np.int64] | NDArray[np.float32], tuple[str, ...], str]

_MISSING = frozenset(["", "na", "n/a", "nan", "null", "none", "?"])
#: A text column with more different values than this is a name or a date, not a category.
MOST_CATEGORIES = 32
#: Whole numbers with at most this many different values are read as classes.
_MOST_NUMBERED_CLASSES = 20
#: What stands between several labels in one cell.
_BETWEEN_LABELS = re.compile(r"[|;,]")

TASK_PARAM = Param(
    "task",
    "choice",
    "auto",
    choices=("auto", "classification", "multi-label", "regression"),
    help="multi-label: several columns of 0 and 1, or one with labels such as red|round",
)
MISSING_PARAM = Param(
    "missing",
    "choice",
    "refuse",
    choices=("refuse", "skip"),
    help="What to do with rows that have empty cells",
)
TABLE_PARAMS = (
    Param(
        "target",
        "str",
        "",
        help="What to predict: a column's name or number, several separated by commas; empty: the last",
    ),
    Param("ignore", "str", "", help="Columns to leave out, separated by commas"),
    Param(
        "group",
        "str",
        "",
        help="A column (a patient, a speaker) whose rows stay together when divided by groups; "
        "it is no input",
    ),
    Param("time", "str", "", help="A column of dates or numbers that rows are divided by in time"),
    TASK_PARAM,
    MISSING_PARAM,
    STANDARDIZE_PARAM,
)


@dataclass(frozen=True)
class Table:
    """Named columns; `lines` say where each row stands in the file, in units of `unit`."""

    file: str
    names: tuple[str, ...]
    columns: tuple[Column, ...]
    lines: Sequence[int]
    unit: str = "line"

    def __len__(self) -> int:
        return len(self.lines)

    def spread(self, most_cells: int) -> Table:
        """Return stretches of rows from all over the table, of so many cells, but at least 200 rows."""
        stretches = 20
        each = max(200, most_cells // len(self.names)) // stretches
        if len(self) <= stretches * each:
            return self
        starts = np.linspace(0, len(self) - each, stretches).astype(int)
        kept = (starts[:, None] + np.arange(each)).ravel().tolist()
        return self.rows(kept)

    def place(self, row: int, column: int) -> str:
        """Return where a cell is, in words."""
        return f"{self.file}, {self.unit} {self.lines[row]}, column {self.names[column]!r}"

    def position(self, name: str, what: str) -> int:
        """Return the index of a column by its name, or its number from 1. Raises: DataProblem."""
        if name in self.names:
            return self.names.index(name)
        if name.isdigit() and 1 <= int(name) <= len(self.names):
            return int(name) - 1
        shown = ", ".join(self.names[:12]) + ("…" if len(self.names) > 12 else "")
        raise DataProblem(
            f"{self.file} has no {what} named {name!r}. Its columns: {shown}. "
            f"Choose one of them, or a number from 1 to {len(self.names)}."
        )

    def positions(self, names: str, what: str) -> list[int]:
        """Return the indices of columns that are separated by commas. Raises: DataProblem."""
        parts = [names] if names in self.names else [part.strip() for part in names.split(",")]
        return [self.position(part, what) for part in parts if part]

    def numeric(self, index: int) -> bool:
        """Whether a column is of numbers: most of its filled cells are, the others are mistakes."""
        column = self.columns[index]
        if isinstance(column, np.ndarray):
            return True
        filled = [cell for cell in column if not is_missing(cell)]
        return 2 * sum(as_number(cell) is not None for cell in filled) > len(filled)

    def numbers(self, index: int) -> NDArray[np.float64]:
        """Return a column's numbers. Raises: DataProblem, with the cell that is none."""
        column = self.columns[index]
        if isinstance(column, np.ndarray):
            wrong = np.flatnonzero(~np.isfinite(column))
            if len(wrong):
                raise self._no_number(int(wrong[0]), index)
            return column
        values = np.empty(len(self))
        for row, cell in enumerate(column):
            value = as_number(cell)
            if value is None:
                raise self._no_number(row, index)
            values[row] = value
        return values

    def labels(self, index: int) -> list[str]:
        """Return a column as text. Raises: DataProblem, with the cell that is empty."""
        column = self.columns[index]
        cells = [f"{v:.15g}" for v in column] if isinstance(column, np.ndarray) else list(column)
        for row, cell in enumerate(cells):
            if not cell or cell == "nan":
                raise DataProblem(
                    f"{self.place(row, index)}: the cell is empty. Fill it in, or set empty cells to "
                    "skip."
                )
        return cells

    def without_gaps(self, wanted: Sequence[int]) -> tuple[Table, tuple[str, ...]]:
        """Return the rows that have a cell in every wanted column, and a note of how many have not."""
        whole = np.ones(len(self), dtype=bool)
        for column in (self.columns[index] for index in wanted):
            if isinstance(column, np.ndarray):
                whole &= ~np.isnan(column)
            else:
                whole &= [not is_missing(cell) for cell in column]
        kept = np.flatnonzero(whole).tolist()
        dropped = len(self) - len(kept)
        if len(kept) < 2:
            raise DataProblem(
                f"{self.file}: {dropped} of {len(self)} rows have empty cells, which leaves "
                f"{len(kept)}. Fill the cells in, or leave the emptiest columns out of the file."
            )
        if not dropped:
            return self, ()
        return self.rows(kept), (f"{dropped} rows with empty cells were left out.",)

    def rows(self, kept: Sequence[int]) -> Table:
        """Return these rows alone, in this order."""
        columns = tuple(
            column[kept] if isinstance(column, np.ndarray) else [column[row] for row in kept]
            for column in self.columns
        )
        lines = [self.lines[row] for row in kept]
        return Table(self.file, self.names, columns, lines, self.unit)

    def _no_number(self, row: int, index: int) -> DataProblem:
        column = self.columns[index]
        cell = f"{column[row]:g}" if isinstance(column, np.ndarray) else column[row]
        if is_missing(cell):
            what = f"the cell is {'empty' if not cell else repr(cell)}. Fill it in, or set empty cells to skip."
        else:
            what = f"got {cell[:40]!r}. Correct the cell, or ignore the column."
        return DataProblem(f"{self.place(row, index)}: expected a number, but {what}")


def as_number(cell: str) -> float | None:
    """Return the finite number that a cell holds."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def load_table(
    params: Mapping[str, Value], path: Path, read: Callable[[Path, Sequence[str]], Table]
) -> Loaded:
    """Return the samples of a table that `read` reads; it is told which columns are ignored.

    Raises: DataProblem.
    """
    names = [name.strip() for name in str(params["ignore"]).split(",") if name.strip()]
    divided_by = (params["group"], params["time"])
    table = read(path, [name for name in names if name not in divided_by])
    wanted = str(params["target"])
    targets = table.positions(wanted, "target") if wanted else [len(table.names) - 1]
    ignored = {table.position(name, "ignored column") for name in names}
    group = table.position(str(params["group"]), "group column") if params["group"] else None
    time = table.position(str(params["time"]), "time column") if params["time"] else None
    used = [i for i in range(len(table.names)) if i not in {*targets, *ignored, group}]
    if not used:
        raise DataProblem(
            f"{table.file} has no column left to learn from: {len(table.names)} columns, "
            f"{len(targets)} of them predicted, {len(ignored)} ignored. Ignore fewer columns, or "
            "check the delimiter."
        )
    notes: tuple[str, ...] = ()
    if params["missing"] == "skip":
        table, notes = table.without_gaps([*used, *targets])
    blocks, features = zip(*(_features(table, index) for index in used), strict=True)
    values, classes, task = targets_of(table, targets, str(params["task"]))
    return Loaded(
        title=path.name,
        form="table",
        inputs=np.concatenate(blocks, axis=1),
        targets=values,
        task=task,
        classes=classes,
        features=tuple(name for names in features for name in names),
        target_names=tuple(table.names[index] for index in targets),
        groups=None if group is None else _groups(table, group),
        times=None if time is None else times_of(table, time),
        notes=notes,
    )


def targets_of(table: Table, columns: Sequence[int], task: str) -> Targets:
    """Return targets, classes and task of the columns that are predicted; `auto` finds the task.

    Raises: DataProblem.
    """
    if task == "auto":
        task = _task(table, columns)
    if task == "regression":
        numbers = [table.numbers(index) for index in columns]
        return np.stack(numbers, axis=1).astype(np.float32), (), task
    if task == "multi-label":
        if len(columns) == 1 and not table.numeric(columns[0]):
            return *_split_labels(table, columns[0]), task
        marks = np.stack([_marks(table, index) for index in columns], axis=1)
        return marks, tuple(table.names[index] for index in columns), task
    if len(columns) > 1:
        raise DataProblem(
            f"{table.file}: classification predicts one column, but {len(columns)} were named. "
            "Name one, or choose the task multi-label (0 and 1 in each) or regression."
        )
    return *_classes(table, columns[0]), task


def _task(table: Table, columns: Sequence[int]) -> str:
    if len(columns) == 1:
        return "classification" if _is_classes(table, columns[0]) else "regression"
    if all(table.numeric(i) and set(np.unique(table.numbers(i))) <= {0.0, 1.0} for i in columns):
        return "multi-label"
    return "regression"


def _is_classes(table: Table, index: int) -> bool:
    if not table.numeric(index):
        return True
    values = table.numbers(index)
    distinct = len(np.unique(values))
    whole = bool(np.all(values == np.round(values)))
    return whole and distinct <= _MOST_NUMBERED_CLASSES and 2 * distinct <= len(values)


def _classes(table: Table, index: int) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    cells, name = table.labels(index), table.names[index]
    order = sorted(
        set(cells), key=lambda cell: (as_number(cell) is None, as_number(cell) or 0.0, cell)
    )
    if len(order) < 2:
        raise DataProblem(
            f"{table.file}: the target {name!r} is {order[0]!r} in every row; expected at least two "
            "classes. Choose another target."
        )
    if len(order) > len(cells) // 2 and len(order) > MOST_CATEGORIES:
        raise DataProblem(
            f"{table.file}: the target {name!r} has {len(order)} classes in {len(cells)} rows, hardly "
            "two samples a class. Choose another target, or regression."
        )
    codes = {cell: code for code, cell in enumerate(order)}
    return np.array([codes[cell] for cell in cells], dtype=np.int64), tuple(order)


def _marks(table: Table, index: int) -> NDArray[np.float32]:
    """Return a column of 0 and 1. Raises: DataProblem, with the cell that is neither."""
    values = table.numbers(index)
    wrong = np.flatnonzero((values != 0) & (values != 1))
    if len(wrong):
        row = int(wrong[0])
        raise DataProblem(
            f"{table.place(row, index)}: expected 0 or 1 (whether the label fits), but got "
            f"{values[row]:g}. Correct the cell, or choose another task."
        )
    return values.astype(np.float32)


def _split_labels(table: Table, index: int) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return one column a label, for cells such as `red|round`; an empty cell has no label."""
    cells = [
        [part.strip() for part in _BETWEEN_LABELS.split(str(cell)) if part.strip()]
        for cell in table.columns[index]
    ]
    names = sorted({name for cell in cells for name in cell})
    if len(names) < 2:
        raise DataProblem(
            f"{table.file}: the target {table.names[index]!r} holds {len(names)} different labels; "
            "expected at least two, separated by | within a cell. Choose another target."
        )
    codes = {name: code for code, name in enumerate(names)}
    marks = np.zeros((len(cells), len(names)), dtype=np.float32)
    for row, cell in enumerate(cells):
        marks[row, [codes[name] for name in cell]] = 1
    return marks, tuple(names)


def _features(table: Table, index: int) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return one column's inputs `[n, k]`: a number as it is, a category as one column a value.

    A date becomes its year and its place in the year.
    """
    name = table.names[index]
    if table.numeric(index):
        return table.numbers(index).astype(np.float32)[:, None], (name,)
    cells = table.labels(index)
    dates = [date for date in map(read_date, cells) if date is not None]
    if len(dates) == len(cells):
        return date_columns(name, dates)
    values, codes = np.unique(cells, return_inverse=True)
    if len(values) > min(MOST_CATEGORIES, max(2, len(cells) // 2)):
        raise DataProblem(
            f"{table.place(0, index)}: expected a number, but got {cells[0][:40]!r}. The column holds "
            f"text with {len(values)} different values, too many for a category (at most "
            f"{MOST_CATEGORIES}). Ignore the column, or turn it into numbers."
        )
    onehot = np.eye(len(values), dtype=np.float32)[codes]
    return onehot, tuple(f"{name}={value}" for value in values)


def _groups(table: Table, index: int) -> NDArray[np.int64]:
    """Return a number for each row, the same for rows of a group."""
    return np.unique(table.labels(index), return_inverse=True)[1].astype(np.int64)


def times_of(table: Table, index: int) -> NDArray[np.float64]:
    """Return each row's time: seconds of a date, or the column's own numbers. Raises: DataProblem."""
    if table.numeric(index):
        return table.numbers(index)
    cells = table.labels(index)
    dates = [read_date(cell) for cell in cells]
    for row, date in enumerate(dates):
        if date is None:
            raise DataProblem(
                f"{table.place(row, index)}: expected a date such as 1981-05-31 or a number, but got "
                f"{cells[row][:40]!r}. Choose another time column."
            )
    return np.array([date.timestamp() for date in dates if date is not None])


def is_missing(cell: str) -> bool:
    """Tell whether a cell says that nothing is known."""
    return cell.lower() in _MISSING
