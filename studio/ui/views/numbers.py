"""How quantities are written: few figures, a thin space between thousands, a true minus."""

from __future__ import annotations

import math

from studio.ui.theme import MINUS, THIN_SPACE, Theme


def short(value: float) -> str:
    """Return about three significant figures: `0.027`, `1.29`, `2.4e−5`, `41 200`."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("∞" if value > 0 else MINUS + "∞")
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return Theme.number(round(value))
    if size >= 100:
        text = f"{value:.0f}"
    elif size >= 0.001:
        text = f"{value:.3g}"
    else:
        text = f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e+")
    return text.replace("-", MINUS)


def percent(share: float, places: int = 1) -> str:
    """Return a share between 0 and 1 as `99.1 %`, with a space at which no line breaks."""
    if not math.isfinite(share):
        return "not a number"
    return f"{100 * share:.{places}f}{THIN_SPACE}%".replace("-", MINUS)


def hundredths(share: float) -> str:
    """Return a share between 0 and 1 as the number before its %: `99.1`, `98`."""
    return f"{100 * share:.3g}".replace("-", MINUS)


def clock(seconds: float) -> str:
    """Return a duration as `0:38` or `1:02:05`."""
    if not math.isfinite(seconds) or seconds < 0:
        return "–"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    if hours:
        return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
    return f"{rest // 60}:{rest % 60:02d}"


def size(count: int) -> str:
    """Return a number of bytes as `41 MB`."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count} B"
