"""What stored runs take on the disk, and which of them go when they take more than they may."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from studio.engine import runs
from studio.session.stored import BIN

GB = 10**9


class Space(Struct, frozen=True):
    """What is there and what a clean-up would take. Units: bytes.

    The bin goes first, then the oldest runs, until the rest fits the budget; `gone` lists those runs.
    """

    used: int
    binned: int
    budget: int
    gone: tuple[runs.RunInfo, ...] = ()

    @property
    def over(self) -> bool:
        """Whether runs and bin together take more than they may."""
        return self.used + self.binned > self.budget

    @property
    def freed(self) -> int:
        """What a clean-up gives back."""
        return self.binned + sum(info.size for info in self.gone)


def measure(root: Path, budget_gb: float, shown: Path | None = None) -> Space:
    """Return the space that runs take, and what a clean-up would remove.

    The shown run, one under way, the newest run of every project and folders that are no runs stay.
    """
    listed = runs.list_runs(root)
    used, budget = sum(info.size for info in listed), int(budget_gb * GB)
    left, gone = used, []
    for info in reversed(_spare(listed, shown)):
        if left <= budget:
            break
        gone.append(info)
        left -= info.size
    return Space(used, runs.size_of(root / BIN), budget, tuple(gone))


def clean_up(root: Path, space: Space) -> None:
    """Remove for good what `space` says, the bin first.

    Raises: OSError.
    """
    if (root / BIN).exists():
        shutil.rmtree(root / BIN)
    for info in space.gone:
        if runs.read_info(info.folder).status != "running":
            shutil.rmtree(info.folder)


def _spare(listed: Sequence[runs.RunInfo], shown: Path | None) -> list[runs.RunInfo]:
    """Return the runs that may go, newest first."""
    documents: set[str] = set()
    spare = []
    for info in listed:
        newest = info.document not in documents
        if info.fault is None:
            documents.add(info.document)
        if info.fault is None and info.status != "running" and not newest and info.folder != shown:
            spare.append(info)
    return spare
