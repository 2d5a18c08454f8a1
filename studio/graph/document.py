"""The open document: the current project, what it was, and who is told when it changes."""

from __future__ import annotations

import time
from collections.abc import Callable

from studio.graph.edits import Edit
from studio.graph.project import Project

#: Equal merge keys within this time make one undo step.
MERGE_SECONDS = 0.8

Listener = Callable[[Project, Project, str], None]


class Document:
    """Holds the present project and the earlier ones; undo is keeping them.

    Listeners are called with (before, after, title) after every change.
    """

    def __init__(
        self,
        project: Project | None = None,
        path: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.project = project if project is not None else Project()
        self.path = path
        self.revision = 0
        self.readonly = ""
        self._undo: list[tuple[str, Project]] = []
        self._redo: list[tuple[str, Project]] = []
        self._saved: Project | None = self.project
        self._merge: tuple[str, float] = ("", 0.0)
        self._clock = clock
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` after every change."""
        self._listeners.append(listener)

    def do(self, edit: Edit) -> None:
        """Apply an edit. One that changes nothing leaves no trace.

        Raises: EditRefused; nothing has changed then.
        """
        before = self.project
        after = edit.apply(before)
        if after == before:
            return
        now = self._clock()
        key, since = self._merge
        if not (edit.merge and edit.merge == key and now - since < MERGE_SECONDS and self._undo):
            self._undo.append((edit.title, before))
        self._merge = (edit.merge, now)
        self._redo.clear()
        self._become(after, edit.title)

    def undo(self) -> None:
        """Go back one step, if there is one."""
        if self._undo:
            title, project = self._undo.pop()
            self._redo.append((title, self.project))
            self._merge = ("", 0.0)
            self._become(project, title)

    def redo(self) -> None:
        """Go forward again, if there is a way."""
        if self._redo:
            title, project = self._redo.pop()
            self._undo.append((title, self.project))
            self._merge = ("", 0.0)
            self._become(project, title)

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    @property
    def earlier(self) -> Project | None:
        """The project that undo would bring back."""
        return self._undo[-1][1] if self._undo else None

    @property
    def undo_title(self) -> str:
        """What undo would take back, or nothing."""
        return self._undo[-1][0] if self._undo else ""

    @property
    def redo_title(self) -> str:
        """What redo would bring back, or nothing."""
        return self._redo[-1][0] if self._redo else ""

    @property
    def steps(self) -> tuple[str, ...]:
        """The titles of every step that can be undone, oldest first."""
        return tuple(title for title, _ in self._undo)

    @property
    def edited(self) -> bool:
        """Whether there is unsaved work. Undoing back to the saved state is no work."""
        return self._saved is not self.project and self._saved != self.project

    def mark_saved(self, path: str) -> None:
        """Remember that the present project is on disk at `path`."""
        self.path = path
        self._saved = self.project
        self._merge = ("", 0.0)

    def mark_unsaved(self) -> None:
        """Say that the present project is on no disk (recovered, or drawn anew)."""
        self._saved = None

    def _become(self, project: Project, title: str) -> None:
        before, self.project = self.project, project
        self.revision += 1
        for listener in tuple(self._listeners):
            listener(before, project, title)
