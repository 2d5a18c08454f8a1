"""Reading runs: nothing that happened to a folder makes it fail; what cannot be read becomes a fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace

from studio.engine import protocol as p
from studio.engine.event_lines import decode
from studio.engine.locks import is_held
from studio.engine.runs.folder import (
    EVENTS,
    FORMAT,
    JOB,
    LOCK,
    PICTURES,
    STATUS,
    Circumstances,
    JobFile,
    RunInfo,
    StatusFile,
    size_of,
)
from studio.engine.runs.previews import read_preview
from studio.engine.runs.writing import better
from studio.graph.files import FileProblem, loads
from studio.graph.problems import Fault


def read_events(folder: Path) -> Iterator[p.Event]:
    """Yield what a run told, in order, then its latest pictures and preview; lines that cannot be read are left out."""
    try:
        with (folder / EVENTS).open("rb") as lines:
            yield from decode(lines)
    except OSError:
        pass  # a run that told nothing
    pictures = read_pictures(folder)
    if pictures is not None:
        yield pictures
    preview = read_preview(folder)
    if preview is not None:
        yield preview


def read_pictures(folder: Path) -> p.Pictures | None:
    """Return the latest pictures of a run, or None."""
    try:
        # Opened here: numpy leaves a file that is no archive open.
        with (folder / PICTURES).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return p.Pictures(
                step=int(arrays["step"]),
                maps={
                    name.removeprefix("map/"): arrays[name]
                    for name in arrays.files
                    if name.startswith("map/")
                },
                inputs=arrays["inputs"],
                outputs=arrays["outputs"],
                targets=arrays["targets"],
            )
    except Exception:  # a zip that somebody else made can fail in a dozen ways, none of them ours
        return None


def read_job(folder: Path) -> p.Job | None:
    """Return the job that a run is of, or None where the folder does not say."""
    try:
        file = _read_job_file(folder)
        project = loads(bytes(file.project).decode(), JOB).project
    except (OSError, ValueError, FileProblem, RecursionError):
        return None
    return p.Job(
        project,
        str(folder),
        file.name,
        file.live,
        document=file.document,
        trusted=file.trusted,
        resume=file.resume,
        until=file.until,
        parent=file.parent,
    )


def read_circumstances(folder: Path) -> Circumstances | None:
    """Return what a run depended on beside its project, or None where the folder does not say."""
    try:
        return _read_job_file(folder).circumstances
    except (OSError, ValueError, RecursionError):
        return None


def _read_job_file(folder: Path) -> JobFile:
    return msgspec.json.decode((folder / JOB).read_bytes(), type=JobFile)


def read_info(folder: Path) -> RunInfo:
    """Return what a list shows of a run; `fault` says why where its folder cannot be read."""
    try:
        job = _read_job_file(folder)
        if job.format > FORMAT:
            message = (
                f"{folder.name} was trained by a newer Neuroloom (run format {job.format}, this one "
                f"reads up to {FORMAT}). Update Neuroloom to look at it; the folder is untouched."
            )
            return RunInfo(folder, job.name, fault=Fault(message, file=str(folder / JOB)))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        message = (
            f"{folder.name} is not a run that can be read: its {JOB} was expected to say what ran "
            f"({reason.lower()}). Move the folder elsewhere if it is not a run."
        )
        return RunInfo(folder, folder.name, fault=Fault(message, file=str(folder / JOB)))
    held = is_held(folder / LOCK)
    summary = _read_status(folder)
    if summary is None or (summary.status == "running" and not held):
        summary = _told(folder)  # its writer died with a status older than its events
    status = summary.status
    if status == "running" and not held:
        status = "interrupted"
    around = job.circumstances
    return RunInfo(
        folder,
        job.name or folder.name,
        status=status,
        time=around.time,
        epochs=summary.epochs,
        steps=summary.steps,
        seconds=summary.seconds,
        last=summary.last,
        best=summary.best,
        message=summary.message,
        device=around.device,
        data=around.data.title if around.data else "",
        document=job.document,
        size=size_of(folder),
    )


def _read_status(folder: Path) -> p.RunSummary | None:
    try:
        raw = (folder / STATUS).read_bytes()
        return msgspec.json.decode(raw, type=StatusFile).summary
    except (OSError, ValueError, RecursionError):
        return None


def _told(folder: Path) -> p.RunSummary:
    """Return how a run stood at its last event."""
    summary = p.RunSummary(str(folder), "running", 0, 0, 0.0)
    for event in read_events(folder):
        match event:
            case p.Finished() | p.Stopped() | p.Failed():
                summary = event.summary
            case p.EpochDone():
                summary = p.RunSummary(
                    str(folder),
                    "running",
                    event.epoch,
                    event.step,
                    event.seconds,
                    event.metrics,
                    better(summary.best, event),
                )
            case p.Progress():
                summary = replace(summary, steps=event.step)
            case _:
                pass
    return summary


def list_runs(root: Path) -> tuple[RunInfo, ...]:
    """Return the runs under `root`, newest first; a folder that is no run carries its fault."""
    try:
        folders = [path for path in root.iterdir() if path.is_dir() and path.name[0] != "."]
    except OSError:
        return ()
    infos = [read_info(folder) for folder in folders]
    return tuple(sorted(infos, key=lambda info: (info.time, info.folder.name), reverse=True))
