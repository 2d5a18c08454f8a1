from __future__ import annotations

import numpy as np
import pytest

from studio.session.judgement import calibration, fit, of_confusion, of_labels, sample_losses


def test_figures_of_classes_are_those_of_the_counts() -> None:
    found = of_confusion(np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]]))
    assert found.precision[:2] == pytest.approx([8 / 9, 9 / 11])
    assert found.recall[:2] == pytest.approx([0.8, 0.9])
    assert found.f1[0] == pytest.approx(2 * 8 / (9 + 10))
    assert found.support.tolist() == [10, 10, 0]
    assert np.isnan(found.f1[2]), "of a class without samples nothing can be said"


def test_figures_of_labels_count_every_label_by_itself() -> None:
    scores = np.array([[0.9, 0.2], [0.8, 0.7], [0.1, 0.4]])
    targets = np.array([[1, 0], [0, 1], [1, 1]])
    found = of_labels(scores, targets)
    assert found.precision.tolist() == [0.5, 1.0]
    assert found.recall.tolist() == [0.5, 0.5]


def test_calibration_is_zero_where_sureness_is_the_share_that_is_right() -> None:
    rng = np.random.default_rng(0)
    sure = np.full(4000, 0.75)
    targets = np.where(rng.permutation(4000) < 3000, 0, 1)
    found = calibration(np.stack([sure, 1 - sure], 1), targets)
    assert found.error == pytest.approx(0, abs=1e-9)
    assert found.samples.tolist() == [0, 0, 0, 0, 0, 0, 0, 4000, 0, 0]


def test_calibration_error_is_the_mean_gap_by_samples() -> None:
    # Three samples at 0.9 of which one is right, one at 0.6 that is wrong.
    likely = np.array([0.9, 0.9, 0.9, 0.6])
    found = calibration(np.stack([likely, 1 - likely], 1), np.array([0, 1, 1, 1]))
    expected = 3 / 4 * abs(1 / 3 - 0.9) + 1 / 4 * abs(0 - 0.6)
    assert found.error == pytest.approx(expected)
    assert np.isnan(found.accuracy[0])


def test_a_bin_has_its_upper_end() -> None:
    found = calibration(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([0, 0]))
    assert found.samples[4] == 1
    assert found.samples[9] == 1


def test_losses_of_samples_follow_the_task() -> None:
    outputs = np.array([[0.9, 0.1], [0.0, 1.0]])
    found = sample_losses("classification", outputs, np.array([0, 0]))
    assert found[0] == pytest.approx(-np.log(0.9))
    assert np.isfinite(found[1])
    assert found[1] > 20
    labels = sample_losses("multi-label", np.array([[0.9, 0.1]]), np.array([[1, 0]]))
    assert labels[0] == pytest.approx(-np.log(0.9))
    assert sample_losses("regression", np.array([[3.0]]), np.array([[1.0]])).tolist() == [4.0]


def test_a_fit_is_told_by_its_variance_and_its_errors() -> None:
    true = np.array([1.0, 2.0, 3.0])
    perfect = fit(true, true)
    assert (perfect.r2, perfect.mae, perfect.rmse, perfect.bias) == (1, 0, 0, 0)
    assert fit(np.full(3, 2.0), true).r2 == pytest.approx(0)
    assert fit(true + 1, true).bias == pytest.approx(1)
    assert np.isnan(fit(true, np.ones(3)).r2)
