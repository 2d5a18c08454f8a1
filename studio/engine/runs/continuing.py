"""A run's folder taken up again: what was told after the checkpoint is told anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from studio.engine import protocol as p
from studio.engine.event_lines import decode, encode
from studio.engine.runs.folder import CHECKPOINTS, EVENTS, Found, put

_ENDS = (p.Finished, p.Stopped, p.Failed)


def is_continued(job: p.Job) -> bool:
    """Tell whether a job goes on in the folder that its checkpoint lies in."""
    return bool(job.resume) and not job.parent and folder_of(Path(job.resume)) == Path(job.folder)


def folder_of(checkpoint: Path) -> Path:
    """Return the folder of the run that a checkpoint is of."""
    return checkpoint.parent.parent


def events_until(folder: Path, step: int) -> Iterator[p.Event]:
    """Yield what a run told up to a step, without how it ended.

    Raises: OSError.
    """
    with (folder / EVENTS).open("rb") as lines:
        yield from (event for event in decode(lines) if _stays(event, step))


def cut_back(folder: Path, step: int) -> None:
    """Drop the events after a step, and those that ended the run.

    Raises: OSError; the events are as they were then.
    """
    put(folder / EVENTS, b"".join(encode(event) for event in events_until(folder, step)))


def _stays(event: p.Event, step: int) -> bool:
    return not isinstance(event, _ENDS) and getattr(event, "step", 0) <= step


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
