"""A run that is over and could go on: where it stands, and how far it should go."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSpinBox, QWidget

from studio.session import continuing
from studio.session.session import Session
from studio.ui import controls
from studio.ui.theme import Theme


class ContinueBar(QWidget):
    """Offers to go on with the shown run, or to fork from it; hidden while that cannot be."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = controls.column(self)
        line = controls.row(spacing=8)
        line.setContentsMargins(16, 6, 12, 6)
        self.words = controls.label(theme, tone="2")
        self.until = QSpinBox()
        self.until.setRange(1, 1_000_000)
        self.until.setAccessibleName("Epochs in all")
        self.until.setToolTip("Epochs in all; the schedule is laid over them")
        words = controls.label(theme, "up to epoch", tone="3")
        words.setBuddy(self.until)
        self.go_on = controls.button(theme, "Continue", icon="play", small=True)
        self.go_on.setToolTip("Go on exactly where it stands, in the same run")
        self.go_on.clicked.connect(self._on_continue)
        line.addWidget(self.words)
        line.addStretch(1)
        line.addWidget(words)
        line.addWidget(self.until)
        line.addWidget(self.go_on)
        outer.addLayout(line)
        outer.addWidget(controls.rule())
        self._folder = ""
        self._shown: tuple[str, str] = ("", "")
        self.hide()

    def refresh(self) -> None:
        """Follow the shown run."""
        session = self._session
        history = session.history
        busy = session.training in ("starting", "running", "paused", "stopping")
        self._folder = "" if busy else history.folder
        shown = (self._folder, history.status)
        if shown == self._shown:
            return
        self._shown = shown
        self.hide()
        if not self._folder or session.can_continue(Path(self._folder)):
            return
        step, done = continuing.standing(Path(self._folder))
        job = session.job
        planned = job.project.recipe.epochs if job is not None else done
        number = Theme.number(step)
        if history.status == "interrupted":
            self.words.setText(f"This run was interrupted. Its state at step {number} is whole.")
        elif done >= planned:
            self.words.setText(f"All {planned} epochs are done; it can learn for more.")
        else:
            self.words.setText(
                f"This run ended at step {number}, in epoch {done + 1} of {planned}."
            )
        self.until.setMinimum(done + 1)
        self.until.setValue(planned if planned > done else 2 * planned)
        self.show()

    def _on_continue(self) -> None:
        if self._folder:
            self._session.continue_run(Path(self._folder), self.until.value())
