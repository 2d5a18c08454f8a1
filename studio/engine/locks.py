"""A lock that ends with its holder: how a run that is under way is told from one that was killed."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _take(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """A file held from construction to `release`, or to the end of the process, however it ends."""

    def __init__(self, path: Path) -> None:
        """Raises: BlockingIOError, when another has it; OSError, when it cannot be made."""
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(self._handle)
        except OSError:
            self.release()
            reason = "somebody else is at work there"
            raise BlockingIOError(errno.EAGAIN, reason, str(path)) from None

    def release(self) -> None:
        """Let go; a second time does nothing."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def is_held(path: Path) -> bool:
    """Tell whether some process, this one included, holds the lock at `path`."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        _take(handle)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
