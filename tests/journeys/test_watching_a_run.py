"""A run is held where something happens: the batch is seen, a step is taken back, a change is tried."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from studio.graph.breakpoints import Breakpoint
from studio.graph.edits import SetRecipe

if TYPE_CHECKING:
    from conftest import Person

pytestmark = pytest.mark.journey
TRAIN = 1


def opened(me: Person) -> Any:
    """The Train workspace, on its cards."""
    me.keys("ctrl+2")
    me.until(lambda: me.window.current == TRAIN)
    return me.window.workspace(TRAIN)


def test_a_breakpoint_holds_a_run_and_a_step_back_leads_before_it(
    sit_down: Callable[..., Person],
) -> None:
    me = sit_down()
    session = me.session
    train = opened(me)
    # Nothing pauses a run yet; the menu of the panel offers what can.
    session.do(SetRecipe({"breakpoints": (Breakpoint("when", text="step == 40"),)}))
    me.press(me.window.toolbar.main)
    me.until(lambda: session.training == "paused", 60)
    hit = session.history.held
    assert hit is not None
    assert hit.step == session.history.step == 40
    card = train.look_here.hit
    me.until(lambda: card.isVisible() and card.strip.tiles, 30)
    assert "Paused after step 40" in card.title.text()

    # A step back, by mouse: what was told of the step is undone.
    me.press(card.step_back)
    me.until(lambda: session.history.step == 39, 30)
    assert train.look_here.hit is card
    steps, _ = session.history.curves["train_loss"].points()
    assert steps.max() == 39

    # Never again, and on: the breakpoint rests in the document, the run goes on.
    me.press(card.ignore)
    me.until(lambda: session.training == "running" and session.history.step > 45, 60)
    assert session.document.project.recipe.breakpoints == (
        Breakpoint("when", text="step == 40", enabled=False),
    )
    session.stop()
    me.until(lambda: session.training == "ended", 60)


def test_broken_numbers_hold_the_run_and_a_change_is_tried(
    sit_down: Callable[..., Person], tmp_path: Path
) -> None:
    me = sit_down()
    session = me.session
    opened(me)
    recipe = {
        "optimizer": "torch.optim.SGD",
        "optimizer_params": {"lr": 1e6},
        "schedule": "core.constant",
        "breakpoints": (Breakpoint("not_finite"),),
    }
    session.do(SetRecipe(recipe))
    me.until(lambda: session.settled, 30)
    me.press(me.window.toolbar.main)
    me.until(lambda: session.training == "paused", 60)
    hit = session.history.held
    assert hit is not None
    assert hit.node
    assert me.window.workspace(TRAIN).canvas.canvas.selection == (hit.node,)
    session.stop()
    me.until(lambda: session.training == "ended", 60)

    # A rate that is too high without breaking: the card says so, tries another, and keeps it.
    session.do(SetRecipe({"breakpoints": (), "optimizer_params": {"lr": 30.0}, "epochs": 3}))
    me.until(lambda: session.settled, 30)
    me.press(me.window.toolbar.main)
    me.until(lambda: session.training == "ended" and len(session.history.epochs) == 3, 90)
    cards = me.window.workspace(TRAIN).look_here.findings
    me.until(lambda: "lr too high" in cards, 20)
    card = cards["lr too high"]
    me.rest()
    me.press(card.attempt)
    me.until(lambda: (trial := session.watching.trial("lr too high")) and trial.state == "done", 60)
    me.until(lambda: card.keep.isVisible(), 10)
    assert "After 60 steps" in card.outcome.text()
    me.rest(0.5)  # the card grows, and is brought into sight
    me.picture(tmp_path / "kept.png")
    me.press(card.keep)
    me.until(lambda: session.document.project.recipe.optimizer_params == {"lr": 3.0}, 10)
