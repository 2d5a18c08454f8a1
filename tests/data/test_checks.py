"""What is wrong in samples is refused by name, mended where asked; what is doubtful is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from studio.data.checks import doubts, mend
from studio.data.dataset import Dataset, open_dataset
from studio.data.source import DataProblem, Loaded, Source
from studio.data.split import Parts
from studio.data.transforms import builtin_transforms
from studio.graph.project import DataRef, Handling, Split
from studio.graph.spec import SourceSpec


def table(count: int = 100) -> Loaded:
    draw = np.random.default_rng(0)
    return Loaded(
        "patients",
        "table",
        draw.random((count, 3), dtype=np.float32),
        np.arange(count) % 2,
        classes=("ill", "well"),
        features=("age", "height", "weight"),
    )


def opened(loaded: Loaded, handling: Handling | None = None, **more: object) -> Dataset:
    source = Source(SourceSpec(kind="test.table", title="Table"), lambda params, base: loaded)
    ref = DataRef("test.table", handling=handling or Handling(), **more)  # type: ignore[arg-type]
    return open_dataset(ref, Path(), {"test.table": source}, builtin_transforms())


def parts_of(count: int) -> Parts:
    return np.arange(count * 6 // 10), np.arange(count * 6 // 10, count), np.arange(0)


def with_gaps(value: float = np.nan) -> Loaded:
    loaded = table()
    loaded.inputs[7, 1] = value
    loaded.inputs[9, 2] = value
    return loaded


# ---------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_names_sample_and_column(value: float) -> None:
    with pytest.raises(DataProblem) as caught:
        opened(with_gaps(value))
    text = str(caught.value)
    assert "Sample 7 of patients" in text
    assert "'height'" in text
    assert "2 of 100 samples" in text
    assert "drop" in text
    assert "fill" in text


def test_a_gap_in_an_image_names_its_place() -> None:
    inputs = np.zeros((20, 1, 4, 4), np.float32)
    inputs[3, 0, 2, 1] = np.nan
    bad = Loaded("scans", "image", inputs, np.arange(20) % 2, classes=("a", "b"))
    with pytest.raises(DataProblem, match="Sample 3 of scans has nan in 'position 0, 2, 1'"):
        mend(bad, Handling())


def test_a_target_that_is_no_number_cannot_be_filled() -> None:
    targets = np.arange(20, dtype=np.float32)[:, None]
    targets[4] = np.nan
    bad = Loaded("p", "table", np.ones((20, 2), np.float32), targets, target_names=("price",))
    with pytest.raises(DataProblem, match=r"'price'.*Targets cannot be filled"):
        mend(bad, Handling(missing="fill"))
    assert len(mend(bad, Handling(missing="drop")).loaded.targets) == 19


@pytest.mark.parametrize("label", [-1, 2, 99])
def test_a_label_outside_the_classes_names_its_sample(label: int) -> None:
    loaded = table()
    loaded.targets[5] = label
    with pytest.raises(
        DataProblem, match=f"Sample 5 of patients has label {label}, but there are 2"
    ):
        opened(loaded)


def test_what_is_left_out_is_no_label_outside_the_classes() -> None:
    masks = np.zeros((20, 4, 4), np.int64)
    masks[0, 0, 0] = -100
    data = Loaded(
        "m", "image", np.random.default_rng(0).random((20, 1, 4, 4), np.float32), masks,
        "segmentation", ("a", "b"),
    )  # fmt: skip
    assert opened(data).facts.train == 16
    masks[1, 2, 3] = 2
    with pytest.raises(DataProblem, match="Sample 1 of m has label 2"):
        opened(data)


@pytest.mark.parametrize("field", ["duplicates", "memory", "missing"])
def test_a_handling_that_there_is_not_is_said(field: str) -> None:
    with pytest.raises(DataProblem, match=f"data's {field} should be one of"):
        opened(table(), replace_field(field, "magic"))


def replace_field(field: str, value: str) -> Handling:
    return Handling(**{field: value})


# ----------------------------------------------------------------------------------------- mended


def test_samples_with_gaps_are_dropped_where_a_person_says_so() -> None:
    data = opened(with_gaps(), Handling(missing="drop"))
    assert data.facts.train + data.facts.validation == 98
    assert any("2 samples with missing values were left out" in note for note in data.facts.notes)


def test_gaps_are_filled_by_the_training_samples_mean() -> None:
    loaded = with_gaps()
    data = opened(loaded, Handling(missing="fill"))
    every = torch.cat([data.train.inputs, data.validation.inputs])
    assert bool(every.isfinite().all())
    seen = data.train.inputs[:, 1]
    original = np.delete(loaded.inputs[:, 1], 7)
    filled = [value for value in every[:, 1].tolist() if not np.isclose(original, value).any()]
    assert filled == [pytest.approx(float(seen[np.isin(seen, original)].mean()), abs=1e-5)]


def test_duplicates_are_dropped_with_everything_that_belongs_to_them() -> None:
    loaded = table()
    loaded.inputs[50:60] = loaded.inputs[0:10]
    loaded = replace(loaded, groups=np.arange(100), parts=parts_of(100))
    mended = mend(loaded, Handling(duplicates="drop")).loaded
    assert len(mended.targets) == 90
    assert mended.groups is not None
    assert mended.groups.tolist() == [*range(50), *range(60, 100)]
    assert mended.parts is not None
    assert [len(part) for part in mended.parts] == [50, 40, 0]


# ------------------------------------------------------------------------------------------- told


def twins(loaded: Loaded) -> None:
    loaded.inputs[70:73] = loaded.inputs[10:13]


def rare(loaded: Loaded) -> None:
    loaded.targets[60:] = 0


def constant(loaded: Loaded) -> None:
    loaded.inputs[:, 0] = 4


def nearly(loaded: Loaded) -> None:
    loaded.inputs[:, 0] = 4
    loaded.inputs[1, 0] = 5


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (constant, "1 of the features never change and teach nothing: age."),
        (nearly, "1 of the features hardly change"),
        (rare, "The validation split has no sample of 'well'"),
        (twins, "3 of 160 validation samples are in training too (the first: sample 70 "),
    ],
)
def test_what_makes_figures_doubtful_is_told(spoil: Callable[[Loaded], None], said: str) -> None:
    loaded = table(400)
    before = doubts(loaded, (np.arange(60), np.arange(60, 220), np.arange(220, 400)))
    spoil(loaded)
    after = doubts(loaded, (np.arange(60), np.arange(60, 220), np.arange(220, 400)))
    assert not any(said in sentence for sentence in before)
    assert any(said in sentence for sentence in after)


def test_samples_that_differ_in_one_bit_are_no_duplicates() -> None:
    loaded = table(400)
    loaded.inputs[70] = loaded.inputs[10]
    loaded.inputs[70, 2] = np.nextafter(loaded.inputs[10, 2], np.float32(2))
    assert not any("are in training too" in one for one in doubts(loaded, parts_of(100)))


def test_every_sample_with_two_values_only_has_its_own_key() -> None:
    bits = (np.arange(4096)[:, None] >> np.arange(12)) & 1
    loaded = Loaded(
        "bits", "table", bits.astype(np.float32), np.arange(4096) % 2, classes=("a", "b")
    )
    assert len(mend(loaded, Handling(duplicates="drop")).loaded.targets) == 4096


def test_a_division_without_training_samples_is_refused() -> None:
    nothing = (np.arange(0), np.arange(100), np.arange(0))
    with pytest.raises(DataProblem, match="leaves nothing to train on"):
        opened(replace(table(), parts=nothing), split=Split())


def test_samples_of_one_class_only_leave_nothing_to_tell_apart() -> None:
    loaded = replace(table(), classes=("ill",), targets=np.zeros(100, dtype=np.int64))
    assert doubts(loaded, parts_of(100))[0].startswith("Every sample is of the class 'ill'")


def test_a_class_that_a_split_lacks_is_named() -> None:
    loaded = replace(table(), classes=("ill", "odd", "well"), targets=np.arange(100) % 2 * 2)
    assert any(
        "The training split has no sample of 'odd': it is never learnt." in doubt
        for doubt in doubts(loaded, parts_of(100))
    )
