"""An engine in a process of its own, spoken to over its standard streams.

The window starts it by name, so that no torch is imported here. The engine ends when its standard
input ends: when the client is closed, or when this process dies in whatever way.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import msgspec

import studio
from studio.engine.client import Client
from studio.engine.pool import Pool
from studio.engine.setup import Setup
from studio.engine.wires import StreamWire

SERVICE = "studio.engine.service_main"

#: Seconds that an engine has to end by itself (a job writes its last events) before it is killed.
GRACE_S = 4.0
_LAST_LINES = 60


def spawn(
    setup: Setup, environment: Mapping[str, str] | None = None, module: str = SERVICE
) -> Client:
    """Start an engine and return its client at once; it answers when it is warm.

    `environment` is added to this process's own. `module` is run with the set-up as JSON and the
    folder of the shared memory as its arguments.
    """
    pool = Pool.create()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, msgspec.json.encode(setup).decode(), str(pool.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(environment or {}),
        # Not in the terminal's group: Ctrl-C is for the window, which then closes its engines.
        start_new_session=os.name == "posix",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        | getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    wire = StreamWire(process.stdout, process.stdin)
    return Client(wire, _Process(process), pool)


def _environment(added: Mapping[str, str]) -> dict[str, str]:
    """Return the child's environment: it finds this very package, and its prints are not held back.

    It leaves a core to the window: as many threads as cores, beside a busy window, wait for each
    other most of the time.
    """
    threads = str(max(1, (os.cpu_count() or 1) - 1))
    defaults = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    fixed = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    environment = {**defaults, **os.environ, **fixed, **added}
    root = str(Path(studio.__file__).resolve().parent.parent)
    earlier = environment.get("PYTHONPATH", "")
    environment["PYTHONPATH"] = root + (os.pathsep + earlier if earlier else "")
    return environment


class _Process:
    """Watches a child: keeps the end of what it prints, and sees to it that it ends."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid
        self._process = process
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._listener = threading.Thread(target=self._listen, name="engine-stderr", daemon=True)
        self._listener.start()

    def end(self) -> None:
        self._wait()
        self._listener.join(1.0)

    def epitaph(self) -> str:
        code = self._wait()
        self._listener.join(1.0)
        said = "\n".join(self._lines).strip()
        reason = f"by signal {-code}" if code < 0 else f"with code {code}"
        return f"The engine ended unexpectedly, {reason}." + (f"\n{said}" if said else "")

    def _wait(self) -> int:
        try:
            return self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._process.poll() is not None:
                return
            if os.name == "posix":
                os.killpg(self.pid, signal.SIGKILL)  # with whatever it has started itself
            else:
                self._process.kill()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                self._lines.append(line.decode("utf-8", "replace").rstrip())
