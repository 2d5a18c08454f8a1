"""Stored runs as a list compares them: how each went, and what it was made of."""

from __future__ import annotations

import shutil
from pathlib import Path

from msgspec import Struct

from studio.engine import protocol as p
from studio.engine import runs
from studio.graph.params import Value
from studio.graph.project import Recipe
from studio.session.history import History

#: Runs that were deleted wait here, beside the others; `list_runs` passes over it.
BIN = ".bin"


class StoredRun(Struct, frozen=True):
    """A run in a comparison. `recipe` is None and `parameters` 0 where its folder does not say."""

    info: runs.RunInfo
    recipe: Recipe | None = None
    parameters: int = 0

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.info.folder

    def setting(self, name: str) -> Value:
        """Return one of the optimiser's given settings, None where it was left at its default."""
        return self.recipe.optimizer_params.get(name) if self.recipe is not None else None


def read_stored(info: runs.RunInfo) -> StoredRun:
    """Return a listed run with what it was made of: its job, and the first thing it told."""
    if info.fault is not None:
        return StoredRun(info)
    job = runs.read_job(info.folder)
    first = next(iter(runs.read_events(info.folder)), None)
    parameters = first.parameters if isinstance(first, p.Started) else 0
    return StoredRun(info, job.project.recipe if job is not None else None, parameters)


def read_history(info: runs.RunInfo) -> History:
    """Return everything that a stored run told."""
    history = History.of(str(info.folder), runs.read_events(info.folder), info.status)
    history.moments = runs.moment_steps(info.folder)
    last = runs.read_moment(info.folder, history.moments[-1]) if history.moments else None
    history.insight = last.insight if last is not None else None
    return history


def put_in_bin(folder: Path) -> Path:
    """Move a run's folder to the bin beside it; return where it lies now.

    Raises: OSError.
    """
    into = folder.parent / BIN
    into.mkdir(exist_ok=True)
    target, number = into / folder.name, 2
    while target.exists():
        target, number = into / f"{folder.name}-{number}", number + 1
    return Path(shutil.move(folder, target))
