"""Running a pack's code under watch: an endless loop in it must not hold up the engine for ever."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

#: Seconds that a pack's file or drawing may take; importing a large library takes a few.
LIMIT_S = 10.0
#: Seconds that code which was told to end gets for it.
_GRACE_S = 1.0

T = TypeVar("T")


class Overdue(Exception):
    """Code that did not come to an end; `line` is where it was in the watched file, or 0."""

    def __init__(self, line: int) -> None:
        super().__init__(f"was still running after {LIMIT_S:g} s and was ended")
        self.line = line


class _End(BaseException):
    """Raised inside code that takes too long."""


def overseen(work: Callable[[], T], file: str) -> T:
    """Return what `work` returns, or raise what it raises, within the time limit.

    What does not end is ended from within; code that catches even that is left behind, alone in its
    thread.

    Raises: Overdue.
    """
    done: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="pack", daemon=True)
    thread.start()
    thread.join(LIMIT_S)
    if thread.is_alive():
        line = _line(thread, file)
        _end(thread)
        raise Overdue(line)
    if errors:
        raise errors[0]
    return done[0]


def _line(thread: threading.Thread, file: str) -> int:
    """Return the innermost line of `file` that a thread is at."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and frame.f_code.co_filename != file:
        frame = frame.f_back
    return frame.f_lineno if frame is not None else 0


def _end(thread: threading.Thread) -> None:
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    raise_in(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_End))
    thread.join(_GRACE_S)
