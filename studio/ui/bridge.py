"""The one door: a timer drains the session's engines, and its events go to whoever listens."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, Qt, QTimer

from studio.session.events import SessionEvent

FRAME_MS = 33
_SLOWEST_MS = 250

Listener = Callable[[SessionEvent], None]


class Pumped(Protocol):
    """What the bridge needs of a session."""

    def subscribe(self, listener: Listener) -> Callable[[], None]: ...
    def pump(self) -> None: ...


class Bridge(QObject):
    """Pumps the session 30 times a second, and less often when the window needs longer to draw.

    A listener that raises is reported as a bug; the others still get the event.
    """

    def __init__(self, session: Pumped, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._listeners: list[Listener] = []
        self._unsubscribe: Callable[[], None] | None = session.subscribe(self._deliver)
        self._due = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_timeout)

    def add(self, listener: Listener) -> None:
        """Deliver every event to `listener` from now on, after those that came before it."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Begin to pump."""
        self._arm(0)

    def stop(self) -> None:
        """Pump no more and listen no more; once is enough."""
        self._timer.stop()
        self._listeners.clear()
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _arm(self, delay_ms: int) -> None:
        self._due = time.perf_counter() + delay_ms / 1000
        self._timer.start(delay_ms)

    def _on_timeout(self) -> None:
        start = time.perf_counter()
        late_s = start - self._due
        try:
            self._session.pump()
        finally:
            busy_s = time.perf_counter() - start
            # Half of the time stays for drawing: what this turn took, and how late it came, is added.
            extra_ms = int(1000 * (busy_s + max(0.0, late_s)))
            if self._unsubscribe is not None:  # what it pumped may have stopped it
                self._arm(min(_SLOWEST_MS, FRAME_MS + extra_ms))

    def _deliver(self, event: SessionEvent) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                sys.excepthook(*sys.exc_info())
