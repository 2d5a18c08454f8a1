"""Tables of several targets, tables in Parquet, and series over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from test_bad_data import csv, refusal

from studio import data
from studio.graph.project import DataRef, Split


def write(folder: Path, rows: list[str], name: str = "t.csv") -> None:
    (folder / name).write_text("\n".join(rows) + "\n")


def test_several_columns_of_marks_are_labels(tmp_path: Path) -> None:
    write(tmp_path, ["x\tred\tround", *(f"{i}\t{i % 2}\t{int(i > 20)}" for i in range(40))])
    ref = DataRef("files.csv", {"path": "t.csv", "target": "red, round"}, split=Split(0, 0))
    dataset = data.open(ref, tmp_path)
    assert dataset.facts.task == "multi-label"
    assert dataset.facts.classes == ("red", "round")
    assert dataset.facts.target_shape == (2,)
    assert dataset.train.targets.sum(0).tolist() == [20.0, 19.0]


def test_labels_of_one_cell_are_cut(tmp_path: Path) -> None:
    write(tmp_path, ["x,tags", *(f"{i},{('a|b', 'b', '', 'c;a')[i % 4]}" for i in range(40))])
    ref = DataRef("files.csv", {"path": "t.csv", "task": "multi-label"}, split=Split(0, 0))
    dataset = data.open(ref, tmp_path)
    assert dataset.facts.classes == ("a", "b", "c")
    assert dataset.train.targets.sum(0).tolist() == [20.0, 20.0, 10.0]


def test_several_numbers_are_one_regression(tmp_path: Path) -> None:
    write(tmp_path, ["x,y,z", *(f"{i},{i * 1.5},{i * -2.5}" for i in range(40))])
    dataset = data.open(DataRef("files.csv", {"path": "t.csv", "target": "z, y"}), tmp_path)
    assert dataset.facts.target_names == ("z", "y")
    assert dataset.facts.target_shape == (2,)
    assert dataset.facts.features == ("x",)


def test_marks_that_are_neither_yes_nor_no(tmp_path: Path) -> None:
    rows = ["x,a,b", *(f"{i},{i % 2},{i % 2}" for i in range(20))]
    rows[5] = "4,2,1"
    text = csv(tmp_path, "\n".join(rows), target="a, b", task="multi-label")
    assert "line 6, column 'a': expected 0 or 1" in text
    assert "predicts one column" in csv(
        tmp_path, "\n".join(rows), target="a, b", task="classification"
    )


def test_gaps_in_columns_that_are_ignored_cost_no_rows(tmp_path: Path) -> None:
    write(tmp_path, ["x,remark,y", *(f"{i},,{i}.5" for i in range(30))])
    params = {"path": "t.csv", "ignore": "remark", "missing": "skip"}
    facts = data.open(DataRef("files.csv", params), tmp_path).facts
    assert facts.train + facts.validation == 30


# ----------------------------------------------------------------------------------------- Parquet


def write_parquet(path: Path, **columns: object) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(arrow.table(columns), path)


def test_parquet_is_the_same_as_its_csv(tmp_path: Path) -> None:
    sizes = [i / 2 for i in range(30)]
    colours = [("red", "blue")[i % 2] for i in range(30)]
    kinds = [("a", "b", "c")[i % 3] for i in range(30)]
    write_parquet(tmp_path / "t.parquet", size=sizes, colour=colours, kind=kinds)
    rows = [f"{s},{c},{k}" for s, c, k in zip(sizes, colours, kinds, strict=True)]
    write(tmp_path, ["size,colour,kind", *rows])
    ours = data.open(DataRef("files.parquet", {"path": "t.parquet"}), tmp_path)
    theirs = data.open(DataRef("files.csv", {"path": "t.csv"}), tmp_path)
    assert torch.equal(ours.train.inputs, theirs.train.inputs)
    assert ours.facts.features == theirs.facts.features == ("size", "colour=blue", "colour=red")
    assert ours.facts.classes == theirs.facts.classes
    assert ours.facts.fingerprint == theirs.facts.fingerprint


def test_parquet_of_every_type(tmp_path: Path) -> None:
    from datetime import datetime, timedelta

    arrow = pytest.importorskip("pyarrow")
    count = 24
    write_parquet(
        tmp_path / "t.parquet",
        whole=list(range(count)),
        small=arrow.array(np.arange(count), arrow.float16()),
        yes=[i % 2 == 0 for i in range(count)],
        category=arrow.array(["x", "y"] * (count // 2)).dictionary_encode(),
        day=[datetime(2024, 1, 1) + timedelta(days=i) for i in range(count)],
        nested=[[i] for i in range(count)],
        target=[i * 0.5 for i in range(count)],
    )
    ref = DataRef("files.parquet", {"path": "t.parquet", "ignore": "nested"})
    facts = data.open(ref, tmp_path).facts
    assert facts.features[:5] == ("whole", "small", "yes", "category=x", "category=y")
    assert facts.features[5] == "day: year"
    assert "holds list" in refusal(DataRef("files.parquet", {"path": "t.parquet"}), tmp_path)


def test_parquet_with_gaps(tmp_path: Path) -> None:
    values = [None if i == 3 else float(i) for i in range(30)]
    write_parquet(tmp_path / "t.parquet", x=values, y=[i / 2 for i in range(30)])
    assert "row 4, column 'x'" in refusal(DataRef("files.parquet", {"path": "t.parquet"}), tmp_path)
    skip = DataRef("files.parquet", {"path": "t.parquet", "missing": "skip"})
    facts = data.open(skip, tmp_path).facts
    assert facts.train + facts.validation == 29


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 60 + b"PAR1", b"x,y\n1,2\n"])
def test_parquet_that_is_none(content: bytes, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "t.parquet").write_bytes(content)
    assert "cannot be read as Parquet" in refusal(
        DataRef("files.parquet", {"path": "t.parquet"}), tmp_path
    )


def test_parquet_cut_short(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", x=list(range(500)), y=list(range(500)))
    raw = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(raw[: len(raw) // 2])
    assert "cannot be read as Parquet" in refusal(
        DataRef("files.parquet", {"path": "t.parquet"}), tmp_path
    )


# ------------------------------------------------------------------------------------------ series


def write_series(folder: Path, count: int = 60) -> None:
    from datetime import date, timedelta

    first = date(2024, 1, 1)
    rows = [f"{first + timedelta(days=i)},{i}.5,{i * 10}" for i in range(count)]
    write(folder, ["day,warm,wet", *rows])


def test_windows_look_back_and_ahead(tmp_path: Path) -> None:
    write_series(tmp_path)
    params = {"path": "t.csv", "past": 4, "ahead": 2, "standardize": False}
    dataset = data.open(DataRef("files.series", params), tmp_path)
    assert dataset.facts.form == "sequence"
    assert dataset.facts.features == ("warm", "wet")
    assert dataset.facts.target_names == ("warm +1", "warm +2")
    assert dataset.train.inputs[0, :, 0].tolist() == [0.5, 1.5, 2.5, 3.5]
    assert dataset.train.inputs[0, :, 1].tolist() == [0.0, 10.0, 20.0, 30.0]
    assert dataset.train.targets[0].tolist() == [4.5, 5.5]
    assert dataset.facts.train + dataset.facts.validation == 60 - 4 - 2 + 1
    # The future validates what the past taught.
    assert dataset.validation.targets.min() > dataset.train.targets[:, 0].max()


def test_rows_out_of_order_are_sorted_and_gaps_are_said(tmp_path: Path) -> None:
    write_series(tmp_path)
    head, *rows = (tmp_path / "t.csv").read_text().splitlines()
    write(tmp_path, [head, *reversed(rows[:20] + rows[23:])], "r.csv")
    params = {"path": "r.csv", "past": 4, "standardize": False, "columns": "warm"}
    dataset = data.open(DataRef("files.series", params), tmp_path)
    assert dataset.train.inputs[0, :, 0].tolist() == [0.5, 1.5, 2.5, 3.5]
    notes = " ".join(dataset.facts.notes)
    assert "sorted by 'day'" in notes
    assert "1 steps in time are longer than usual" in notes


def test_temperatures_of_melbourne(shared_data: Path) -> None:
    ref = DataRef("files.series", {"path": "daily-min-temperatures.csv", "past": 14, "ahead": 7})
    facts = data.open(ref, shared_data).facts
    assert facts.train + facts.validation == 3650 - 14 - 7 + 1
    assert facts.features == ("Temp",)
    assert facts.target_shape == (7,)


def test_a_series_that_cannot_be_cut(tmp_path: Path) -> None:
    write_series(tmp_path, 20)
    text = refusal(DataRef("files.series", {"path": "t.csv", "past": 30}), tmp_path)
    assert "20 rows" in text
    assert "at least 32" in text
    lines = (tmp_path / "t.csv").read_text().splitlines()
    lines[5] = "the fifth,1,2"
    write(tmp_path, lines)
    text = refusal(DataRef("files.series", {"path": "t.csv", "past": 3}), tmp_path)
    assert "line 6, column 'day'" in text
    write(tmp_path, ["day,word", *(f"2024-01-{i:02},{'ab'[i % 2]}" for i in range(1, 20))])
    text = refusal(DataRef("files.series", {"path": "t.csv", "past": 3}), tmp_path)
    assert "no column of numbers" in text


def test_a_hole_in_a_series_is_named(tmp_path: Path) -> None:
    write_series(tmp_path)
    lines = (tmp_path / "t.csv").read_text().splitlines()
    lines[9] = lines[9].replace("8.5", "NaN")
    write(tmp_path, lines)
    text = refusal(DataRef("files.series", {"path": "t.csv", "past": 3}), tmp_path)
    assert "line 10, column 'warm'" in text
