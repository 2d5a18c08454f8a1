import math

import numpy as np
import pytest

from studio.ui.theme import MINUS, THIN_SPACE
from studio.ui.views.axis import decades, rounds
from studio.ui.views.numbers import clock, hundredths, percent, short, size
from studio.ui.views.smoothing import ema, thinned


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.0274, "0.0274"),
        (-1.2934, MINUS + "1.29"),
        (41_200.4, f"41{THIN_SPACE}200"),
        (0.000024, f"2.4e{MINUS}5"),
        (math.nan, "not a number"),
        (-math.inf, MINUS + "∞"),
    ],
)
def test_quantities_are_short(value: float, text: str) -> None:
    assert short(value) == text


def test_shares_times_and_sizes() -> None:
    assert percent(0.9926) == "99.3 %"
    assert hundredths(0.9926) == "99.3"
    assert clock(38.2) == "0:38"
    assert clock(3725) == "1:02:05"
    assert clock(math.inf) == "–"
    assert size(41_000_000) == "41 MB"


def test_ticks_are_round_and_few() -> None:
    assert rounds(0.0, 7.3, 4) == [0.0, 2.0, 4.0, 6.0]
    assert decades(-2.4, 0.6, 4) == [-2.0, -1.0, 0.0]
    assert rounds(1.0, 1.0, 4) == []
    assert rounds(0.0, math.inf, 4) == []


def test_running_mean_equals_the_recursion() -> None:
    values = np.random.default_rng(0).normal(2.0, 1.0, 400)
    expected, mean, mass = [], 0.0, 0.0
    for value in values:
        mean = 0.9 * mean + value
        mass = 0.9 * mass + 1.0
        expected.append(mean / mass)
    assert np.abs(ema(values, 0.9) - expected).max() < 0.02


def test_running_mean_passes_over_what_is_no_number() -> None:
    values = np.array([1.0, np.nan, 1.0, np.inf, 1.0])
    assert np.allclose(ema(values, 0.5), 1.0)


def test_thinning_keeps_both_ends() -> None:
    x = np.arange(10_000.0)
    fewer, y = thinned(x, x * 2, 480)
    assert fewer.size <= 480
    assert (fewer[0], fewer[-1], y[-1]) == (0.0, 9999.0, 19_998.0)
