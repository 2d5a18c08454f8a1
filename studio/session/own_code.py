"""The code that projects bring: what of it may be run, and how it is changed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from studio.engine import protocol as p
from studio.graph.document import Document
from studio.graph.edits import AnyEdit, Batch, SetParams, Swap
from studio.graph.graph import SOURCE
from studio.graph.project import Project
from studio.graph.python_code import is_readable, python_spec, source_of
from studio.graph.trust import OURS, CodePiece, digest, digests, own_code
from studio.session import events as e
from studio.session.trust import TrustStore


class Desk(Protocol):
    """What of a session is needed here."""

    document: Document

    @property
    def subject(self) -> Project: ...
    def do(self, edit: AnyEdit) -> bool: ...
    def use_trust(self) -> None: ...


class OwnCode:
    """Asks once for each text of code; what a person writes over code that they trust is trusted too.

    What ended an engine is held: not run again until it changes, or the person wants it. Without
    `asks`, no engine runs any of it, and there is nothing to ask.
    """

    def __init__(
        self,
        desk: Desk,
        store: TrustStore,
        tell: Callable[[e.SessionEvent], None],
        asks: bool = True,
    ) -> None:
        self._desk, self._store, self._tell, self._asks = desk, store, tell, asks
        self._held: frozenset[str] = frozenset()

    @property
    def untrusted(self) -> tuple[CodePiece, ...]:
        """The code of the document, and of the shown run, that nobody has agreed to run yet."""
        if not self._asks:
            return ()
        fine = self._store.digests | OURS
        found = {
            digest(one.source): one
            for project in (self._desk.document.project, self._desk.subject)
            for one in own_code(project)
        }
        return tuple(one for key, one in found.items() if key not in fine)

    @property
    def held(self) -> bool:
        """Whether code of the document is not run because an engine has ended in it."""
        return bool(self._held & digests(self._desk.document.project))

    @property
    def runs(self) -> bool:
        """Whether code of the document may be run when its facts are asked for.

        What is not trusted yet may be by the time that the engine comes to it.
        """
        return self._asks and bool(digests(self._desk.document.project) - self._held)

    def trust(self, pieces: Collection[CodePiece], keep: bool = True) -> None:
        """Agree to run this code, as it was read; what was held is run again.

        Without `keep` it is for this session only.
        """
        self._held = frozenset()
        self._agree([digest(one.source) for one in pieces], keep)

    def write(self, where: str, node: str, source: str) -> bool:
        """Give a Python node other code, as one undoable step; wires follow ports by name, else place."""
        found = self._desk.document.project.sheet(where).graph.nodes[node]
        before = source_of(found)
        if before == source:
            return True
        if digest(before) in self._store.digests | OURS:
            self._agree([digest(source)])
        edits: tuple[SetParams | Swap, ...] = (SetParams(where, node, {SOURCE: source}),)
        if is_readable(source):
            spec = python_spec(before) if is_readable(before) else None
            edits = (Swap.to(where, found, spec, python_spec(source), {SOURCE: source}),)
        return self._desk.do(Batch(f"Edit code of {found.name}", edits))

    def consent(self) -> p.Trust:
        """Return what engines may run."""
        if not self._asks:
            return p.Trust()
        return p.Trust(tuple(sorted(self._store.digests)), tuple(sorted(self._held)))

    def suspect(self) -> str:
        """Hold the document's code, which an engine was to run when it ended; "" where there is none."""
        if not self._asks:
            return ""
        code = (digests(self._desk.document.project) & self._store.digests) - self._held
        if not code:
            return ""
        self._held |= code
        self._tell(e.TrustChanged())
        return (
            "The engine ended while it ran the code of this project, and is started again. That code is "
            "not run until it changes. Your project is untouched."
        )

    def _agree(self, found: Collection[str], keep: bool = True) -> None:
        try:
            self._store.add(found, self._desk.document.path, keep)
        except OSError as error:
            self._tell(
                e.Noticed(
                    f"That this code is trusted cannot be kept for the next time: {error.strerror}.",
                    "warning",
                )
            )
        self._desk.use_trust()
        self._tell(e.TrustChanged())
