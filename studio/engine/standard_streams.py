"""What a process does to speak frames over its standard streams: the child's half of `subprocess`."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

import msgspec

from studio.engine.pool import Pool
from studio.engine.serving import Handler, serve
from studio.engine.setup import Setup
from studio.engine.wires import StreamWire

#: Seconds that a run has for its last words, from the end of the standard input on.
LAST_SECONDS = 3.0


def run(make_handler: Callable[[Setup], Handler]) -> NoReturn:
    """Serve until the standard input ends, then end this process. Does not return.

    Standard output is the wire's alone: whatever this process or anyone's layer prints goes to
    standard error, and nobody else reads standard input.
    """
    setup = msgspec.json.decode(sys.argv[1], type=Setup)
    pool = Pool(Path(sys.argv[2]), owned=False)
    wire = StreamWire(os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    code = 1
    try:
        serve(wire, lambda: make_handler(setup), pool, on_end=partial(_end_soon, pool))
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    wire.close()
    wire.drained(LAST_SECONDS)
    _end(pool, code)


def _end_soon(pool: Pool, handler: Handler | None) -> None:
    """End the process: at once, or after the last words of a run, however busy it is."""
    if handler is None or not handler.at_work:
        _end(pool, 0)
    deadline = threading.Timer(LAST_SECONDS, _end, (pool, 1))
    deadline.daemon = True
    deadline.start()


def _end(pool: Pool, code: int) -> NoReturn:
    shutil.rmtree(pool.folder, ignore_errors=True)
    sys.stderr.flush()
    os._exit(code)  # not sys.exit: threads of anyone's layer would keep the process
