"""Dates in a table are numbers to learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from studio import data
from studio.data.dates import date_columns, read_date
from studio.graph.project import DataRef

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "daily-min-temperatures.csv"


def test_the_end_of_a_year_lies_beside_its_start() -> None:
    cells = ("1981-01-01", "1981-12-31", "1981-07-02", "1981-07-02 12:00")
    dates = [date for date in map(read_date, cells) if date is not None]
    columns, names = date_columns("day", dates)
    assert columns.dtype == np.float32
    assert names == ("day: year", "day: season sin", "day: season cos")
    assert columns[:, 0] == pytest.approx([1981.0, 1982.0, 1981.5, 1981.5], abs=0.01)
    assert columns[0, 1:] == pytest.approx(columns[1, 1:], abs=0.03)
    assert columns[0, 2] == pytest.approx(1)
    assert columns[2, 2] == pytest.approx(-1, abs=0.001)


@pytest.mark.parametrize("cell", ["", "tomorrow", "1981-13-01", "31.12.1981"])
def test_other_text_is_no_date(cell: str) -> None:
    assert read_date(cell) is None


def test_a_column_of_dates_is_read_beside_numbers(tmp_path: Path) -> None:
    rows = ["day,wind,temp"] + [f"1981-01-{i:02},{i},{i}.5" for i in range(1, 32)]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    facts = data.open(DataRef("files.csv", {"path": "t.csv"}), tmp_path).facts
    assert facts.sample.shape[-1] == 4
    assert facts.task == "regression"


@pytest.mark.skipif(not REAL.exists(), reason="needs the real table")
def test_a_real_table_of_days_and_temperatures() -> None:
    facts = data.open(DataRef("files.csv", {"path": str(REAL)}), REAL.parent).facts
    assert facts.task == "regression"
    assert facts.train + facts.validation + facts.test == 3650
