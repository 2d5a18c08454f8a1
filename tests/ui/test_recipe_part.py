"""The recipe in the Inspector: folded sections, nodes' own settings, and their marks on the canvas."""

from __future__ import annotations

import pytest
from fakes import node_id
from pytestqt.qtbot import QtBot

from studio.graph.edits import SetRecipe
from studio.graph.facts import NodeFacts
from studio.session.session import Session
from studio.ui.canvas.knowledge import Sight as CanvasSight
from studio.ui.canvas.knowledge import own_marks
from studio.ui.inspector.own_settings import OwnSettingsPart
from studio.ui.inspector.recipe import DAILY, ENDING, GRADIENT, RecipePart, machine
from studio.ui.inspector.sight import Sight
from studio.ui.theme import Theme


@pytest.fixture
def part(qtbot: QtBot, session: Session, theme: Theme) -> RecipePart:
    made = RecipePart(session, theme)
    qtbot.addWidget(made)
    made.resize(300, 900)
    made.show()
    made.refresh()
    return made


def test_every_setting_of_the_recipe_has_its_row(part: RecipePart) -> None:
    shown = {name for form in part.forms.values() for name in form.rows}
    tables = (*DAILY, *GRADIENT, *ENDING, *machine({"cpu": "CPU"}))
    assert shown == {param.name for param in tables}
    assert all(param.help for param in tables if param.name != "device")


def test_a_closed_section_says_what_is_not_as_usual(part: RecipePart, session: Session) -> None:
    fold = part.folds["gradient"]
    assert not fold.is_open
    assert not part.forms["gradient"].isVisible()
    part.forms["gradient"].edited.emit("clip_norm", 1.0)
    part.forms["gradient"].edited.emit("ema", 0.99)
    part.refresh()
    assert session.document.project.recipe.clip_norm == 1.0
    assert fold.remark.text() == "clip norm, ema"
    fold.head.click()
    assert part.forms["gradient"].isVisible()
    part.forms["gradient"].cleared.emit("clip_norm")
    part.refresh()
    assert session.document.project.recipe.clip_norm is None
    assert fold.remark.text() == "ema"


def test_a_node_takes_a_rate_of_its_own_and_gives_it_back(
    qtbot: QtBot, part: RecipePart, session: Session, theme: Theme
) -> None:
    own = OwnSettingsPart(session, theme)
    qtbot.addWidget(own)
    key = node_id(session, "conv1")
    own.show_node(Sight(), key, learns=False)
    assert not own.isVisibleTo(None)
    own.show_node(Sight(), key, learns=True)
    assert own.isVisibleTo(None)
    own.form.edited.emit("lr", 0.0001)
    own.form.edited.emit("weight_decay", 0.2)
    groups = session.document.project.recipe.groups
    assert groups == {key: {"lr": 0.0001, "weight_decay": 0.2}}
    own.show_node(Sight(), key, learns=True)
    assert own.fold.is_open
    assert own.fold.remark.text() == "lr 0.0001, weight decay 0.2"
    assert own_marks(groups, CanvasSight()) == {key: "lr 0.0001"}

    part.refresh()
    assert part.own.isVisible()
    assert part.own.remark.text() == "1 node"
    own.form.cleared.emit("lr")
    assert session.document.project.recipe.groups == {key: {"weight_decay": 0.2}}
    assert own_marks({key: {"weight_decay": 0.2}}, CanvasSight()) == {key: "decay 0.2"}
    part.refresh()
    part._on_own_removed(key)
    part.refresh()
    assert not part.own.isVisible()
    assert session.document.project.recipe.groups == {}


def test_inside_an_instance_the_place_is_its_own(
    qtbot: QtBot, session: Session, theme: Theme
) -> None:
    own = OwnSettingsPart(session, theme)
    qtbot.addWidget(own)
    own.show_node(Sight("block.Res", "main", "res1/"), "conv", learns=True)
    own.form.edited.emit("lr", 0.5)
    groups = session.document.project.recipe.groups
    assert groups == {"res1/conv": {"lr": 0.5}}
    assert own_marks(groups, CanvasSight("block.Res", "main", "res1/")) == {"conv": "lr 0.5"}
    assert own_marks(groups, CanvasSight("block.Res", "main", "res2/")) == {}


def test_an_optimiser_without_decay_offers_none(
    qtbot: QtBot, session: Session, theme: Theme
) -> None:
    session.do(SetRecipe({"optimizer": "torch.optim.Magic"}))
    own = OwnSettingsPart(session, theme)
    qtbot.addWidget(own)
    own.show_node(Sight(), node_id(session, "conv1"), learns=True)
    assert own.form.rows == {}
    assert NodeFacts().parameters == 0
