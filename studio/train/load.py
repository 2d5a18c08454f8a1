"""What a run asks of the machine: memory it holds, and how busy it keeps the processor."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from studio.engine.protocol import Load
from studio.train.devices import device_memory

_STATM = Path("/proc/self/statm")


class Gauge:
    """Reads the load of a device. Nothing here waits for it.

    On a GPU, memory is what PyTorch holds there, and how busy it is is known where the driver's own
    library is installed. Elsewhere both are those of this process.
    """

    def __init__(
        self,
        device: torch.device,
        wall: Callable[[], float] = time.perf_counter,
        used: Callable[[], float] = time.process_time,
    ) -> None:
        self._device = device
        self._clocks = (wall, used)
        self._before = (wall(), used())
        self._total = device_memory(device)
        self._asks_driver = device.type == "cuda"

    def read(self) -> Load:
        """Return the load since the last reading."""
        if self._device.type == "cuda":
            return Load(torch.cuda.memory_reserved(self._device), self._total, self._gpu_busy())
        wall, used = (clock() for clock in self._clocks)
        seconds, worked = wall - self._before[0], used - self._before[1]
        self._before = wall, used
        cores = os.cpu_count() or 1
        busy = min(1.0, worked / seconds / cores) if seconds > 0 else None
        return Load(resident_bytes(), self._total, busy)

    def _gpu_busy(self) -> float | None:
        if not self._asks_driver:
            return None
        try:
            return float(torch.cuda.utilization(self._device)) / 100
        except (ImportError, RuntimeError):  # no library of the driver's: not asked again
            self._asks_driver = False
            return None


def resident_bytes() -> int:
    """Return the memory that this process holds (where only that is told: has held at most); 0 if unknown."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        pass
    if sys.platform == "win32":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
