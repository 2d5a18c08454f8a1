"""Axes: few round ticks, a thin space between thousands, decades where the scale is logarithmic."""

from __future__ import annotations

import math
from collections.abc import Callable

from pyqtgraph import AxisItem

from studio.ui.theme import Theme
from studio.ui.views.numbers import short


class Axis(AxisItem):
    """An axis of a `LinePlot`; values are log10 of the quantity while `log` is on."""

    def __init__(self, theme: Theme, side: str, form: Callable[[float], str] = short) -> None:
        super().__init__(side, showValues=True, maxTickLength=0)
        self._theme = theme
        self._log = False
        self.form = form
        self.setStyle(tickTextOffset=6, autoExpandTextSpace=False, autoReduceTextSpace=False)
        self.dress()

    def dress(self) -> None:
        """Take the theme's colours and font."""
        self.setTickFont(self._theme.font("caption"))
        self.setTextPen(self._theme.color("text.3"))
        self.setPen(self._theme.color("line"))
        self.setTickPen(self._theme.color("line"))
        self.setGrid(255 if self.orientation == "left" else False)

    def set_log(self, on: bool) -> None:
        """Read values as log10 of the quantity."""
        self._log = on
        self.picture = None
        self.update()

    def tickValues(
        self, minVal: float, maxVal: float, size: float
    ) -> list[tuple[float, list[float]]]:
        spaced = 34 if self.orientation == "left" else 64
        wanted = max(2, int(size // spaced))
        ticks = decades(minVal, maxVal, wanted) if self._log else rounds(minVal, maxVal, wanted)
        return [(1.0, ticks)]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [self.form(10.0**value if self._log else value) for value in values]


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
