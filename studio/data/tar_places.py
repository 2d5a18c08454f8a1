"""Where in a tar file a member lies, to be read from there when it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio.data.source import DataProblem

#: How compressed files begin, which can only be read from their start: gzip, bzip2, xz, zstd.
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


@dataclass(frozen=True)
class Place:
    """Bytes of a file. Units: bytes."""

    path: Path
    start: int
    size: int

    def read(self) -> bytes:
        """Return the bytes. Raises: DataProblem."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.start)
                raw = file.read(self.size)
        except OSError as error:
            raise DataProblem(
                f"{self.path} cannot be read any more ({error.strerror}). Put it back, and go on from "
                "the last checkpoint."
            ) from None
        if len(raw) < self.size:
            raise DataProblem(
                f"{self.path} was cut while it was being read: {self.size} bytes were expected at "
                f"{self.start}, but {len(raw)} are there. Copy it again."
            )
        return raw


def is_plain(path: Path) -> bool:
    """Tell whether a file is not compressed, so that its members can be read in any order."""
    try:
        with path.open("rb") as file:
            return not file.read(6).startswith(_PACKED)
    except OSError:
        return False
