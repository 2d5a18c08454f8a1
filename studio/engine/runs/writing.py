"""The writer of a run's folder, who is one alone."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from studio.engine import protocol as p
from studio.engine.event_lines import encode
from studio.engine.locks import Lock
from studio.engine.runs.continuing import cut_back, is_continued
from studio.engine.runs.folder import (
    EVENTS,
    FORMAT,
    JOB,
    LOCK,
    PICTURES,
    STATUS,
    Circumstances,
    JobFile,
    StatusFile,
    put,
)
from studio.engine.runs.previews import write_preview
from studio.engine.runs.weights import step_of
from studio.graph.files import dumps

#: The longest that an event waits in memory before it is on the disk.
FLUSH_S = 0.5
#: Pictures are many and only the latest counts; the status is for lists, the events say all.
PICTURES_S = STATUS_S = 5.0


class RunWriter:
    """The one writer of a run's folder. Every method may raise OSError, when the disk is full."""

    def __init__(self, job: p.Job, circumstances: Circumstances) -> None:
        self.folder = Path(job.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        continued = is_continued(job)
        if (self.folder / JOB).exists() and not continued:
            raise FileExistsError(errno.EEXIST, "it holds a run already", str(self.folder))
        self._lock = Lock(self.folder / LOCK)
        self._pending: list[bytes] = []
        self._pictures: p.Pictures | None = None
        self._preview: p.Preview | None = None
        self._flushed = self._pictured = self._stated = time.monotonic()
        self._summary = p.RunSummary(job.folder, "running", 0, 0, 0.0)
        try:
            if continued:
                cut_back(self.folder, step_of(Path(job.resume)))
            file = JobFile(
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
            case p.Preview():
                self._preview = event
            case p.Walked():
                pass  # a step that was only looked at
            case p.Insight():
                pass  # it lies among the moments already, where one wanted it
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
        # Steps are on the disk before the checkpoint that follows them, whenever this process is killed.
        if now - self._flushed >= FLUSH_S or isinstance(event, (p.Progress, p.CheckpointSaved)):
            self.flush()
        waits = self._pictures is not None or self._preview is not None
        if waits and now - self._pictured >= PICTURES_S:
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
        put(self.folder / STATUS, msgspec.json.encode(StatusFile(FORMAT, self._summary)))

    def _write_pictures(self) -> None:
        pictures, self._pictures = self._pictures, None
        preview, self._preview = self._preview, None
        self._pictured = time.monotonic()
        if preview is not None:
            write_preview(self.folder, preview)
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
    return metric.endswith(("loss", "mae", "mse", "rmse", "perplexity", "distance"))
