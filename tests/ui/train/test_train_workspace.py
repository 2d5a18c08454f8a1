from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot
from stage import (
    FakeSession,
    dead_units,
    epoch_done,
    layer_stats,
    path_of,
    pictures,
    progress,
    started,
    whole_run,
)

from studio.engine import protocol as p
from studio.graph.edits import Batch, SetParams
from studio.graph.facts import ProjectFacts
from studio.graph.problems import Problem, Repair
from studio.graph.project import Project
from studio.session import events as e
from studio.session.history import History
from studio.ui.theme import THIN_SPACE, Theme
from studio.ui.train import TrainWorkspace


class FakeCanvas(QWidget):
    """What the workspace needs of a canvas."""

    selection_changed = Signal(tuple)
    zoom_changed = Signal(float)
    sheet_shown = Signal()
    network, where, prefix = "main", "main", ""

    def __init__(self) -> None:
        super().__init__()
        self.mode, self.revealed, self.heard = "", [], []
        self.view_menu = self
        self.maps = QAction("Feature maps", self, checkable=True, checked=True)

    def marks(self) -> list[QAction]:
        return [self.maps]

    def set_mode(self, mode: str) -> None:
        self.mode = mode

    def reveal(self, network: str, path: str) -> None:
        self.revealed.append((network, path))

    def on_event(self, event: e.SessionEvent) -> None:
        self.heard.append(event)


Make = Callable[..., tuple[TrainWorkspace, FakeSession]]


@pytest.fixture
def make(qtbot: QtBot, theme: Theme) -> Make:
    def build(size: tuple[int, int] = (1600, 900)) -> tuple[TrainWorkspace, FakeSession]:
        session = FakeSession()
        workspace = TrainWorkspace(session, theme, FakeCanvas)  # type: ignore[arg-type]
        session.subscribe(workspace.on_event)
        qtbot.addWidget(workspace)
        workspace.resize(*size)
        with qtbot.waitExposed(workspace):
            workspace.show()
        return workspace, session

    return build


def test_what_the_canvas_shows_is_chosen_above_it(make: Make) -> None:
    workspace, _ = make()
    (chip,) = workspace.canvas.chips
    shown = workspace.canvas.canvas.maps  # type: ignore[attr-defined]
    assert (chip.text(), chip.isChecked()) == ("Feature maps", True)
    chip.click()
    assert not shown.isChecked()
    shown.trigger()
    assert chip.isChecked()


def settle(workspace: TrainWorkspace) -> None:
    workspace.redraw.flush()


def buttons(widget: QWidget) -> dict[str, QPushButton]:
    return {made.text(): made for made in widget.findChildren(QPushButton)}


def test_before_the_first_run_one_button_teaches(make: Make, qtbot: QtBot) -> None:
    workspace, session = make()
    settle(workspace)
    assert workspace.empty.isVisible()
    assert not workspace.over_time.isVisible()
    assert "No run yet" in workspace.status.text()
    qtbot.mouseClick(workspace.empty.button, Qt.MouseButton.LeftButton)
    assert session.trained == 1
    session.begin()
    assert workspace.curves.isVisible()
    assert workspace.over_time.isVisible()


def test_train_is_off_with_the_reason_while_the_network_is_broken(make: Make) -> None:
    workspace, session = make()
    session.can_train = lambda: "fc1: fix it first."  # type: ignore[method-assign]
    session.tell(e.FactsChanged(session.facts))  # type: ignore[arg-type]
    assert not workspace.empty.button.isEnabled()
    assert workspace.empty.button.toolTip() == "fc1: fix it first."


def test_the_status_row_says_how_far_the_run_is(make: Make) -> None:
    workspace, session = make()
    session.begin()
    session.take(started(session.subject), progress(0, 150))
    settle(workspace)
    said = workspace.status.text()
    assert said.startswith("Training · Epoch 2/20")
    assert f"step 150 of 2{THIN_SPACE}000" in said
    assert "ETA 0:38" in said
    assert "overhead 1.3 %" in said
    assert f"6{THIN_SPACE}400 training · 360 validation · batch 64" in said
    session.training = "paused"
    session.tell(e.TrainingChanged("paused"))
    settle(workspace)
    assert workspace.status.text().startswith("Paused")


