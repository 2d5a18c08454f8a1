"""t-SNE keeps neighbours together, tells how far it is, and gives up when it is asked to."""

from __future__ import annotations

import numpy as np
import pytest

from studio.engine import protocol as p
from studio.explain import Cancelled, ExplainProblem, neighbours


def blobs(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    kinds = np.arange(count) % 3
    return (np.eye(3)[kinds] * 9 + draw.normal(size=(count, 3))).astype(np.float32), kinds


def test_groups_stay_groups_and_it_is_the_same_again() -> None:
    points, kinds = blobs()
    told: list[tuple[int, int, str]] = []
    first = neighbours(p.Embed(points), lambda: False, lambda *said: told.append(said))
    away = ((first.points[:, None] - first.points[None]) ** 2).sum(-1)
    np.fill_diagonal(away, np.inf)
    assert (kinds[away.argmin(1)] == kinds).mean() > 0.95
    assert first.points.dtype == np.float32
    assert [done for done, _, _ in told] == [0, 250, 500, 750, 1000]
    again = neighbours(p.Embed(points), lambda: False, lambda *said: None)
    assert np.array_equal(first.points, again.points)


def test_points_on_a_line_or_upon_each_other_do_no_harm() -> None:
    for points in (np.linspace(0, 1, 30)[:, None], np.ones((30, 4))):
        found = neighbours(p.Embed(points.astype(np.float32)), lambda: False, lambda *said: None)
        assert found.points.shape == (30, 2)
        assert np.isfinite(found.points).all()


def test_it_is_given_up_between_two_slices() -> None:
    points, _ = blobs()
    told: list[int] = []
    with pytest.raises(Cancelled):
        neighbours(p.Embed(points), lambda: len(told) > 1, lambda done, *rest: told.append(done))
    assert told == [0, 250]


@pytest.mark.parametrize(
    "points",
    [np.zeros((3, 2)), np.zeros(9), np.full((9, 2), np.nan), np.zeros((5001, 1))],
    ids=["too few", "no rows", "not numbers", "too many"],
)
def test_what_cannot_be_laid_out_is_a_sentence(points: np.ndarray) -> None:
    with pytest.raises(ExplainProblem, match="t-SNE needs 4 to 5000 rows"):
        neighbours(p.Embed(points.astype(np.float32)), lambda: False, lambda *said: None)
