"""Data that cannot be used is refused in words: what was expected, what came, what to do."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from test_sources import write_idx, write_images

from studio import data
from studio.graph.project import DataRef, Split, Step


def refusal(ref: DataRef, base: Path) -> str:
    with pytest.raises(data.DataProblem) as caught:
        data.open(ref, base)
    text = str(caught.value)
    assert text.endswith((".", "?"))
    assert "Error" not in text
    return text


def csv(base: Path, text: str | bytes, **params: object) -> str:
    path = base / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return refusal(DataRef("files.csv", {"path": "table.csv", **params}), base)


@pytest.mark.parametrize("kind", ["files.csv", "files.image_folder", "files.idx"])
def test_a_missing_path(kind: str, tmp_path: Path) -> None:
    name = "images" if kind == "files.idx" else "path"
    text = refusal(DataRef(kind, {name: "not/there"}), tmp_path)
    assert str(tmp_path / "not/there") in text
    assert "nothing is there" in text
    assert "no path was given" in refusal(DataRef(kind), tmp_path)


def test_text_where_numbers_should_be_names_line_and_column(tmp_path: Path) -> None:
    rows = ["age,height,weight"] + [f"{i},{170 + i},60.5" for i in range(20)]
    rows[7] = "6,tall,61"
    text = csv(tmp_path, "\n".join(rows))
    assert "line 8, column 'height'" in text
    assert "expected a number, but got 'tall'" in text


def test_an_empty_cell_names_line_and_column(tmp_path: Path) -> None:
    rows = ["age,weight"] + [f"{i},60.5" for i in range(20)]
    rows[4] = ",61"
    text = csv(tmp_path, "\n".join(rows))
    assert "line 5, column 'age'" in text
    assert "empty" in text
    assert "skip" in text


@pytest.mark.parametrize("cell", ["inf", "1e999", "-Infinity"])
def test_infinite_numbers_are_no_numbers(cell: str, tmp_path: Path) -> None:
    rows = [f"{i},{i}.5" for i in range(20)]
    rows[2] = f"{cell},1"
    assert "line 3, column 'column 1'" in csv(tmp_path, "\n".join(rows))


def test_ragged_rows(tmp_path: Path) -> None:
    text = csv(tmp_path, "a,b,c\n1,2,3\n4,5\n6,7,8\n")
    assert "line 3" in text
    assert "expected 3 cells as in the first row, but got 2" in text


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", ",,\n"])
def test_an_empty_table(content: str, tmp_path: Path) -> None:
    assert "is empty" in csv(tmp_path, content)


def test_a_table_of_names_only(tmp_path: Path) -> None:
    assert "expected at least two" in csv(tmp_path, "a,b\n", header="yes")


def test_a_text_column_with_too_many_values(tmp_path: Path) -> None:
    rows = ["name,x,y"] + [f"person {i},{i},{i}.5" for i in range(50)]
    text = csv(tmp_path, "\n".join(rows))
    assert "line 2, column 'name'" in text
    assert "50 different values" in text
    assert "Ignore the column" in text


def test_a_target_that_is_not_there(tmp_path: Path) -> None:
    text = csv(tmp_path, "a,b\n1,2\n3,4\n5,6\n", target="price")
    assert "no target named 'price'" in text
    assert "a, b" in text


def test_a_target_with_one_class(tmp_path: Path) -> None:
    rows = ["x,kind"] + [f"{i},same" for i in range(20)]
    assert "at least two classes" in csv(tmp_path, "\n".join(rows))


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    assert "not text in UTF-8" in csv(tmp_path, b"\x89PNG\r\n\x1a\n\x00\xff")


def test_an_unclosed_quotation(tmp_path: Path) -> None:
    text = csv(tmp_path, 'a,b\n1,2\n"3,4\n' + "5,6\n" * 50_000)
    assert "table.csv" in text


def idx(base: Path) -> str:
    return refusal(DataRef("files.idx", {"images": "images", "labels": "labels"}), base)


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    write_idx(tmp_path / "images", np.zeros((10, 4, 4)))
    write_idx(tmp_path / "labels", np.arange(10) % 2)
    return tmp_path


@pytest.mark.parametrize(
    "magic", [b"\x00\x00\x07\x03", b"\x89PNG", b"\x00\x01\x08\x03", b"\x00\x00\x08\x09"]
)
def test_idx_with_a_wrong_magic_number(magic: bytes, pair: Path) -> None:
    (pair / "images").write_bytes(magic + (pair / "images").read_bytes()[4:])
    text = idx(pair)
    assert "not an IDX file" in text
    assert magic.hex(" ") in text
    assert "00 00 08 03" in text


def test_idx_cut_short(pair: Path) -> None:
    raw = (pair / "images").read_bytes()
    (pair / "images").write_bytes(raw[:-30])
    text = idx(pair)
    assert "cut short" in text
    assert "160 bytes" in text
    (pair / "images").write_bytes(raw[:9])
    assert "ends within its header" in idx(pair)
    (pair / "images").write_bytes(b"")
    assert "got nothing" in idx(pair)


def test_idx_gzip_cut_short(pair: Path) -> None:
    raw = gzip.compress((pair / "images").read_bytes())
    (pair / "images").write_bytes(raw[:-12])
    assert "cannot be read to its end" in idx(pair)


def test_idx_with_a_header_that_lies(pair: Path) -> None:
    (pair / "images").write_bytes(b"\x00\x00\x08\x03" + b"\xff" * 12)
    assert "GiB" in idx(pair)


def test_idx_exchanged_or_unequal(pair: Path) -> None:
    swapped = DataRef("files.idx", {"images": "labels", "labels": "images"})
    assert "exchanged" in refusal(swapped, pair)
    write_idx(pair / "labels", np.arange(9) % 2)
    text = idx(pair)
    assert "10 images" in text
    assert "9 labels" in text


def folder(base: Path) -> str:
    return refusal(DataRef("files.image_folder", {"path": "pets"}), base)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_broken_image_is_named(content: bytes, tmp_path: Path) -> None:
    write_images(tmp_path / "pets")
    (tmp_path / "pets" / "dogs" / "3.png").write_bytes(content)
    text = folder(tmp_path)
    assert "dogs/3.png is not a whole image" in text
    assert "Replace or remove" in text


def test_an_image_cut_short_is_named(tmp_path: Path) -> None:
    write_images(tmp_path / "pets")
    path = tmp_path / "pets" / "cats" / "2.png"
    path.write_bytes(path.read_bytes()[:-60])
    assert "cats/2.png is not a whole image" in folder(tmp_path)


def test_a_folder_without_classes(tmp_path: Path) -> None:
    (tmp_path / "pets").mkdir()
    assert "No classes were found" in folder(tmp_path)
    (tmp_path / "pets" / "cats").mkdir()
    assert "without any image" in folder(tmp_path)
    (tmp_path / "file").write_text("x")
    assert "is a file" in refusal(DataRef("files.image_folder", {"path": "file"}), tmp_path)


def test_a_folder_with_one_class(tmp_path: Path) -> None:
    write_images(tmp_path / "pets" / "inner")
    (tmp_path / "pets" / "inner" / "cats").rename(tmp_path / "pets" / "inner" / "one")
    assert "Only one class" in folder(tmp_path)


def test_settings_that_are_not_there(tmp_path: Path) -> None:
    assert "no setting named 'colour'" in refusal(DataRef(params={"colour": 1}), tmp_path)
    assert "no data named 'nothing'" in refusal(DataRef("nothing"), tmp_path)
    step = Step("core.swirl")
    assert "no transform named 'core.swirl'" in refusal(DataRef(transforms=(step,)), tmp_path)
    step = Step("core.resize", {"size": "big"})
    assert "size needs a whole number" in refusal(DataRef(transforms=(step,)), tmp_path)


def test_an_image_transform_on_a_table(tmp_path: Path) -> None:
    ref = DataRef("sklearn.iris", transforms=(Step("core.resize"),))
    assert "needs images" in refusal(ref, tmp_path)


@pytest.mark.parametrize("split", [Split(0.6, 0.4), Split(1.5), Split(-0.1)])
def test_shares_that_leave_nothing(split: Split, tmp_path: Path) -> None:
    assert "share below 1" in refusal(DataRef(split=split), tmp_path)
