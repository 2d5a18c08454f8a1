"""A handler without torch: answers, refuses, prints, hangs and dies on request."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import numpy as np

from studio.engine import protocol
from studio.engine.protocol import Ask
from studio.engine.serving import Respond
from studio.engine.setup import Setup


class FakeEngine:
    """Does what the `kind` of a `BuildArchitecture` names."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._cancelled: set[int] = set()
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()

    def take(self, ask: Ask, respond: Respond) -> None:
        request = ask.body
        match request:
            case protocol.Ping():
                respond(protocol.Hello(1, {"role": self.setup.role}, {}, os.getpid(), 1))
            case protocol.BuildArchitecture():
                getattr(self, f"do_{request.kind}")(ask, request.params, respond)
            case protocol.Infer():
                respond(protocol.Drawn(request.project))
            case _:
                respond(protocol.Refused(f"No {type(request).__name__} here."))

    def cancel(self, number: int) -> None:
        self._cancelled.add(number)

    def close(self) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join()

    @property
    def at_work(self) -> bool:
        return bool(self.setup.base)

    def do_array(self, ask: Ask, params: dict, respond: Respond) -> None:
        values = np.arange(params["size"], dtype=params.get("dtype", "float32"))
        respond(protocol.Predictions("validation", values, values[:3]))

    def do_object(self, ask: Ask, params: dict, respond: Respond) -> None:
        respond(protocol.Predictions("validation", np.array([object()]), np.zeros(1)))

    def do_nonsense(self, ask: Ask, params: dict, respond: Respond) -> None:
        respond({"type": "Teleported"})

    def do_raise(self, ask: Ask, params: dict, respond: Respond) -> None:
        raise RuntimeError("the fake raised\nas told")

    def do_pictures(self, ask: Ask, params: dict, respond: Respond) -> None:
        """Progress and pictures, many of each, then the answer."""
        empty = np.zeros(0, np.float32)
        for step in range(params["count"]):
            respond(protocol.Progress(step, 1, np.array([step]), {}, 1.0, 1.0))
            respond(protocol.Pictures(step, {}, empty, empty, empty))
            respond(protocol.LayerStats(step, {}))
        respond(protocol.Done())

    def do_print(self, ask: Ask, params: dict, respond: Respond) -> None:
        print("a layer prints")
        os.write(1, b"and a C library does\n")
        os.system("echo and a child of it")
        respond(protocol.SourceText(sys.stdin.read()))

    def do_wait(self, ask: Ask, params: dict, respond: Respond) -> None:
        """Until cancelled, with events meanwhile."""

        def work() -> None:
            done = 0
            while ask.id not in self._cancelled and not self._closing.is_set():
                done += 1
                respond(protocol.Working(done, 0))
                time.sleep(0.005)
            respond(protocol.Refused("Cancelled.", cancelled=True))

        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()

    def do_exit(self, ask: Ask, params: dict, respond: Respond) -> None:
        print("last words", file=sys.stderr, flush=True)
        os._exit(3)

    def do_kill(self, ask: Ask, params: dict, respond: Respond) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def do_hang(self, ask: Ask, params: dict, respond: Respond) -> None:
        """As a layer that never returns and lets nobody else run."""
        threading.Thread(target=time.sleep, args=(3600,)).start()
        time.sleep(3600)

    def do_garbage(self, ask: Ask, params: dict, respond: Respond) -> None:
        """As one who finds the wire and writes to it."""
        for descriptor in range(3, 20):
            try:
                os.write(descriptor, b"x" * 4096)
            except OSError:
                continue
        time.sleep(0.05)


def make(setup: Setup) -> FakeEngine:
    return FakeEngine(setup)


if __name__ == "__main__":
    from studio.engine.standard_streams import run

    run(make)
