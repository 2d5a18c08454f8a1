"""Dates as numbers that a network can learn from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

_DAY_S = 86_400
_YEAR_DAYS = 365.2425


def read_date(cell: str) -> datetime | None:
    """Return the day and time that `cell` names as ISO 8601 does (2026-01-31, 2026-01-31 12:00)."""
    try:
        found = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def date_columns(
    name: str, dates: Sequence[datetime]
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return columns `[n, 3]` and their names: years with their fraction, and the place in the year.

    The place is a point on a circle, so that the last of December lies beside the first of January.
    """
    years = np.array([date.timestamp() for date in dates]) / (_DAY_S * _YEAR_DAYS) + 1970
    start = np.array([datetime(date.year, 1, 1, tzinfo=UTC).timestamp() for date in dates])
    days = (np.array([date.timestamp() for date in dates]) - start) / _DAY_S
    angle = 2 * np.pi * days / _YEAR_DAYS
    columns = np.stack([years, np.sin(angle), np.cos(angle)], axis=1)
    return columns.astype(np.float32), (
        f"{name}: year",
        f"{name}: season sin",
        f"{name}: season cos",
    )
