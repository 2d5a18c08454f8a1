"""Tables in Parquet files; reading them takes pyarrow, which is an extra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from studio.data.reading import check_size
from studio.data.source import DataProblem, Loaded, Source, existing
from studio.data.table import TABLE_PARAMS, Column, Table, load_table
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    path = existing(params["path"], base, "A Parquet file", "a .parquet with one sample a row")
    return load_table(params, path, read_parquet)


def read_parquet(path: Path, ignored: Sequence[str] = ()) -> Table:
    """Return the file's table; columns named in `ignored` are listed, but not read.

    Raises: DataProblem, also where pyarrow is not installed.
    """
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise DataProblem(
            "Reading Parquet needs pyarrow, which is not installed. "
            'Install it with pip install "neuroloom[parquet]", or save the table as CSV.'
        ) from None
    if path.is_dir():
        raise DataProblem(
            f"{path} is a folder; expected a .parquet file. Choose the file inside it."
        )
    try:
        with parquet.ParquetFile(path) as file:
            names = tuple(file.schema_arrow.names)
            rows = int(file.metadata.num_rows)
            check_size(8 * rows * len(names), f"{path.name}, {rows} rows of {len(names)} columns,")
            unread = {n for at, n in enumerate(names, 1) if n in ignored or str(at) in ignored}
            read = [name for name in names if name not in unread]
            found = file.read(columns=read)
    except (OSError, arrow.ArrowException) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise DataProblem(
            f"{path.name} cannot be read as Parquet ({reason[:200]}). Expected a whole .parquet file. "
            "Copy or write it again."
        ) from None
    if rows < 2:
        raise DataProblem(f"{path.name} has {rows} rows; expected at least two, one a sample.")
    empty: Column = np.zeros(rows)
    columns = tuple(
        _column(found.column(name), name, path.name, arrow) if name in read else empty
        for name in names
    )
    return Table(path.name, names, columns, range(1, rows + 1), "row")


def _column(values: Any, name: str, file: str, arrow: Any) -> Column:
    """Return a column's numbers, or its text; nothing else can be learned from."""
    kind = values.type
    types = arrow.types
    if types.is_dictionary(kind):
        return _column(values.cast(kind.value_type), name, file, arrow)
    if types.is_boolean(kind):
        values, kind = values.cast(arrow.int8()), arrow.int8()
    if types.is_integer(kind) or types.is_floating(kind):
        return np.asarray(values.cast(arrow.float64(), safe=False).to_numpy(), dtype=np.float64)
    if types.is_decimal(kind):
        return np.asarray(values.cast(arrow.float64()).to_numpy(), dtype=np.float64)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_temporal(kind):
        return [str(cell or "").strip() for cell in values.cast(arrow.string()).to_pylist()]
    if types.is_null(kind):
        return np.full(len(values), np.nan)
    raise DataProblem(
        f"{file}, column {name!r} holds {kind}; expected numbers, text or dates. Ignore the column."
    )


PARQUET = Source(
    SourceSpec(
        kind="files.parquet",
        title="Parquet table",
        doc="Your own table in a Parquet file: one row a sample. Needs pyarrow.",
        form="table",
        params=(
            Param("path", "path", "", required=True, help="A .parquet with one sample a row"),
            *TABLE_PARAMS,
        ),
    ),
    _load,
)
