"""Runs that go wrong in three ways: each gets its card with figures, and a change is tried by mouse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from studio.graph import files
from studio.graph.builder import Net
from studio.graph.edits import SetRecipe
from studio.graph.project import DataRef, Project, Recipe, Split
from studio.ui.train.finding_card import FindingCard

if TYPE_CHECKING:
    from conftest import Person

pytestmark = pytest.mark.journey
TRAIN = 1


def wide(data: DataRef, classes: int) -> Project:
    """A wide network and few samples to learn from: enough to go wrong with, and quickly."""
    net = Net()
    x = net.add("torch.nn.Flatten", net.input())
    x = net.add("torch.nn.Linear", x, name="fc1", out_features=256)
    x = net.add("torch.nn.ReLU", x, name="act1")
    net.output(net.add("torch.nn.Linear", x, name="fc2", out_features=classes))
    recipe = Recipe(schedule="core.constant", batch_size=32, threads=1, device="cpu")
    return net.project(data, recipe)


FEW_DIGITS = DataRef("sklearn.digits", split=Split(validation=0.95))
#: Half circles so blurred that nobody tells them apart: what is learned of them beyond is by heart.
BLURRED = DataRef("generated.moons", {"samples": 300, "noise": 0.5}, split=Split(validation=0.8))
TOO_HIGH = {"optimizer": "torch.optim.SGD", "optimizer_params": {"lr": 30.0}, "epochs": 20}
#: Long enough, on a fast machine too, for the layers to be looked at several times.
DEADLY = {"optimizer": Recipe().optimizer, "optimizer_params": {"lr": 0.5}, "epochs": 500}
BY_HEART = {"optimizer_params": {"lr": 0.02, "weight_decay": 0.0}, "epochs": 60}


def trained(me: Person) -> None:
    """Train by a press of the button, to the end."""
    before = me.session.history
    me.press(me.window.toolbar.main)
    me.until(lambda: me.session.history is not before, 30)
    me.until(lambda: me.session.training == "ended", 60)


def carded(me: Person, rule: str, recipe: dict[str, object]) -> FindingCard:
    """Train by a recipe, and return the card of what is to be found, once it is to be seen."""
    me.session.do(SetRecipe(recipe))
    me.until(lambda: me.session.settled and not me.session.can_train(), 30)
    me.rest()
    trained(me)
    cards = me.window.workspace(TRAIN).look_here
    me.until(lambda: rule in cards.findings and cards.findings[rule].isVisible(), 20)
    card = cards.findings[rule]
    assert card.words.text()
    assert any(mark.isdigit() for mark in card.figures.text()), card.figures.text()
    return card


def test_what_goes_wrong_gets_its_card_and_a_change_is_tried(
    sit_down: Callable[..., Person], tmp_path: Path
) -> None:
    digits, moons = tmp_path / "digits.loom", tmp_path / "moons.loom"
    files.save(wide(FEW_DIGITS, 10), digits)
    files.save(wide(BLURRED, 2), moons)
    me = sit_down(moons)
    session = me.session
    me.keys("ctrl+2")
    me.until(lambda: me.window.current == TRAIN)
    assert "worse since epoch" in carded(me, "over-fitting", BY_HEART).title.text()

    session.open(digits)
    assert "learning rate is too high" in carded(me, "lr too high", TOO_HIGH).title.text()
    card = carded(me, "dead units", DEADLY)
    assert "units of act1 are dead" in card.title.text()

    # Its remedy, by mouse: what came of it stands on the card, beside the two courses.
    assert card.attempt.text() == "Try: LeakyReLU in its place"
    me.press(card.attempt)
    me.until(lambda: (t := session.watching.trial("dead units")) and t.state == "done", 60)
    me.until(lambda: card.keep.isVisible() and card.plot.isVisible(), 10)
    assert "After" in card.outcome.text()
    assert "without it" in card.outcome.text()
    me.picture(tmp_path / "cards.png")
    # Nothing was changed yet: that is for the person to say.
    kinds = {node.kind for node in session.document.project.networks["main"].graph.nodes.values()}
    assert "torch.nn.LeakyReLU" not in kinds
