"""Files of the window: new, open, save, recent ones, recovery, export. Nothing unsaved is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
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

    def pick_data(self, folder: bool) -> str:
        """Ask for a file or a folder of data; "" when nothing was chosen."""
        if folder:
            return QFileDialog.getExistingDirectory(self._parent, "Folder of data", self._folder())
        return QFileDialog.getOpenFileName(self._parent, "File of data", self._folder())[0]

    def pick_import(self, files: str) -> str:
        """Ask what to import."""
        path, _ = QFileDialog.getOpenFileName(self._parent, "Import", self._folder(), files)
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

    def pick_export(self, suggestion: str, kinds: Sequence[str]) -> tuple[str, str]:
        """Ask where to export to, and as which of `kinds`."""
        return QFileDialog.getSaveFileName(
            self._parent, "Export network", suggestion, ";;".join(kinds)
        )

    def export(self) -> None:
        """Write the network as a file for other programs, with the weights of the run that is shown."""
        session = self._session
        kinds = {f"{one.title} (*{one.suffix})": one for one in session.catalog.exporters.values()}
        if not kinds:
            self._say("What a network can be exported to is not known yet: the engine starts.")
            return
        stem = Path(session.document.path).stem or "network"
        chosen, kind = self.pick_export(str(Path(self._folder(), f"{stem}.py")), list(kinds))
        if not chosen:
            return
        spec = kinds.get(kind) or next(iter(kinds.values()))
        if spec.missing:
            self._say(spec.missing, "warning")
            return
        path = Path(chosen) if Path(chosen).suffix else Path(chosen + spec.suffix)
        project = session.document.project

        def told(answer: p.Answer) -> None:
            assert isinstance(answer, p.Exported)
            lines = "\n".join(f"{line.fate}: {line.text}" for line in answer.report)
            exact = all(line.fate == "exact" for line in answer.report)
            self._say(f"Exported to {answer.path}.", "info" if exact else "warning", lines)

        def write(weights: str, step: int) -> None:
            session.ask(p.Export(project, spec.kind, str(path), weights=weights), told)

        session.weights(write)

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
