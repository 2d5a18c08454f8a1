"""The window's side of an engine: requests out, answers and events in through one mailbox. No torch.

Callbacks run only inside `pump`, on the thread that calls it. `call` waits for one answer and
delivers nothing else. What arrives is lossless, except pictures and layer statistics, of which a
reader who comes late sees only the newest.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from studio.engine.arrays import Frame, Unpacker, pack
from studio.engine.pool import Pool
from studio.engine.protocol import (
    Answer,
    Ask,
    Cancel,
    Event,
    Insight,
    LayerStats,
    Pictures,
    Preview,
    Refused,
    Reply,
    Request,
)
from studio.engine.values import ProtocolError
from studio.engine.wires import Wire

log = logging.getLogger(__name__)

OnAnswer = Callable[[Answer], None]
OnRefused = Callable[[Refused], None]
OnEvent = Callable[[Event], None]

_LATEST_ONLY = (Pictures, Preview, LayerStats, Insight)


class EngineRefused(Exception):
    """The engine could not do it; `refused` holds the sentence, the place and the details."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.refused = refused


class EngineGone(Exception):
    """The engine ended before it answered; the message says how."""


class Ticket:
    """A request under way."""

    def __init__(self, client: Client, number: int) -> None:
        self._client = client
        self.id = number

    def cancel(self) -> None:
        """Ask the engine to stop; from now on only `on_refused` is called, with `cancelled`."""
        self._client._cancel(self.id)


@dataclass(slots=True)
class _Letter:
    """Something that arrived; a newer picture replaces the body of one that still waits."""

    id: int
    body: Answer | Refused | Event


@dataclass(slots=True)
class _Mailbox:
    """Letters in order of arrival."""

    letters: deque[_Letter] = field(default_factory=deque)
    latest: dict[tuple[int, type], _Letter] = field(default_factory=dict)

    def put(self, letter: _Letter) -> None:
        if isinstance(letter.body, _LATEST_ONLY):
            key = (letter.id, type(letter.body))
            waiting = self.latest.get(key)
            if waiting is not None:
                waiting.body = letter.body
                return
            self.latest[key] = letter
        self.letters.append(letter)

    def get(self) -> _Letter | None:
        if not self.letters:
            return None
        letter = self.letters.popleft()
        if isinstance(letter.body, _LATEST_ONLY):
            del self.latest[letter.id, type(letter.body)]
        return letter


@dataclass(slots=True)
class _Pending:
    """What to do when something arrives for a request."""

    on_answer: OnAnswer
    on_refused: OnRefused | None
    on_event: OnEvent | None
    mailbox: _Mailbox
    limit_s: float = math.inf
    deadline: float = math.inf
    cancelled: bool = False

    def heard(self) -> None:
        """The engine lives: the time within which it has to answer begins anew."""
        self.deadline = time.monotonic() + self.limit_s


class Host(Protocol):
    """What an engine lives in: a process, or a thread of this one."""

    @property
    def pid(self) -> int:
        """The process that the engine runs in."""

    def end(self) -> None:
        """Wait for the engine to end, and end it when it does not; safe to call twice."""

    def kill(self) -> None:
        """End the engine without waiting for anything, where that can be done."""

    def epitaph(self) -> str:
        """Return how the engine ended, in words; waits for the end."""


