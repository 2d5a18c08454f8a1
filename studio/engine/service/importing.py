"""Networks on their way in: foreign code is read in a process of its own, which can be ended."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from studio.compile.importers import DOORS, ImportProblem, door_for
from studio.compile.importers.outline import outline
from studio.engine import protocol as p
from studio.engine.service.foreign import WEIGHTS, Child


def bring(
    request: p.Import,
    cancelled: Callable[[], bool],
    start: Callable[[], Child] = Child,
    safe: bool = False,
) -> p.Imported:
    """Return what comes in, read by the child that `start` gives; nothing is left behind where it fails.

    Where `safe`, only what needs no code of its own comes in.

    Raises: ImportProblem, Cancelled.
    """
    door = request.door or door_for(request.path)
    if door not in DOORS:
        raise ImportProblem(
            f"Networks come in through {', '.join(DOORS)}, not through {door[:40]!r}."
        )
    if DOORS[door].runs_code and safe:
        raise ImportProblem(
            f"{request.path} is Python, and safe mode runs no foreign code. Start Neuroloom without "
            "--safe-mode to import it; .pt2 and .onnx files can be imported now."
        )
    if DOORS[door].runs_code and not request.agreed:
        raise ImportProblem(
            f"{request.path} is Python, and importing it runs its code with your rights. Agree to that, or "
            "read the file first."
        )
    folder = Path(request.folder)
    with start() as child:
        told = child.ask(msgspec.structs.replace(request, door=door), cancelled)
        if told.project is None:
            raise ImportProblem(told.problem)
        weights = child.place / WEIGHTS
        kept_at = ""
        if weights.exists():
            kept_at = str(kept(weights, folder, Path(request.path).stem))
    return p.Imported(told.project, kept_at, told.report)


def outlined(request: p.GetOutline) -> p.Outline:
    """Return the classes that a file defines, without running it.

    Raises: ImportProblem.
    """
    return p.Outline(tuple(p.OutlinedClass(*found) for found in outline(Path(request.path))))


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
