"""Running means and thinning of curves."""

from __future__ import annotations

import numpy as np


def ema(values: np.ndarray, weight: float) -> np.ndarray:
    """Return the exponential running mean, corrected at the start; what is not a number is passed over.

    A kernel cut where its rest is under 0.2 % stands for the recursion: one convolution, no loop.
    """
    if weight <= 0 or values.size < 2:
        return values
    length = min(values.size, int(np.ceil(np.log(0.002) / np.log(weight))))
    kernel = weight ** np.arange(length)
    known = np.isfinite(values)
    sums = np.convolve(np.where(known, values, 0.0), kernel)[: values.size]
    mass = np.convolve(known.astype(np.float64), kernel)[: values.size]
    return np.where(mass > 0, sums / np.maximum(mass, 1e-12), np.nan)


def thinned(x: np.ndarray, y: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most `points` of an already smooth curve, both ends included."""
    if x.size <= points:
        return x, y
    keep = np.unique(np.linspace(0, x.size - 1, points).round().astype(np.int64))
    return x[keep], y[keep]
