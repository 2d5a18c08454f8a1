"""Breakpoints and trials between the document and the run under way, over scripted engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_session import Stage, ready, started

from studio.engine import protocol as p
from studio.graph.breakpoints import Breakpoint
from studio.graph.edits import RemoveNodes, SetRecipe
from studio.session import events as e
from studio.session.diagnosis import Change, Finding

SPIKE = Breakpoint("spike", 5.0)
SLOWER = Change("Learning rate 0.0003", (SetRecipe({"optimizer_params": {"lr": 0.0003}}),))


def finding(change: Change) -> Finding:
    return Finding("lr too high", "The loss rose", "So.", (), change)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Stage]:
    """A run is under way."""
    stage = Stage(tmp_path / "home")
    ready(stage)
    stage.session.train()
    folder = stage.job.requests(p.Train)[0].job.folder
    stage.job.event(p.Train, started(folder))
    stage.session.pump()
    assert stage.session.training == "running"
    yield stage
    stage.session.close()


def controls(stage: Stage) -> list[p.Control]:
    return list(stage.job.requests(p.Control))


def test_breakpoints_of_the_document_are_those_of_its_run(running: Stage) -> None:
    session = running.session
    assert session.watching.set_breakpoints((SPIKE,))
    assert controls(running)[-1] == p.Control("watch", breakpoints=(SPIKE,))
    asked = len(running.workbench.requests(p.Infer))
    assert not session.edited_since_run
    assert len(running.workbench.requests(p.Infer)) == asked
    session.watching.ignore(SPIKE)
    resting = (Breakpoint("spike", 5.0, enabled=False),)
    assert session.watching.breakpoints == resting
    assert controls(running)[-1].breakpoints == resting
    session.undo()
    assert controls(running)[-1].breakpoints == (SPIKE,)
    session.step_back()
    assert controls(running)[-1].action == "back"


def test_each_change_of_breakpoints_is_an_undo_step_of_its_own(running: Stage) -> None:
    watching = running.session.watching
    watching.set_breakpoints((SPIKE,))
    watching.set_breakpoints((SPIKE, Breakpoint("not_finite")))
    running.session.undo()
    assert watching.breakpoints == (SPIKE,)


def test_a_trial_asks_the_job_s_engine_and_keeps_what_it_says(running: Stage) -> None:
    session = running.session
    session.watching.try_change(finding(SLOWER))
    (asked,) = running.job.requests(p.TryChange)
    assert asked.changed.recipe.optimizer_params == {"lr": 0.0003}
    assert asked.project == session.subject
    trial = session.watching.trial("lr too high")
    assert trial is not None
    assert trial.state == "running"
    assert session.watching.no_trial(SLOWER) == "Another change is being tried. One moment."
    tried = p.Tried(3, np.zeros((2, 60), np.float32), ({}, {}))
    running.job.answer(p.TryChange, tried)
    session.pump()
    trial = session.watching.trial("lr too high")
    assert trial is not None
    assert trial.tried is tried
    assert [event.rule for event in running.events(e.TrialChanged)] == ["lr too high"] * 2
    assert session.watching.no_trial(SLOWER) == ""


def test_a_trial_that_is_refused_says_why(running: Stage) -> None:
    session = running.session
    session.watching.try_change(finding(SLOWER))
    running.job.refuse(p.TryChange, "The change could not be tried.")
    session.pump()
    trial = session.watching.trial("lr too high")
    assert trial is not None
    assert (trial.state, trial.message) == ("failed", "The change could not be tried.")
    impossible = Change("Nothing", (SetRecipe({"no_such": 1}),))
    session.watching.try_change(finding(impossible))
    trial = session.watching.trial("lr too high")
    assert trial is not None
    assert "no setting named no_such" in trial.message


def test_keeping_a_rate_changes_the_document_and_the_run(running: Stage) -> None:
    session = running.session
    assert session.watching.keep(finding(SLOWER))
    assert session.document.project.recipe.optimizer_params == {"lr": 0.0003}
    assert controls(running)[-1] == p.Control("set", {"lr": 0.0003})
    count = len(controls(running))
    other = Change("Take it out", (RemoveNodes("main", ("fc",)),))
    assert session.watching.keep(finding(other))
    assert len(controls(running)) == count
    session.undo()
    assert "fc" in session.document.project.networks["main"].graph.nodes


def test_without_a_run_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "home")
    ready(stage)
    assert stage.session.watching.findings() == ()
    stage.session.watching.try_change(finding(SLOWER))
    assert stage.job.requests(p.TryChange) == []
    stage.session.close()
