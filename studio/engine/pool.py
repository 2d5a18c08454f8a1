"""Shared memory between two processes of one machine, as files in a folder that lives in memory.

Files rather than named segments, because a folder can be swept: whatever a crash leaves behind goes
with the folder, and the folder of a dead owner goes at the next start.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import tempfile
from pathlib import Path

_PREFIX = "neuroloom-"
_NAME = re.compile(r"[ab][0-9]{1,18}\Z")


class Pool:
    """Pieces of memory by name: one side puts a piece in, the other takes it out, once.

    The owner makes the folder and removes it; the other side is told its path.
    """

    def __init__(self, folder: Path, owned: bool) -> None:
        self.folder = folder
        self._owned = owned
        self._side = "a" if owned else "b"
        self._numbers = itertools.count()

    @classmethod
    def create(cls) -> Pool:
        """Return a pool in a fresh private folder, after sweeping what dead owners left."""
        root = memory_folder()
        sweep(root)
        return cls(Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=root)), owned=True)

    def put(self, raw: memoryview) -> str:
        """Return the name under which `raw` can be taken, or "" where there is no room for it."""
        name = f"{self._side}{next(self._numbers)}"
        path = self.folder / name
        try:
            path.write_bytes(raw)
        except OSError:
            # Memory for files can be small (64 MiB in a container): the pipe is slower, but works.
            path.unlink(missing_ok=True)
            return ""
        return name

    def take(self, name: str, size: int) -> bytearray:
        """Return the piece and free it. The length is the caller's to compare: at most `size` + 1.

        Raises: ValueError for a name that no pool gives, OSError where there is no such piece.
        """
        if not _NAME.match(name):
            raise ValueError(f"A piece of shared memory cannot be named {name[:40]!r}.")
        path = self.folder / name
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb", buffering=0) as file:
            found = os.fstat(file.fileno()).st_size
            raw = bytearray(min(found, size + 1))
            view, filled = memoryview(raw), 0
            while filled < len(raw) and (count := file.readinto(view[filled:])):
                filled += count
        path.unlink(missing_ok=True)
        return raw

    def close(self) -> None:
        """Remove the folder and everything in it, if this side owns it."""
        if self._owned:
            shutil.rmtree(self.folder, ignore_errors=True)


def memory_folder() -> Path:
    """Return a folder for files that should not touch the disk, as far as this system has one."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK | os.X_OK):
        return memory
    return Path(tempfile.gettempdir())


def sweep(root: Path) -> None:
    """Remove the pools in `root` whose owner no longer lives."""
    for folder in root.glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdecimal() and not _lives(int(owner)):
            with contextlib.suppress(OSError):
                shutil.rmtree(folder)


def _lives(pid: int) -> bool:
    if os.name != "posix":
        return True  # os.kill would end the process there; the folder is in the temporary files
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
