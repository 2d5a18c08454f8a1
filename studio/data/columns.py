"""Looking over a table's columns: what each holds, what is suspicious, what might be predicted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from studio.data.dates import read_date
from studio.data.table import MOST_CATEGORIES, Table, as_number, is_missing
from studio.graph.survey import ColumnFacts

#: A number this many times further out than the middle half is wide was perhaps not measured.
_FAR = 20.0
#: Names that columns to predict usually have, and columns that say what belongs together.
_TARGETS = re.compile(
    r"^(target|label|labels|class|y|outcome|output|diagnosis|species|result)$", re.I
)
_GROUPS = re.compile(r"(^|[_ ])(id|patient|subject|user|speaker|group|session|customer|device)s?([_ ]|$)", re.I)  # fmt: skip


def column_facts(table: Table) -> tuple[ColumnFacts, ...]:
    """Return what each column holds."""
    return tuple(_facts(table, index) for index in range(len(table.names)))


def _facts(table: Table, index: int) -> ColumnFacts:
    name, column = table.names[index], table.columns[index]
    if isinstance(column, np.ndarray):
        values = column[np.isfinite(column)]
        cells = [f"{value:.6g}" for value in values]
        return _of_numbers(name, values, len(column) - len(values), cells, 0)
    cells = [cell for cell in column if not is_missing(cell)]
    missing = len(column) - len(cells)
    numbers = [as_number(cell) for cell in cells]
    read = np.array([number for number in numbers if number is not None])
    if len(cells) and 2 * len(read) > len(cells):
        return _of_numbers(name, read, missing, cells, len(cells) - len(read))
    return _of_text(name, cells, missing)


def _of_numbers(
    name: str, values: NDArray[np.float64], missing: int, cells: Sequence[str], strange: int
) -> ColumnFacts:
    if not len(values):
        return ColumnFacts(name, "constant", missing, remark="Every cell is empty.")
    distinct = len(np.unique(values))
    whole = bool(np.all(values == np.round(values)))
    steps = np.abs(np.diff(values)) == 1
    kind, remark = "number", ""
    if distinct == 1:
        kind, remark = "constant", "It is the same in every row and teaches nothing."
    elif whole and distinct == len(values) > 20 and steps.mean() > 0.9:
        kind = "identifier"
        remark = "It counts the rows; a network could only learn them by heart."
    elif strange:
        wrong = next(cell for cell in cells if as_number(cell) is None)
        remark = f"{strange} cells are no numbers, such as {wrong[:30]!r}."
    else:
        remark = _far_out(values)
    return ColumnFacts(
        name,
        kind,
        missing,
        distinct,
        float(values.min()),
        float(values.max()),
        float(values.mean()),
        _examples(cells),
        remark or _gaps(missing, missing + len(cells)),
    )


def _far_out(values: NDArray[np.float64]) -> str:
    """Say so where one value, far from all others, comes again and again: −999 for not measured."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    far = np.abs(values - middle) > _FAR * max(high - low, 1e-12)
    if high == low or not far.any():
        return ""
    value, count = Counter(values[far].tolist()).most_common(1)[0]
    if count > 1:
        return (
            f"{value:g} comes {count} times, far from the rest: it may stand for a missing value."
        )
    return f"{int(far.sum())} values lie far from the rest, such as {value:g}."


def _of_text(name: str, cells: Sequence[str], missing: int) -> ColumnFacts:
    if not cells:
        return ColumnFacts(name, "constant", missing, remark="Every cell is empty.")
    counts = Counter(cells)
    dates = all(read_date(cell) is not None for cell in cells[:200])
    words = np.mean([len(cell.split()) for cell in cells[:1000]])
    kind, remark = "category", ""
    if len(counts) == 1:
        kind, remark = "constant", "It is the same in every row and teaches nothing."
    elif dates:
        kind = "date"
    elif len(counts) > min(MOST_CATEGORIES, max(2, len(cells) // 2)):
        kind = "text" if words > 2 else "identifier"
        if kind == "identifier":
            remark = f"{len(counts)} different values in {len(cells)} rows: a name, no category."
    else:
        remark = _spellings(counts) or _rare(counts)
    return ColumnFacts(
        name,
        kind,
        missing,
        len(counts),
        examples=_examples(cells),
        remark=remark or _gaps(missing, missing + len(cells)),
    )


def _spellings(counts: Counter[str]) -> str:
    """Say so where values differ by case or blanks only."""
    alike: dict[str, list[str]] = {}
    for cell in counts:
        alike.setdefault(" ".join(cell.lower().split()), []).append(cell)
    for spellings in alike.values():
        if len(spellings) > 1:
            return f"Written in several ways: {', '.join(map(repr, spellings[:3]))}."
    return ""


def _rare(counts: Counter[str]) -> str:
    value, count = counts.most_common()[-1]
    return f"{value[:30]!r} comes only {count} times." if count < 3 else ""


def _gaps(missing: int, rows: int) -> str:
    return f"{missing} of {rows} cells are empty." if missing else ""


def _examples(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell[:40] for cell in dict.fromkeys(cells[:1000]))[:4]


def target_of(columns: Sequence[ColumnFacts]) -> str:
    """Return the column that most likely is to be predicted: by its name, else the last that can be."""
    able = [one for one in columns if one.kind in ("number", "category")]
    named = [one.name for one in able if _TARGETS.match(one.name)]
    return named[0] if named else able[-1].name if able else ""


def group_of(columns: Sequence[ColumnFacts], rows: int) -> str:
    """Return a column that says which rows belong together, "" where none does."""
    for one in columns:
        if _GROUPS.search(one.name) and 1 < one.distinct <= rows // 2 and one.kind != "constant":
            return one.name
    return ""


def time_of(columns: Sequence[ColumnFacts]) -> str:
    """Return the column of dates, "" where there is none."""
    return next((one.name for one in columns if one.kind == "date"), "")


def same_rows(table: Table) -> int:
    """Return how many rows are copies of earlier ones."""
    rows = list(zip(*(list(column) for column in table.columns), strict=True))
    return len(rows) - len(set(rows))


def giveaways(table: Table, target: str) -> tuple[str, ...]:
    """Return sentences about columns that say the target in other words."""
    if target not in table.names:
        return ()
    wanted = [str(cell) for cell in table.columns[table.names.index(target)]]
    kinds = len(set(wanted))
    found = []
    for name, column in zip(table.names, table.columns, strict=True):
        cells = [str(cell) for cell in column]
        pairs = len(set(zip(cells, wanted, strict=True)))
        if name != target and len(set(cells)) == pairs == kinds > 1:
            found.append(
                f"{name!r} tells {target!r} exactly: each of its values stands for one of the target's. "
                "Ignore it, unless it is known before the answer is."
            )
    return tuple(found)
