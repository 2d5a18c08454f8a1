"""What a run's folder is made of: its files by name, what they hold, and how one is written."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct, field

from studio.engine import protocol as p
from studio.graph.facts import DataFacts
from studio.graph.problems import Fault

FORMAT = 1
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


class JobFile(Struct, frozen=True):
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


class StatusFile(Struct, frozen=True):
    """`status.json`: the newest figures while a run is under way, its summary once it has ended."""

    format: int
    summary: p.RunSummary


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


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder, 0 where there is none."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total