def test_a_changed_graph_gets_a_badge(make: Make) -> None:
    workspace, session = make()
    session.begin()
    session.take(started(session.subject))
    settle(workspace)
    assert "edited" not in workspace.status.text()
    session.edited_since_run = True
    project = session.document.project
    session.tell(e.DocumentChanged(project, project))
    settle(workspace)
    assert "graph edited since this run began" in workspace.status.text()
    workspace.grab()


def test_curves_show_steps_epochs_and_the_best(make: Make) -> None:
    workspace, session = make()
    session.begin()
    session.take(started(session.subject))
    told = [progress(0, 100), epoch_done(1), progress(100, 100), epoch_done(2)]
    session.take(*told)
    settle(workspace)
    curves = workspace.curves
    x, y = curves.loss.points("train")
    expected = np.concatenate([told[0].values["train_loss"], told[2].values["train_loss"]])
    assert np.allclose(y, expected)
    assert x[-1] == pytest.approx(2.0)
    epochs, values = curves.score.points("val")
    assert epochs.tolist() == [1.0, 2.0]
    assert values[-1] == pytest.approx(told[3].metrics["val_accuracy"])
    curves.steps.click()
    settle(workspace)
    assert curves.loss.points("train")[0][-1] == 200.0
    assert curves.loss.points("val")[0].tolist() == [100.0, 200.0]
    workspace.grab()


def test_a_regression_shows_its_own_score(make: Make) -> None:
    workspace, session = make()
    session.begin()
    session.take(
        started(session.subject, task="regression"),
        progress(0, 100, task="regression"),
        epoch_done(1, task="regression"),
    )
    settle(workspace)
    assert workspace.curves.score.accessibleName() == "R² plot"
    assert workspace.curves.score.points("val")[1].size == 1
    tabs = workspace._judged
    offered = [tabs.tabText(k) for k in range(tabs.count()) if tabs.isTabVisible(k)]
    assert offered == ["Fit", "Worst"], "regression has no classes to confuse"


def test_gradients_and_outputs_follow_the_layers(make: Make) -> None:
    workspace, session = make()
    project = session.subject
    session.begin()
    session.take(started(project), layer_stats(project, 50), layer_stats(project, 100))
    settle(workspace)
    told = layer_stats(project, 100).nodes[path_of(project, "fc1")]
    assert workspace.over_time.view.value("fc1", 1) == pytest.approx(told.grad)
    assert workspace.outputs.title.text() == "fc1 output over time"
    assert [moment.label for moment in workspace.outputs.view.moments] == ["50", "now"]
    assert tuple(workspace.outputs.view.moments[-1].counts) == told.histogram


def test_selecting_on_the_canvas_chooses_the_layer_below(make: Make) -> None:
    workspace, session = make()
    project = session.subject
    session.begin()
    session.take(started(project), layer_stats(project, 50))
    canvas = workspace.canvas.canvas
    assert canvas.mode == "train"
    canvas.selection_changed.emit((path_of(project, "conv1"),))
    assert workspace.outputs.title.text() == "conv1 output over time"
    settle(workspace)
    workspace.over_time.view.row_picked.emit("fc2")
    assert workspace.outputs.title.text() == "fc2 output over time"
    assert canvas.revealed == [("main", path_of(project, "fc2"))]


def test_the_strip_marks_what_is_read_wrongly(make: Make) -> None:
    workspace, session = make()
    session.begin()
    session.take(started(session.subject), pictures(100, wrong=(6, 17)))
    settle(workspace)
    tiles = workspace.predictions.strip.tiles
    assert [k for k, tile in enumerate(tiles) if tile.wrong] == [6, 17]
    target = int(pictures(100).targets[6])
    assert (tiles[6].read, tiles[6].remark) == (str((target + 1) % 10), f"not {target}")
    assert workspace.predictions.count.text() == "22 right, 2 wrong"


