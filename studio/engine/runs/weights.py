"""The weights in a run's folder: which there are, the best, and those that it can go on from."""

from __future__ import annotations

from pathlib import Path

import msgspec

from studio.engine.runs.folder import CHECKPOINTS, Found


def folder_of(checkpoint: Path) -> Path:
    """Return the folder of the run that a checkpoint is of."""
    return checkpoint.parent.parent


def step_of(checkpoint: Path) -> int:
    """Return the step that a checkpoint is of.

    Raises: ValueError.
    """
    return int(checkpoint.stem)


def checkpoints(folder: Path) -> tuple[Found, ...]:
    """Return the weights that a run has kept, by step."""
    try:
        paths = list((folder / CHECKPOINTS).glob("*.safetensors"))
    except OSError:
        return ()
    found = [Found(path, int(path.stem)) for path in paths if path.stem.isdigit()]
    return tuple(sorted(found, key=lambda each: each.step))


def checkpoint_steps(folder: Path) -> tuple[int, ...]:
    """Return the steps whose weights lie in a run's folder, rising."""
    return tuple(found.step for found in checkpoints(folder))


def newest_weights(folder: Path) -> Found | None:
    """Return the checkpoint of the latest step, or None."""
    found = checkpoints(folder)
    return found[-1] if found else None


def best_weights(folder: Path) -> Found | None:
    """Return the checkpoint with the best validation figure, or None."""
    for found in reversed(checkpoints(folder)):
        try:
            about = msgspec.json.decode(found.path.with_suffix(".json").read_bytes(), type=dict)
        except (OSError, ValueError, RecursionError):
            continue  # what is said of it cannot be read: another one may be the best
        if about.get("best") is True:
            return found
    return None


def resumable(folder: Path) -> tuple[Found, ...]:
    """Return the checkpoints that a run can go on from exactly, by step."""
    return tuple(
        found
        for found in checkpoints(folder)
        if found.path.with_suffix(".state.safetensors").exists()
    )


def position(checkpoint: Path) -> tuple[int, int]:
    """Return the epochs done and the batches of the next one that a whole checkpoint stands at.

    Raises: OSError, ValueError.
    """
    about = msgspec.json.decode(checkpoint.with_suffix(".json").read_bytes(), type=dict)
    return int(about.get("epoch", 0)), int(about.get("batch", 0))
