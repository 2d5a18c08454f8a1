"""An engine in the same process: tests, the command line, notebooks. Same codec, no pipes."""

from __future__ import annotations

import os
import threading

from studio.engine.client import Client
from studio.engine.serving import Handler, serve
from studio.engine.wires import QueueWire


def connect(service: Handler) -> Client:
    """Return a client of `service`; closing it closes the service.

    Messages go through the same codec as through a pipe, so that nothing is shared by accident.
    """
    ours, theirs = QueueWire.pair()
    return Client(ours, _Thread(service, theirs))


class _Thread:
    """A thread that serves; what ends it unexpectedly is kept for the epitaph."""

    def __init__(self, service: Handler, wire: QueueWire) -> None:
        self.pid = os.getpid()
        self._service = service
        self._wire = wire
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._thread.join()

    def kill(self) -> None:
        """A thread cannot be killed: who uses one waits, or ends this process."""

    def epitaph(self) -> str:
        self._thread.join()
        reason = f" {type(self._error).__name__}: {self._error}" if self._error else ""
        return f"The engine ended unexpectedly.{reason}"

    def _run(self) -> None:
        try:
            serve(self._wire, lambda: self._service)
        except Exception as error:
            self._error = error
        finally:
            self._wire.close()
