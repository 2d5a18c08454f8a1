"""Mistakes of ours in painting: reported once, and the window lives."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar

Paint = TypeVar("Paint", bound=Callable[..., None])


def reported(paint: Paint) -> Paint:
    """Report what `paint` raises instead of letting it out.

    An exception that leaves a paint which Qt called from another Python override ends the process
    (shiboken 6.11). A paint that fails does so many times a second, so each place is told once.
    """
    told: set[tuple[type, int]] = set()

    @functools.wraps(paint)
    def careful(*arguments: Any) -> None:
        try:
            paint(*arguments)
        except Exception as error:
            trace = error.__traceback__
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            place = (type(error), trace.tb_lineno if trace else 0)
            if place not in told:
                told.add(place)
                sys.excepthook(type(error), error, error.__traceback__)

    return careful  # type: ignore[return-value]
