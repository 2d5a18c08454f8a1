"""Look here and Breakpoints: what holds a run, findings with their trials, breakpoints as rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot
from stage import FakeSession, dead_units, network, path_of, progress, started
from test_train_workspace import FakeCanvas

from studio.engine import protocol as p
from studio.graph.breakpoints import USUAL, Breakpoint
from studio.graph.edits import SetRecipe, Swap
from studio.session import events as e
from studio.session.diagnosis import Change, Figure, Finding
from studio.session.watching import Trial
from studio.ui.theme import Theme
from studio.ui.train import TrainWorkspace
from studio.ui.train.finding_card import told

Made = tuple[TrainWorkspace, FakeSession]
Make = Callable[..., Made]


@pytest.fixture
def make(qtbot: QtBot, theme: Theme) -> Make:
    def build(size: tuple[int, int] = (1600, 900)) -> Made:
        session = FakeSession()
        workspace = TrainWorkspace(session, theme, FakeCanvas)  # type: ignore[arg-type]
        session.subscribe(workspace.on_event)
        qtbot.addWidget(workspace)
        workspace.resize(*size)
        with qtbot.waitExposed(workspace):
            workspace.show()
        session.begin()
        session.job = p.Job(session.document.project, "run-1")
        session.take(started(session.document.project), progress(0, 50))
        workspace.redraw.flush()
        return workspace, session

    return build


def buttons(widget: QWidget) -> dict[str, QPushButton]:
    found = widget.findChildren(QPushButton)
    return {made.text(): made for made in found if not made.isHidden()}


def dying(session: FakeSession) -> Finding:
    node = path_of(session.document.project, "relu2")
    return Finding(
        "dead units",
        "40 of 64 units of relu2 are dead",
        "They learn nothing.",
        (Figure("dead", "62%"), Figure("since step", "20")),
        Change("LeakyReLU in its place", (Swap("main", node, "torch.nn.LeakyReLU"),)),
        node,
    )


def diagnosed(made: Made, *findings: Finding) -> None:
    workspace, session = made
    session.watching.found = findings
    session.tell(e.TrialChanged(""))
    workspace.redraw.flush()


def held(made: Made, breakpoint: Breakpoint, node: str = "", step: int = 50) -> p.BreakpointHit:
    _, session = made
    samples = (5, 9, 2, 700)
    hit = p.BreakpointHit(step, breakpoint, "The gradient norm was 312", 312.0, node, samples)
    session.take(hit)
    session.training = "paused"
    session.tell(e.TrainingChanged("paused"))
    session.take(p.ControlApplied("paused", step))
    return hit


# ----------------------------------------------------------------------------------------- findings


def test_a_finding_is_a_card_with_figures_and_ways_to_see_it(make: Make) -> None:
    workspace, session = made = make()
    assert workspace.look_here.nothing.isVisible()
    diagnosed(made, dying(session))
    (card,) = workspace.look_here.findings.values()
    assert card.title.text() == "40 of 64 units of relu2 are dead"
    assert "dead 62%" in card.figures.text()
    assert set(buttons(card)) == {"Try: LeakyReLU in its place", "Show relu2"}
    assert workspace._cards.tabText(0) == "Look here · 1"
    assert not workspace.look_here.nothing.isVisible()
    buttons(card)["Show relu2"].click()
    assert workspace.canvas.canvas.revealed == [("main", dying(session).node)]  # type: ignore[attr-defined]


def test_a_card_stays_itself_while_its_figures_move(make: Make) -> None:
    workspace, session = made = make()
    diagnosed(made, dying(session))
    (card,) = workspace.look_here.findings.values()
    newer = dying(session)
    diagnosed(
        made,
        Finding(
            newer.rule,
            "41 are dead",
            *[getattr(newer, name) for name in ("words", "figures", "change", "node")],
        ),
    )
    assert list(workspace.look_here.findings.values()) == [card]
    assert card.title.text() == "41 are dead"
    diagnosed(made)
    assert not workspace.look_here.findings
    assert workspace.look_here.nothing.isVisible()


def test_the_same_trouble_is_told_once(make: Make) -> None:
    workspace, session = made = make()
    session.take(dead_units(session.document.project))
    (plain,) = workspace.look_here.cards
    assert plain.isVisible()
    session.history.found[0] = p.ProblemFound(
        20, p_replace(session.history.found[0].problem, rule="dead units")
    )
    session.take(p.ControlApplied("set", 20, {"lr": 0.1}))
    diagnosed(made, dying(session))
    (plain,) = workspace.look_here.cards
    assert plain.isHidden()
    assert workspace.look_here.count == 1


def p_replace(problem: object, **values: object) -> object:
    from msgspec.structs import replace

    return replace(problem, **values)  # type: ignore[type-var]


def test_a_change_is_tried_and_then_kept(make: Make) -> None:
    workspace, session = made = make()
    finding = dying(session)
    diagnosed(made, finding)
    (card,) = workspace.look_here.findings.values()
    assert card.keep.isHidden()
    card.attempt.click()
    assert session.watching.tried == [finding]
    session.watching.trials["dead units"] = Trial("running")
    diagnosed(made, finding)
    assert not card.attempt.isEnabled()
    assert "the run waits" in card.outcome.text()
    losses = np.array([np.full(60, 0.5), np.linspace(0.5, 0.2, 60)], np.float32)
    tried = p.Tried(50, losses, ({"val_accuracy": 0.91}, {"val_accuracy": 0.94}))
    session.watching.trials["dead units"] = Trial("done", tried)
    diagnosed(made, finding)
    assert not card.plot.isHidden()
    assert "without it 0.5" in card.outcome.text()
    assert "It helps." in card.outcome.text()
    assert card.plot.table()[1] == (51, 0.5, 0.5)
    card.keep.click()
    assert session.watching.kept == [finding]


def test_a_trial_that_failed_says_why(make: Make) -> None:
    workspace, session = made = make()
    session.watching.trials["dead units"] = Trial("failed", message="The run was asked to stop.")
    diagnosed(made, dying(session))
    (card,) = workspace.look_here.findings.values()
    assert card.outcome.text() == "The run was asked to stop."
    assert card.attempt.isEnabled()


def test_a_trial_that_cannot_be_says_why(make: Make) -> None:
    workspace, session = made = make()
    session.watching.reason = "The run has left no checkpoint."
    diagnosed(made, dying(session))
    (card,) = workspace.look_here.findings.values()
    assert not card.attempt.isEnabled()
    assert card.attempt.toolTip() == "The run has left no checkpoint."


def test_a_change_that_has_no_trial_can_be_made_at_once(make: Make) -> None:
    workspace, _ = made = make()
    change = Change("Drop duplicates", (SetRecipe({"seed": 1}),), "Figures do not compare.")
    finding = Finding("leak", "Some samples train and validate", "So.", (), change, "", "val_loss")
    diagnosed(made, finding)
    (card,) = workspace.look_here.findings.values()
    assert set(buttons(card)) == {"Drop duplicates", "Show curve"}
    assert card.keep.toolTip() == "Figures do not compare."
    card.show_curve.click()
    assert workspace.curves.loss.hasFocus()


@pytest.mark.parametrize(
    ("after", "metric", "ends"),
    [(0.2, 0.95, "It helps."), (0.9, 0.5, "It does not help."), (0.2, 0.5, "without it 90.0")],
)
def test_what_came_of_a_trial_is_judged_by_both_losses(
    after: float, metric: float, ends: str
) -> None:
    losses = np.array([np.full(40, 0.5), np.full(40, after)], np.float32)
    words = told(p.Tried(9, losses, ({"val_accuracy": 0.9}, {"val_accuracy": metric})))
    assert ends in words
    assert ("helps" in words) == (ends == "It helps.")


def test_another_run_has_its_own_cards(make: Make) -> None:
    workspace, session = made = make()
    diagnosed(made, dying(session))
    session.watching.found = ()
    session.begin("run-2")
    workspace.redraw.flush()
    assert not workspace.look_here.findings


# --------------------------------------------------------------------------------------------- hits


def test_a_hit_opens_layer_card_and_batch(make: Make) -> None:
    workspace, session = made = make()
    node = path_of(session.document.project, "fc1")
    workspace._cards.setCurrentIndex(1)
    hit = held(made, Breakpoint("gradient", 100.0), node)
    card = workspace.look_here.hit
    assert card is not None
    assert card.title.text() == "Paused after step 50"
    assert workspace._cards.currentWidget() is workspace.look_here
    assert workspace.canvas.canvas.revealed == [("main", node)]  # type: ignore[attr-defined]
    (asked,) = session.waiting(p.GetSamples)
    assert (asked.request.split, asked.request.indices) == ("train", hit.samples)
    inputs = np.random.default_rng(0).normal(size=(4, 1, 8, 8)).astype(np.float32)
    asked.answer(p.SampleSet("train", hit.samples, inputs, np.array([3, 1, 4, 1])))
    assert [tile.read for tile in card.strip.tiles] == ["3", "1", "4", "1"]
    assert card.strip.tiles[3].tip == "training sample 700"


def test_a_batch_that_cannot_be_read_says_so(make: Make) -> None:
    workspace, session = made = make()
    held(made, Breakpoint("spike", 5.0))
    (asked,) = session.waiting(p.GetSamples)
    assert asked.refuse is not None
    asked.refuse(p.Refused("The file is gone."))
    assert workspace.look_here.hit is not None
    assert "The file is gone." in workspace.look_here.hit.strip.empty_text


def test_from_a_hit_it_goes_on_or_back_or_never_stops_there_again(make: Make) -> None:
    workspace, session = made = make()
    broken = Breakpoint("not_finite")
    hit = held(made, broken, step=51)
    card = workspace.look_here.hit
    assert card is not None
    assert card.title.text() == "Paused before step 51"
    card.step_back.click()
    assert session.steered == ["back"]
    session.take(p.ControlApplied("back", 49), p.ControlApplied("paused", 49))
    assert workspace.look_here.hit is card
    assert card.title.text() == "Gone back to before step 50, from step 51"
    card.ignore.click()
    assert session.watching.ignored == [hit.breakpoint]
    assert session.steered == ["back", "resume"]
    session.training = "running"
    session.take(p.ControlApplied("resumed", 49))
    assert workspace.look_here.hit is None


def test_a_workspace_that_is_made_later_shows_what_holds_the_run(
    make: Make, qtbot: QtBot, theme: Theme
) -> None:
    _, session = made = make()
    held(made, Breakpoint("spike", 5.0))
    later = TrainWorkspace(session, theme, FakeCanvas)  # type: ignore[arg-type]
    qtbot.addWidget(later)
    assert later.look_here.hit is not None


def test_steps_that_are_taken_back_leave_the_curves(make: Make) -> None:
    workspace, session = make()
    session.take(p.ControlApplied("back", 30))
    workspace.redraw.flush()
    steps, _ = session.history.curves["train_loss"].points()
    assert steps.max() == 30
    assert session.history.step == 30


# -------------------------------------------------------------------------------------- breakpoints


def rows(workspace: TrainWorkspace) -> list[str]:
    workspace._cards.setCurrentWidget(workspace.breakpoints)
    workspace.redraw.flush()
    return [row.breakpoint.kind for row in workspace.breakpoints.rows]


def kept(session: FakeSession) -> tuple[Breakpoint, ...]:
    return session.document.project.recipe.breakpoints


def test_without_breakpoints_one_button_teaches(make: Make) -> None:
    workspace, session = make()
    assert rows(workspace) == []
    panel = workspace.breakpoints
    assert panel.empty.isVisible()
    assert "stops it at the step" in panel.empty.sentence.text()
    panel.empty.button.click()
    assert kept(session) == (Breakpoint("not_finite"),)
    assert rows(workspace) == ["not_finite"]
    assert not panel.empty.isVisible()


def test_each_kind_is_in_the_menu_and_once_in_the_list(make: Make) -> None:
    workspace, session = make()
    rows(workspace)
    menu = workspace.breakpoints.adder.menu()
    for action in menu.actions():
        action.trigger()
        rows(workspace)
    assert kept(session) == tuple(USUAL.values())
    menu.actions()[0].trigger()
    assert kept(session) == tuple(USUAL.values())
    session.document.undo()
    assert len(kept(session)) == len(USUAL) - 1


def test_a_row_changes_limit_layer_and_switch(make: Make) -> None:
    workspace, session = make()
    session.watching.set_breakpoints((Breakpoint("dead", 0.5), Breakpoint("gradient", 100.0)))
    rows(workspace)
    dead, gradient = workspace.breakpoints.rows
    assert dead.limit.text() == "50"
    dead.limit.setText("25")
    dead.limit.editingFinished.emit()
    node = path_of(session.document.project, "fc1")
    rows(workspace)
    gradient.layer.setCurrentIndex(gradient.layer.findData(node))
    gradient.layer.activated.emit(gradient.layer.currentIndex())
    rows(workspace)
    gradient.switch.click()
    rows(workspace)
    assert kept(session) == (
        Breakpoint("dead", 0.25),
        Breakpoint("gradient", 100.0, node, enabled=False),
    )
    assert workspace.breakpoints.rows == [dead, gradient]
    dead.bin.click()
    assert kept(session) == (Breakpoint("gradient", 100.0, node, enabled=False),)


def test_a_condition_that_is_none_says_what_is_wrong(make: Make) -> None:
    workspace, session = make()
    session.watching.set_breakpoints((USUAL["when"],))
    rows(workspace)
    (row,) = workspace.breakpoints.rows
    assert row.fault.isHidden()
    row.text.setText("train_loss <")
    row.text.editingFinished.emit()
    rows(workspace)
    assert "is no condition" in row.fault.text()
    assert row.text.property("state") == "error"
    row.text.setText('grad["conv1"] > 3')
    row.text.editingFinished.emit()
    rows(workspace)
    assert row.fault.isHidden()
    assert kept(session)[0].text == 'grad["conv1"] > 3'


def test_a_layer_that_is_gone_is_still_named(make: Make) -> None:
    workspace, session = make()
    session.watching.set_breakpoints((Breakpoint("gradient", 3.0, "gone"),))
    rows(workspace)
    assert workspace.breakpoints.rows[0].layer.currentText() == "a layer that is gone"


def test_in_a_small_window_both_are_tabs(make: Make) -> None:
    workspace, session = made = make((1280, 640))
    diagnosed(made, dying(session))
    tabs = workspace._tabs
    titles = [tabs.tabText(k) for k in range(tabs.count())]
    assert "Look here · 1" in titles
    assert "Breakpoints" in titles
    held(made, Breakpoint("spike", 5.0))
    assert tabs.currentWidget() is workspace.look_here


def test_layers_of_the_network_can_be_chosen(make: Make) -> None:
    workspace, session = make()
    session.watching.set_breakpoints((Breakpoint("gradient", 3.0),))
    rows(workspace)
    choice = workspace.breakpoints.rows[0].layer
    names = {choice.itemText(k) for k in range(choice.count())}
    assert {"any layer", "conv1", "fc2"} <= names
    assert path_of(network(), "conv1")
