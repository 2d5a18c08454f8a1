"""What a session tells its listeners: a closed set of frozen events, always on the thread that pumps."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from studio.engine import protocol
from studio.graph.catalog import Catalog
from studio.graph.facts import ProjectFacts
from studio.graph.project import Project
from studio.graph.report import ReportLine


class DocumentChanged(Struct, frozen=True):
    """An edit, an undo or a redo: redraw from the difference. `title` is the edit's."""

    before: Project
    after: Project
    title: str = ""


class DocumentOpened(Struct, frozen=True):
    """Another document is open (new, opened, recovered): draw everything afresh."""

    project: Project
    path: str = ""


class SavedChanged(Struct, frozen=True):
    """The document became clean or edited, or has another path; undo and redo may have changed."""

    path: str
    edited: bool


class CatalogChanged(Struct, frozen=True):
    """The catalogue came (first from the cache, then from the engine) or packs changed."""

    catalog: Catalog


class FactsChanged(Struct, frozen=True):
    """Shapes, cost and problems of the newest revision that the engine has answered."""

    facts: ProjectFacts


class EngineChanged(Struct, frozen=True):
    """An engine's state; `message` is a sentence when it ended unexpectedly."""

    role: Literal["workbench", "job"]
    state: Literal["starting", "ready", "restarting", "ended"]
    message: str = ""


class TrainingChanged(Struct, frozen=True):
    """The job's state changed; `message` says why it ended where that is worth saying."""

    state: Literal["idle", "starting", "running", "paused", "stopping", "ended"]
    message: str = ""


class RunEvent(Struct, frozen=True):
    """An event of the running job; the session's `history` has already taken it in."""

    event: protocol.Event


class TrialChanged(Struct, frozen=True):
    """A trial of a finding's change began, ended or failed; `rule` names the finding."""

    rule: str


class HistoryOpened(Struct, frozen=True):
    """Another run is shown (a new one began, or a stored one was opened): draw `history` afresh."""

    folder: str


class MomentChanged(Struct, frozen=True):
    """The shown run is looked at as it was after `step`, None: as it is now. Draw `history.shown`."""

    step: int | None


class RunsChanged(Struct, frozen=True):
    """The list of run folders changed."""


class BlocksChanged(Struct, frozen=True):
    """What lies on the shelf of the person's own blocks changed."""


class TrustChanged(Struct, frozen=True):
    """Other code of projects may be run than before."""


class ImportDone(Struct, frozen=True):
    """A network came in from `name`; the report says what became of each part."""

    name: str
    report: tuple[ReportLine, ...]


class WeightsTaken(Struct, frozen=True):
    """The network starts from weights of the file `name`: what became of each."""

    name: str
    report: tuple[ReportLine, ...]


class Noticed(Struct, frozen=True):
    """A sentence for the person that asks nothing of them; `details` may hold a traceback."""

    text: str
    severity: Literal["info", "warning", "error"] = "info"
    details: str = ""


SessionEvent = (
    DocumentChanged
    | DocumentOpened
    | SavedChanged
    | CatalogChanged
    | FactsChanged
    | EngineChanged
    | TrainingChanged
    | RunEvent
    | TrialChanged
    | HistoryOpened
    | MomentChanged
    | RunsChanged
    | BlocksChanged
    | TrustChanged
    | ImportDone
    | WeightsTaken
    | Noticed
)
