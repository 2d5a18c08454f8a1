"""What is proposed for a file or folder can be read as it is proposed; what is doubtful is named."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio import data
from studio.data import columns
from studio.data.csv_file import read_csv
from studio.data.source import DataProblem

Make = Callable[[Path], Path]
DRAW = np.random.default_rng(0)


def picture(side: int = 8) -> Image.Image:
    return Image.fromarray(DRAW.integers(0, 255, (side, side), dtype=np.uint8))


def table(folder: Path) -> Path:
    rows = "".join(f"{i},{i % 7 + i / 50:.2f},{'ab'[i % 2]}\n" for i in range(60))
    (folder / "t.csv").write_text("row,size,class\n" + rows)
    return folder / "t.csv"


def tabs(folder: Path) -> Path:
    text = table(folder).read_text().replace(",", "\t")
    (folder / "t.tsv").write_text(text)
    return folder / "t.tsv"


def series(folder: Path) -> Path:
    days = np.arange("2020-01-01", "2020-06-01", dtype="datetime64[D]")
    rows = "".join(f"{day},{np.sin(at / 9):.3f}\n" for at, day in enumerate(days))
    (folder / "s.csv").write_text("day,warmth\n" + rows)
    return folder / "s.csv"


def sentences(folder: Path) -> Path:
    rows = "".join(f"the film number {i} was {'fine' if i % 2 else 'dull'} indeed,{'yes' if i % 2 else 'no'}\n" for i in range(80))  # fmt: skip
    (folder / "reviews.csv").write_text("review,liked\n" + rows)
    return folder / "reviews.csv"


def image_table(folder: Path) -> Path:
    for number in range(24):
        picture().save(folder / f"{number}.png")
    rows = "".join(f"{number}.png,{'cat' if number % 2 else 'dog'}\n" for number in range(24))
    (folder / "list.csv").write_text("file,kind\n" + rows)
    return folder / "list.csv"


def arrays(folder: Path) -> Path:
    x = DRAW.normal(size=(40, 5)).astype(np.float32)
    np.savez(folder / "a.npz", x=x, y=np.arange(40) % 3)
    return folder / "a.npz"


def idx(folder: Path) -> Path:
    labels = (np.arange(40) % 4).astype(np.uint8)
    pixels = DRAW.integers(0, 255, (40, 6, 6)).astype(np.uint8)
    for name, array in (("few-images-idx3-ubyte.gz", pixels), ("few-labels-idx1-ubyte.gz", labels)):
        head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        (folder / name).write_bytes(gzip.compress(head + array.tobytes()))
    return folder


def cifar(folder: Path) -> Path:
    for name in ("data_batch_1.bin", "test_batch.bin"):
        records = DRAW.integers(0, 255, (60, 3073)).astype(np.uint8)
        records[:, 0] = np.arange(60) % 10
        (folder / name).write_bytes(records.tobytes())
    return folder


def text(folder: Path) -> Path:
    (folder / "play.txt").write_text("To be, or not to be, that is the question.\n" * 50)
    return folder / "play.txt"


def texts(folder: Path) -> Path:
    for name in ("bad", "good"):
        (folder / f"{name}.txt").write_text("".join(f"{name} film {i}\n" for i in range(40)))
    return folder


def images(folder: Path) -> Path:
    for kind in ("cat", "dog"):
        (folder / kind).mkdir()
        for number in range(12):
            picture().save(folder / kind / f"{number}.png")
    return folder


def masks(folder: Path) -> Path:
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number in range(12):
        picture().save(folder / "images" / f"{number}.png")
        Image.fromarray(DRAW.integers(0, 2, (8, 8), dtype=np.uint8)).save(
            folder / "masks" / f"{number}.png"
        )
    return folder


def sounds(folder: Path) -> Path:
    for pitch, kind in ((220, "low"), (880, "high")):
        (folder / kind).mkdir()
        for number in range(6):
            tone = np.sin(2 * np.pi * pitch * np.arange(8000) / 16_000 + number)
            with wave.open(str(folder / kind / f"{number}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(16_000)
                file.writeframes((tone * 20_000).astype("<i2").tobytes())
    return folder


def tar(folder: Path) -> Path:
    with tarfile.open(folder / "part.tar", "w") as file:
        for number in range(20):
            stream = io.BytesIO()
            picture().save(stream, "PNG")
            for suffix, content in ((".png", stream.getvalue()), (".cls", b"%d" % (number % 2))):
                entry = tarfile.TarInfo(f"{number:03}{suffix}")
                entry.size = len(content)
                file.addfile(entry, io.BytesIO(content))
    return folder / "part.tar"


def graph(folder: Path) -> Path:
    nodes = "".join(f"{i},{i % 2},{i % 5}\n" for i in range(40))
    edges = "".join(f"{i},{(i + 2) % 40}\n" for i in range(40))
    (folder / "nodes.csv").write_text("id,label,colour\n" + nodes)
    (folder / "edges.csv").write_text("source,target\n" + edges)
    return folder


MAKES: dict[str, Make] = {
    "files.audio": sounds,
    "files.cifar": cifar,
    "files.csv": table,
    "files.csv by tabs": tabs,
    "files.graph": graph,
    "files.idx": idx,
    "files.image_folder": images,
    "files.image_masks": masks,
    "files.image_table": image_table,
    "files.numpy": arrays,
    "files.series": series,
    "files.tar": tar,
    "files.text": text,
    "files.text_labels": sentences,
    "files.text_labels by file": texts,
}


@pytest.mark.parametrize("kind", sorted(MAKES))
def test_the_first_proposal_can_be_read(kind: str, tmp_path: Path) -> None:
    found = data.survey(MAKES[kind](tmp_path))
    first = found.proposals[0]
    assert first.data.kind == kind.partition(" ")[0]
    assert first.title
    opened = data.open(first.data, tmp_path)
    assert opened.facts.train > 0


def test_a_table_tells_its_columns_and_rows(tmp_path: Path) -> None:
    found = data.survey(table(tmp_path))
    assert [(one.name, one.kind) for one in found.columns] == [
        ("row", "identifier"),
        ("size", "number"),
        ("class", "category"),
    ]
    assert found.count == 60
    assert found.rows[0] == ("0", "0.00", "a")
    assert found.proposals[0].data.params["target"] == "class"
    assert found.proposals[0].data.params["ignore"] == "row"


def survey_of(folder: Path, text: str) -> tuple[dict[str, str], data.DataRef]:
    (folder / "x.csv").write_text(text)
    found = data.survey(folder / "x.csv")
    return {one.name: one.remark for one in found.columns}, found.proposals[0].data


def test_what_is_suspicious_is_named(tmp_path: Path) -> None:
    rows = "".join(
        f"{-999 if i % 10 == 0 else 20 + i % 9},{'Yes' if i % 4 else 'yes '},7,{'' if i % 3 else i},"
        f"{'x1' if i == 5 else i * 1.5},{'ab'[i % 2]}\n"
        for i in range(60)
    )
    remarks, ref = survey_of(tmp_path, "heat,said,same,holes,mixed,label\n" + rows)
    assert "−999 comes 6 times" in remarks["heat"].replace("-", "−")
    assert remarks["said"] == "Written in several ways: 'yes', 'Yes'."
    assert "teaches nothing" in remarks["same"]
    assert remarks["holes"] == "40 of 60 cells are empty."
    assert "1 cells are no numbers, such as 'x1'" in remarks["mixed"]
    assert ref.params["ignore"] == "same"


def test_groups_and_dates_propose_the_division(tmp_path: Path) -> None:
    by_group = "patient_id,pulse,ill\n" + "".join(f"p{i % 6},{60 + i},{'yn'[i % 2]}\n" for i in range(60))  # fmt: skip
    _, ref = survey_of(tmp_path, by_group)
    assert (ref.split.by, ref.params["group"]) == ("groups", "patient_id")
    by_time = "day,a,b,ill\n" + "".join(f"2020-{i % 12 + 1:02}-{i % 28 + 1:02},{i / 3},{i / 7},{'yn'[i % 2]}\n" for i in range(60))  # fmt: skip
    _, ref = survey_of(tmp_path, by_time)
    assert (ref.split.by, ref.params["time"]) == ("time", "day")


def test_copies_and_columns_that_tell_the_answer(tmp_path: Path) -> None:
    rows = "".join(f"{i % 20},{'SW'[i % 2]},{'sw'[i % 2]}\n" for i in range(60))
    (tmp_path / "x.csv").write_text("size,code,label\n" + rows)
    found = data.survey(tmp_path / "x.csv")
    assert any("40 of 60 rows are copies" in remark for remark in found.remarks)
    assert any("'code' tells 'label' exactly" in remark for remark in found.remarks)
    assert columns.giveaways(read_csv(tmp_path / "x.csv"), "no such column") == ()


def test_a_long_table_is_looked_at_all_over(tmp_path: Path) -> None:
    lines = [f"{i},{i % 7 + i / 50:.2f},{'a' if i < 90_000 else 'b'}" for i in range(120_000)]
    (tmp_path / "x.csv").write_text("id,size,label\n" + "\n".join(lines))
    found = data.survey(tmp_path / "x.csv")
    assert found.count == 120_000
    kinds = {one.name: one.kind for one in found.columns}
    assert kinds == {"id": "identifier", "size": "number", "label": "category"}
    assert found.proposals[0].data.params["ignore"] == "id"
    assert "group" not in found.proposals[0].data.params
    whole = read_csv(tmp_path / "x.csv")
    assert len(whole.spread(3_000)) == 1_000
    assert whole.spread(10**9) is whole


@pytest.mark.parametrize("name", ["nothing", "empty", "strange.xyz", "broken.csv"])
def test_what_cannot_be_read_is_a_sentence(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "strange.xyz").write_bytes(b"\x00\x01")
    (tmp_path / "broken.csv").write_text('a,b\n"1,2\n3')
    with pytest.raises(DataProblem) as raised:
        data.survey(tmp_path / name)
    assert name in str(raised.value)
    assert str(raised.value).endswith(".")


REAL = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data sets are not here")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("cora", "files.graph"),
        ("daily-min-temperatures.csv", "files.series"),
        ("sentence-polarity", "files.text_labels"),
        ("t10k-images-idx3-ubyte.gz", "files.idx"),
        ("tiny-shakespeare.txt", "files.text"),
    ],
)
def test_real_data_is_recognised(name: str, kind: str) -> None:
    assert data.survey(REAL / name).proposals[0].data.kind == kind
