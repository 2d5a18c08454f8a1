"""Steering a run, walking through a step, and going on with a run, in the Train workspace."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from stage import FakeSession, progress, started

from studio.engine import protocol as p
from studio.session.history import History
from studio.ui.canvas import Canvas
from studio.ui.canvas.steer_actions import steer_commands
from studio.ui.theme import Theme
from studio.ui.train.change_words import change_words
from studio.ui.train.continue_bar import ContinueBar
from studio.ui.train.status_row import StatusRow
from studio.ui.train.steer import Steer
from studio.ui.train.walk_bar import WalkBar


@pytest.fixture
def steer(qtbot: QtBot, theme: Theme) -> Steer:
    made = Steer(theme)
    qtbot.addWidget(made)
    made.show()
    return made


def show_layer(steer: Steer, history: History, **given: object) -> None:
    usual = {"learns": True, "drops": None, "frozen": False, "steerable": True}
    steer.show_layer(history, "fc1", "fc1", **(usual | given))  # type: ignore[arg-type]


def test_values_are_sent_and_since_when_they_hold_is_said(steer: Steer, qtbot: QtBot) -> None:
    sent: list[dict[str, object]] = []
    steer.changed.connect(sent.append)
    history = History("run")
    values = {"lr": 0.01, "weight_decay": None, "batch_size": 32.0}
    steer.show_run(history, values, steerable=True)
    assert not steer.fields["weight_decay"].isEnabled()
    for name, text in (("lr", "0.002"), ("batch_size", "64")):
        steer.fields[name].setText(text)
        steer.fields[name].returnPressed.emit()
    assert sent == [{"lr": 0.002}, {"batch_size": 64}]
    history.take(p.ControlApplied("set", 1234, {"lr": 0.002}))
    history.take(p.ControlApplied("asked", 1234, {"batch_size": 64}))
    steer.show_run(history, values, steerable=True)
    assert "since step 1" in steer._notes["lr"].text()
    assert steer._notes["batch_size"].text() == "from the next epoch on"
    assert steer.fields["batch_size"].text() == "64"
    steer.show_run(history, values, steerable=False)
    assert not steer.fields["lr"].isEnabled()
    assert "while a run is under way" in steer.fields["lr"].toolTip()


def test_the_chosen_layer_is_frozen_and_set_free(steer: Steer) -> None:
    sent: list[dict[str, object]] = []
    steer.changed.connect(sent.append)
    history = History("run")
    show_layer(steer, history)
    steer.freeze.click()
    assert sent == [{"node": "fc1", "frozen": True}]
    history.take(p.ControlApplied("set", 7, {"node": "fc1", "frozen": True}))
    show_layer(steer, history)
    assert steer.freeze.text() == "Frozen"
    steer.freeze.click()
    assert sent[-1] == {"node": "fc1", "frozen": False}
    show_layer(steer, history, learns=False)
    assert not steer.freeze.isVisible()


def test_a_dropouts_share_is_changed(steer: Steer) -> None:
    sent: list[dict[str, object]] = []
    steer.changed.connect(sent.append)
    show_layer(steer, History("run"), learns=False, drops=0.5)
    field = steer.fields["p"]
    assert field.text() == "0.5"
    field.setText("1.5")
    assert not field.hasAcceptableInput()
    field.setText("0.1")
    field.returnPressed.emit()
    assert sent == [{"node": "fc1", "p": 0.1}]


def test_a_change_is_told_in_words() -> None:
    assert change_words({"lr": 0.1}, str) == "lr 0.1"
    assert change_words({"node": "fc1", "frozen": True}, str) == "fc1 frozen"
    assert change_words({"node": "fc1", "frozen": False}, str) == "fc1 learns again"
    named = {"n_7": "drop1"}.__getitem__
    assert change_words({"node": "n_7", "p": 0.5}, named) == "drop1 p 0.5"
    assert change_words({"batch_size": 8}, str) == "batch size 8"


def test_a_walk_goes_forward_and_back_through_the_layers(qtbot: QtBot, theme: Theme) -> None:
    bar = WalkBar(theme, lambda path: f"the {path}")
    qtbot.addWidget(bar)
    reached: list[str] = []
    bar.node_reached.connect(reached.append)
    a = p.Walk("a", "out", (2, 3), 0.5, 1.0, -1.0, 2.0, 3.0)
    b = p.Walk("b", "out", (2, 10), 0.0, 0.1, -0.2, 0.2, 0.4)
    bar.begin(p.Walked(5, (a, b), (b, a)))
    assert bar.isVisibleTo(None)
    for _ in range(5):
        bar.go(1)
    assert reached[:4] == ["a", "b", "b", "a"]
    assert bar.place.text() == "Back 2 of 2"
    assert bar.layer.text() == "the a"
    assert "gradient of its output 2×3" in bar.figures.text()
    assert not bar.next.isEnabled()
    bar.back.click()
    assert bar.place.text() == "Back 1 of 2"
    steps: list[bool] = []
    bar.step_wanted.connect(lambda: steps.append(True))
    bar.take.click()
    assert steps == [True]
    assert not bar.walking


class Stopped(FakeSession):
    """A session that shows a run which could go on."""

    def can_continue(self, folder: Path) -> str:
        return ""

    def continue_run(self, folder: Path, epochs: int = 0) -> bool:
        self.steered.append(f"{folder.name} to {epochs}")
        return True

    def fork(self, checkpoint: Path) -> bool:
        self.steered.append(f"fork {checkpoint.stem}")
        return True


def test_a_run_that_was_interrupted_offers_to_go_on(
    qtbot: QtBot, theme: Theme, tmp_path: Path
) -> None:
    checkpoints = tmp_path / "run" / "checkpoints"
    checkpoints.mkdir(parents=True)
    for name, text in (
        ("40.safetensors", ""),
        ("40.state.safetensors", ""),
        ("40.json", '{"epoch": 3, "batch": 1}'),
        ("20.safetensors", ""),
    ):
        (checkpoints / name).write_text(text)
    session = Stopped()
    session.history = History.of(
        str(tmp_path / "run"), [started(session.document.project)], "interrupted"
    )
    bar = ContinueBar(session, theme)  # type: ignore[arg-type]
    qtbot.addWidget(bar)
    bar.refresh()
    assert bar.isVisibleTo(None)
    assert "interrupted" in bar.words.text()
    assert "step 40" in bar.words.text()
    bar.until.setText("2")
    bar.go_on.click()
    assert session.steered == []  # three epochs are done already
    bar.until.setText("9")
    bar.go_on.click()
    bar._fill_forks()
    words = [action.text() for action in bar._forks.actions()]
    assert words == ["From step 40", "From step 20"]
    bar._forks.actions()[1].trigger()
    assert session.steered == ["run to 9", "fork 20"]


def test_a_node_is_frozen_in_the_run_from_its_menu(qtbot: QtBot, theme: Theme) -> None:
    session = FakeSession()
    canvas = Canvas(session, theme)  # type: ignore[arg-type]
    qtbot.addWidget(canvas)
    (command,) = steer_commands(canvas, session)  # type: ignore[arg-type]
    assert command.why_not() == "No run is under way."
    session.training = "running"
    assert command.why_not() == "Select one node first."
    node = next(iter(canvas.scene.sheet.graph.nodes))
    canvas.select([node])
    command.run()
    session.history.take(p.ControlApplied("set", 3, session.live[-1]))
    command.run()
    assert session.live == [{"node": node, "frozen": True}, {"node": node, "frozen": False}]


def test_the_row_says_what_a_run_does_before_its_first_step_and_why_it_ended(
    qtbot: QtBot, theme: Theme
) -> None:
    row = StatusRow(theme)
    qtbot.addWidget(row)
    project = FakeSession().document.project
    history = History.of("run", [started(project), p.Working(0, 0, "Compiling")])
    row.show_run(history, "running", edited=False)
    assert row.text().startswith("Compiling…")
    history.take(progress(0, 10))
    row.show_run(history, "running", edited=False)
    assert row.text().startswith("Training")
    summary = p.RunSummary("run", "finished", 4, 10, 1.0, message="Stopped early: nothing better.")
    history.take(p.Finished(summary))
    row.show_run(history, "ended", edited=False)
    assert row.text().startswith("Stopped early")
