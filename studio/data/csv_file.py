"""A CSV file: one row a sample, one column the target."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.data.dates import date_columns, read_date
from studio.data.sklearn_sets import STANDARDIZE_PARAM
from studio.data.source import DataProblem, Loaded, Source, existing
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "space": " "}
_MISSING = frozenset(["", "na", "n/a", "nan", "null", "none", "?"])
#: A text column with more different values than this is a name or a date, not a category.
_MOST_CATEGORIES = 32
#: Whole numbers with at most this many different values are read as classes.
_MOST_NUMBERED_CLASSES = 20


@dataclass(frozen=True)
class _Table:
    """Named columns of text; `lines` are the rows' line numbers in the file."""

    file: str
    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def column(self, index: int) -> list[str]:
        return [row[index] for row in self.rows]


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    path = existing(params["path"], base, "A CSV file", "a text file with one sample a row")
    table = _read(path, str(params["delimiter"]), str(params["header"]))
    if params["missing"] == "skip":
        table, notes = _without_gaps(table)
    else:
        notes = ()
    target = (
        _position(table, str(params["target"]), "target")
        if params["target"]
        else len(table.names) - 1
    )
    ignored = {
        _position(table, name.strip(), "ignored column")
        for name in str(params["ignore"]).split(",")
        if name.strip()
    }
    used = [i for i in range(len(table.names)) if i != target and i not in ignored]
    if not used:
        raise DataProblem(
            f"{table.file} has no column left to learn from: {len(table.names)} columns, one the "
            f"target, {len(ignored)} ignored. Ignore fewer columns, or check the delimiter."
        )
    blocks, features = zip(*(_features(table, index) for index in used), strict=True)
    targets, classes = _targets(table, target, str(params["task"]))
    return Loaded(
        title=path.name,
        form="table",
        inputs=np.concatenate(blocks, axis=1),
        targets=targets,
        classes=classes,
        features=tuple(name for names in features for name in names),
        target_names=(table.names[target],),
        notes=notes,
    )


def _read(path: Path, delimiter: str, header: str) -> _Table:
    if path.is_dir():
        raise DataProblem(f"{path} is a folder; expected a CSV file. Choose the file inside it.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataProblem(
            f"{path.name} is not text in UTF-8 (byte {error.start} is {error.object[error.start]:#04x}). "
            "Save it as CSV UTF-8, or choose another file."
        ) from None
    except OSError as error:
        raise DataProblem(
            f"{path} cannot be read ({error.strerror}). Choose a file you may open."
        ) from None
    sign = _DELIMITERS.get(delimiter) or _guess(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign, skipinitialspace=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise DataProblem(
            f"{path.name}, line {reader.line_num}: the row cannot be read ({error}). "
            "Check the quotation marks in it."
        ) from None
    if not rows:
        raise DataProblem(f"{path.name} is empty. Expected a row of names and one row a sample.")
    _check_widths(path.name, rows, lines)
    named = header == "yes" or (header == "auto" and _looks_named(rows))
    names = tuple(rows[0]) if named else tuple(f"column {i + 1}" for i in range(len(rows[0])))
    names = tuple(name or f"column {i + 1}" for i, name in enumerate(names))
    if len(rows) - named < 2:
        raise DataProblem(
            f"{path.name} has {len(rows) - named} rows of samples; expected at least two."
        )
    return _Table(path.name, names, rows[named:], lines[named:])


def _guess(text: str) -> str:
    """Return the delimiter that cuts the first lines into the same number of cells, the most of them."""
    lines = [line for line in text.splitlines()[:50] if line.strip()]

    def score(sign: str) -> tuple[int, int]:
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=sign))
        width, rows = counts.most_common(1)[0] if counts else (1, 0)
        return (rows if width > 1 else 0, width)

    try:
        best = max((",", ";", "\t", "|"), key=score)
    except csv.Error:
        return ","
    return best if score(best)[0] else ","


def _check_widths(file: str, rows: Sequence[Sequence[str]], lines: Sequence[int]) -> None:
    width = len(rows[0])
    for row, line in zip(rows, lines, strict=True):
        if len(row) != width:
            raise DataProblem(
                f"{file}, line {line}: expected {width} cells as in the first row, but got {len(row)}. "
                "Correct the row, or choose the delimiter by hand."
            )


def _looks_named(rows: Sequence[Sequence[str]]) -> bool:
    """A first row is names where some column is a number in every row but that one."""
    first, rest = rows[0], rows[1:]
    if not rest or any(_number(cell) is not None for cell in first):
        return False
    numeric = any(_number(rest[0][i]) is not None for i in range(len(first)))
    return numeric or len({*first}) == len(first)


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _is_missing(cell: str) -> bool:
    return cell.lower() in _MISSING


def _without_gaps(table: _Table) -> tuple[_Table, tuple[str, ...]]:
    whole = [i for i, row in enumerate(table.rows) if not any(map(_is_missing, row))]
    dropped = len(table.rows) - len(whole)
    if len(whole) < 2:
        raise DataProblem(
            f"{table.file}: {dropped} of {len(table.rows)} rows have empty cells, which leaves "
            f"{len(whole)}. Fill the cells in, or leave the emptiest columns out of the file."
        )
    kept = _Table(
        table.file, table.names, [table.rows[i] for i in whole], [table.lines[i] for i in whole]
    )
    return kept, (f"{dropped} rows with empty cells were left out.",) if dropped else ()