def test_dead_units_become_a_card_with_a_way_to_the_layer(make: Make, qtbot: QtBot) -> None:
    workspace, session = make()
    project = session.subject
    session.begin()
    session.take(started(project), layer_stats(project, 50), dead_units(project))
    (card,) = workspace.look_here.cards
    assert card.accessibleName().startswith("27 of 64 ReLU units after fc1 are dead")
    qtbot.mouseClick(buttons(card)["Show relu2"], Qt.MouseButton.LeftButton)
    assert workspace.canvas.canvas.revealed == [("main", path_of(project, "relu2"))]
    assert workspace.outputs.title.text() == "relu2 output over time"


def test_a_loss_that_is_no_number_says_step_layer_and_what_to_do(make: Make) -> None:
    workspace, session = make()
    message = "The loss is not a number at step 212; fc1 was first. Lower the learning rate."
    node = path_of(session.subject, "fc1")
    session.begin()
    session.take(started(session.subject), progress(0, 211))
    session.take(p.ProblemFound(212, Problem(message, node=node)))
    summary = p.RunSummary("run-1", "failed", 2, 212, 4.0, message=message)
    session.take(p.Failed(summary))
    session.training = "ended"
    session.tell(e.TrainingChanged("ended", message))
    settle(workspace)
    assert [card.problem.message for card in workspace.look_here.cards] == [message]
    assert workspace.status.text().startswith("Failed")


def test_how_a_run_failed_is_a_card_too(make: Make) -> None:
    workspace, session = make()
    session.begin()
    summary = p.RunSummary("run-1", "failed", 0, 3, 1.0, message="Out of memory at fc1. Halve it.")
    session.take(started(session.subject), p.Failed(summary))
    assert [c.problem.message for c in workspace.look_here.cards] == [
        "Out of memory at fc1. Halve it."
    ]


def test_a_repair_edits_the_document_as_one_step(make: Make, qtbot: QtBot) -> None:
    workspace, session = make()
    node = path_of(session.subject, "fc1")
    edits = (SetParams("main", node, {"out_features": 32}),)
    problem = Problem("Too wide.", node=node, repairs=(Repair("Halve fc1", edits),))
    session.begin()
    session.take(started(session.subject), p.ProblemFound(3, problem))
    (card,) = workspace.look_here.cards
    qtbot.mouseClick(buttons(card)["Halve fc1"], Qt.MouseButton.LeftButton)
    assert session.edits == [Batch("Halve fc1", edits)]


def test_steering_sends_a_value_and_is_off_without_a_run(make: Make, qtbot: QtBot) -> None:
    workspace, session = make()
    field = workspace.steer.fields["lr"]
    assert not field.isEnabled()
    session.begin()
    session.take(started(session.subject))
    assert field.isEnabled()
    assert field.text() == "0.003"
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "0.0005")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert session.live == [{"lr": 0.0005}]
    session.take(p.ControlApplied("set", 120, {"lr": 0.0005}))
    assert field.text() == "0.0005"
    settle(workspace)
    session.training = "ended"
    session.tell(e.TrainingChanged("ended"))
    assert not field.isEnabled()


def test_a_reopened_run_looks_like_the_live_one(make: Make) -> None:
    live, session = make()
    events = list(whole_run(session.subject))
    session.begin()
    session.take(*events)
    settle(live)
    stored, other = make()
    other.show(History.of("run-1", events, "stopped"))
    settle(stored)
    for name in ("loss", "score", "rate", "speed"):
        one, two = getattr(live.curves, name), getattr(stored.curves, name)
        assert one.table() == two.table(), name
    assert live.over_time.view.table() == stored.over_time.view.table()
    assert live.outputs.view.table() == stored.outputs.view.table()
    assert live.answers.confusion.view.table() == stored.answers.confusion.view.table()
    assert live.predictions.strip.tiles == stored.predictions.strip.tiles
    assert len(live.look_here.cards) == len(stored.look_here.cards) == 1
    assert stored.status.text().startswith("Stopped")


