"""Predictions of the validation samples at the moment that is looked at, asked for once and kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from studio.engine import protocol as p
from studio.engine import runs
from studio.engine.client import Ticket
from studio.graph.answers import SUPERVISED
from studio.session.history import History
from studio.session.session import Session

SPLIT = "validation"
#: Tasks whose outputs are a row a sample.
_JUDGED = ("classification", "multi-label", "regression")


class Judged(Struct, frozen=True):
    """What was predicted with the weights after `step`."""

    predictions: p.Predictions
    step: int


class Judging:
    """Asks for predictions of the shown run; `changed` is called whenever there is something to say.

    Of a run that is looked back at, the checkpoint nearest to that moment is asked; else the weights as
    they are now.
    """

    def __init__(self, session: Session, changed: Callable[[], None]) -> None:
        self._session, self._changed = session, changed
        self._round = 0
        self._ticket: Ticket | None = None
        self._of: tuple[str, int | None, bool, bool] | None = None
        self.judged: Judged | None = None
        #: Why there are none, or what is waited for.
        self.message = ""

    @property
    def waiting(self) -> bool:
        """Whether an answer is awaited."""
        return self._ticket is not None

    def forget(self) -> None:
        """Another run is shown: what was answered is of no use."""
        self._cancel()
        self.judged, self._of, self.message = None, None, ""

    def weights_came(self) -> None:
        """Say that there is another checkpoint: what lacked one can be asked again."""
        if self.judged is None and not self.waiting:
            self._of = None

    def want(self, *, fresh: bool = False) -> None:
        """Ask, unless the answer is there already; `fresh` also where only the moment is the same."""
        history = self._session.history
        # Of a run under way the answer stays until a fresh one is wanted: reading all samples takes a core.
        wish = (history.folder, history.at, history.started is None, history.summary is None)
        if self._of == wish and not fresh:
            return
        self._cancel()
        self._of = wish
        if reason := judgeable(history):
            self.judged, self.message = None, reason
            self._changed()
            return
        self.message = "The validation samples are read…"
        number = self._round
        if history.at is None:
            self._session.weights(
                lambda path, step: self._ask(number, path, step),
                lambda refused: self._refused(number, refused),
            )
        else:
            path, step = nearest_weights(Path(history.folder), history.at)
            self._ask(number, path, step)
        self._changed()

    def _ask(self, number: int, path: str, step: int) -> None:
        if number != self._round:
            return
        if not path:
            self.judged = None
            self.message = "There are no weights yet: they come with the first checkpoint."
            self._changed()
            return

        def came(answer: p.Answer) -> None:
            if number == self._round and isinstance(answer, p.Predictions):
                self._ticket, self.message = None, ""
                self.judged = Judged(answer, step)
                self._changed()

        session = self._session
        project = session.job.project if session.job is not None else session.subject
        request = p.Predict(project, path, SPLIT)
        self._ticket = session.ask(request, came, lambda refused: self._refused(number, refused))

    def _refused(self, number: int, refused: p.Refused) -> None:
        if number == self._round and not refused.cancelled:
            self._ticket, self.judged, self.message = None, None, refused.message
            self._changed()

    def _cancel(self) -> None:
        self._round += 1
        if self._ticket is not None:
            ticket, self._ticket = self._ticket, None
            ticket.cancel()


def judgeable(history: History) -> str:
    """Return nothing, or the sentence why a run's predictions cannot be judged sample by sample."""
    started = history.started
    if started is None:
        return "Train first: predictions are judged with a run's weights."
    if started.learner not in ("", SUPERVISED) or started.task not in _JUDGED:
        return (
            "Samples are judged one by one where each is answered by a class, labels or numbers. "
            "This run learns something else; its curves say how well."
        )
    if not started.validation_samples:
        return "This data has no validation samples. Set some aside in the data's split."
    return ""


def nearest_weights(folder: Path, step: int) -> tuple[str, int]:
    """Return the checkpoint nearest to a step, as a path and its step; ("", 0) where there is none."""
    found = runs.checkpoints(folder)
    if not found:
        return "", 0
    nearest = min(found, key=lambda one: abs(one.step - step))
    return str(nearest.path), nearest.step
