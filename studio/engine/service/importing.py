"""Networks on their way in: foreign code is read in a process of its own, which can be ended."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

import studio
from studio.compile.importers import DOORS, ImportProblem, door_for
from studio.compile.importers.outline import outline
from studio.engine import protocol as p
from studio.explain import Cancelled
from studio.graph.project import Project
from studio.graph.report import ReportLine

_CHILD = "studio.engine.service.import_child"
_LOOK_S = 0.05
#: As much of what a child printed last is told when it ends without an answer.
_LAST_CHARACTERS = 400


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a child leaves: the network, or the sentence why there is none."""

    project: Project | None = None
    report: tuple[ReportLine, ...] = ()
    problem: str = ""


def bring(request: p.Import, cancelled: Callable[[], bool]) -> p.Imported:
    """Return what comes in; nothing is left behind where it fails.

    Raises: ImportProblem, Cancelled.
    """
    door = request.door or door_for(request.path)
    if door not in DOORS:
        raise ImportProblem(
            f"Networks come in through {', '.join(DOORS)}, not through {door[:40]!r}."
        )
    if DOORS[door].runs_code and not request.agreed:
        raise ImportProblem(
            f"{request.path} is Python, and importing it runs its code with your rights. Agree to that, or "
            "read the file first."
        )
    folder = Path(request.folder)
    with tempfile.TemporaryDirectory(prefix="neuroloom-import-") as place:
        told = _asked(msgspec.structs.replace(request, door=door), Path(place), cancelled)
        if told.project is None:
            raise ImportProblem(told.problem)
        weights = Path(place) / "weights.safetensors"
        kept_at = ""
        if weights.exists():
            kept_at = str(kept(weights, folder, Path(request.path).stem))
    return p.Imported(told.project, kept_at, told.report)


def outlined(request: p.GetOutline) -> p.Outline:
    """Return the classes that a file defines, without running it.

    Raises: ImportProblem.
    """
    return p.Outline(tuple(p.OutlinedClass(*found) for found in outline(Path(request.path))))


def _asked(request: p.Import, place: Path, cancelled: Callable[[], bool]) -> Told:
    """Let a child read the file, and end it when it takes too long or nobody waits any more."""
    (place / "request.msgpack").write_bytes(msgspec.msgpack.encode(request))
    name = Path(request.path).name
    with (place / "printed.txt").open("wb") as printed:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", _CHILD, str(place)],
            stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT,
            env=_environment(), start_new_session=os.name == "posix",
        )  # fmt: skip
        try:
            until = time.monotonic() + request.limit_s
            while child.poll() is None:
                if cancelled():
                    raise Cancelled
                if time.monotonic() > until:
                    raise ImportProblem(
                        f"{name} was not read after {request.limit_s:.0f} s, so its process was ended. Does "
                        "it wait for something, train when it is imported, or loop?"
                    )
                time.sleep(_LOOK_S)
        finally:
            _end(child)
    answer = place / "told.msgpack"
    if not answer.exists():
        last = (place / "printed.txt").read_text(encoding="utf-8", errors="replace").strip()
        said = f" It said last: {last[-_LAST_CHARACTERS:].splitlines()[-1]}" if last else ""
        raise ImportProblem(
            f"The process that read {name} ended by itself (code {child.returncode}), so nothing was "
            f"imported.{said}"
        )
    return msgspec.msgpack.decode(answer.read_bytes(), type=Told)


def _environment() -> dict[str, str]:
    """Return this process's environment, in which the child finds the same studio."""
    root = str(Path(studio.__file__).resolve().parent.parent)
    others = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in (root, others) if part)}


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child with all that it started."""
    if child.poll() is None:
        if os.name == "posix":
            import signal

            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    child.wait()


def kept(weights: Path, folder: Path, stem: str) -> Path:
    """Move weights to where they stay; equal ones are kept once."""
    content = weights.read_bytes()
    digest = hashlib.blake2b(content, digest_size=6).hexdigest()
    target = folder / f"{stem}-{digest}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            aside = target.with_suffix(f".{os.getpid()}.part")
            aside.write_bytes(content)
            aside.replace(target)
    except OSError as error:
        raise ImportProblem(
            f"The weights cannot be written to {folder} ({error.strerror}). Free some space there."
        ) from None
    return target
