"""Data larger than memory stays on the disk, is the same data, and says what is wrong with it."""

from __future__ import annotations

import gzip
import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio import data
from studio.data.memory import check_fits, free_bytes, limit_bytes
from studio.data.npy_rows import NpyRows
from studio.data.source import DataProblem
from studio.graph.project import DataRef, Handling, Split, Step

STREAM = Handling(memory="stream")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for kind in ("cats", "dogs"):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        for number in range(20):
            pixels = draw.integers(0, 256, (10, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / kind / f"{number:02}.png")
    return tmp_path


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", draw.random((90, 7)).astype(np.float32))
    np.save(tmp_path / "y.npy", draw.integers(0, 3, 90))
    return tmp_path


def pets(handling: Handling = STREAM, *steps: Step, **params: object) -> DataRef:
    return DataRef(
        "files.image_folder",
        {"path": "pets", **params},  # type: ignore[dict-item]
        transforms=steps,
        split=Split(0.2, 0.1),
        handling=handling,
    )


def rows(handling: Handling = STREAM, *steps: Step) -> DataRef:
    params = {"path": "x.npy", "targets_path": "y.npy"}
    return DataRef("files.numpy", params, transforms=steps, handling=handling)


@pytest.mark.parametrize(
    "steps",
    [(), (Step("core.resize", {"size": 6}),), (Step("core.pad"), Step("core.normalize"))],
)
def test_streamed_images_are_the_resident_ones(folder: Path, steps: tuple[Step, ...]) -> None:
    resident = data.open(pets(Handling(), *steps), folder)
    streamed = data.open(pets(STREAM, *steps), folder)
    assert resident.streamed is None
    assert streamed.streamed is not None
    assert len(streamed.streamed) == streamed.facts.train == resident.facts.train == 28
    read = streamed.streamed.read(torch.arange(28))
    assert torch.equal(read.inputs, resident.train.inputs)
    assert torch.equal(read.targets, resident.train.targets)
    for name in ("test", "validation"):
        assert torch.equal(streamed.split(name).inputs, resident.split(name).inputs)
    assert streamed.facts.sample == resident.facts.sample
    assert any("read from the disk" in note for note in streamed.facts.notes)


def test_streamed_rows_are_the_resident_ones(arrays: Path) -> None:
    resident = data.open(rows(Handling(), Step("core.standardize")), arrays)
    streamed = data.open(rows(STREAM, Step("core.standardize")), arrays)
    assert streamed.streamed is not None
    order = torch.randperm(72, generator=torch.Generator().manual_seed(0))
    read = streamed.streamed.read(order)
    assert torch.equal(read.inputs, resident.train.inputs[order])
    assert torch.equal(read.targets, resident.train.targets[order])
    assert torch.equal(streamed.at("train", (71, 3)).inputs, resident.train.inputs[[71, 3]])


def test_what_does_not_fit_streams_by_itself_and_says_so(folder: Path) -> None:
    small = Handling(memory_gb=1e-6)
    assert data.open(pets(small), folder).streamed is not None
    assert data.open(pets(Handling(memory_gb=1.0)), folder).streamed is None


def test_more_than_memory_is_refused_with_both_numbers(folder: Path, arrays: Path) -> None:
    with pytest.raises(DataProblem) as caught:
        data.open(pets(Handling(memory="resident", memory_gb=1e-6)), folder)
    assert "56.2 KiB of memory, but 1.0 KiB are allowed" in str(caught.value)
    assert "stream" in str(caught.value)
    np.savez(arrays / "both.npz", x=np.zeros((9000, 9)), y=np.zeros(9000))
    one = DataRef("files.numpy", {"path": "both.npz"}, handling=Handling(memory_gb=1e-5))
    with pytest.raises(DataProblem, match=r"by its files alone.*10.5 KiB are allowed.*can stream"):
        data.open(one, arrays)


def test_transforms_that_blow_samples_up_are_refused_before_they_do(folder: Path) -> None:
    large = Step("core.resize", {"size": 4000})
    with pytest.raises(DataProblem, match=r"behind its transforms would take .* GiB of memory"):
        data.open(pets(Handling(memory_gb=0.5), large), folder)


def test_what_is_one_piece_cannot_stream(folder: Path) -> None:
    with pytest.raises(DataProblem, match="read in one piece and cannot stream"):
        data.open(DataRef("sklearn.iris", handling=STREAM), folder)


def test_without_a_limit_half_of_what_is_free_is_used() -> None:
    free, limit = free_bytes(), limit_bytes(Handling())
    assert free is not None
    assert limit is not None
    assert 0.2 * free < limit < 0.8 * free
    with pytest.raises(DataProblem, match="half of what is free"):
        check_fits("Everything", 1 << 60, Handling(), "Bring less.")


# ---------------------------------------------------------------------------------------- hostile


def streamed(ref: DataRef, base: Path) -> data.Dataset:
    opened = data.open(ref, base)
    assert opened.streamed is not None
    return opened


def spoil(folder: Path, opened: data.Dataset, positions: tuple[int, ...], raw: bytes) -> list[str]:
    """Overwrite the files of training samples; returns their names."""
    assert opened.streamed is not None
    files = sorted((folder / "pets" / "cats").iterdir()) + sorted(
        (folder / "pets" / "dogs").iterdir()
    )
    names = []
    for position in positions:
        file = files[int(opened.streamed.positions[position])]
        file.write_bytes(raw)
        names.append(f"{file.parent.name}/{file.name}")
    return names


def test_an_image_that_breaks_ends_the_reading_by_name(folder: Path) -> None:
    opened = streamed(pets(), folder)
    (name,) = spoil(folder, opened, (5,), b"no picture")
    assert opened.streamed is not None
    with pytest.raises(DataProblem) as caught:
        opened.streamed.read(torch.arange(8))
    assert name in str(caught.value)
    assert "switch on skip_unreadable" in str(caught.value)


def test_broken_images_are_passed_over_named_and_counted_where_a_person_says_so(
    folder: Path,
) -> None:
    opened = streamed(pets(skip_unreadable=True), folder)
    assert opened.streamed is not None
    names = spoil(folder, opened, (5, 6), b"")
    read = opened.streamed.read(torch.arange(8))
    assert len(read) == 8
    assert torch.equal(read.inputs[5], read.inputs[7]), "the next whole one stands in"
    assert torch.equal(read.targets[5], read.targets[7])
    news = opened.streamed.skipped.news()
    assert news.startswith("2 samples could not be read")
    assert all(name in news for name in names)
    assert opened.streamed.skipped.news() == ""
    opened.streamed.read(torch.arange(8))
    assert opened.streamed.skipped.news() == "", "each is told once"


def test_a_batch_of_nothing_but_broken_images_is_the_end(folder: Path) -> None:
    opened = streamed(pets(skip_unreadable=True), folder)
    assert opened.streamed is not None
    spoil(folder, opened, tuple(range(8)), b"")
    with pytest.raises(DataProblem, match="None of the 8 samples of a batch can be read"):
        opened.streamed.read(torch.arange(8))


def test_a_file_that_is_gone_is_named_also_where_broken_ones_are_skipped(folder: Path) -> None:
    opened = streamed(pets(skip_unreadable=True), folder)
    assert opened.streamed is not None
    for file in (folder / "pets" / "dogs").iterdir():
        file.unlink()
    with pytest.raises(DataProblem, match=r"dogs/\d\d.png is not there any more"):
        opened.streamed.read(torch.arange(28))


def test_images_that_are_broken_from_the_start_are_left_out_and_told(folder: Path) -> None:
    (folder / "pets" / "cats" / "03.png").write_bytes(b"no picture")
    with pytest.raises(DataProblem, match=r"cats/03.png"):
        streamed(pets(), folder)
    opened = streamed(pets(skip_unreadable=True), folder)
    assert len(opened.train) + len(opened.validation) + len(opened.test) == 39
    told = " ".join((*opened.facts.warnings, *opened.facts.notes))
    assert "cats/03.png" in told


@pytest.mark.parametrize(
    ("missing", "said"), [("drop", ""), ("fill", ""), ("refuse", "no numbers")]
)
def test_streamed_gaps(arrays: Path, missing: str, said: str) -> None:
    opened = streamed(rows(Handling(memory="stream", missing=missing)), arrays)
    assert opened.streamed is not None
    at = int(opened.streamed.positions[4])
    values = np.load(arrays / "x.npy")
    values[at, 2] = np.nan
    np.save(arrays / "x.npy", values)
    if said:
        with pytest.raises(DataProblem, match=f"Sample {at} of x holds values that are {said}"):
            opened.streamed.read(torch.arange(8))
        return
    read = opened.streamed.read(torch.arange(8))
    assert bool(read.inputs.isfinite().all())
    stands_in = torch.equal(read.inputs[4], read.inputs[5])
    assert stands_in == (missing == "drop")


def test_a_cut_file_is_said(arrays: Path) -> None:
    opened = streamed(rows(), arrays)
    assert opened.streamed is not None
    raw = (arrays / "x.npy").read_bytes()
    (arrays / "x.npy").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(DataProblem, match="it was cut while it was being read"):
        opened.streamed.read(torch.arange(72))


@pytest.mark.parametrize("kind", ["archive", "cut", "objects", "text", "turned"])
def test_rows_are_only_read_from_files_that_have_them(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    values = np.arange(24.0).reshape(6, 4)
    match kind:
        case "archive":
            with path.open("wb") as file:
                np.savez(file, x=values)
        case "cut":
            np.save(path, values)
            path.write_bytes(path.read_bytes()[:-8])
        case "objects":
            np.save(path, np.array([{}, []], dtype=object), allow_pickle=True)
        case "text":
            path.write_text("1,2\n3,4\n")
        case "turned":
            np.save(path, np.asfortranarray(values))
    assert NpyRows.of(path) is None


@pytest.mark.parametrize("dtype", ["bool", "float16", "float64", "int32", "uint8"])
def test_rows_are_what_numpy_reads(dtype: str, tmp_path: Path) -> None:
    values = (np.arange(60).reshape(5, 3, 4) % 7).astype(dtype)
    np.save(tmp_path / "x.npy", values)
    found = NpyRows.of(tmp_path / "x.npy")
    assert found is not None
    assert all(np.array_equal(found.read(at), values[at]) for at in range(5))


# ------------------------------------------------------------------------------------------- tars


@pytest.fixture
def tar(folder: Path) -> Path:
    with tarfile.open(folder / "pets.tar", "w") as archive:
        for file in sorted((folder / "pets").rglob("*.png")):
            name = f"{file.parent.name}{file.stem}"
            label = file.parent.name.encode()
            for suffix, content in ((".png", file.read_bytes()), (".cls", label)):
                member = tarfile.TarInfo(name + suffix)
                member.size = len(content)
                archive.addfile(member, BytesIO(content))
    return folder


def shelf(handling: Handling = STREAM, name: str = "pets.tar", skip: bool = False) -> DataRef:
    return DataRef("files.tar", {"path": name, "skip_unreadable": skip}, handling=handling)


def test_samples_in_a_tar_are_read_where_they_lie(tar: Path) -> None:
    resident, stream = data.open(shelf(Handling()), tar), streamed(shelf(), tar)
    assert stream.streamed is not None
    assert resident.facts.classes == stream.facts.classes == ("cats", "dogs")
    read = stream.streamed.read(torch.arange(32))
    assert torch.equal(read.inputs, resident.train.inputs)
    assert torch.equal(read.targets, resident.train.targets)


def test_a_compressed_tar_is_one_piece(tar: Path) -> None:
    packed = gzip.compress((tar / "pets.tar").read_bytes())
    (tar / "pets.tar.gz").write_bytes(packed)
    assert data.open(shelf(Handling(), "pets.tar.gz"), tar).facts.train == 32
    with pytest.raises(DataProblem, match="cannot stream"):
        data.open(shelf(STREAM, "pets.tar.gz"), tar)


def test_a_tar_that_is_cut_or_gone_while_it_is_read_is_said(tar: Path) -> None:
    stream = streamed(shelf(), tar)
    assert stream.streamed is not None
    (tar / "pets.tar").write_bytes((tar / "pets.tar").read_bytes()[:20_000])
    with pytest.raises(DataProblem, match=r"pets.tar was cut while it was being read"):
        stream.streamed.read(torch.arange(32))
    (tar / "pets.tar").unlink()
    with pytest.raises(DataProblem, match=r"pets.tar cannot be read any more"):
        stream.streamed.read(torch.arange(32))
