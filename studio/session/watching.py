"""What deserves a look in the shown run: findings and trials of their changes, and breakpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from msgspec.structs import replace

from studio.engine import protocol as p
from studio.engine import runs
from studio.graph.breakpoints import Breakpoint
from studio.graph.edits import AnyEdit, Batch, EditRefused, SetRecipe
from studio.graph.facts import DataFacts
from studio.graph.project import Project
from studio.session import events as e
from studio.session.diagnosis import Case, Change, Finding, diagnose
from studio.session.training import Training

#: Steps that a change is tried for.
TRIAL_STEPS = 60


@dataclass(frozen=True)
class Trial:
    """A change that is or was tried; `message` says why it failed."""

    state: Literal["running", "done", "failed"]
    tried: p.Tried | None = None
    message: str = ""


class _Desk(Protocol):
    """What is needed of a session."""

    def do(self, edit: AnyEdit) -> bool: ...


class Watching:
    """Diagnoses the shown run, tries changes from where it stands, keeps breakpoints in step with it."""

    def __init__(
        self,
        desk: _Desk,
        training: Training,
        project: Callable[[], Project],
        tell: Callable[[e.SessionEvent], None],
    ) -> None:
        self._desk, self._training = desk, training
        self._project, self._tell = project, tell
        self._data: tuple[str, DataFacts | None] = ("", None)
        self._trials: dict[str, Trial] = {}
        self._of = ""

    # ------------------------------------------------------------------------------------- findings

    def findings(self) -> tuple[Finding, ...]:
        """Return what deserves a look in the shown run, the gravest first."""
        history, job = self._training.history, self._training.job
        if job is None or not history.folder:
            return ()
        if self._data[0] != history.folder or (self._data[1] is None and history.step == 0):
            around = runs.read_circumstances(Path(history.folder))
            self._data = (history.folder, around.data if around is not None else None)
        return diagnose(Case(job.project, history, self._data[1]))

    def trial(self, rule: str) -> Trial | None:
        """Return the trial of a finding's change in the shown run, if there was one."""
        return self._trials.get(rule) if self._of == self._training.history.folder else None

    def no_trial(self, change: Change) -> str:
        """Return nothing, or the sentence why a change cannot be tried now."""
        if change.no_trial:
            return change.no_trial
        if any(trial.state == "running" for trial in self._trials.values()):
            return "Another change is being tried. One moment."
        if self._training.state in ("starting", "stopping"):
            return "The run is just beginning or ending. One moment."
        history = self._training.history
        if not self._training.busy and runs.newest_weights(Path(history.folder)) is None:
            return "The run has left no checkpoint to try anything from. Train again."
        return ""

    def try_change(self, finding: Finding) -> None:
        """Take some steps with a finding's change from where the run stands, and as many without it."""
        job, change = self._training.job, finding.change
        if job is None or change is None:
            return
        rule = finding.rule
        if self._of != job.folder:
            self._trials, self._of = {}, job.folder
        try:
            changed = Batch(change.title, change.edits).apply(job.project)
        except EditRefused as refusal:
            self._end(job.folder, rule, Trial("failed", message=str(refusal)))
            return

        def came(answer: p.Answer) -> None:
            assert isinstance(answer, p.Tried)
            self._end(job.folder, rule, Trial("done", answer))

        def refused(answer: p.Refused) -> None:
            self._end(job.folder, rule, Trial("failed", message=answer.message))

        self._trials[rule] = Trial("running")
        self._tell(e.TrialChanged(rule))
        self._training.try_change(
            p.TryChange(job.project, changed, job.folder, TRIAL_STEPS), came, refused
        )

    def keep(self, finding: Finding) -> bool:
        """Make a finding's change in the document; a learning rate also in the run under way."""
        change = finding.change
        if change is None or not self._desk.do(Batch(change.title, change.edits)):
            return False
        job = self._training.job
        if job is not None and self._training.busy:
            was = job.project.recipe.optimizer_params.get("lr")
            for edit in change.edits:
                if not isinstance(edit, SetRecipe):
                    continue
                new = edit.values.get("optimizer_params", {}).get("lr")
                if new is not None and new != was:
                    self._training.control("set", {"lr": new})
        return True

    def _end(self, folder: str, rule: str, trial: Trial) -> None:
        if folder == self._of:
            self._trials[rule] = trial
            self._tell(e.TrialChanged(rule))

    # ---------------------------------------------------------------------------------- breakpoints

    @property
    def breakpoints(self) -> tuple[Breakpoint, ...]:
        """The document's breakpoints."""
        return self._project().recipe.breakpoints

    def set_breakpoints(self, breakpoints: tuple[Breakpoint, ...]) -> bool:
        """Change the document's breakpoints, as one undoable step."""
        # By itself, a recipe's edit would merge with the one before it.
        return self._desk.do(
            Batch("Change breakpoints", (SetRecipe({"breakpoints": breakpoints}),))
        )

    def ignore(self, breakpoint: Breakpoint) -> None:
        """Let a breakpoint rest from now on; it stays in the list."""
        kept = tuple(
            replace(each, enabled=False) if each == breakpoint else each
            for each in self.breakpoints
        )
        if kept != self.breakpoints:
            self.set_breakpoints(kept)
        elif self._training.busy:  # the run's own document is no longer open
            self._training.pause_at(tuple(each for each in self._runs_own() if each != breakpoint))

    def _runs_own(self) -> tuple[Breakpoint, ...]:
        job = self._training.job
        return job.project.recipe.breakpoints if job is not None else ()

    def follow(self, before: Project, after: Project, document: str) -> None:
        """Tell the run of `document` that is under way which breakpoints it has now."""
        job = self._training.job
        changed = before.recipe.breakpoints != after.recipe.breakpoints
        if changed and self._training.busy and job is not None and job.document == document:
            self._training.pause_at(after.recipe.breakpoints)