def test_another_run_leaves_nothing_of_the_last(make: Make) -> None:
    workspace, session = make()
    session.begin()
    session.take(*whole_run(session.subject))
    settle(workspace)
    session.begin("run-2")
    settle(workspace)
    assert workspace.curves.loss.table() == []
    assert workspace.predictions.strip.tiles == ()
    assert workspace.answers.confusion.view.is_empty()
    assert workspace.over_time.view.is_empty()
    assert workspace.look_here.cards == []


def test_a_hidden_workspace_draws_nothing_until_it_is_seen(make: Make, qtbot: QtBot) -> None:
    workspace, session = make()
    session.begin()
    session.take(started(session.subject))
    settle(workspace)
    workspace.hide()
    heard = len(workspace.canvas.canvas.heard)
    for k in range(20):
        session.take(progress(k * 10, 10), layer_stats(session.subject, k * 10 + 10))
    qtbot.wait(80)
    assert workspace.curves.loss.table() == []
    assert len(workspace.canvas.canvas.heard) == heard
    workspace.show()
    qtbot.waitUntil(lambda: bool(workspace.curves.loss.table()))
    assert isinstance(workspace.canvas.canvas.heard[-1], e.HistoryOpened)


def test_small_windows_turn_panels_into_tabs_and_back(make: Make) -> None:
    workspace, session = make((1280, 620))
    session.begin()
    session.take(*whole_run(session.subject))
    settle(workspace)
    assert workspace.canvas.isVisible()
    assert workspace.curves.isVisible()
    assert workspace.over_time.isVisible()
    assert not workspace.answers.confusion.isVisible()
    assert not workspace.predictions.isVisible()
    workspace.resize(1600, 900)
    for panel in (workspace.over_time, workspace.outputs, workspace.answers.confusion):
        assert panel.isVisible()
    assert workspace.look_here.isVisible()
    assert workspace.predictions.isVisible()


def test_a_long_run_stays_small(make: Make) -> None:
    workspace, session = make()
    project = session.subject
    long = replace(started(project, epochs=1000), steps_per_epoch=100)
    session.begin()
    session.take(long)
    for k in range(1000):
        session.take(progress(k * 100, 100), layer_stats(project, k * 100 + 100))
    settle(workspace)
    assert workspace.curves.loss.points("train")[0].size <= 4000
    assert len(session.history.layer_steps) <= 400
    assert len(workspace.outputs.view.moments) <= 14
    workspace.grab()


def test_edits_that_nobody_sees_are_drawn_once_when_it_is_seen_again(make: Make) -> None:
    workspace, session = make()
    panel = workspace.canvas
    first, second, third = (Project(notes=word) for word in ("one", "two", "three"))
    panel.hide()
    heard = len(panel.canvas.heard)
    panel.on_event(e.DocumentChanged(first, second))
    panel.on_event(e.FactsChanged(ProjectFacts(1, {})))
    panel.on_event(e.DocumentChanged(second, third))
    assert len(panel.canvas.heard) == heard
    panel.show()
    told = panel.canvas.heard[heard:]
    changed = [event for event in told if isinstance(event, e.DocumentChanged)]
    assert [(one.before, one.after) for one in changed] == [(first, session.document.project)]
    panel.hide()
    panel.on_event(e.DocumentChanged(first, second))
    panel.on_event(e.DocumentOpened(third))
    heard = len(panel.canvas.heard)
    panel.show()  # another document: what was edited before is no part of it
    assert not any(isinstance(one, e.DocumentChanged) for one in panel.canvas.heard[heard:])
