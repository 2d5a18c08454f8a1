"""The latest preview of a run: one archive beside its pictures."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np

from studio.engine import protocol as p
from studio.engine.runs.folder import put

PREVIEW = "preview.npz"
_HEAD = "head"


def write_preview(folder: Path, preview: p.Preview) -> None:
    """Write a preview down in the place of the one before.

    Raises: OSError.
    """
    said = [preview.step, preview.kind, preview.title, list(preview.words)]
    head = np.frombuffer(json.dumps(said).encode(), dtype=np.uint8)
    archive = io.BytesIO()
    arrays = {f"array/{name}": array for name, array in preview.arrays.items()}
    np.savez(archive, allow_pickle=False, **{_HEAD: head}, **arrays)
    put(folder / PREVIEW, archive.getvalue())


def read_preview(folder: Path) -> p.Preview | None:
    """Return the latest preview of a run, or None where it is missing, cut or not what it claims to be."""
    try:
        with (folder / PREVIEW).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            step, kind, title, words = json.loads(arrays[_HEAD].tobytes())
            found = {
                name.removeprefix("array/"): arrays[name]
                for name in arrays.files
                if name.startswith("array/")
            }
        return p.Preview(int(step), str(kind), str(title), found, tuple(map(str, words)))
    except (
        Exception
    ):  # an archive that somebody else made can fail in a dozen ways, none of them ours
        return None
