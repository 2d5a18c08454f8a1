"""Looks that failed: each is said once and left out from then on, and the run goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from studio.engine import protocol as p
from studio.graph.problems import Problem

T = TypeVar("T")


class LeftOut:
    """Tries looks by the name of what they show."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._news: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def look(self, name: str, look: Callable[[], T], otherwise: T) -> T:
        """Return what a look gives, or `otherwise` where it fails or has failed before.

        Raises: OSError: a disk that is full concerns the whole run.
        """
        if name in self._names:
            return otherwise
        try:
            return look()
        except OSError:
            raise
        except Exception as error:  # anyone's layer or learner may raise anything when looked into
            first = next(iter(str(error).splitlines()), "")
            self._names.add(name)
            self._news.append(
                f"{name} cannot be shown for the rest of this run ({type(error).__name__}: {first})."
                " Training goes on without."
            )
            return otherwise

    def news(self, step: int) -> list[p.Event]:
        """Return a warning for each look that has failed since the last call."""
        news, self._news = self._news, []
        return [p.ProblemFound(step, Problem(each, severity="warning")) for each in news]
