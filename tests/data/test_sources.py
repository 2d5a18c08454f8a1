"""What comes in is what is there: built-in sets, files, splits and transforms."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio import data
from studio.data.split import divide
from studio.graph.project import DataRef, Split, Step


def write_idx(path: Path, array: np.ndarray, magic: bytes | None = None) -> None:
    head = magic or bytes([0, 0, 0x08, array.ndim])
    raw = head + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


def write_images(folder: Path, count: int = 6, size: tuple[int, int] = (12, 10)) -> None:
    rng = np.random.default_rng(0)
    for name, low in (("cats", 0), ("dogs", 120)):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(low, low + 100, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")


@pytest.mark.parametrize(
    ("kind", "samples", "shape", "classes", "features"),
    [
        ("sklearn.digits", 1797, (1, 8, 8), 10, 0),
        ("sklearn.iris", 150, (4,), 3, 4),
        ("sklearn.breast_cancer", 569, (30,), 2, 30),
        ("sklearn.diabetes", 442, (10,), 0, 10),
    ],
)
def test_built_in_sets(
    kind: str, samples: int, shape: tuple[int, ...], classes: int, features: int, tmp_path: Path
) -> None:
    dataset = data.open(DataRef(kind), tmp_path)
    facts = dataset.facts
    assert facts.train + facts.validation + facts.test == samples
    assert facts.validation == -(-samples // 5)
    assert facts.sample.shape == shape
    assert len(facts.classes) == classes
    assert len(facts.features) == features
    assert dataset.train.inputs.dtype == torch.float32
    assert len(dataset.train) == facts.train
    assert facts.task == ("classification" if classes else "regression")
    assert facts.bytes == sum(
        s.inputs.nbytes + s.targets.nbytes
        for s in (dataset.train, dataset.validation, dataset.test)
    )


def test_digits_keep_their_range_through_a_resize(tmp_path: Path) -> None:
    ref = DataRef(transforms=(Step("core.resize", {"size": 28}),))
    facts = data.open(ref, tmp_path).facts
    assert facts.sample.shape == (1, 28, 28)
    assert facts.value_range == (0.0, 1.0)


def test_regression_is_standardised_by_training_samples_and_says_so(tmp_path: Path) -> None:
    dataset = data.open(DataRef("sklearn.diabetes"), tmp_path)
    assert dataset.train.inputs.mean(0).abs().max() < 1e-5
    assert dataset.train.inputs.std(0, correction=0) == pytest.approx(torch.ones(10), abs=1e-5)
    assert float(dataset.train.targets.mean()) == pytest.approx(0, abs=1e-5)
    assert abs(float(dataset.validation.targets.mean())) > 1e-4
    back = dataset.validation.targets * dataset.facts.target_std[0] + dataset.facts.target_mean[0]
    assert 20 < float(back.min()) < float(back.max()) < 400
    assert any("target is standardised" in note for note in dataset.facts.notes)
    plain = data.open(DataRef("sklearn.diabetes", {"standardize": False}), tmp_path)
    assert float(plain.train.targets.mean()) > 100
    assert not plain.facts.target_std


def test_a_split_is_stratified_and_repeats(tmp_path: Path) -> None:
    ref = DataRef(split=Split(0.2, 0.1), seed=3)
    first, again = data.open(ref, tmp_path), data.open(ref, tmp_path)
    assert torch.equal(first.validation.inputs, again.validation.inputs)
    other = data.open(DataRef(split=Split(0.2, 0.1), seed=4), tmp_path)
    assert not torch.equal(first.validation.targets, other.validation.targets)
    for part in (first.train, first.validation, first.test):
        share = torch.bincount(part.targets, minlength=10) / len(part)
        assert share.max() - share.min() < 0.03
    assert first.facts.fingerprint == other.facts.fingerprint


def test_the_splits_share_no_sample(tmp_path: Path) -> None:
    dataset = data.open(DataRef("sklearn.diabetes", split=Split(0.3, 0.2)), tmp_path)
    rows = [
        {tuple(row) for row in part.inputs.tolist()}
        for part in (dataset.train, dataset.validation, dataset.test)
    ]
    assert sum(map(len, rows)) == len(rows[0] | rows[1] | rows[2]) == 442


def test_transforms_learn_from_training_samples_alone(tmp_path: Path) -> None:
    ref = DataRef(transforms=(Step("core.normalize"),))
    dataset = data.open(ref, tmp_path)
    assert float(dataset.train.inputs.mean()) == pytest.approx(0, abs=1e-5)
    assert float(dataset.train.inputs.std(correction=0)) == pytest.approx(1, abs=1e-5)
    raw = data.open(DataRef(), tmp_path)
    mean, std = raw.train.inputs.mean(), raw.train.inputs.std(correction=0)
    expected = (raw.validation.inputs - mean) / std
    assert torch.allclose(dataset.validation.inputs, expected, atol=1e-5)


def test_rows_and_flatten_change_the_form(tmp_path: Path) -> None:
    rows = data.open(DataRef(transforms=(Step("core.rows"),)), tmp_path)
    assert rows.facts.form == "sequence"
    assert rows.facts.sample.shape == (8, 8)
    images = data.open(DataRef(), tmp_path)
    assert torch.equal(rows.train.inputs[5, 3], images.train.inputs[5, 0, 3])
    flat = data.open(DataRef(transforms=(Step("flatten"),)), tmp_path)
    assert flat.facts.sample.shape == (64,)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_plain_and_gzipped(suffix: str, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 5, 4))
    labels = np.arange(20) % 2 + 3
    write_idx(tmp_path / f"a-images-idx3-ubyte{suffix}", images)
    write_idx(tmp_path / f"a-labels-idx1-ubyte{suffix}", labels)
    ref = DataRef("files.idx", {"images": f"a-images-idx3-ubyte{suffix}"}, split=Split(0, 0))
    dataset = data.open(ref, tmp_path)
    assert dataset.facts.classes == ("3", "4")
    assert dataset.facts.sample.shape == (1, 5, 4)
    assert sorted(dataset.train.inputs[:, 0, 0, 0].tolist()) == pytest.approx(
        sorted(images[:, 0, 0] / 255)
    )
    assert len(dataset.validation) == 0
    assert dataset.validation.inputs.shape == (0, 1, 5, 4)


def test_mnist_itself(shared_data: Path) -> None:
    ref = DataRef("files.idx", {"images": "t10k-images-idx3-ubyte.gz"})
    facts = data.open(ref, shared_data).facts
    assert (facts.train, facts.validation) == (8000, 2000)
    assert facts.sample.shape == (1, 28, 28)
    assert facts.balance == (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)


@pytest.mark.parametrize(("mode", "channels"), [("grey", 1), ("rgb", 3)])
def test_image_folder(mode: str, channels: int, tmp_path: Path) -> None:
    write_images(tmp_path / "pets")
    ref = DataRef("files.image_folder", {"path": "pets", "mode": mode}, split=Split(0.25))
    facts = data.open(ref, tmp_path).facts
    assert facts.classes == ("cats", "dogs")
    assert facts.sample.shape == (channels, 12, 10)
    assert facts.balance == (6, 6)
    resized = DataRef("files.image_folder", {"path": "pets", "size": (7, 9)}, split=Split(0.25))
    assert data.open(resized, tmp_path).facts.sample.shape == (3, 7, 9)


def test_images_of_several_sizes_are_scaled_and_it_is_said(tmp_path: Path) -> None:
    write_images(tmp_path / "pets")
    Image.new("RGB", (300, 200)).save(tmp_path / "pets" / "cats" / "wide.jpg")
    facts = data.open(DataRef("files.image_folder", {"path": "pets"}), tmp_path).facts
    assert facts.sample.shape == (3, 12, 10)
    assert any("2 sizes" in note for note in facts.notes)


def test_csv_guesses_delimiter_header_categories_and_task(tmp_path: Path) -> None:
    rows = ["size;colour;weight;kind"]
    rows += [f"{i}.5;{('red', 'blue')[i % 2]};{i * 3};{('a', 'b', 'c')[i % 3]}" for i in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    facts = data.open(DataRef("files.csv", {"path": "t.csv"}), tmp_path).facts
    assert facts.features == ("size", "colour=blue", "colour=red", "weight")
    assert facts.classes == ("a", "b", "c")
    assert facts.target_names == ("kind",)
    numbers = DataRef("files.csv", {"path": "t.csv", "target": "weight", "ignore": "kind, colour"})
    facts = data.open(numbers, tmp_path).facts
    assert facts.task == "regression"
    assert facts.features == ("size",)
    assert facts.target_shape == (1,)


def test_csv_without_names_takes_whole_numbers_as_classes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("".join(f"{i},{i / 2},{i % 10}\n" for i in range(40)))
    facts = data.open(DataRef("files.csv", {"path": "t.csv"}), tmp_path).facts
    assert facts.features == ("column 1", "column 2")
    assert facts.classes == tuple("0123456789")
    assert facts.train + facts.validation == 40


def test_rows_with_gaps_can_be_left_out(tmp_path: Path) -> None:
    rows = ["x,y", *(f"{'' if i == 3 else i},{i}.5" for i in range(30))]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    facts = data.open(DataRef("files.csv", {"path": "t.csv", "missing": "skip"}), tmp_path).facts
    assert facts.train + facts.validation == 29
    assert facts.notes[0].startswith("1 rows")


def test_doubtful_data_is_warned_of(tmp_path: Path) -> None:
    rows = ["x,same,kind", *(f"{i},1,{'rare' if i < 4 else 'common'}" for i in range(60))]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    warnings = " ".join(data.open(DataRef("files.csv", {"path": "t.csv"}), tmp_path).facts.warnings)
    assert "unbalanced" in warnings
    assert "never change and teach nothing: same" in warnings
    assert "Only 48 samples" in warnings


def test_a_class_of_one_sample_is_split_without_strata(tmp_path: Path) -> None:
    rows = ["x,kind", *(f"{i},{'once' if i == 0 else 'often'}" for i in range(60))]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    facts = data.open(DataRef("files.csv", {"path": "t.csv"}), tmp_path).facts
    assert any("not stratified" in warning for warning in facts.warnings)


def test_the_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("".join(f"{i},{i * 2}\n" for i in range(30)))
    (tmp_path / "b.csv").write_text("".join(f"{i},{i * 2}\n" for i in range(30)))
    (tmp_path / "c.csv").write_text("".join(f"{i},{i * 2 + (i == 9)}\n" for i in range(30)))
    a, b, c = (
        data.open(DataRef("files.csv", {"path": f"{name}.csv"}), tmp_path).facts.fingerprint
        for name in "abc"
    )
    assert a == b != c


def test_every_source_and_transform_is_described() -> None:
    for kind, spec in (data.sources() | data.transforms()).items():
        assert kind == spec.kind
        assert spec.title
        assert spec.doc.endswith((".", "?"))
        for param in spec.params:
            assert (
                param.default is None
                or param.required
                or param.check(param.default) == param.default
            )


def test_the_digits_are_scikit_learns(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    dataset = data.open(DataRef(split=Split(0, 0)), tmp_path)
    theirs = load_digits()
    order = np.lexsort((theirs.data @ np.arange(64), theirs.target))
    ours = (dataset.train.inputs[:, 0].reshape(-1, 64) * 16).numpy()
    mine = np.lexsort((ours @ np.arange(64), dataset.train.targets.numpy()))
    assert np.array_equal(ours[mine], theirs.data[order])
    assert np.array_equal(dataset.train.targets.numpy()[mine], theirs.target[order])


@pytest.mark.parametrize("counts", [(50, 50), (97, 3), (7, 11, 13, 17), (2, 2, 996)])
def test_every_class_gives_its_share(counts: tuple[int, ...]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    (train, validation, test), _ = divide(labels, True, Split(0.2, 0.1), seed=5)
    assert sorted([*train, *validation, *test]) == list(range(sum(counts)))
    for label, count in enumerate(counts):
        assert abs((labels[validation] == label).sum() - 0.2 * count) <= 1.5
        assert abs((labels[test] == label).sum() - 0.1 * count) <= 1
    assert list(train) != sorted(train)
