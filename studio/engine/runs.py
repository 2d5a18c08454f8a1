"""Runs on disk: the folder that a job writes as it goes, and that a window or the command line reads.

`job.json` says what ran, `events.jsonl` everything it told, `status.json` how it stands,
`pictures.npz` the latest pictures, `checkpoints/<step>.safetensors` its weights. A run is under way
as long as its writer holds `running.lock`; a writer that died has let go of it, however it died.
Reading never raises: what is cut, foreign or missing becomes a fault or is left out.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import Struct, field

from studio.engine import protocol as p
from studio.engine.event_lines import decode, encode
from studio.engine.locks import Lock, is_held
from studio.graph.facts import DataFacts
from studio.graph.files import FileProblem, dumps, loads
from studio.graph.problems import Fault

FORMAT = 1
#: The longest that an event waits in memory before it is on the disk.
FLUSH_S = 0.5
#: Pictures are many and only the latest counts; the status is for lists, the events say all.
PICTURES_S = STATUS_S = 5.0

JOB, EVENTS, STATUS, PICTURES = "job.json", "events.jsonl", "status.json", "pictures.npz"
CHECKPOINTS, SNAPSHOTS, LOCK = "checkpoints", "snapshots", "running.lock"


class Found(NamedTuple):
    """Weights in a run's folder, and the step that they are from."""

    path: Path
    step: int


class Circumstances(Struct, frozen=True, omit_defaults=True):
    """What a run depends on beside its project; `job.json` holds it with the project."""

    device: str = ""
    threads: int = 0
    seed: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=dict)
    data: DataFacts | None = None
    time: float = 0.0


class RunInfo(Struct, frozen=True, omit_defaults=True):
    """A run in a list.

    `status` is running, finished, stopped, failed, interrupted (its engine died), or unknown where
    `fault` says why the folder cannot be read. `best` holds each metric's best value and its epoch.
    Units: `time` seconds since 1970, `seconds` of training, `size` bytes on the disk.
    """

    folder: Path
    name: str
    status: str = "unknown"
    time: float = 0.0
    epochs: int = 0
    steps: int = 0
    seconds: float = 0.0
    last: dict[str, float] = field(default_factory=dict)
    best: dict[str, dict[str, float]] = field(default_factory=dict)
    message: str = ""
    device: str = ""
    data: str = ""
    document: str = ""
    size: int = 0
    fault: Fault | None = None


class _JobFile(Struct, frozen=True):
    """`job.json`, except for the project, which is written as project files are."""

    format: int
    name: str
    project: msgspec.Raw
    circumstances: Circumstances
    document: str = ""
    live: bool = True
    trusted: str = ""
    resume: str = ""
    until: int = 0
    parent: str = ""


class _StatusFile(Struct, frozen=True):
    """`status.json`: the newest figures while a run is under way, its summary once it has ended."""

    format: int
    summary: p.RunSummary


# ----------------------------------------------------------------------------------------- writing


def new_run_folder(root: Path, name: str) -> Path:
    """Make and return a folder `<time>-<name>` that nobody else has.

    Raises: OSError.
    """
    slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:40] or "run"
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{slug}"
    root.mkdir(parents=True, exist_ok=True)
    for number in range(1, 10_000):
        folder = root / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"There are 10,000 runs named {stem} in {root}. Remove some of them.")


