"""Which code of projects may be run here: none, until somebody has agreed to it."""

from __future__ import annotations

from collections.abc import Iterable

from studio.graph.trust import OURS, digest

_ASK = (
    "This file brings code of its own, which has not been run. Read it; trust the file if you know "
    "where it is from."
)
_SAFE = (
    "Safe mode runs no code that a project brings, so {name} is not run. Close the window and start "
    "Neuroloom without --safe-mode to run it."
)
_HELD = (
    "The engine ended while it ran the code of this project (a loop without an end, or a crash), so that "
    "{name} is not run as it is. Change its code, or run it again."
)


class Consent:
    """What a person has agreed to run, by digest of each text of code.

    `held` is code that ended an engine before: it is not run again as it is. Where `safe`, no code but
    the studio's own runs, whatever was agreed to, and `asks` is False: agreeing would not help.
    """

    def __init__(
        self, trusted: Iterable[str] = (), held: Iterable[str] = (), safe: bool = False
    ) -> None:
        self.asks = not safe
        self.state: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
        self.give(trusted, held)

    def give(self, trusted: Iterable[str], held: Iterable[str]) -> None:
        """Take these for all that is trusted, and all that is held."""
        self.state = (frozenset(trusted) | OURS, frozenset(held))

    def why_not(self, name: str, source: str) -> str:
        """Return why the code of a node must not be run, "" where it may be."""
        trusted, held = self.state
        key = digest(source)
        if not self.asks and key not in OURS:
            return _SAFE.format(name=name)
        if key in held:
            return _HELD.format(name=name)
        return "" if key in trusted else _ASK
