"""Lanes: a worker thread each, so that a long explanation never holds up the shapes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from studio.engine.protocol import Answer, Refused, Request, Working
from studio.engine.serving import Respond

#: Seconds between two reports of one request: more than an eye can follow is only noise.
REPORT_S = 0.05


class Work:
    """A request under way."""

    def __init__(self, number: int, request: Request, respond: Respond) -> None:
        self.number = number
        self.request = request
        self.respond = respond
        self._given_up = threading.Event()
        self._quiet_until = 0.0

    def cancel(self) -> None:
        """Ask the worker to give up at the next chance."""
        self._given_up.set()

    def cancelled(self) -> bool:
        """Whether the answer is no longer wanted."""
        return self._given_up.is_set()

    def report(self, done: int, total: int, what: str = "") -> None:
        """Tell how far it is, every now and then and at the end."""
        now = time.monotonic()
        if now >= self._quiet_until or done == total:
            self._quiet_until = now + REPORT_S
            self.respond(Working(done, total, what))


Do = Callable[[Work], Answer]
Refuse = Callable[[BaseException], Refused]

_CANCELLED = Refused("Cancelled.", cancelled=True)


class Lane:
    """Does one work after the other in a thread of its own; `refuse` puts exceptions into words."""

    def __init__(self, name: str, refuse: Refuse) -> None:
        self._refuse = refuse
        self._waiting: deque[tuple[Work, Do]] = deque()
        self._current: Work | None = None
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"engine-{name}", daemon=True)
        self._thread.start()

    def put(self, work: Work, do: Do, newest_only: bool = False) -> None:
        """Queue a work; with `newest_only` those of its kind that still wait are refused."""
        stale: list[Work] = []
        with self._changed:
            if newest_only:
                kind = type(work.request)
                stale = [other for other, _ in self._waiting if type(other.request) is kind]
                self._waiting = deque(item for item in self._waiting if item[0] not in stale)
            self._waiting.append((work, do))
            self._changed.notify()
        for other in stale:
            other.respond(Refused("A newer one was asked for.", cancelled=True))

    def cancel(self, number: int) -> None:
        """Refuse the work if it waits, ask it to give up if it is under way."""
        with self._changed:
            if self._current is not None and self._current.number == number:
                self._current.cancel()
            found = [item for item in self._waiting if item[0].number == number]
            for item in found:
                self._waiting.remove(item)
        for work, _ in found:
            work.respond(_CANCELLED)

    def close(self) -> None:
        """Drop what waits, ask what is under way to give up, and wait for the thread."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            if self._current is not None:
                self._current.cancel()
            self._changed.notify()
        self._thread.join()

    def _next(self) -> tuple[Work, Do] | None:
        with self._changed:
            self._current = None
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            work, do = self._waiting.popleft()
            self._current = work
            return work, do

    def _run(self) -> None:
        while (item := self._next()) is not None:
            work, do = item
            answer: Answer | Refused
            try:
                answer = do(work)
            except BaseException as error:  # also a plugin that calls sys.exit
                answer = self._refuse(error)
            work.respond(_CANCELLED if work.cancelled() else answer)
