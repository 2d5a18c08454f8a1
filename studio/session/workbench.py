"""The workbench side of a session: one engine that knows layers, shapes and answers; kept alive."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from studio.engine import protocol as p
from studio.engine.client import Client, Ticket
from studio.graph.catalog import Catalog
from studio.graph.facts import ProjectFacts
from studio.graph.project import Project
from studio.session import events as e
from studio.session.own_code import OwnCode

#: How long repairs are proved before facts come: shapes are wanted at once, what is left soon after.
PROOFS_S = 0.004
#: Facts that need a person's own code come within this time, data read first and all, or the engine is
#: taken for hung in it. (It ends an endless loop by itself, much sooner.)
CODE_LIMIT_S = 60.0
#: What runs the network, and with it the code of its Python nodes.
_RUNNING = (p.Predict, p.Explain, p.GetAttention, p.Peek, p.Embed, p.Export, p.TakeWeights)
#: An engine that dies this often within a minute is not started again by itself.
RESTARTS = 3


class Workbench:
    """Asks one engine, starts it again when it ends, and keeps what it told: catalogue and facts.

    `project` gives the present project, whose facts are asked for whenever `forget_facts` or
    `ask_facts` says that they may differ. `code` knows what of the project's own may be run, and is held
    where the engine ends while facts are worked out.
    """

    def __init__(
        self,
        connect: Callable[[str], Client],
        tell: Callable[[e.SessionEvent], None],
        project: Callable[[], Project],
        catalog: Catalog,
        code: OwnCode,
    ) -> None:
        self.catalog = catalog
        self.facts: ProjectFacts | None = None
        self.hello: p.Hello | None = None
        self._connect = connect
        self._tell = tell
        self._project = project
        self._code = code
        self._engine: Client | None = None
        self._deaths: list[float] = []
        self._asking: Ticket | None = None
        self._proving: Ticket | None = None
        self._stale = True
        self._lost_in_code = False
        self._revision = 0
        self._started = self._closed = False

    @property
    def running(self) -> bool:
        """Whether there is an engine to ask, as far as is known."""
        return self._engine is not None and self._engine.alive

    @property
    def settled(self) -> bool:
        """Whether `facts` speak of the project as it is now, repairs and all."""
        asked = self._asking is not None or self._proving is not None
        return self.facts is not None and not asked and not self._stale

    def start(self) -> None:
        """Start an engine; it warms up while the caller goes on."""
        self._started = True
        self._start("starting")

    def pump(self, budget_s: float) -> None:
        """Deliver what the engine has sent."""
        if self._engine is not None:
            self._engine.pump(budget_s)

    def ask(
        self,
        request: p.Request,
        on_answer: Callable[[p.Answer], None],
        on_refused: Callable[[p.Refused], None] | None = None,
        on_event: Callable[[p.Event], None] | None = None,
        limit_s: float = math.inf,
    ) -> Ticket:
        """Ask the engine; without `on_refused` a refusal is told as a sentence.

        An engine that has not answered after `limit_s` is ended and started again. So is one that runs a
        person's own code and is silent for long; that code is then held.
        """
        if self._engine is None:
            self._start("restarting")
        assert self._engine is not None
        refused = on_refused or self.notice
        if not isinstance(request, _RUNNING) or not self._code.runs:
            return self._engine.ask(request, on_answer, refused, on_event, limit_s)

        def lost(answer: p.Refused) -> None:
            self._lost_in_code |= not self.running
            refused(answer)

        limit_s = min(limit_s, CODE_LIMIT_S)
        return self._engine.ask(request, on_answer, lost, on_event, limit_s)

    def ask_facts(self) -> None:
        """Ask for shapes; while an answer is awaited, remember that another is due."""
        self._stale = True
        if self._proving is not None:
            proving, self._proving = self._proving, None
            proving.cancel()
        if self._engine is None and self._started and not self._closed:
            self._start("restarting")  # asks by itself
            return
        if self._engine is None or self._asking is not None:
            return
        self._stale = False
        self._revision += 1
        project = self._project()
        request = p.Infer(self._revision, project, PROOFS_S)
        limit_s = CODE_LIMIT_S if self._code.runs else math.inf
        self._asking = self._engine.ask(
            request, self._take_facts, self._facts_refused, limit_s=limit_s
        )

    def forget_facts(self) -> None:
        """Drop what is known: another project is open."""
        self.facts = None
        self.ask_facts()

    def notice(self, refused: p.Refused) -> None:
        """Tell a refusal; an engine that ended is told once, by itself."""
        if not refused.cancelled and self.running:
            self._tell(e.Noticed(refused.message, "error", refused.details))

    def tell_consent(self) -> None:
        """Tell the engine which code it may run."""
        consent = self._code.consent()
        if self._engine is not None and consent != p.Trust():
            self._engine.ask(consent, lambda answer: None, self.notice)

    def take_catalog(self, answer: p.Answer) -> None:
        """Keep a catalogue, and say so where it differs."""
        assert isinstance(answer, p.CatalogueAnswer)
        changed = answer.catalog != self.catalog
        self.catalog = answer.catalog
        if changed:
            self._tell(e.CatalogChanged(answer.catalog))
            self.ask_facts()

    def close(self) -> None:
        """End the engine for good."""
        self._closed = True
        if self._engine is not None:
            engine, self._engine = self._engine, None
            engine.on_gone = None
            engine.close()

    def _start(self, state: str) -> None:
        self._tell(e.EngineChanged("workbench", state))  # type: ignore[arg-type]
        engine = self._engine = self._connect("workbench")
        engine.on_gone = self._gone
        self.tell_consent()
        engine.ask(p.Ping(), self._take_hello, self.notice)
        engine.ask(p.GetCatalogue(), self.take_catalog, self.notice)
        self.ask_facts()

    def _take_hello(self, answer: p.Answer) -> None:
        assert isinstance(answer, p.Hello)
        self.hello = answer
        self._tell(e.EngineChanged("workbench", "ready"))

    def _take_facts(self, answer: p.Answer) -> None:
        assert isinstance(answer, p.FactsAnswer)
        self._asking = None
        if self._stale:
            self.ask_facts()
            return
        self.facts = answer.facts
        if answer.facts.unproved and self._engine is not None:
            project = self._project()
            request = p.Infer(self._revision, project)
            limit_s = CODE_LIMIT_S if self._code.runs else math.inf
            self._proving = self._engine.ask(
                request, self._take_repairs, self._repairs_refused, limit_s=limit_s
            )
        self._tell(e.FactsChanged(answer.facts))

    def _take_repairs(self, answer: p.Answer) -> None:
        assert isinstance(answer, p.FactsAnswer)
        self._proving = None
        self.facts = answer.facts
        self._tell(e.FactsChanged(answer.facts))

    def _repairs_refused(self, refused: p.Refused) -> None:
        self._lost_in_code |= self._proving is not None and not self.running
        if not refused.cancelled:
            self._proving = None
            self.notice(refused)

    def _facts_refused(self, refused: p.Refused) -> None:
        # What is asked is refused before the end of the engine is told.
        self._lost_in_code |= self._asking is not None and not self.running
        self._asking = None
        if self._stale and self.running:
            self.ask_facts()
        elif not refused.cancelled:
            self.notice(refused)

    def _gone(self, message: str) -> None:
        if self._engine is not None:
            self._engine.close()
        self._engine = None
        self._asking = self._proving = None
        told = self._code.suspect() if self._lost_in_code else ""
        self._lost_in_code = False
        now = time.monotonic()
        self._deaths = [when for when in self._deaths if now - when < 60] + [now]
        self._tell(e.EngineChanged("workbench", "ended", message))
        self._tell(
            e.Noticed(
                told
                or "The engine ended unexpectedly and is started again. Your project is untouched.",
                "warning",
                message,
            )
        )
        if len(self._deaths) > RESTARTS:
            self._tell(
                e.Noticed(
                    "The engine ended several times within a minute and is not started again by "
                    "itself. Undo the last edit, or remove the plugin that was added last; the next "
                    "edit asks it to start again.",
                    "error",
                    message,
                )
            )
            self._deaths.clear()
            return
        if not self._closed:
            self._start("restarting")
