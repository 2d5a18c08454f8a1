"""Keeps the cards and the breakpoints of the Train workspace in step with the session."""

from __future__ import annotations

import time
from collections.abc import Callable

from studio.engine import protocol as p
from studio.graph.graph import INPUT, OUTPUT
from studio.graph.topology import name_path
from studio.graph.unfold import unfold
from studio.session import events as e
from studio.session.session import Session
from studio.ui.train.breakpoints_panel import BreakpointsPanel
from studio.ui.train.hit_card import SHOWN
from studio.ui.train.look_here import LookHere

#: Seconds between two diagnoses of a run under way.
_PERIOD_S = 1.0


class Guard:
    """Diagnoses the shown run, holds the card of a hit, and carries out what the cards' buttons ask for."""

    def __init__(
        self,
        session: Session,
        look_here: LookHere,
        breakpoints: BreakpointsPanel,
        name: Callable[[str], str],
    ) -> None:
        self._session, self._look_here = session, look_here
        self._breakpoints, self._name = breakpoints, name
        self._next = 0.0
        #: The finding whose trial has changed and is to be brought into sight.
        self._tried = ""
        look_here.trial_wanted.connect(session.watching.try_change)
        look_here.keep_wanted.connect(session.watching.keep)
        breakpoints.changed.connect(session.watching.set_breakpoints)
        self._show_hit()

    def on_event(self, event: e.SessionEvent) -> bool:
        """Follow the session; returns whether the run is to be diagnosed anew."""
        match event:
            case e.HistoryOpened():
                self._look_here.forget()
                self._show_hit()
                return True
            case e.TrialChanged(rule=rule):
                self._tried = rule
                return True
            case e.TrainingChanged():
                self._show_hit()
                return True
            case e.RunEvent(event=told):
                return self._on_run_event(told)
        return False

    def _on_run_event(self, event: p.Event) -> bool:
        match event:
            case p.BreakpointHit() | p.ControlApplied():
                self._show_hit()
                return True
            case p.EpochDone() | p.ProblemFound() | p.Finished() | p.Stopped() | p.Failed():
                return True
            case p.Progress() | p.LayerStats():
                return time.monotonic() >= self._next
        return False

    def diagnose(self) -> None:
        """Show what deserves a look now."""
        self._next = time.monotonic() + _PERIOD_S
        watching = self._session.watching
        self._look_here.show_findings(
            watching.findings(), self._name, watching.trial, watching.no_trial
        )
        if self._tried:
            self._look_here.reveal(self._tried)
            self._tried = ""

    # ------------------------------------------------------------------------------- a breakpoint's hit

    def _show_hit(self) -> None:
        session, history = self._session, self._session.history
        hit = history.held if session.training in ("running", "paused") else None
        fresh = self._look_here.show_hit(hit, self._name(hit.node) if hit and hit.node else "")
        card = self._look_here.hit
        if card is None:
            return
        card.show_step(history.step)
        if fresh:
            card.go_on.connect(session.resume)
            card.back.connect(session.step_back)
            card.ignored.connect(self._on_ignored)
            self._ask_for_batch(card.hit)

    def _on_ignored(self, breakpoint: object) -> None:
        card = self._look_here.hit
        if card is not None:
            self._session.watching.ignore(card.hit.breakpoint)
            self._session.resume()

    def _ask_for_batch(self, hit: p.BreakpointHit) -> None:
        job = self._session.job
        if job is None or not hit.samples:
            return
        classes = self._session.history.started.classes if self._session.history.started else ()

        def came(found: p.Answer) -> None:
            card = self._look_here.hit
            if isinstance(found, p.SampleSet) and card is not None and card.hit is hit:
                card.show_batch(self._look_here.theme, found, classes)

        def refused(answer: p.Refused) -> None:
            card = self._look_here.hit
            if card is not None and card.hit is hit:
                card.strip.empty_text = f"The batch cannot be shown: {answer.message}"
                card.strip.update()

        ask = p.GetSamples(job.project.data, "train", hit.samples[:SHOWN])
        self._session.ask(ask, came, refused)

    # ------------------------------------------------------------------------------------ breakpoints

    def show_breakpoints(self) -> None:
        """Show the document's breakpoints, and its layers to choose from."""
        project = self._session.document.project
        layers = {}
        if "main" in project.networks:
            layers = {
                found.path: name_path(project, "main", found.path)
                for found in unfold(project, "main")
                if found.node.kind not in (INPUT, OUTPUT)
            }
        self._breakpoints.show_breakpoints(project.recipe.breakpoints, layers)
