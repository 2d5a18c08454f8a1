"""Jobs that begin where a run stands: the same run going on, or another one forked from it."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from studio.engine import protocol as p
from studio.engine import runs
from studio.graph.project import Project
from studio.session.history import History


class Refusal(Exception):
    """A run that cannot be gone on from; the message is a sentence for the person."""


def standing(folder: Path) -> tuple[int, int]:
    """Return the step that a run can go on from exactly, and the epochs done by then.

    Raises: Refusal.
    """
    found = runs.resumable(folder)
    if not found:
        raise Refusal(
            f"{folder.name} has no checkpoint that it could go on from. Fork from its weights, or "
            "train again."
        )
    try:
        epochs, _ = runs.position(found[-1].path)
    except (OSError, ValueError):
        raise Refusal(
            f"The newest checkpoint of {folder.name} cannot be read. Fork from an earlier one."
        ) from None
    return found[-1].step, epochs


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Return the weights that a run has kept, by step: each can be forked from."""
    return [(found.step, found.path) for found in runs.checkpoints(folder)]


def continued(folder: Path, epochs: int = 0) -> p.Job:
    """Return the job that goes on with a run in its own folder, up to `epochs` where that is more.

    Raises: Refusal.
    """
    job = runs.read_job(folder)
    if job is None:
        raise Refusal(f"{folder.name} does not say what was trained, so it cannot go on.")
    step, done = standing(folder)
    recipe = job.project.recipe
    if epochs:
        recipe = replace(recipe, epochs=epochs)
    if done >= recipe.epochs:
        raise Refusal(
            f"All {recipe.epochs} epochs of {folder.name} are done. Choose more epochs to go on."
        )
    checkpoint = next(found for found in runs.resumable(folder) if found.step == step)
    project = replace(job.project, recipe=recipe)
    return replace(
        job, project=project, folder=str(folder), resume=str(checkpoint.path), parent="", until=0
    )


def history_until(folder: Path, step: int) -> History:
    """Return what a run had told up to a step."""
    return History.of(str(folder), runs.events_until(folder, step))


def forked(
    checkpoint: Path, project: Project, folder: Path, name: str, document: str, live: bool
) -> p.Job:
    """Return the job of a new run that begins with a checkpoint's weights, where they fit."""
    return p.Job(
        project,
        str(folder),
        name=name,
        live=live,
        document=document,
        resume=str(checkpoint),
        parent=str(runs.folder_of(checkpoint)),
    )
