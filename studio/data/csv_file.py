"""Tables as text: CSV and TSV, one row a sample."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from studio.data.reading import read_text
from studio.data.source import DataProblem, Loaded, Source, existing
from studio.data.table import TABLE_PARAMS, Table, as_number, load_table
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "space": " "}


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    path = existing(params["path"], base, "A CSV file", "a text file with one sample a row")
    delimiter, header = str(params["delimiter"]), str(params["header"])
    return load_table(params, path, lambda file, ignored: read_csv(file, delimiter, header))


def read_csv(path: Path, delimiter: str = "auto", header: str = "auto") -> Table:
    """Return a text file's table, every cell as text; delimiter and header are guessed on `auto`.

    Raises: DataProblem.
    """
    text = read_text(path, "Save it as CSV UTF-8")
    sign = _DELIMITERS.get(delimiter) or _guess(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign, skipinitialspace=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            cells = [*map(str.strip, row)]
            if any(cells):
                rows.append(cells)
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
    columns = tuple(list(column) for column in zip(*rows[named:], strict=True))
    return Table(path.name, names, columns, lines[named:])


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
    if not rest or any(as_number(cell) is not None for cell in first):
        return False
    numeric = any(as_number(rest[0][i]) is not None for i in range(len(first)))
    return numeric or len({*first}) == len(first)


CSV = Source(
    SourceSpec(
        kind="files.csv",
        title="CSV or TSV table",
        doc="Your own table: one row a sample. Text with few values becomes categories, a date its year and season.",
        form="table",
        params=(
            Param("path", "path", "", required=True, help="A text file with one sample a row"),
            *TABLE_PARAMS[:5],
            Param("delimiter", "choice", "auto", choices=("auto", *_DELIMITERS)),
            Param(
                "header",
                "choice",
                "auto",
                choices=("auto", "yes", "no"),
                help="First row holds names",
            ),
            *TABLE_PARAMS[5:],
        ),
    ),
    _load,
)
