"""Axes: from values to pixels, and few round ticks."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from PySide6.QtGui import QPolygonF
from shiboken6 import VoidPtr


class Scale(NamedTuple):
    """Maps `low`…`high` (log10 of them where `log`) to the pixels `start`…`end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def pixels(self, values: np.ndarray) -> np.ndarray:
        """Return where values lie; what has no place is not a number."""
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.where(values > 0, np.log10(values), np.nan)
        span = (self.high - self.low) or 1.0
        return self.start + (values - self.low) * ((self.end - self.start) / span)

    def pixel(self, value: float) -> float:
        """Return where one value lies."""
        return float(self.pixels(np.array([value], np.float64))[0])

    def value(self, pixel: float) -> float:
        """Return the value at a pixel."""
        share = (pixel - self.start) / ((self.end - self.start) or 1.0)
        found = self.low + share * (self.high - self.low)
        return 10.0**found if self.log else found

    def ticks(self, spacing: float) -> list[float]:
        """Return round values about `spacing` pixels apart."""
        wanted = max(2, int(abs(self.end - self.start) // spacing))
        if self.log:
            return [10.0**value for value in decades(self.low, self.high, wanted)]
        return rounds(self.low, self.high, wanted)


def rounds(low: float, high: float, wanted: int) -> list[float]:
    """Return at most about `wanted` multiples of 1, 2 or 5 × 10ⁿ between `low` and `high`."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return []
    rough = span / wanted
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * scale for factor in (1, 2, 5, 10) if factor * scale >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def decades(low: float, high: float, wanted: int) -> list[float]:
    """Return log10 of 10ⁿ between `low` and `high`, of 2 and 5 × 10ⁿ too where there is room."""
    if not math.isfinite(high - low) or high <= low:
        return []
    whole = [float(n) for n in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
    if len(whole) > wanted:
        return whole[:: math.ceil(len(whole) / wanted)]
    if 3 * (high - low) > wanted:
        return whole
    every = range(math.floor(low), math.ceil(high) + 1)
    finer = [n + math.log10(factor) for n in every for factor in (1, 2, 5)]
    return [value for value in finer if low <= value <= high]


def per_column(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the greatest height in each column of pixels: all that a thin line shows.

    `x` rises. Fewer points than twice the columns stay as they are.
    """
    column = x.astype(np.int64)
    starts = np.flatnonzero(np.diff(column, prepend=column[:1] - 1))
    if 2 * starts.size >= x.size:
        return x, y
    low, high = np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)
    return np.repeat(x[starts], 2), np.stack([low, high], axis=1).ravel()


def polygons(x: np.ndarray, y: np.ndarray) -> list[QPolygonF]:
    """Return the points as polygons, broken where a place is not a number.

    The memory of a polygon is filled at once: no Python object a point.
    """
    fine = np.isfinite(x) & np.isfinite(y)
    if fine.all():
        parts = [(x, y)]
    else:
        breaks = np.flatnonzero(np.diff(fine.astype(np.int8))) + 1
        parts = [
            (px, py)
            for px, py, kept in zip(
                np.split(x, breaks), np.split(y, breaks), np.split(fine, breaks), strict=True
            )
            if kept.size and kept[0]
        ]
    made = []
    for px, py in parts:
        if not px.size:
            continue
        polygon = QPolygonF()
        polygon.resize(px.size)
        # The stubs know neither that `data` gives an address nor that VoidPtr is a buffer.
        memory: Any = VoidPtr(polygon.data(), 16 * px.size, True)  # type: ignore[call-arg, arg-type]
        places = np.frombuffer(memory, np.float64).reshape(-1, 2)
        places[:, 0], places[:, 1] = px, py
        made.append(polygon)
    return made
