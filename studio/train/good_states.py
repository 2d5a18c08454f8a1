"""States of a run in memory, kept now and then, to go back to: when numbers break, or step by step."""

from __future__ import annotations

import time

from studio.train.checkpoint import State, is_finite
from studio.train.ledger import NotFinite
from studio.train.stepper import Stepper

#: Seconds between two of them, and the share of the time that copying them may take.
_EVERY_S, _SHARE = 1.0, 0.01


class GoodStates:
    """The newest state of finite numbers, and the one before it where no setting changed in between."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper
        self.newest: State = stepper.capture()
        self._before: State | None = None
        self._due = time.perf_counter() + _EVERY_S
        self._changed = False

    def begin_anew(self) -> None:
        """Take the state as it is for the only one."""
        self.newest, self._before = self._stepper.capture(), None

    def setting_changed(self) -> None:
        """Say that steps taken so far would go otherwise if they were repeated."""
        self._changed = True

    def keep(self) -> None:
        """Copy the state where its time has come.

        Raises: NotFinite.
        """
        now = time.perf_counter()
        if now < self._due and not self._changed:
            return
        state = self._stepper.capture()
        if not is_finite(state.weights):
            raise NotFinite
        self._before = None if self._changed else self.newest
        self.newest, self._changed = state, False
        done = time.perf_counter()
        self._due = done + max(_EVERY_S, (done - now) / _SHARE)

    def go_back(self, step: int) -> State | None:
        """Return a state from which `step` can be reached again, and forget those after it."""
        kept = [each for each in (self.newest, self._before) if each and each.step <= step]
        if self._changed or not kept:
            return None
        self.newest, self._before = kept[0], kept[1] if len(kept) > 1 else None
        return self.newest
