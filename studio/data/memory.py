"""How much memory samples may take, and what is said where they need more."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from studio.data.source import DataProblem
from studio.graph.project import Handling

#: Samples in memory are divided and shuffled: a copy beside them has to fit as well.
_SHARE = 0.5
_GIB = 2**30


def free_bytes() -> int | None:
    """Return how much memory can be had without pushing anything out; None where nobody tells."""
    known: list[int] = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                known.append(int(line.split()[1]) * 1024)
    with contextlib.suppress(OSError, ValueError):  # a container's bound; "max" is none
        bound = int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
        known.append(max(0, bound - used))
    if not known:
        with contextlib.suppress(AttributeError, ValueError, OSError):
            known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(known, default=None)


def limit_bytes(handling: Handling) -> int | None:
    """Return how many bytes samples may take: what a person set, else half of what is free."""
    if handling.memory_gb > 0:
        return int(handling.memory_gb * _GIB)
    free = free_bytes()
    return None if free is None else int(free * _SHARE)


def check_fits(what: str, needed: int, handling: Handling, advice: str) -> None:
    """Refuse what would not fit, before it is loaded.

    Raises: DataProblem, with both numbers.
    """
    limit = limit_bytes(handling)
    if limit is not None and needed > limit:
        allowed = "are allowed" if handling.memory_gb > 0 else "may be used (half of what is free)"
        raise DataProblem(
            f"{what} would take {_text(needed)} of memory, but {_text(limit)} {allowed}. {advice}"
        )


def _text(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1024:.1f} KiB"
