"""A run's folder taken up again: what was told after the checkpoint is told anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from studio.engine import protocol as p
from studio.engine.event_lines import decode, encode
from studio.engine.runs.folder import EVENTS, put
from studio.engine.runs.weights import folder_of

_ENDS = (p.Finished, p.Stopped, p.Failed)


def is_continued(job: p.Job) -> bool:
    """Tell whether a job goes on in the folder that its checkpoint lies in."""
    return bool(job.resume) and not job.parent and folder_of(Path(job.resume)) == Path(job.folder)


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
