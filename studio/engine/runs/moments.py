"""Moments: what a network looked like inside, at steps spread evenly over its run; a file each.

A file is a NumPy archive: the arrays of a `Moment` under their numbers, and under `moment` all else as
msgpack. It holds no pickle, and what it claims to be is checked before any of it is taken in.
"""

from __future__ import annotations

import contextlib
import io
import math
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from studio.engine import protocol as p
from studio.engine.arrays import DTYPES, MAX_DIMENSIONS
from studio.engine.runs.folder import put
from studio.engine.runs.previews import is_sound

MOMENTS = "moments"
#: Moments of a run at most; beyond them, or beyond its budget, every other one goes.
MOST = 120
#: Bytes that the moments of a run take at most, unless another budget is chosen.
BUDGET = 64 << 20
#: A file is read up to this size.
_LARGEST = 256 << 20
_HEAD = "moment"


class MomentWriter:
    """Keeps moments of a run, evenly spread over the steps so far, in bounded space."""

    def __init__(self, folder: Path, budget: int = BUDGET) -> None:
        self._folder = folder / MOMENTS
        self._budget = budget
        self._sizes = {step: _size(self._folder, step) for step in moment_steps(folder)}
        self._stride = self._spacing()

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps that are kept, rising."""
        return tuple(self._sizes)

    def wants(self, step: int) -> bool:
        """Tell whether a moment at a step is far enough from the last one, or before it: gone back to."""
        last = next(reversed(self._sizes), None)
        if self._budget <= 0:
            return False
        return last is None or step < last or step >= last + self._stride

    def keep(self, moment: p.Moment) -> None:
        """Write a moment down, and drop every other one where they become too many or too large.

        Later ones go: the run went back, and they are of a course that it has left.
        Raises: OSError.
        """
        content = encoded(moment)
        if len(content) > self._budget // 4:
            return  # of so large a network too few would fit to be moments over time
        put(self._folder / f"{moment.step}.npz", content)
        for later in [step for step in self._sizes if step > moment.step]:
            self._drop(later)
        self._sizes[moment.step] = len(content)
        while len(self._sizes) > MOST or sum(self._sizes.values()) > self._budget:
            self._thin()

    def _thin(self) -> None:
        """Drop every other moment, never the newest."""
        steps = list(self._sizes)
        for step in steps[-2::-2]:
            self._drop(step)
        self._stride = self._spacing()

    def _drop(self, step: int) -> None:
        del self._sizes[step]
        with contextlib.suppress(OSError):  # one too many does no harm
            (self._folder / f"{step}.npz").unlink()

    def _spacing(self) -> int:
        """Return the steps from one moment to the next, so that they stay even."""
        steps = list(self._sizes)
        if len(steps) < 2:
            return 1
        return max(1, (steps[-1] - steps[0]) // (len(steps) - 1))


def moment_steps(folder: Path) -> tuple[int, ...]:
    """Return the steps whose moments lie in a run's folder, rising."""
    try:
        names = [path.stem for path in (folder / MOMENTS).iterdir() if path.suffix == ".npz"]
    except OSError:
        return ()
    return tuple(
        sorted(
            int(name) for name in names if name.isascii() and name.isdecimal() and len(name) < 18
        )
    )


def read_moment(folder: Path, step: int) -> p.Moment | None:
    """Return a stored moment, or None where it is missing, cut or not what it claims to be."""
    try:
        path = folder / MOMENTS / f"{step}.npz"
        if path.stat().st_size > _LARGEST:
            return None
        moment = decoded(path.read_bytes())
    except Exception:  # a zip that somebody else made can fail in a dozen ways, none of them ours
        return None
    return moment if moment.step == step else None


def encoded(moment: p.Moment) -> bytes:
    """Return a moment as the bytes of an archive."""
    arrays: list[np.ndarray] = []

    def number(value: object) -> int:
        if not isinstance(value, np.ndarray):
            raise TypeError(f"A moment holds values and arrays, but got {type(value).__name__}.")
        arrays.append(value)
        return len(arrays) - 1

    head = np.frombuffer(msgspec.msgpack.encode(moment, enc_hook=number), dtype=np.uint8)
    archive = io.BytesIO()
    numbered = {str(k): array for k, array in enumerate(arrays)}
    np.savez(archive, allow_pickle=False, **{_HEAD: head}, **numbered)
    return archive.getvalue()


def decoded(content: bytes) -> p.Moment:
    """Return the moment that an archive holds.

    Raises: ValueError, and whatever a broken archive raises.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(info.file_size for info in archive.infolist()) > _LARGEST:
            raise ValueError("A moment was expected, but its arrays are larger than any moment's.")

        def take(kind: type, value: Any) -> np.ndarray:
            if kind is not np.ndarray:
                raise NotImplementedError(kind)
            return _array(archive, str(value))

        head = _array(archive, _HEAD).tobytes()
        moment = msgspec.msgpack.decode(head, type=p.Moment, dec_hook=take)
    _check(moment)
    return moment


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Return one array, whose shape must be what its bytes say.

    Raises: ValueError, KeyError.
    """
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} was expected to be an array of version 1.0.")
        shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.str not in DTYPES or len(shape) > MAX_DIMENSIONS:
            raise ValueError(f"{name} was expected to be an array of numbers, but got {dtype}.")
        raw = file.read()
    if len(raw) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name} claims the shape {shape}, but holds {len(raw)} bytes.")
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if by_column else "C")


def _check(moment: p.Moment) -> None:
    """Raises: ValueError, where arrays have not the shapes that whoever draws them relies on."""
    insight, pictures = moment.insight, moment.pictures
    parts: list[bool] = [moment.preview is None or is_sound(moment.preview)]
    if pictures is not None:
        parts += [maps.ndim == 3 and maps.dtype == np.uint8 for maps in pictures.maps.values()]
        parts.append(pictures.outputs.ndim >= 1 and pictures.targets.ndim >= 1)
        parts.append(len(pictures.inputs) == len(pictures.outputs) == len(pictures.targets))
    if insight is not None:
        for filters in insight.filters.values():
            coloured = filters.ndim == 4 and filters.shape[3] == 3
            parts.append(filters.dtype == np.uint8 and (filters.ndim == 3 or coloured))
        if insight.embedding is not None:
            shown = insight.embedding
            parts.append(shown.points.ndim == 2 and shown.points.shape[1] >= 1)
            per_sample = (shown.samples, shown.targets, shown.read)
            parts += [part.ndim == 1 for part in per_sample]
            parts += [len(part) == len(shown.points) for part in per_sample]
        if insight.surface is not None:
            surface = insight.surface
            parts.append(surface.values.ndim == 3 and surface.values.size > 0)
            parts.append(surface.points.ndim == 2 and surface.points.shape[1] == 2)
            parts.append(surface.targets.shape == surface.points.shape[:1])
            parts.append(all(map(math.isfinite, surface.extent)))
    if not all(parts):
        raise ValueError("A moment's arrays have not the shapes that a moment has.")


def _size(folder: Path, step: int) -> int:
    try:
        return (folder / f"{step}.npz").stat().st_size
    except OSError:
        return 0
