"""The job side of a session: one engine that trains, warm before it is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from studio.engine import protocol as p
from studio.engine.client import Client
from studio.graph.breakpoints import Breakpoint
from studio.graph.params import Value
from studio.graph.project import Project
from studio.graph.trust import code_digest
from studio.session import events as e
from studio.session.history import History


class Training:
    """Starts, steers and follows one job at a time, in an engine of its own.

    `state` is idle, starting, running, paused, stopping or ended.
    """

    def __init__(
        self,
        connect: Callable[[str], Client],
        tell: Callable[[e.SessionEvent], None],
        consent: Callable[[], p.Trust] = p.Trust,
    ) -> None:
        self._consent = consent
        self._connect = connect
        self._tell = tell
        self._engine: Client | None = None
        self.state = "idle"
        self.job: p.Job | None = None
        self.history = History()
        self.hello: p.Hello | None = None
        self._started = False
        self._then: Callable[[], object] | None = None
        self.snapshot_s = 0.0
        #: What the moments of a run may take. Units: MiB.
        self.moments_mb = 64.0

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return self.state in ("starting", "running", "paused", "stopping")

    def warm(self) -> None:
        """Have an engine ready, so that training starts at the press."""
        if self._engine is None:
            self._started = False
            self._engine = self._connect("job")
            self._engine.on_gone = self._gone
            self._engine.ask(p.Ping(), self._take_hello, lambda refused: None)

    def pump(self, budget_s: float) -> None:
        """Deliver what the job's engine has sent."""
        if self._engine is not None:
            self._engine.pump(budget_s)

    def start(self, project: Project, folder: Path, name: str, document: str, live: bool) -> None:
        """Begin a run in `folder`, which is there and empty."""
        job = p.Job(project, str(folder), name=name, live=live, document=document)
        self.begin(job, History(str(folder)))

    def begin(self, job: p.Job, history: History) -> None:
        """Begin with a job; `history` is what its run has told already."""
        self.warm()
        trusted = code_digest(job.project)
        self.job = replace(job, trusted=trusted, moments_mb=self.moments_mb)
        self.history = history
        self._tell(e.HistoryOpened(history.folder))
        self._become("starting")
        assert self._engine is not None
        if trusted:
            self._engine.ask(self._consent(), lambda answer: None, self._notice)
        self._engine.ask(p.Train(self.job), self._ended, self._refused, self._take)

    def control(self, action: str, values: dict[str, Value] | None = None) -> None:
        """Steer the running job; without one, nothing happens."""
        if self.busy and self._engine is not None:
            if action == "stop":
                self._become("stopping")
            request = p.Control(action, values or {})  # type: ignore[arg-type]
            self._engine.ask(request, lambda answer: None, self._notice)

    def pause_at(self, breakpoints: tuple[Breakpoint, ...]) -> None:
        """Let the running job pause at these breakpoints from now on."""
        if self.busy and self._engine is not None:
            request = p.Control("watch", breakpoints=breakpoints)
            self._engine.ask(request, lambda answer: None, self._notice)

    def try_change(
        self,
        request: p.TryChange,
        on_answer: Callable[[p.Answer], None],
        on_refused: Callable[[p.Refused], None],
    ) -> None:
        """Try a change from where the run stands, or where its newest checkpoint is."""
        self.warm()
        assert self._engine is not None
        if code_digest(request.changed):
            self._engine.ask(self._consent(), lambda answer: None, self._notice)
        self._engine.ask(request, on_answer, on_refused)

    def watch(self, rate_hz: float) -> None:
        """Choose how often the job shows its inside; 0 while nobody looks."""
        if self.busy and self._engine is not None:
            self._engine.ask(p.Watch(rate_hz), lambda answer: None, lambda refused: None)

    def snapshot(
        self, on_ready: Callable[[p.Weights], None], on_refused: Callable[[p.Refused], None]
    ) -> None:
        """Ask for the weights at the next batch boundary."""
        assert self._engine is not None

        def take(answer: p.Answer) -> None:
            assert isinstance(answer, p.Weights)
            self.snapshot_s = answer.seconds
            on_ready(answer)

        self._engine.ask(p.Snapshot(), take, on_refused)

    def show(self, history: History) -> None:
        """Show a stored run. Not while a job is under way."""
        self.history = history
        self._tell(e.HistoryOpened(history.folder))
        self._become("idle" if not history.folder else "ended")

    def close(self) -> None:
        """End the engine. A job under way must have been stopped before, or its tail is lost."""
        if self._engine is not None:
            engine, self._engine = self._engine, None
            engine.on_gone = None
            engine.close()

    # -------------------------------------------------------------------------------- what comes in

    def _take_hello(self, answer: p.Answer) -> None:
        if isinstance(answer, p.Hello):
            self._started = True
            self.hello = answer
            self._tell(e.EngineChanged("job", "ready"))

    def _take(self, event: p.Event) -> None:
        self.history.take(event)
        match event:
            case p.Started():
                if self.state == "starting":
                    self._become("running")
            case p.ControlApplied(action="paused"):
                self._become("paused")
            case p.ControlApplied(action="resumed"):
                self._become("running")
            case _:
                pass
        self._tell(e.RunEvent(event))

    def when_ended(self, then: Callable[[], object]) -> None:
        """Do something once, when the run under way has ended."""
        self._then = then

    def _ended(self, answer: p.Answer) -> None:
        message = answer.message if isinstance(answer, p.RunSummary) else ""
        self._become("ended", message)
        self._tell(e.RunsChanged())
        then, self._then = self._then, None
        if then is not None:
            then()

    def _refused(self, refused: p.Refused) -> None:
        if self._engine is None or not self._engine.alive:
            self.history.status = "interrupted"
        elif self.history.status in ("", "running", "paused"):
            self.history.status = "failed"
        self._then = None
        self._notice(refused)
        self._become("ended", refused.message)
        self._tell(e.RunsChanged())

    def _notice(self, refused: p.Refused) -> None:
        if not refused.cancelled:
            self._tell(e.Noticed(refused.message, "error", refused.details))

    def _gone(self, message: str) -> None:
        assert self._engine is not None
        self._engine.close()
        self._engine = None
        self._tell(e.EngineChanged("job", "ended", message))
        if self._started:
            self.warm()
        else:
            self._tell(
                e.Noticed("Training cannot start: its engine ended at once.", "error", message)
            )

    def _become(self, state: str, message: str = "") -> None:
        self.state = state
        self._tell(e.TrainingChanged(state, message))  # type: ignore[arg-type]
