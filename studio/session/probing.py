"""Looking at wires: one question at a time, with the newest weights that fit the document."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from studio.engine import protocol as p
from studio.engine.client import Ticket
from studio.session.session import Session


class Seen(Struct, frozen=True):
    """What was seen, and with which weights: those after `step`, or (`trained` False) fresh ones.

    `edited` says that there is a run whose weights no longer fit the document.
    """

    answer: p.Peeked
    step: int = 0
    trained: bool = False
    edited: bool = False


class Probing:
    """Asks what flows along wires of the document; a newer question replaces the one under way."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._round = 0
        self._ticket: Ticket | None = None
        #: Whether an answer is awaited, or the weights to ask with.
        self.asking = False

    def ask(
        self,
        spots: tuple[p.Spot, ...],
        index: int,
        on_seen: Callable[[Seen], None],
        on_refused: Callable[[str], None],
    ) -> None:
        """Look at `spots` (none: only at the outputs) while one validation sample is answered."""
        self.cancel()
        self.asking = True
        number = self._round
        session = self._session
        project, trained = session.probed
        edited = bool(session.history.folder) and not trained

        def refused(answer: p.Refused) -> None:
            if number == self._round:
                self._ticket, self.asking = None, False
                if not answer.cancelled:
                    on_refused(answer.message)

        def ready(path: str, step: int) -> None:
            if number != self._round:
                return

            def seen(answer: p.Answer) -> None:
                if number == self._round and isinstance(answer, p.Peeked):
                    self._ticket, self.asking = None, False
                    on_seen(Seen(answer, step, bool(path), edited))

            request = p.Peek(project, index, weights=path, spots=spots)
            self._ticket = session.ask(request, seen, refused)

        if trained:
            session.weights(ready, refused)
        else:
            ready("", 0)

    def cancel(self) -> None:
        """Want no answer any more."""
        self._round += 1
        self.asking = False
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None
