"""The time of a run: what it worked, without what it waited for a person."""

from __future__ import annotations

import time


class Stopwatch:
    """Counts a run's seconds, and those since it told its figures last.

    `before` are the seconds that the run had when it was interrupted.
    """

    def __init__(self) -> None:
        self.before = 0.0
        self.restart()

    def restart(self) -> None:
        """Begin with the run's first step."""
        self._start = self._told = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """Seconds that the run has worked."""
        return self.before + time.perf_counter() - self._start

    @property
    def told(self) -> float:
        """When figures were told last, by `time.perf_counter`."""
        return self._told

    def tell(self, now: float) -> None:
        """Say that figures are told."""
        self._told = now

    def leave_out(self, seconds: float) -> None:
        """Do not count what was just waited."""
        self._start += seconds
        self._told += seconds
