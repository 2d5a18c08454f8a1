"""Images with tables, masks, in tars and as CIFAR: whole ones are read, broken ones named."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_bad_data import refusal
from test_sources import write_images

from studio import data
from studio.graph.params import with_defaults
from studio.graph.project import DataRef, Split

WHOLE = Split(0, 0)


def picture(value: int, size: tuple[int, int] = (8, 10)) -> bytes:
    """Return a PNG of one colour; size is height, width."""
    file = io.BytesIO()
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_broken_images_are_counted_named_and_left_out_only_on_demand(tmp_path: Path) -> None:
    write_images(tmp_path / "pets")
    for number in (1, 4):
        (tmp_path / "pets" / "dogs" / f"{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    ref = DataRef("files.image_folder", {"path": "pets"}, split=WHOLE)
    text = refusal(ref, tmp_path)
    assert "2 of 12 images cannot be read: dogs/1.png, dogs/4.png" in text
    assert "skip_unreadable" in text
    skipping = DataRef("files.image_folder", {"path": "pets", "skip_unreadable": True}, split=WHOLE)
    facts = data.open(skipping, tmp_path).facts
    assert facts.balance == (6, 4)
    assert any("2 of 12 images could not be read" in note for note in facts.notes)
    for path in (tmp_path / "pets").rglob("*.png"):
        path.write_bytes(b"")
    assert "12 of 12 images" in refusal(skipping, tmp_path)


def test_images_that_would_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "pets")
    monkeypatch.setattr("studio.data.reading.LARGEST_BYTES", 1 << 20)
    ref = DataRef("files.image_folder", {"path": "pets", "size": (512, 512)})
    text = refusal(ref, tmp_path)
    assert "12 images of 3×512×512" in text
    assert "smaller size" in text


# --------------------------------------------------------------------------------- with a table


def write_table(folder: Path, head: str, rows: list[str]) -> None:
    (folder / "files").mkdir(parents=True)
    for number in range(len(rows)):
        (folder / "files" / f"{number}.png").write_bytes(picture(number * 10))
    lines = [f"files/{number}.png,{row}" for number, row in enumerate(rows)]
    (folder / "t.csv").write_text("\n".join([head, *lines]))


def test_a_table_names_files_and_classes(tmp_path: Path) -> None:
    write_table(tmp_path, "file,kind", [("cat", "dog")[i % 2] for i in range(12)])
    ref = DataRef("files.image_table", {"path": "t.csv", "mode": "grey"}, split=WHOLE)
    dataset = data.open(ref, tmp_path)
    assert dataset.facts.classes == ("cat", "dog")
    assert dataset.facts.sample.shape == (1, 8, 10)
    number = (dataset.train.inputs[:, 0, 0, 0] * 25.5).round().long()
    assert torch.equal(number % 2, dataset.train.targets)


def test_a_table_of_marks_gives_several_labels(tmp_path: Path) -> None:
    write_table(tmp_path, "file,fur,tail", [f"{i % 2},{i % 3 // 2}" for i in range(12)])
    facts = data.open(DataRef("files.image_table", {"path": "t.csv"}), tmp_path).facts
    assert facts.task == "multi-label"
    assert facts.classes == ("fur", "tail")


def test_a_table_may_name_more_images_than_fit_into_memory(tmp_path: Path) -> None:
    write_table(tmp_path, "file,kind", [("cat", "dog")[i % 2] for i in range(12)])
    (tmp_path / "files" / "3.png").unlink()
    params = {"path": "t.csv", "skip_unreadable": True}
    whole = data.open(DataRef("files.image_table", params, split=WHOLE), tmp_path)
    listed = data.builtin_sources()["files.image_table"].listed
    assert listed is not None
    given = with_defaults(data.sources()["files.image_table"].params, params)
    found = listed(given, tmp_path)
    assert found is not None
    assert found.about.inputs.shape == (11, 3, 8, 10)
    assert found.about.notes == ("1 of 12 images are not there and were left out.",)
    pixels = np.stack([found.read(position) for position in range(11)])
    order = np.argsort(whole.train.inputs[:, 0, 0, 0].numpy())
    assert np.array_equal(pixels, whole.train.inputs.numpy()[order])
    assert np.array_equal(found.about.targets, whole.train.targets.numpy()[order])


def test_files_of_a_table_that_are_gone(tmp_path: Path) -> None:
    write_table(tmp_path, "file,kind", [("cat", "dog")[i % 2] for i in range(12)])
    for number in (2, 5):
        (tmp_path / "files" / f"{number}.png").unlink()
    text = refusal(DataRef("files.image_table", {"path": "t.csv"}), tmp_path)
    assert "line 4, column 'file'" in text
    assert "2 of 12 files are missing" in text
    ref = DataRef("files.image_table", {"path": "t.csv", "skip_unreadable": True}, split=WHOLE)
    assert len(data.open(ref, tmp_path).train) == 10


# ------------------------------------------------------------------------------------ with masks


def write_masks(
    folder: Path, values: tuple[int, ...], mode: str = "L", beside: bool = False
) -> None:
    images, masks = folder / "images", folder / ("images" if beside else "masks")
    images.mkdir(parents=True)
    masks.mkdir(exist_ok=True)
    for number in range(6):
        (images / f"{number}.png").write_bytes(picture(200))
        mask = np.full((8, 10), values[0], np.uint8)
        mask[2:6, 3:7] = values[1 + number % (len(values) - 1)]
        shown = Image.fromarray(mask)
        if mode == "RGB":
            shown = Image.fromarray(np.stack([mask, mask * 0, mask * 0], axis=2))
        shown.save(masks / (f"{number}_mask.png" if beside else f"{number}.png"))


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("inner", ["", "images"])
def test_masks_are_classes_of_pixels(beside: bool, inner: str, tmp_path: Path) -> None:
    write_masks(tmp_path / "set", (0, 255), beside=beside)
    path = str(Path("set") / ("images" if beside else inner))
    dataset = data.open(DataRef("files.image_masks", {"path": path}, split=WHOLE), tmp_path)
    facts = dataset.facts
    assert (facts.task, facts.classes) == ("segmentation", ("background", "object"))
    assert facts.target_shape == (8, 10)
    assert dataset.train.targets.dtype == torch.int64
    assert dataset.train.targets.sum((1, 2)).tolist() == [16] * 6


def test_masks_by_index_name_and_ignored_value(tmp_path: Path) -> None:
    write_masks(tmp_path / "set", (0, 2, 255))
    params = {"path": "set", "classes": "ground, car, tree", "ignore": 255}
    dataset = data.open(DataRef("files.image_masks", params, split=WHOLE), tmp_path)
    assert dataset.facts.classes == ("ground", "car", "tree")
    assert torch.unique(dataset.train.targets).tolist() == [-100, 0, 2]
    small = DataRef("files.image_masks", params | {"size": (4, 5)}, split=WHOLE)
    assert torch.unique(data.open(small, tmp_path).train.targets).tolist() == [-100, 0, 2]


def test_masks_by_colour(tmp_path: Path) -> None:
    write_masks(tmp_path / "set", (0, 200), mode="RGB")
    facts = data.open(DataRef("files.image_masks", {"path": "set"}), tmp_path).facts
    assert facts.classes == ("#000000", "#c80000")


def test_masks_that_do_not_fit(tmp_path: Path) -> None:
    write_masks(tmp_path / "set", (0, 7))
    ref = DataRef("files.image_masks", {"path": "set", "classes": "a, b, c"})
    text = refusal(ref, tmp_path)
    assert "holds 7, which is outside the 3 classes" in text
    assert "masks/0.png" in text
    (tmp_path / "set" / "masks" / "4.png").unlink()
    text = refusal(DataRef("files.image_masks", {"path": "set"}), tmp_path)
    assert "1 of 6 images have no mask: 4.png" in text
    write_masks(tmp_path / "same", (3, 3))
    assert "1 classes" in refusal(DataRef("files.image_masks", {"path": "same"}), tmp_path)


def test_a_broken_mask_takes_its_image_along(tmp_path: Path) -> None:
    write_masks(tmp_path / "set", (0, 255))
    (tmp_path / "set" / "masks" / "4.png").write_bytes(b"no mask")
    assert "masks/4.png is not a whole image" in refusal(
        DataRef("files.image_masks", {"path": "set"}), tmp_path
    )
    params = {"path": "set", "skip_unreadable": True}
    dataset = data.open(DataRef("files.image_masks", params, split=WHOLE), tmp_path)
    assert len(dataset.train) == len(dataset.train.targets) == 5


# --------------------------------------------------------------------------------------- in tars


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def pairs(suffix: str, labels: list[object]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for number, label in enumerate(labels):
        raw = json.dumps({"label": label}) if suffix == "json" else str(label)
        files[f"a/{number:03}.png"] = picture(number * 10)
        files[f"a/{number:03}.{suffix}"] = raw.encode()
    return files


@pytest.mark.parametrize("suffix", ["cls", "json", "txt"])
@pytest.mark.parametrize("name", ["t.tar", "t.tar.gz"])
def test_samples_of_a_tar(suffix: str, name: str, tmp_path: Path) -> None:
    write_tar(tmp_path / name, pairs(suffix, [i % 3 + 8 for i in range(12)]))
    dataset = data.open(DataRef("files.tar", {"path": name}, split=WHOLE), tmp_path)
    assert dataset.facts.classes == ("8", "9", "10")
    number = (dataset.train.inputs[:, 0, 0, 0] * 25.5).round().long()
    assert torch.equal(number % 3, dataset.train.targets)


def test_lists_and_numbers_of_a_tar(tmp_path: Path) -> None:
    write_tar(tmp_path / "t.tar", pairs("json", [["a"], ["a", "b"], [], ["b"]] * 3))
    facts = data.open(DataRef("files.tar", {"path": "t.tar"}), tmp_path).facts
    assert (facts.task, facts.classes) == ("multi-label", ("a", "b"))
    write_tar(tmp_path / "n.tar", pairs("json", [i / 4 + 0.1 for i in range(12)]))
    assert data.open(DataRef("files.tar", {"path": "n.tar"}), tmp_path).facts.task == "regression"


def test_a_tar_is_read_where_it_is(tmp_path: Path) -> None:
    """Names that lead elsewhere, links and pickles are no more than names and bytes."""
    files = {f"../../{name}": content for name, content in pairs("cls", [0, 1] * 6).items()}
    files["evil.pkl"] = b"cos\nsystem\n(S'touch owned'\ntR."
    write_tar(tmp_path / "t.tar", files)
    with tarfile.open(tmp_path / "t.tar", "a") as archive:
        link = tarfile.TarInfo("a/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    before = sorted(tmp_path.parent.rglob("*"))
    facts = data.open(DataRef("files.tar", {"path": "t.tar"}), tmp_path).facts
    assert facts.train + facts.validation == 12
    assert sorted(tmp_path.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"a/003.cls": b"\xff\xfe"}, "003.cls is not cls text"),
        ({"a/003.png": b"broken"}, "003 is not a whole image"),
        ({"a/003.cls": b" "}, "expected a class"),
    ],
)
def test_a_tar_with_one_broken_sample(change: dict[str, bytes], said: str, tmp_path: Path) -> None:
    write_tar(tmp_path / "t.tar", pairs("cls", [0, 1] * 6) | change)
    assert said in refusal(DataRef("files.tar", {"path": "t.tar"}), tmp_path)
    ref = DataRef("files.tar", {"path": "t.tar", "skip_unreadable": True}, split=WHOLE)
    dataset = data.open(ref, tmp_path)
    assert len(dataset.train) == 11
    assert any("1 of 1" in note for note in dataset.facts.notes)


def test_tars_that_are_none(tmp_path: Path) -> None:
    ref = DataRef("files.tar", {"path": "t.tar"})
    (tmp_path / "t.tar").write_bytes(b"no tar at all" * 100)
    assert "cannot be read as a tar" in refusal(ref, tmp_path)
    write_tar(tmp_path / "t.tar", pairs("cls", [0, 1] * 6))
    raw = (tmp_path / "t.tar").read_bytes()
    middle = bytearray(raw)
    middle[5120:5632] = b"?" * 512
    for broken in (raw[:1400], raw[:1600], raw[:1536], bytes(middle)):
        (tmp_path / "t.tar").write_bytes(broken)
        assert "to its end" in refusal(ref, tmp_path)
    write_tar(tmp_path / "t.tar", {"a.txt": b"alone"})
    assert "No images were found" in refusal(ref, tmp_path)
    files = pairs("cls", [0, 1] * 6)
    del files["a/005.cls"]
    write_tar(tmp_path / "t.tar", files)
    assert "005 has an image but no label" in refusal(ref, tmp_path)
    write_tar(tmp_path / "t.tar", pairs("json", [0, "a", 0.5, 1] * 3))
    assert "mixes labels" in refusal(ref, tmp_path)
    assert "has no 'kind'; it has label" in refusal(
        DataRef("files.tar", {"path": "t.tar", "key": "kind"}), tmp_path
    )


def test_a_member_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.data.tar_samples._LARGEST_MEMBER", 1 << 20)
    write_tar(tmp_path / "t.tar.gz", pairs("cls", [0, 1] * 6) | {"z.png": b"\0" * (2 << 20)})
    assert "z.png has 2 MiB" in refusal(DataRef("files.tar", {"path": "t.tar.gz"}), tmp_path)


# ----------------------------------------------------------------------------------------- CIFAR


def write_cifar(folder: Path, hundred: bool = False) -> None:
    folder.mkdir()
    draw = np.random.default_rng(0)
    names = ("train.bin", "test.bin") if hundred else ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin")  # fmt: skip
    for name in names:
        records = draw.integers(0, 256, (30, 3074 if hundred else 3073), dtype=np.uint8)
        records[:, 0] = np.arange(30) % 10
        if hundred:
            records[:, 1] = np.arange(30) + 60
        (folder / name).write_bytes(records.tobytes())
    lines = [f"class {number}" for number in range(10)]
    (folder / "batches.meta.txt").write_text("\n".join(lines) + "\n\n")


@pytest.mark.parametrize("packed", [False, True])
def test_cifar_10(packed: bool, tmp_path: Path) -> None:
    write_cifar(tmp_path / "c")
    path = "c"
    if packed:
        path = "c.tar.gz"
        with tarfile.open(tmp_path / path, "w:gz") as archive:
            archive.add(tmp_path / "c", "cifar-10-batches-bin")
    params = {"path": path, "validation": 10}
    dataset = data.open(DataRef("files.cifar", params), tmp_path)
    facts = dataset.facts
    assert (facts.train, facts.validation, facts.test) == (50, 10, 30)
    assert facts.sample.shape == (3, 32, 32)
    assert facts.classes[3] == "class 3"
    raw = np.frombuffer((tmp_path / "c" / "test_batch.bin").read_bytes(), np.uint8)
    red = torch.from_numpy(raw[1 : 1 + 1024].reshape(32, 32) / 255.0)
    assert torch.allclose(dataset.test.inputs[0, 0].double(), red, atol=1e-6)
    assert dataset.test.targets[:3].tolist() == [0, 1, 2]


def test_cifar_100_has_two_kinds_of_labels(tmp_path: Path) -> None:
    write_cifar(tmp_path / "c", hundred=True)
    fine = data.open(DataRef("files.cifar", {"path": "c", "validation": 5}), tmp_path)
    assert len(fine.facts.classes) == 100
    assert fine.test.targets[:2].tolist() == [60, 61]
    coarse = data.open(DataRef("files.cifar", {"path": "c", "labels": "coarse"}), tmp_path)
    assert len(coarse.facts.classes) == 20
    assert coarse.test.targets[:2].tolist() == [0, 1]


def test_cifar_that_is_broken(tmp_path: Path) -> None:
    write_cifar(tmp_path / "c")
    ref = DataRef("files.cifar", {"path": "c"})
    batch = tmp_path / "c" / "data_batch_2.bin"
    raw = bytearray(batch.read_bytes())
    raw[3073 * 4] = 77
    batch.write_bytes(raw)
    text = refusal(ref, tmp_path)
    assert "data_batch_2.bin, record 5: the class label is 77" in text
    batch.write_bytes(raw[:-7])
    assert "no whole number of CIFAR-10's records" in refusal(ref, tmp_path)
    (tmp_path / "c.tar.gz").write_bytes(b"\x1f\x8b not gzip")
    assert "cannot be read as an archive" in refusal(
        DataRef("files.cifar", {"path": "c.tar.gz"}), tmp_path
    )
    (tmp_path / "empty").mkdir()
    assert "No .bin" in refusal(DataRef("files.cifar", {"path": "empty"}), tmp_path)
