"""Processes that read foreign files: started early where one will soon be needed, ended at any moment."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import msgspec

import studio
from studio.compile.importers import ImportProblem
from studio.engine import protocol as p
from studio.explain import Cancelled
from studio.graph.project import Project
from studio.graph.report import ReportLine

REQUEST, ANSWER, WEIGHTS = "request.msgpack", "told.msgpack", "weights.safetensors"
_CHILD = "studio.engine.service.import_child"
_PRINTED = "printed.txt"
_LOOK_S = 0.02
#: As much of what a child printed last is told when it ends without an answer.
_LAST_CHARACTERS = 400


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a child leaves: the network, or the sentence why there is none."""

    project: Project | None = None
    report: tuple[ReportLine, ...] = ()
    problem: str = ""


class Child:
    """A process that reads one foreign file; until it is asked it loads what it will need.

    It ends with `close`, or by itself where this process ends before it was asked.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="neuroloom-import-")
        self.place = Path(self._folder.name)
        with (self.place / _PRINTED).open("wb") as printed:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", _CHILD, str(self.place)],
                stdin=subprocess.PIPE, stdout=printed, stderr=subprocess.STDOUT,
                env=_environment(), start_new_session=os.name == "posix",
            )  # fmt: skip

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self.process.poll() is None

    def ask(self, request: p.Import, cancelled: Callable[[], bool]) -> Told:
        """Let it read a file, and end it when it takes too long or nobody waits any more.

        Raises: ImportProblem, Cancelled.
        """
        (self.place / REQUEST).write_bytes(msgspec.msgpack.encode(request))
        name = Path(request.path).name
        with suppress(OSError):  # where it has ended, the missing answer is what is told
            self._begin()
        until = time.monotonic() + request.limit_s
        while self.alive:
            if cancelled():
                raise Cancelled
            if time.monotonic() > until:
                raise ImportProblem(
                    f"{name} was not read after {request.limit_s:.0f} s, so its process was ended. Does "
                    "it wait for something, train when it is imported, or loop?"
                )
            time.sleep(_LOOK_S)
        answer = self.place / ANSWER
        if not answer.exists():
            raise ImportProblem(
                f"The process that read {name} ended by itself (code {self.process.returncode}), so nothing "
                f"was imported.{self._said_last()}"
            )
        return msgspec.msgpack.decode(answer.read_bytes(), type=Told)

    def _begin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.close()

    def _said_last(self) -> str:
        last = (self.place / _PRINTED).read_text(encoding="utf-8", errors="replace").strip()
        return f" It said last: {last[-_LAST_CHARACTERS:].splitlines()[-1]}" if last else ""

    def close(self) -> None:
        """End it with all that it started, and clear away what it wrote."""
        if self.alive:
            if os.name == "posix":
                import signal

                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.close()
        self._folder.cleanup()


class Spare:
    """At most one child that is warm before it is asked: PyTorch and its tracer take seconds to load."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Child | None = None

    def keep(self, wanted: bool) -> None:
        """Start a child where none is ready, or end the one that no longer is `wanted`."""
        with self._lock:
            if self._child is not None and not (wanted and self._child.alive):
                self._child.close()
                self._child = None
            if wanted and self._child is None:
                self._child = Child()

    def take(self) -> Child:
        """Return the child that is ready, else a new one; it is the caller's to close."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None and child.alive:
            return child
        if child is not None:
            child.close()
        return Child()


def _environment() -> dict[str, str]:
    """Return this process's environment, in which the child finds the same studio."""
    root = str(Path(studio.__file__).resolve().parent.parent)
    others = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in (root, others) if part)}
