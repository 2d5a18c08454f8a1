"""Reading what a person chose: text, many files of which some may be broken, and how much is too much."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from studio.data.source import DataProblem
from studio.graph.params import Param

T = TypeVar("T")

#: More than this does not lie in memory beside a network; a header that asks for it often lies.
LARGEST_BYTES = 8 << 30
#: A text longer than this is not read at once.
_LONGEST_TEXT = 512 << 20
#: How many broken files are named.
_NAMED = 3

#: What tarfile raises for archives that are not what they say: TypeError where a gzip header is cut.
BROKEN_TAR = (
    tarfile.TarError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)

SKIP_PARAM = Param(
    "skip_unreadable",
    "bool",
    False,
    help="Leave out files that cannot be read, and say how many; else they stop the reading",
)


def check_size(size_bytes: int, what: str) -> None:
    """Raise DataProblem where `what` would take more memory than is given to samples."""
    if size_bytes > LARGEST_BYTES:
        raise DataProblem(
            f"{what} would take {size_bytes / (1 << 30):.1f} GiB of memory; at most "
            f"{LARGEST_BYTES >> 30} GiB are read. Choose a smaller size, or fewer samples."
        )


def read_bytes(path: Path, most: int = _LONGEST_TEXT) -> bytes:
    """Return what a file holds. Raises: DataProblem, for a folder, too much, or no permission."""
    if path.is_dir():
        raise DataProblem(f"{path} is a folder; expected a file. Choose the file inside it.")
    try:
        size = path.stat().st_size
        if size > most:
            raise DataProblem(
                f"{path.name} has {size >> 20} MiB; at most {most >> 20} MiB are read at once. "
                "Cut the file into parts, or choose a smaller one."
            )
        return path.read_bytes()
    except OSError as error:
        raise DataProblem(
            f"{path} cannot be read ({error.strerror}). Choose a file you may open."
        ) from None


def read_text(path: Path, hint: str = "Save it as text in UTF-8") -> str:
    """Return a file's text, without the mark that some programs put in front.

    Raises: DataProblem, with the first byte that is no UTF-8.
    """
    raw = read_bytes(path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataProblem(
            f"{path.name} is not text in UTF-8 (byte {error.start} is {raw[error.start]:#04x}). "
            f"{hint}, or choose another file."
        ) from None


class Attempts:
    """Reads of many files: those that fail are counted and named, and only then stop the whole.

    With `skip` they are left out instead, and a note says so.
    """

    def __init__(self, skip: bool) -> None:
        self._skip = skip
        self._failed: dict[str, str] = {}
        self._tried = 0

    def read(self, name: str, reading: Callable[[], T]) -> T | None:
        """Return what `reading` returns, or None where it raises DataProblem."""
        self._tried += 1
        try:
            return reading()
        except DataProblem as problem:
            self._failed[name] = str(problem)
            return None

    def finish(self, what: str) -> tuple[str, ...]:
        """Return what is to be noted. Raises: DataProblem, where files failed and may not be skipped."""
        if not self._failed:
            return ()
        count = len(self._failed)
        named = ", ".join(list(self._failed)[:_NAMED]) + ("…" if count > _NAMED else "")
        if self._skip and count < self._tried:
            return (
                f"{count} of {self._tried} {what} could not be read and were left out: {named}.",
            )
        first = next(iter(self._failed.values()))
        more = f" {count} of {self._tried} {what} cannot be read: {named}." if count > 1 else ""
        way = "" if self._skip else " To leave such files out, switch on skip_unreadable."
        raise DataProblem(f"{first}{more}{way}")
