"""A run whose engine was killed goes on by one press, and ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from safetensors.numpy import load_file

from studio.engine import runs
from studio.graph.edits import SetRecipe

if TYPE_CHECKING:
    from conftest import Person

pytestmark = pytest.mark.journey
TRAIN = 1
EPOCHS = 8


def trained(me: Person) -> Any:
    """Train by a press of the button, to the end; return what the run told."""
    session = me.session
    before = session.history.folder
    me.press(me.window.toolbar.main)
    me.until(lambda: session.history.folder != before, 30)
    me.until(lambda: session.training == "ended", 120)
    assert session.history.status == "finished"
    return session.history


def test_a_killed_run_goes_on_and_ends_bit_for_bit_as_an_undisturbed_one(
    sit_down: Callable[..., Person], tmp_path: Path
) -> None:
    me = sit_down()
    session = me.session
    me.keys("ctrl+2")
    me.until(lambda: me.window.current == TRAIN)
    train = me.window.workspace(TRAIN)
    session.do(SetRecipe({"epochs": EPOCHS, "threads": 1, "device": "cpu"}))
    me.until(lambda: session.settled and not session.can_train(), 30)
    plain = trained(me)
    me.until(lambda: me.window.toolbar.main.text() == "Train", 10)
    me.rest()

    # Again, and in the middle of it the engine dies without a word.
    me.press(me.window.toolbar.main)
    me.until(
        lambda: (
            session.history is not plain
            and len(session.history.epochs) >= 2
            and session.history.checkpoints
        ),
        60,
    )
    killed = session.history
    pid = session._training.hello.pid
    os.kill(pid, signal.SIGKILL)
    me.until(lambda: session.training == "ended", 30)
    assert killed.status == "interrupted"
    assert len(killed.epochs) < EPOCHS
    bar = train.continue_bar
    me.until(bar.go_on.isVisible, 10)
    assert "This run was interrupted" in bar.words.text()
    assert bar.until.text() == str(EPOCHS)
    me.picture(tmp_path / "interrupted.png")

    # Continue, by mouse: the same run, from where its state is whole.
    me.until(lambda: session._training.hello.pid != pid, 60)
    me.press(bar.go_on)
    me.until(lambda: session.training in ("running", "ended") and session.history is not killed, 60)
    me.until(lambda: session.training == "ended", 120)
    ended = session.history
    assert ended.folder == killed.folder
    assert ended.status == "finished"
    assert [e.metrics for e in ended.epochs] == [e.metrics for e in plain.epochs]
    assert ended.summary.last == plain.summary.last
    assert ended.summary.best == plain.summary.best
    first, second = (runs.newest_weights(Path(each.folder)) for each in (plain, ended))
    assert first is not None
    assert second is not None
    assert first.step == second.step == plain.step
    mine, whole = load_file(second.path), load_file(first.path)
    assert mine.keys() == whole.keys()
    assert all((mine[name] == whole[name]).all() for name in whole)