class Client:
    """Talks to one engine over a wire. Thread-safe.

    `on_gone(message)` is called once, from `pump`, when the engine has ended without `close`; before
    it every pending request is refused. A client whose engine is gone has nothing left to clean up.
    """

    def __init__(
        self,
        wire: Wire,
        host: Host,
        pool: Pool | None = None,
        on_gone: Callable[[str], None] | None = None,
    ) -> None:
        self.on_gone = on_gone
        self.pid = host.pid
        self._wire = wire
        self._host = host
        self._pool = pool
        self._numbers = itertools.count(1)
        self._arrived = threading.Condition()
        self._mailbox = _Mailbox()
        self._pending: dict[int, _Pending] = {}
        self._gone: str | None = None
        self._gone_told = False
        self._killed = False
        self._closed = False
        self._pumping = threading.RLock()
        self._reader = threading.Thread(target=self._read, name="engine-reader", daemon=True)
        self._reader.start()

    # ------------------------------------------------------------------------------- requests

    @property
    def alive(self) -> bool:
        """Whether the engine is there, as far as is known."""
        return self._gone is None and not self._closed

    def ask(
        self,
        request: Request,
        on_answer: OnAnswer,
        on_refused: OnRefused | None = None,
        on_event: OnEvent | None = None,
        limit_s: float = math.inf,
    ) -> Ticket:
        """Send a request; exactly one of `on_answer` and `on_refused` follows, from `pump`.

        Without `on_refused`, a refusal is raised from `pump` as `EngineRefused`, unless it only says
        that the request was cancelled or that the engine is gone. An engine that has neither answered nor
        told how far it is within `limit_s` is taken for hung, and killed: it is gone as after a crash.
        """
        pending = _Pending(on_answer, on_refused, on_event, self._mailbox, limit_s)
        pending.heard()
        return self._send(request, pending)

    def call(
        self, request: Request, timeout_s: float = 60.0, on_event: OnEvent | None = None
    ) -> Answer:
        """Send a request and wait for its answer; its events are delivered on this thread meanwhile.

        Raises: EngineRefused, EngineGone, TimeoutError (the request is then cancelled).
        """
        answers: list[Answer] = []
        refusals: list[Refused] = []
        mailbox = _Mailbox()
        pending = _Pending(answers.append, refusals.append, on_event, mailbox)
        ticket = self._send(request, pending)
        deadline = time.monotonic() + timeout_s
        while not answers and not refusals:
            with self._arrived:
                left = deadline - time.monotonic()
                if not self._arrived.wait_for(lambda: mailbox.letters or self._closed, left):
                    break
                letter = mailbox.get()
            if letter is None:  # closed by another thread
                break
            self._deliver(letter)
        if answers:
            return answers[0]
        if self._gone is not None or self._closed:
            raise EngineGone(self._gone or "The engine was closed.")
        if refusals:
            raise EngineRefused(refusals[0])
        ticket.cancel()
        with self._arrived:
            self._pending.pop(ticket.id, None)
        raise TimeoutError(
            f"{type(request).__name__} was expected to be answered within {timeout_s:g} s."
        )

    def pump(self, budget_s: float = 0.008) -> int:
        """Deliver what has arrived, until nothing is left or `budget_s` is spent; return how much.

        An exception of a callback comes out here; what had not been delivered yet stays for the
        next call.
        """
        delivered = 0
        deadline = time.perf_counter() + budget_s
        with self._pumping:
            while not self._closed:
                with self._arrived:
                    letter = self._mailbox.get()
                if letter is None:
                    self._end_if_hung()
                    self._tell_gone()
                    break
                delivered += 1
                self._deliver(letter)
                if time.perf_counter() >= deadline:
                    break
        return delivered

    def close(self) -> None:
        """End the engine and every thread of this client; what is pending is dropped."""
        with self._arrived:
            if self._closed:
                return
            self._closed = True
            self._pending.clear()
            self._arrived.notify_all()
        self._wire.close()
        self._host.end()
        self._reader.join()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------- innards

    def _send(self, request: Request, pending: _Pending) -> Ticket:
        number = next(self._numbers)
        frame: Frame | None = None
        refused: Refused | None = None
        try:
            frame = pack(Ask(number, request))
        except (TypeError, ValueError, OverflowError) as error:
            what = type(request).__name__
            refused = Refused(f"{what} cannot be sent to the engine. {error}")
        with self._arrived:
            if self._closed:
                raise EngineGone("The engine was closed; nothing can be asked of it any more.")
            self._pending[number] = pending
            if self._gone is not None:
                refused = Refused(self._gone)
            if refused is not None:
                pending.mailbox.put(_Letter(number, refused))
                self._arrived.notify_all()
        if frame is not None:
            self._wire.send(frame)
        return Ticket(self, number)

    def _cancel(self, number: int) -> None:
        with self._arrived:
            pending = self._pending.get(number)
            if pending is None or pending.cancelled:
                return
            pending.cancelled = True
        self._wire.send(pack(Cancel(number)))

    def _deliver(self, letter: _Letter) -> None:
        with self._arrived:
            pending = self._pending.get(letter.id)
            if pending is None:
                return  # forgotten after a timeout
            if not isinstance(letter.body, Event):
                del self._pending[letter.id]
            for other in self._pending.values():
                other.heard()  # it may wait for the one that this is about
        body = letter.body
        if isinstance(body, Event):
            if pending.on_event is not None and not pending.cancelled:
                pending.on_event(body)
            return
        if pending.cancelled:
            body = Refused("Cancelled.", cancelled=True)
        if not isinstance(body, Refused):
            pending.on_answer(body)
        elif pending.on_refused is not None:
            pending.on_refused(body)
        elif not body.cancelled and self._gone is None:
            raise EngineRefused(body)

    def _end_if_hung(self) -> None:
        now = time.monotonic()
        with self._arrived:
            late = any(pending.deadline <= now for pending in self._pending.values())
            if not late or self._gone is not None or self._killed:
                return
            self._killed = True
        self._host.kill()

    def _tell_gone(self) -> None:
        if self._gone is None or self._gone_told:
            return
        self._gone_told = True
        if self.on_gone is not None:
            self.on_gone(self._gone)

    def _read(self) -> None:
        broken = ""
        try:
            self._sort()
        except ProtocolError as error:
            broken = f"The engine said something that is not a message, and was ended. {error}"
        except (
            Exception
        ) as error:  # our mistake; who waits for an answer must hear of it all the same
            log.exception("An engine's answers could not be taken")
            broken = f"The engine's answers could not be taken: {type(error).__name__}: {error}"
        self._wire.close()
        self._host.end()
        with contextlib.suppress(ProtocolError):
            while broken and self._wire.receive() is not None:
                pass  # what it still said; its stream is closed at the end of it
        if self._pool is not None:
            self._pool.close()
        if not self._closed:
            hung = "The engine did not answer any more, and was ended." if self._killed else ""
            self._lose(broken or hung or self._host.epitaph())

    def _sort(self) -> None:
        """Put what arrives into its mailbox, until nothing more comes.

        Raises: ProtocolError.
        """
        unpacker: Unpacker[Reply] = Unpacker(Reply, self._pool)
        while (frame := self._wire.receive()) is not None:
            reply = self._readable(unpacker, frame)
            with self._arrived:
                pending = self._pending.get(reply.id)
                if pending is not None:
                    pending.mailbox.put(_Letter(reply.id, reply.body))
                    self._arrived.notify_all()

    @staticmethod
    def _readable(unpacker: Unpacker[Reply], frame: Frame) -> Reply:
        """Return the reply, or a refusal in its place where only its id can be read."""
        try:
            return unpacker.unpack(frame)
        except ProtocolError as error:
            number = unpacker.id_of(frame)
            if number is None:
                raise
            return Reply(number, Refused(f"The engine's answer cannot be read. {error}"))

    def _lose(self, message: str) -> None:
        with self._arrived:
            self._gone = message
            for number, pending in self._pending.items():
                pending.mailbox.put(_Letter(number, Refused(message)))
            self._arrived.notify_all()
