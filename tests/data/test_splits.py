"""Samples are divided by chance, by group, by time or as published; what cannot be is said."""

from __future__ import annotations

import numpy as np
import pytest

from studio.data.source import DataProblem, Loaded
from studio.data.split import Parts, divided
from studio.graph.project import SPLITS, Split


def loaded(count: int = 100, **more: object) -> Loaded:
    draw = np.random.default_rng(0)
    inputs = draw.random((count, 3), dtype=np.float32)
    return Loaded("A", "table", inputs, np.arange(count) % 2, classes=("a", "b"), **more)  # type: ignore[arg-type]


def whole(parts: Parts) -> list[int]:
    return sorted(int(at) for part in parts for at in part)


def test_a_group_is_never_in_two_parts() -> None:
    groups = np.random.default_rng(1).integers(0, 17, 300)
    parts, _ = divided(loaded(300, groups=groups), Split(0.2, 0.2, by="groups"), 0)
    assert whole(parts) == list(range(300))
    sets = [set(groups[part].tolist()) for part in parts]
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert not sets[1] & sets[2]
    assert all(sets)
    assert 0.1 < len(parts[1]) / 300 < 0.3


@pytest.mark.parametrize("seed", range(8))
def test_each_part_has_a_group_also_where_one_group_is_nearly_all(seed: int) -> None:
    groups = np.array([0] * 94 + [1, 1, 2, 2, 3, 3])
    parts, _ = divided(loaded(100, groups=groups), Split(0.25, 0.25, by="groups"), seed)
    assert all(len(part) for part in parts)
    assert whole(parts) == list(range(100))


def test_groups_divide_alike_with_the_same_seed_only() -> None:
    data = loaded(200, groups=np.arange(200) // 5)
    same = [divided(data, Split(by="groups"), 3)[0][1].tolist() for _ in range(2)]
    assert same[0] == same[1]
    assert same[0] != divided(data, Split(by="groups"), 4)[0][1].tolist()


def test_by_time_the_latest_samples_test() -> None:
    times = np.random.default_rng(2).permutation(100).astype(np.float64)
    (train, validation, test), _ = divided(loaded(times=times), Split(0.2, 0.1, by="time"), 0)
    assert (len(train), len(validation), len(test)) == (70, 20, 10)
    assert times[train].max() < times[validation].min()
    assert times[validation].max() < times[test].min()


def test_published_parts_stay_unless_another_way_is_chosen() -> None:
    parts = (np.arange(50), np.arange(50, 60), np.arange(60, 100))
    data = loaded(parts=parts)
    assert divided(data, Split(), 0)[0] is parts
    assert divided(data, Split(by="published"), 0)[0] is parts
    assert len(divided(data, Split(0.3, by="chance"), 0)[0][1]) == 30


def test_groups_and_times_that_are_named_are_gone_by() -> None:
    groups = np.arange(100) // 10
    parts, _ = divided(loaded(groups=groups), Split(), 0)
    assert not set(groups[parts[0]]) & set(groups[parts[1]])
    parts, _ = divided(loaded(times=np.arange(100)), Split(), 0)
    assert parts[1].tolist() == list(range(80, 100))


@pytest.mark.parametrize("by", ["groups", "published", "time", "zodiac"])
def test_what_a_source_does_not_have_is_said(by: str) -> None:
    with pytest.raises(DataProblem, match=r"A (names|does not come|cannot be split).*\."):
        divided(loaded(), Split(by=by), 0)


def test_too_few_groups_are_said() -> None:
    with pytest.raises(DataProblem, match="2 groups cannot be divided"):
        divided(loaded(groups=np.arange(100) % 2), Split(0.4, 0.4, by="groups"), 0)


def test_every_way_has_its_sentence() -> None:
    assert sorted(SPLITS) == ["", "chance", "groups", "published", "time"]
    assert all(sentence.endswith(".") for sentence in SPLITS.values())
