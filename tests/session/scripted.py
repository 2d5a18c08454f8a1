"""An engine that answers from a script, for sessions under test."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from studio.engine import protocol as p


class ScriptedTicket:
    def __init__(self, number: int) -> None:
        self.id = number
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ScriptedClient:
    """Keeps what was asked; `answer`, `refuse` and `event` queue what `pump` then delivers."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.asked: list[tuple[p.Request, Callable[..., None], Any, Any]] = []
        self.queue: list[Callable[[], None]] = []
        self.on_gone: Callable[[str], None] | None = None
        self.alive = True
        self.closed = False
        self.limits: dict[type, float] = {}

    def ask(
        self,
        request: Any,
        on_answer: Any,
        on_refused: Any = None,
        on_event: Any = None,
        limit_s: float = math.inf,
    ) -> Any:
        self.limits[type(request)] = limit_s
        self.asked.append((request, on_answer, on_refused, on_event))
        return ScriptedTicket(len(self.asked))

    def requests(self, kind: type) -> list[Any]:
        return [request for request, *_ in self.asked if isinstance(request, kind)]

    def _last(self, kind: type) -> tuple[Any, ...]:
        return next(entry for entry in reversed(self.asked) if isinstance(entry[0], kind))

    def answer(self, kind: type, body: p.Answer) -> None:
        self.queue.append(lambda: self._last(kind)[1](body))

    def refuse(self, kind: type, message: str) -> None:
        self.queue.append(lambda: self._last(kind)[2](p.Refused(message)))

    def event(self, kind: type, body: p.Event) -> None:
        self.queue.append(lambda: self._last(kind)[3](body))

    def die(self, message: str) -> None:
        self.alive = False
        for _, _, on_refused, _ in self.asked:
            if on_refused:
                self.queue.append(lambda refused=on_refused: refused(p.Refused(message)))
        self.queue.append(lambda: self.on_gone and self.on_gone(message))

    def pump(self, budget_s: float = 0) -> int:
        queue, self.queue = self.queue, []
        for deliver in queue:
            deliver()
        return len(queue)

    def close(self) -> None:
        self.closed = True
        self.alive = False
