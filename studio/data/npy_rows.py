"""An `.npy` file read row by row, so that it may be larger than memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from studio.data.source import DataProblem


@dataclass(frozen=True)
class NpyRows:
    """Where the rows of an array lie. Every read opens the file anew: no map that a cut file breaks."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int

    @classmethod
    def of(cls, path: Path) -> NpyRows | None:
        """Return the rows of a file; None where it is no `.npy` of numbers with its rows in order."""
        try:
            with path.open("rb") as file:
                version = npy.read_magic(file)
                shape, fortran, dtype = _header(file, version)
                found = cls(path, shape, dtype, file.tell())
                whole = path.stat().st_size >= found.start + math.prod(shape) * dtype.itemsize
        except (OSError, ValueError, EOFError):
            return None
        usable = dtype.kind in "biuf" and len(shape) > 0 and not fortran
        return found if usable and whole else None

    def read(self, position: int) -> NDArray[Any]:
        """Return one row. Raises: DataProblem."""
        count = math.prod(self.shape[1:])
        size = count * self.dtype.itemsize
        try:
            with self.path.open("rb") as file:
                file.seek(self.start + position * size)
                raw = file.read(size)
        except OSError as error:
            raise DataProblem(
                f"{self.path} cannot be read any more ({error.strerror}). Put it back, and go on from "
                "the last checkpoint."
            ) from None
        if len(raw) < size:
            raise DataProblem(
                f"{self.path} ends before sample {position} of {self.shape[0]}: it was cut while it was "
                "being read. Copy it again."
            )
        return np.frombuffer(raw, self.dtype, count).reshape(self.shape[1:])


def _header(
    file: BinaryIO, version: tuple[int, int]
) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Raises: ValueError, for a format that is not known."""
    if version == (1, 0):
        return npy.read_array_header_1_0(file)
    if version == (2, 0):
        return npy.read_array_header_2_0(file)
    raise ValueError(f"version {version}")
