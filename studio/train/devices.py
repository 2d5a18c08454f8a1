"""Where a run computes: the devices of this machine, and how many threads torch gets."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

import torch

from studio.train.options import TrainProblem


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def devices() -> dict[str, str]:
    """Return every device by name (`cpu`, `cuda:0`, `mps`) with what it is, the best one first."""
    found: dict[str, str] = {}
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            memory = properties.total_memory / 2**30
            found[f"cuda:{index}"] = f"{properties.name}, {memory:.0f} GiB"
    if torch.backends.mps.is_available():
        found["mps"] = "Apple GPU (Metal)"
    found["cpu"] = f"{platform.processor() or platform.machine() or 'CPU'}, {cores()} cores"
    return found


def device_memory(device: torch.device) -> int:
    """Return how many bytes a device has for training, 0 where it does not tell.

    A processor's are the machine's, or what this process may use of them where it is kept in bounds.
    """
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory())
    try:
        known = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, ValueError, OSError):
        known = []
    with contextlib.suppress(OSError, ValueError):  # a container's bound; "max" is none
        known.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(known, default=0)


def pick_device(name: str) -> torch.device:
    """Return the device that a recipe names; `auto` is the best one.

    Raises: TrainProblem.
    """
    found = devices()
    if name in ("", "auto"):
        return torch.device(next(iter(found)))
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in found:
        raise TrainProblem(
            f"The device {name!r} was asked for, but this machine has {', '.join(found)}. "
            "Choose one of them, or auto."
        )
    return torch.device(wanted)


def pick_threads(wanted: int) -> int:
    """Return torch's threads: as many as asked for, else all cores but the window's one."""
    return wanted if wanted > 0 else max(1, cores() - 1)
