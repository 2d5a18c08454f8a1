"""Columns that say which rows belong together and which came first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from studio.data.csv_file import CSV
from studio.data.source import DataProblem, Loaded
from studio.graph.params import with_defaults

ROWS = "patient,day,pulse,ill\nb,2020-01-03,70,yes\na,2020-01-01,80,no\nb,2020-01-02,75,no\n"


def load(folder: Path, text: str = ROWS, **params: str) -> Loaded:
    (folder / "t.csv").write_text(text)
    return CSV.load(with_defaults(CSV.spec.params, {"path": "t.csv", **params}), folder)


def test_a_group_is_numbered_and_no_input(tmp_path: Path) -> None:
    loaded = load(tmp_path, group="patient", ignore="day")
    assert loaded.groups is not None
    assert loaded.groups.tolist() == [1, 0, 1]
    assert loaded.features == ("pulse",)
    assert load(tmp_path, ignore="day").groups is None


def test_a_time_orders_rows_by_date_or_number(tmp_path: Path) -> None:
    by_date = load(tmp_path, time="day", ignore="patient").times
    by_number = load(tmp_path, time="pulse", ignore="patient,day").times
    assert by_date is not None
    assert np.argsort(by_date).tolist() == [1, 2, 0]
    assert by_number is not None
    assert by_number.tolist() == [70, 80, 75]


def test_what_is_no_time_is_named(tmp_path: Path) -> None:
    broken = ROWS.replace("2020-01-01", "yesterday")
    with pytest.raises(
        DataProblem, match=r"t.csv, line 3, column 'day'.*'yesterday'.*another time"
    ):
        load(tmp_path, broken, time="day", ignore="patient,day")
    with pytest.raises(DataProblem, match="no group column named 'doctor'"):
        load(tmp_path, group="doctor")
