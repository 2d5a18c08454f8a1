"""Redraws what changed, at most so much at a time, and nothing that is hidden."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget

#: One round of redraws may take about this long, painting included (estimated by the last time).
BUDGET_MS = 5.0
INTERVAL_MS = 33


class Redraw(QObject):
    """Holds which views are out of date and refills them, those that waited longest first.

    A view's `paint_ms`, where it has one, is what its last painting took: so a round stays within
    the budget and events between rounds are never late. A hidden view waits until it is shown.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._fills: dict[QWidget, Callable[[], None]] = {}
        self._due: dict[QWidget, None] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._round)

    def register(self, view: QWidget, fill: Callable[[], None]) -> None:
        """Call `fill` whenever `view` is marked and visible."""
        self._fills[view] = fill
        view.installEventFilter(self)

    def mark(self, *views: QWidget) -> None:
        """Say that these views are out of date."""
        for view in views:
            self._due.setdefault(view)
        self._wake()

    def mark_all(self) -> None:
        """Say that every view is out of date."""
        self.mark(*self._fills)

    def flush(self) -> None:
        """Refill every due view that is visible, now."""
        for view in [view for view in self._due if view.isVisible()]:
            self._refill(view)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and watched in self._due:
            self._wake()
        return False

    def _wake(self) -> None:
        if not self._timer.isActive() and any(view.isVisible() for view in self._due):
            self._timer.start(INTERVAL_MS)

    def _round(self) -> None:
        spent = 0.0
        for view in [view for view in self._due if view.isVisible()]:
            started = time.perf_counter()
            self._refill(view)
            spent += 1000.0 * (time.perf_counter() - started) + getattr(view, "paint_ms", 0.0)
            if spent >= BUDGET_MS:
                break
        self._wake()

    def _refill(self, view: QWidget) -> None:
        self._due.pop(view, None)
        self._fills[view]()
