"""A run that is over and could go on: where it stands, and how far it should go."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import QLineEdit, QMenu, QWidget

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
        self.until = QLineEdit()
        self.until.setFixedWidth(64)
        self._range = QIntValidator(1, 1_000_000, self.until)
        self.until.setValidator(self._range)
        self.until.returnPressed.connect(self._on_continue)
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
        self.fork = controls.button(theme, "Fork", icon="fork", look="menu", small=True)
        self.fork.setToolTip("Train this document from weights of this run, in a run of its own")
        self._forks = QMenu(self.fork)
        self._forks.aboutToShow.connect(self._fill_forks)
        self.fork.setMenu(self._forks)
        line.addWidget(self.fork)
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
        elif history.summary is not None and history.summary.message:
            self.words.setText(history.summary.message)
        elif done >= planned:
            self.words.setText(f"All {planned} epochs are done; it can learn for more.")
        else:
            self.words.setText(
                f"This run ended at step {number}, in epoch {done + 1} of {planned}."
            )
        self._range.setBottom(done + 1)
        self.until.setText(str(planned if planned > done else 2 * planned))
        self.show()

    def _on_continue(self) -> None:
        if self._folder and self.until.hasAcceptableInput():
            self._session.continue_run(Path(self._folder), int(self.until.text()))

    def _fill_forks(self) -> None:
        """Offer the checkpoints, the newest first."""
        self._forks.clear()
        history = self._session.history
        best = {saved.step for saved in history.checkpoints if saved.best}
        for step, path in reversed(continuing.checkpoints(Path(self._folder))):
            words = f"From step {Theme.number(step)}" + (", the best" if step in best else "")
            action = self._forks.addAction(words)
            action.triggered.connect(lambda _=False, chosen=path: self._session.fork(chosen))