def put(path: Path, content: bytes) -> None:
    """Write a file so that it is the old one or the new one, whenever this process is killed.

    Unlike a document it is not forced to the disk: that can hold training up for half a second, and
    all that a power cut can take is the end of one run.
    Raises: OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    try:
        aside.write_bytes(content)
        os.replace(aside, path)
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise


class RunWriter:
    """The one writer of a run's folder. Every method may raise OSError, when the disk is full."""

    def __init__(self, job: p.Job, circumstances: Circumstances) -> None:
        self.folder = Path(job.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / JOB).exists():
            raise FileExistsError(errno.EEXIST, "it holds a run already", str(self.folder))
        self._lock = Lock(self.folder / LOCK)
        self._pending: list[bytes] = []
        self._pictures: p.Pictures | None = None
        self._flushed = self._pictured = self._stated = time.monotonic()
        self._summary = p.RunSummary(job.folder, "running", 0, 0, 0.0)
        try:
            file = _JobFile(
                FORMAT,
                job.name,
                msgspec.Raw(dumps(job.project).encode()),
                circumstances,
                job.document,
                job.live,
                job.trusted,
                job.resume,
                job.until,
                job.parent,
            )
            raw = msgspec.json.format(msgspec.json.encode(file), indent=1)
            put(self.folder / JOB, raw)
            self._write_status()
            self._events = (self.folder / EVENTS).open("ab")
        except BaseException:
            self._lock.release()
            raise

    def write(self, event: p.Event) -> None:
        """Take an event in; it is on the disk half a second later at most, if events keep coming."""
        match event:
            case p.Pictures():
                self._pictures = event
            case p.EpochDone():
                self._summary = msgspec.structs.replace(
                    self._summary,
                    epochs=event.epoch,
                    steps=event.step,
                    seconds=event.seconds,
                    last=event.metrics,
                    best=better(self._summary.best, event),
                )
                self._pending.append(encode(event))
            case _:
                self._pending.append(encode(event))
        now = time.monotonic()
        if now - self._flushed >= FLUSH_S:
            self.flush()
        if self._pictures is not None and now - self._pictured >= PICTURES_S:
            self._write_pictures()

    def flush(self) -> None:
        """Write down everything taken in so far."""
        self._flushed = time.monotonic()
        if self._pending:
            self._events.write(b"".join(self._pending))
            self._events.flush()
            self._pending.clear()
        if self._flushed - self._stated >= STATUS_S:
            self._write_status()

    def finish(self, summary: p.RunSummary) -> None:
        """Write down how the run ended."""
        self._summary = summary
        self.flush()
        self._write_pictures()
        os.fsync(self._events.fileno())
        self._write_status()

    def close(self) -> None:
        """Let go of the folder, whatever happened before. Never raises."""
        with contextlib.suppress(OSError):  # nothing more can be written down, and it has been said
            self._events.close()
        self._lock.release()

    def _write_status(self) -> None:
        self._stated = time.monotonic()
        put(self.folder / STATUS, msgspec.json.encode(_StatusFile(FORMAT, self._summary)))

    def _write_pictures(self) -> None:
        pictures, self._pictures = self._pictures, None
        self._pictured = time.monotonic()
        if pictures is None:
            return
        arrays = {f"map/{path}": maps for path, maps in pictures.maps.items()}
        arrays |= {"inputs": pictures.inputs, "outputs": pictures.outputs}
        arrays |= {"targets": pictures.targets, "step": np.asarray(pictures.step)}
        archive = io.BytesIO()
        np.savez(archive, allow_pickle=False, **arrays)
        put(self.folder / PICTURES, archive.getvalue())


def better(
    best: Mapping[str, Mapping[str, float]], done: p.EpochDone
) -> dict[str, dict[str, float]]:
    """Return each metric's best with an epoch taken in: losses and errors are best when low."""
    kept = {name: dict(entry) for name, entry in best.items()}
    for name, value in done.metrics.items():
        if name == "lr" or not np.isfinite(value):
            continue
        sign = -1 if is_low_best(name) else 1
        if name not in kept or sign * value > sign * kept[name]["value"]:
            kept[name] = {"value": value, "epoch": done.epoch}
    return kept


def is_low_best(metric: str) -> bool:
    """Tell whether smaller values of a metric are better."""
    return metric.endswith(("loss", "mae", "mse", "rmse"))


# ----------------------------------------------------------------------------------------- reading


def read_events(folder: Path) -> Iterator[p.Event]:
    """Yield what a run told, in order, then its latest pictures; lines that cannot be read are left out."""
    try:
        with (folder / EVENTS).open("rb") as lines:
            yield from decode(lines)
    except OSError:
        pass  # a run that told nothing
    pictures = read_pictures(folder)
    if pictures is not None:
        yield pictures


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


def _read_job_file(folder: Path) -> _JobFile:
    return msgspec.json.decode((folder / JOB).read_bytes(), type=_JobFile)


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
        return msgspec.json.decode(raw, type=_StatusFile).summary
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
            case _:
                pass
    return summary


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder, 0 where there is none."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


def list_runs(root: Path) -> tuple[RunInfo, ...]:
    """Return the runs under `root`, newest first; a folder that is no run carries its fault."""
    try:
        folders = [path for path in root.iterdir() if path.is_dir() and path.name[0] != "."]
    except OSError:
        return ()
    infos = [read_info(folder) for folder in folders]
    return tuple(sorted(infos, key=lambda info: (info.time, info.folder.name), reverse=True))


def newest_weights(folder: Path) -> Found | None:
    """Return the checkpoint of the latest step, or None."""
    found = _checkpoints(folder)
    return max(found, key=lambda weights: weights.step) if found else None


def best_weights(folder: Path) -> Found | None:
    """Return the checkpoint with the best validation figure, or None."""
    for found in sorted(_checkpoints(folder), key=lambda weights: -weights.step):
        try:
            about = msgspec.json.decode(found.path.with_suffix(".json").read_bytes(), type=dict)
        except (OSError, ValueError, RecursionError):
            continue
        if about.get("best") is True:
            return found
    return None


def _checkpoints(folder: Path) -> list[Found]:
    try:
        paths = list((folder / CHECKPOINTS).glob("*.safetensors"))
    except OSError:
        return []
    return [Found(path, int(path.stem)) for path in paths if path.stem.isdigit()]
