"""Garbage is collected on the window's thread alone.

Python collects on whatever thread happens to allocate. Threads that read what engines send allocate
too, and a circle of references may hold widgets: Qt objects that die on another thread end the process.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

EVERY_MS = 500


class Collector(QObject):
    """Stands in for Python's automatic collection, with its own thresholds, from a timer."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self.look)

    def start(self) -> None:
        """Collect from here on; what exists already lives as long as the process and is left alone."""
        gc.disable()
        gc.freeze()
        self._timer.start()

    def stop(self) -> None:
        """Give collection back to Python."""
        self._timer.stop()
        gc.enable()

    def look(self) -> None:
        """Collect the oldest generation whose turn it is, if any."""
        for generation in (2, 1, 0):
            if gc.get_count()[generation] > gc.get_threshold()[generation]:
                gc.collect(generation)
                return
