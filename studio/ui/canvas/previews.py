"""What a canvas can show of a run, and on which scales: the same on nodes, on wires and in the legend."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from studio.engine.protocol import LayerStat

MAPS, HISTOGRAM, GRADIENT = "maps", "histogram", "gradient"
#: What nodes can show, and how a menu words it.
PREVIEWS = {MAPS: "Feature maps", HISTOGRAM: "Histograms", GRADIENT: "Gradients"}
EVERYTHING = frozenset(PREVIEWS)

#: The ends of the gradient bar: the norm of a gradient as a share of the norm of its weights, log scale.
LEAST_SHARE, MOST_SHARE = 1e-4, 1.0
#: How many widths wires have, from the weakest to the strongest.
LEVELS = 8
_STEPS = (1.0, 2.0, 5.0)


def gradient_share(stat: LayerStat) -> float | None:
    """Return the norm of a layer's gradient relative to that of its weights; None where it has none."""
    if stat.grad is None or not stat.weight:
        return None
    share = stat.grad / stat.weight
    return share if math.isfinite(share) else None


def along_bar(share: float) -> float:
    """Return where a share lies on the gradient bar, from 0 to 1."""
    if share <= 0:
        return 0.0
    whole = math.log10(MOST_SHARE / LEAST_SHARE)
    return min(1.0, max(0.0, math.log10(share / LEAST_SHARE) / whole))


@dataclass(frozen=True)
class Strength:
    """The scale of a sheet's wires: root mean squares from `low` to `high`, log scale."""

    low: float
    high: float

    @staticmethod
    def of(flows: Iterable[float]) -> Strength | None:
        """Return the scale that holds all of these, with round ends; None where nothing flows."""
        told = [flow for flow in flows if flow > 0 and math.isfinite(flow)]
        if not told:
            return None
        low, high = _round_down(min(told)), _round_up(max(told))
        # Less than a decade would make much of differences that mean nothing.
        return Strength(low, high if high >= 10 * low else 10 * low)

    def level(self, flow: float) -> int:
        """Return how strong a wire is, from 0 to `LEVELS` − 1."""
        if not flow > self.low:
            return 0
        share = math.log(flow / self.low) / math.log(self.high / self.low)
        return min(LEVELS - 1, int(share * LEVELS))


def wire_width(level: int) -> float:
    """Return how wide a wire of a level is, in pixels."""
    return 1.5 + 0.55 * level


def _round_down(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return max((step * power for step in _STEPS if step * power <= value * 1.0001), default=power)


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    steps = (*_STEPS, 10.0)
    return min(step * power for step in steps if step * power >= value * 0.9999)
