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
        preview = p.Preview(int(step), str(kind), str(title), found, tuple(map(str, words)))
        return preview if is_sound(preview) else None
    except Exception:  # a zip that somebody else made can fail in a dozen ways, none of them ours
        return None


def is_sound(preview: p.Preview) -> bool:
    """Tell whether the arrays have the shapes that whoever draws them relies on."""
    arrays = preview.arrays
    match preview.kind:
        case "images":
            shown = [arrays["images"], *([arrays["outputs"]] if "outputs" in arrays else [])]
            return all(map(_are_images, shown)) and len({len(each) for each in shown}) == 1
        case "masks":
            both = (arrays["masks"], arrays["targets"])
            alike = both[0].shape == both[1].shape and both[0].ndim == 3
            whole = all(np.issubdtype(each.dtype, np.integer) for each in both)
            return _are_images(arrays["images"]) and alike and whole and _as_many(preview)
        case "boxes":
            found, true = arrays["boxes"], arrays["targets"]
            sizes = found.ndim == true.ndim == 3 and (found.shape[2], true.shape[2]) == (6, 5)
            finite = sizes and bool(np.isfinite(found).all() and np.isfinite(true).all())
            return _are_images(arrays["images"]) and finite and _as_many(preview)
        case "points":
            both = (arrays["points"], arrays["real"])
            return all(each.ndim == 2 and each.shape[1] == 2 and len(each) for each in both)
        case "returns":
            return arrays["returns"].ndim == 1 and arrays["returns"].size > 0
        case "text":
            return bool(preview.words)
    return False


def _are_images(images: np.ndarray) -> bool:
    coloured = images.ndim == 4 and images.shape[3] == 3
    return images.dtype == np.uint8 and images.size > 0 and (images.ndim == 3 or coloured)


def _as_many(preview: p.Preview) -> bool:
    return len({len(array) for array in preview.arrays.values()}) == 1