def _position(table: _Table, name: str, what: str) -> int:
    if name in table.names:
        return table.names.index(name)
    if name.isdigit() and 1 <= int(name) <= len(table.names):
        return int(name) - 1
    shown = ", ".join(table.names[:12]) + ("…" if len(table.names) > 12 else "")
    raise DataProblem(
        f"{table.file} has no {what} named {name!r}. Its columns: {shown}. "
        f"Choose one of them, or a number from 1 to {len(table.names)}."
    )


def _numeric(table: _Table, index: int) -> bool:
    """A column is of numbers where most of its filled cells are: the others are then mistakes."""
    filled = [cell for cell in table.column(index) if not _is_missing(cell)]
    return 2 * sum(_number(cell) is not None for cell in filled) > len(filled)


def _numbers(table: _Table, index: int) -> NDArray[np.float64]:
    values = np.empty(len(table.rows))
    for i, cell in enumerate(table.column(index)):
        value = _number(cell)
        if value is None:
            raise DataProblem(
                f"{table.file}, line {table.lines[i]}, column {table.names[index]!r}: "
                + (
                    f"expected a number, but the cell is {'empty' if not cell else repr(cell)}. "
                    "Fill it in, or set empty cells to skip."
                    if _is_missing(cell)
                    else f"expected a number, but got {cell[:40]!r}. Correct the cell, or ignore the column."
                )
            )
        values[i] = value
    return values


def _labels(table: _Table, index: int) -> list[str]:
    cells = table.column(index)
    for i, cell in enumerate(cells):
        if not cell:
            raise DataProblem(
                f"{table.file}, line {table.lines[i]}, column {table.names[index]!r}: the cell is "
                "empty. Fill it in, or set empty cells to skip."
            )
    return cells


def _features(table: _Table, index: int) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return one column's inputs `[n, k]`: a number as it is, a category as one column a value.

    A date becomes its year and its place in the year.
    """
    name = table.names[index]
    if _numeric(table, index):
        return _numbers(table, index).astype(np.float32)[:, None], (name,)
    cells = _labels(table, index)
    dates = [date for date in map(read_date, cells) if date is not None]
    if len(dates) == len(cells):
        return date_columns(name, dates)
    values, codes = np.unique(cells, return_inverse=True)
    if len(values) > min(_MOST_CATEGORIES, max(2, len(cells) // 2)):
        raise DataProblem(
            f"{table.file}, line {table.lines[0]}, column {name!r}: expected a number, but got "
            f"{cells[0][:40]!r}. The column holds text with {len(values)} different values, too many "
            f"for a category (at most {_MOST_CATEGORIES}). Ignore the column, or turn it into numbers."
        )
    onehot = np.eye(len(values), dtype=np.float32)[codes]
    return onehot, tuple(f"{name}={value}" for value in values)


def _targets(
    table: _Table, index: int, task: str
) -> tuple[NDArray[np.int64] | NDArray[np.float32], tuple[str, ...]]:
    """Return the targets, and the classes' names where the task is to tell classes apart."""
    if task == "auto":
        task = "classification" if _is_classes(table, index) else "regression"
    if task == "regression":
        return _numbers(table, index).astype(np.float32)[:, None], ()
    cells = _labels(table, index)
    order = sorted(set(cells), key=lambda cell: (_number(cell) is None, _number(cell) or 0.0, cell))
    if len(order) < 2:
        raise DataProblem(
            f"{table.file}: the target {table.names[index]!r} is {order[0]!r} in every row; expected "
            "at least two classes. Choose another target."
        )
    if len(order) > len(cells) // 2 and len(order) > _MOST_CATEGORIES:
        raise DataProblem(
            f"{table.file}: the target {table.names[index]!r} has {len(order)} classes in "
            f"{len(cells)} rows, hardly two samples a class. Choose another target, or regression."
        )
    codes = {cell: code for code, cell in enumerate(order)}
    return np.array([codes[cell] for cell in cells], dtype=np.int64), tuple(order)


def _is_classes(table: _Table, index: int) -> bool:
    if not _numeric(table, index):
        return True
    values = _numbers(table, index)
    distinct = len(np.unique(values))
    whole = bool(np.all(values == np.round(values)))
    return whole and distinct <= _MOST_NUMBERED_CLASSES and 2 * distinct <= len(values)


CSV = Source(
    SourceSpec(
        kind="files.csv",
        title="CSV table",
        doc="Your own table: one row a sample. Text with few values becomes categories, a date its year and season.",
        form="table",
        params=(
            Param("path", "path", "", required=True, help="A text file with one sample a row"),
            Param(
                "target",
                "str",
                "",
                help="What to predict: a column's name or number; empty: the last",
            ),
            Param("ignore", "str", "", help="Columns to leave out, separated by commas"),
            Param("task", "choice", "auto", choices=("auto", "classification", "regression")),
            Param("delimiter", "choice", "auto", choices=("auto", *_DELIMITERS)),
            Param(
                "header",
                "choice",
                "auto",
                choices=("auto", "yes", "no"),
                help="First row holds names",
            ),
            Param(
                "missing",
                "choice",
                "refuse",
                choices=("refuse", "skip"),
                help="What to do with rows that have empty cells",
            ),
            STANDARDIZE_PARAM,
        ),
    ),
    _load,
)
