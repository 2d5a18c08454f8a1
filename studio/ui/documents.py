"""Files of the window: new, open, save, recent ones, recovery, export. Nothing unsaved is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from studio.engine import protocol as p
from studio.session.session import Session
from studio.ui.preferences import Preferences
from studio.ui.prompts import Choice, Prompts

FILTER = "Neuroloom projects (*.loom)"


class Documents:
    """What the File menu does. `pick_*` ask for a path; tests put their own there."""

    def __init__(
        self,
        session: Session,
        preferences: Preferences,
        prompts: Prompts,
        say: Callable[..., None],
        parent: QWidget,
    ) -> None:
        self._session = session
        self._preferences = preferences
        self._prompts = prompts
        self._say = say
        self._parent = parent
        self.saved_at = ""
        self.on_saved: Callable[[], None] = lambda: None

    def pick_open(self) -> str:
        """Ask which project to open."""
        path, _ = QFileDialog.getOpenFileName(self._parent, "Open", self._folder(), FILTER)
        return path

    def pick_save(self, suggestion: str, files: str) -> str:
        """Ask where to save."""
        path, _ = QFileDialog.getSaveFileName(self._parent, "Save as", suggestion, files)
        return path

    def new(self) -> None:
        """Begin an empty project."""
        if self.settle():
            self._session.new()

    def open(self, path: Path | None = None) -> bool:
        """Open a project, asking which and what to do with unsaved work."""
        if not self.settle():
            return False
        chosen = path or Path(self.pick_open() or "")
        if not chosen.name:
            return False
        if not self._session.open(chosen):
            return False
        self._preferences.take(self._preferences.values.opened(chosen.resolve()))
        return True

    def save(self) -> bool:
        """Save where the project came from, or ask where to."""
        if not self._session.document.path or self._session.document.readonly:
            return self.save_as()
        return self._done(self._session.save())

    def save_as(self) -> bool:
        """Save under another name."""
        present = self._session.document.path
        suggestion = present or str(Path(self._folder(), "untitled.loom"))
        chosen = self.pick_save(suggestion, FILTER)
        if not chosen:
            return False
        path = Path(chosen)
        if path.suffix != ".loom":
            path = path.with_name(path.name + ".loom")
        return self._done(self._session.save(path))

    def settle(self) -> bool:
        """Ask what to do with unsaved work; tell whether to go on."""
        document = self._session.document
        if not document.edited:
            return True
        name = Path(document.path).name if document.path else "this project"
        answer = self._prompts.ask(
            "Unsaved changes",
            f"Save the changes to {name}?",
            (
                Choice("cancel", "Cancel"),
                Choice("drop", "Don't save"),
                Choice("save", "Save", True),
            ),
        )
        if answer == "save":
            return self.save()
        if answer == "drop":
            self._session.let_go()
            return True
        return False

    def export(self) -> None:
        """Save the generated PyTorch module."""
        project = self._session.document.project
        stem = Path(self._session.document.path).stem or "network"
        chosen = self.pick_save(str(Path(self._folder(), f"{stem}.py")), "Python (*.py)")
        if not chosen:
            return

        def write(answer: p.Answer) -> None:
            assert isinstance(answer, p.SourceText)
            try:
                Path(chosen).write_text(answer.text, encoding="utf-8")
            except OSError as error:
                self._say(f"{chosen} cannot be written: {error.strerror}.", "error")
                return
            self._say(f"Saved the network as plain PyTorch in {chosen}.")

        self._session.ask(p.Export(project), write)

    def fill_recent(self, menu: QMenu) -> None:
        """List the projects that were open lately."""
        menu.clear()
        for path in self._preferences.values.recent:
            action = menu.addAction(path.replace("&", "&&"))
            action.setEnabled(os.path.exists(path))
            action.triggered.connect(lambda _=False, file=path: self.open(Path(file)))
        if menu.isEmpty():
            menu.addAction("No projects yet").setEnabled(False)

    def _done(self, saved: bool) -> bool:
        if saved:
            self.saved_at = time.strftime("%H:%M")
            path = Path(self._session.document.path)
            self._preferences.take(self._preferences.values.opened(path))
            self.on_saved()
        return saved

    def _folder(self) -> str:
        path = self._session.document.path
        return str(Path(path).parent if path else Path.home())
