"""A history is bounded, and the same live as from disk."""

from __future__ import annotations

import numpy as np
import pytest

from studio.engine import protocol as p
from studio.graph.problems import Problem
from studio.session.history import BUCKETS, MOMENTS, Curve, History


def test_a_short_curve_is_kept_whole() -> None:
    curve = Curve()
    curve.append(np.arange(5), np.array([1.0, np.nan, 3.0, np.inf, 5.0]))
    x, y = curve.points()
    assert x.tolist() == [0, 2, 4]
    assert y.tolist() == [1, 3, 5]
    assert curve.last == 5


@pytest.mark.parametrize("chunk", [1, 7, 1000, 40_000])
def test_a_long_curve_is_bounded_and_keeps_every_extreme(chunk: int) -> None:
    count = 10_000 if chunk == 1 else 200_000
    values = np.random.default_rng(0).normal(size=count)
    values[count // 3], values[count // 2] = 99.0, -99.0
    curve = Curve()
    for start in range(0, count, chunk):
        part = values[start : start + chunk]
        curve.append(np.arange(start, start + len(part)), part)
    x, y = curve.points()
    assert len(x) == len(y) <= 2 * BUCKETS
    assert y.max() == 99.0
    assert y.min() == -99.0
    assert (np.diff(x) >= 0).all()
    assert curve.length == count
    means = curve.means()[1]
    assert abs(means.mean() - values[: count // 2].mean()) < 0.05


def test_layer_statistics_over_time_are_thinned() -> None:
    history = History()
    for step in range(3000):
        history.take(p.LayerStats(step, {"a": p.LayerStat(float(step), 1.0, 0.0)}))
    assert len(history.layer_steps) == len(history.layer_series["a"]) <= MOMENTS
    assert history.layers["a"].mean == 2999


def test_best_is_lowest_for_losses_and_highest_for_shares() -> None:
    history = History()
    for epoch, (loss, accuracy) in enumerate([(2.0, 0.5), (1.0, 0.9), (1.5, 0.7)], start=1):
        metrics = {"val_loss": loss, "val_accuracy": accuracy}
        history.take(p.EpochDone(epoch, epoch * 10, metrics, 0.1))
    assert history.best("val_loss") == (2, 1.0)
    assert history.best("val_accuracy") == (2, 0.9)
    assert history.best("val_r2") is None


def test_a_problem_is_shown_once_a_node() -> None:
    history = History()
    for step in range(5):
        history.take(p.ProblemFound(step, Problem(f"{step} dead", node="relu")))
    assert [problem.message for problem in history.problems] == ["4 dead"]
