"""Unsaved work and files in use: autosave, recovery, and who else has a file open."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path

from msgspec import Struct

from studio.graph import files
from studio.graph.project import Project


class Recoverable(Struct, frozen=True):
    """Work that a session left unsaved: where it lies, which file it belongs to, and since when."""

    file: Path
    document: str
    time: float


class Keeper:
    """Keeps a copy of unsaved work in a folder of its own, named after the process that does so."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mine = folder / f"{os.getpid()}-{time.time_ns():x}.loom"
        self._note = self._mine.with_suffix(".json")
        self._kept: Project | None = None
        self._lock: Path | None = None

    def keep(self, project: Project, document: str) -> None:
        """Write the unsaved project aside, unless that was done already.

        Raises: OSError.
        """
        if project is self._kept:
            return
        files.write_atomically(self._mine, files.dumps(project).encode())
        note = {"document": document, "pid": os.getpid(), "time": time.time()}
        files.write_atomically(self._note, json.dumps(note).encode())
        self._kept = project

    def forget(self) -> None:
        """Drop the copy: the work is saved, or the person let it go."""
        self._kept = None
        self._mine.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def left_behind(self) -> tuple[Recoverable, ...]:
        """Return what processes that are gone left unsaved, newest first."""
        found = []
        for note in self._folder.glob("*.json"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                told = json.loads(note.read_text(encoding="utf-8"))
                work = note.with_suffix(".loom")
                if work.exists() and not _alive(int(told["pid"])):
                    found.append(Recoverable(work, str(told["document"]), float(told["time"])))
        return tuple(sorted(found, key=lambda item: -item.time))

    def discard(self, item: Recoverable) -> None:
        """Delete work that was recovered or is not wanted."""
        item.file.unlink(missing_ok=True)
        item.file.with_suffix(".json").unlink(missing_ok=True)

    def claim(self, path: Path) -> int:
        """Note that this process has `path` open; return the process that has it already, or 0."""
        self.release()
        key = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
        lock = self._folder / f"{key}.open"
        with contextlib.suppress(OSError, ValueError):
            other = int(lock.read_text(encoding="utf-8"))
            if other != os.getpid() and _alive(other):
                return other
        with contextlib.suppress(OSError):
            files.write_atomically(lock, str(os.getpid()).encode())
            self._lock = lock
        return 0

    def release(self) -> None:
        """Say that the file is no longer open here."""
        if self._lock is not None:
            with contextlib.suppress(OSError, ValueError):
                if int(self._lock.read_text(encoding="utf-8")) == os.getpid():
                    self._lock.unlink(missing_ok=True)
            self._lock = None


def _alive(pid: int) -> bool:
    if pid == os.getpid():
        return True
    if os.name == "nt":  # os.kill would end the process there
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)  # type: ignore[attr-defined,unused-ignore]
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)  # type: ignore[attr-defined,unused-ignore]
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
