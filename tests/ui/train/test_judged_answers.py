"""Predictions judged in the Train workspace: asked for when looked at, and led on to Explain."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from stage import FakeSession, epoch_done, progress, started
from test_train_workspace import FakeCanvas

from studio.engine import protocol as p
from studio.ui.theme import Theme
from studio.ui.train import TrainWorkspace

Make = Callable[..., tuple[TrainWorkspace, FakeSession]]


@pytest.fixture
def make(qtbot: QtBot, theme: Theme) -> Make:
    def build(task: str = "classification") -> tuple[TrainWorkspace, FakeSession]:
        session = FakeSession()
        workspace = TrainWorkspace(session, theme, FakeCanvas)  # type: ignore[arg-type]
        session.subscribe(workspace.on_event)
        qtbot.addWidget(workspace)
        workspace.resize(1600, 900)
        with qtbot.waitExposed(workspace):
            workspace.show()
        session.begin()
        session.take(started(session.subject, task=task), progress(0, 100, task=task))
        session.take(epoch_done(1, task=task))
        workspace.redraw.flush()
        return workspace, session

    return build


def look(workspace: TrainWorkspace, title: str) -> None:
    tabs = workspace._judged
    place = next(k for k in range(tabs.count()) if tabs.tabText(k) == title)
    assert tabs.isTabVisible(place)
    tabs.setCurrentIndex(place)
    workspace.redraw.flush()


def offered(workspace: TrainWorkspace) -> list[str]:
    tabs = workspace._judged
    return [tabs.tabText(k) for k in range(tabs.count()) if tabs.isTabVisible(k)]


def predictions() -> p.Predictions:
    """Six samples of ten classes: samples 2 and 4 are threes read as nines, 4 the surer one."""
    outputs = np.full((6, 10), 0.01, np.float32)
    for sample, (read, sure) in enumerate(
        [(0, 0.9), (1, 0.8), (9, 0.6), (3, 0.7), (9, 0.95), (5, 0.5)]
    ):
        outputs[sample, read] = sure
    return p.Predictions("validation", outputs, np.array([0, 1, 3, 3, 3, 5]), "w")


def answer(session: FakeSession, told: p.Predictions) -> None:
    session.waiting(p.Predict)[-1].answer(told)


def test_nothing_is_asked_before_somebody_looks(make: Make) -> None:
    workspace, session = make()
    assert offered(workspace) == ["Confusion", "Classes", "Calibration", "Worst"]
    assert not session.waiting(p.Predict)
    look(workspace, "Classes")
    assert not session.waiting(p.Predict), "the epoch's own counts tell as much"
    look(workspace, "Calibration")
    (asked,) = session.waiting(p.Predict)
    assert (asked.request.split, asked.request.weights) == ("validation", "weights.safetensors")
    assert workspace.answers.sureness.sentence.text() == "The validation samples are read…"
    answer(session, predictions())
    workspace.redraw.flush()
    assert workspace.answers.sureness.remark.text().endswith("step 0")
    assert len(workspace.answers.sureness.diagram.table()) == 5  # four bins have samples
    look(workspace, "Worst")
    assert len(session.waiting(p.Predict)) == 1, "one answer is enough for all"


def test_a_run_under_way_is_asked_anew_only_when_wished(make: Make, qtbot: QtBot) -> None:
    workspace, session = make()
    look(workspace, "Calibration")
    answer(session, predictions())
    session.take(progress(100, 100), epoch_done(2))
    workspace.redraw.flush()
    assert len(session.waiting(p.Predict)) == 1
    session.weights_found = ("later.safetensors", 200)
    qtbot.mouseClick(workspace.answers.sureness.refresh, Qt.MouseButton.LeftButton)
    assert session.waiting(p.Predict)[-1].request.weights == "later.safetensors"


def test_the_figures_of_each_class_can_be_sorted(make: Make) -> None:
    workspace, _ = make()
    look(workspace, "Classes")
    table = workspace.answers.classes.figures
    model = table.model()
    assert model.rowCount() == 10
    assert model.index(3, 0).data() == "3"
    table.sortByColumn(3, Qt.SortOrder.AscendingOrder)
    shown = [float(model.index(row, 3).data().rstrip("%")) for row in range(10)]
    assert shown == sorted(shown)
    assert workspace.answers.classes.remark.text().endswith("epoch 1")


def test_the_worst_samples_lead_to_their_explanation(make: Make, qtbot: QtBot) -> None:
    workspace, session = make()
    look(workspace, "Worst")
    answer(session, predictions())
    workspace.redraw.flush()
    sheet = workspace.answers.worst.sheet
    assert set(sheet.order[:2]) == {2, 4}
    (asked,) = session.waiting(p.GetSamples)
    assert set(asked.request.indices) == set(range(6))
    asked.answer(
        p.SampleSet(
            "validation", asked.request.indices, np.zeros((6, 1, 8, 8), np.float32), np.zeros(6)
        )
    )
    with qtbot.waitSignal(workspace.sample_wanted) as wished:
        where = sheet._box(0).center().toPoint()
        QTest.mouseClick(sheet.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert wished.args == [sheet.order[0]]
    workspace.grab()


def test_a_cell_of_the_confusion_table_shows_its_samples(make: Make, qtbot: QtBot) -> None:
    workspace, session = make()
    panel = workspace.answers.confusion
    area, side = panel.view._area()
    cell = QPoint(round(area.left() + 9.5 * side), round(area.top() + 3.5 * side))
    QTest.mouseClick(panel.view, Qt.MouseButton.LeftButton, pos=cell)
    assert panel.samples.isVisible()
    assert panel.samples.title.text() == "3 read as 9"
    assert panel.samples.sheet.empty_text == "The validation samples are read…"
    answer(session, predictions())
    assert panel.samples.sheet.order == (4, 2), "the surest mistake first"
    panel.samples.grab()
    with qtbot.waitSignal(workspace.sample_wanted) as wished:
        panel.samples.sheet.choose(2)
    assert wished.args == [2]
    assert not panel.samples.isVisible()


def test_a_cell_is_reached_by_the_keyboard_and_told(make: Make) -> None:
    workspace, _ = make()
    view = workspace.answers.confusion.view
    picked: list[tuple[int, int]] = []
    view.cell_picked.connect(lambda *cell: picked.append(cell))
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Return):
        QTest.keyClick(view, key)
    assert picked == [(1, 1)]
    assert view.accessibleDescription().startswith("1 read rightly")
    workspace.answers.confusion.samples.hide()


def test_shares_of_a_row_add_up(make: Make) -> None:
    workspace, _ = make()
    panel = workspace.answers.confusion
    panel.by_row.click()
    rows = panel.view.table()[1:]
    assert [sum(row[1:]) for row in rows] == pytest.approx([1] * 10, abs=1e-3)  # type: ignore[arg-type]
    panel.view.grab()


def test_numbers_are_shown_against_true_ones(make: Make, qtbot: QtBot) -> None:
    workspace, session = make("regression")
    assert offered(workspace) == ["Fit", "Worst"]
    look(workspace, "Fit")
    true = np.linspace(0, 10, 50)[:, None]
    answer(session, p.Predictions("validation", (true + 1).astype(np.float32), true, "w"))
    workspace.redraw.flush()
    panel = workspace.answers.nearness
    assert panel.remark.text().startswith("r² 0.88")
    assert "off by 1 on average" in panel.remark.text()
    assert panel.plot.table()[1] == (0, 0, 1, 1)
    x, y = panel.plot._places()
    with qtbot.waitSignal(workspace.sample_wanted) as wished:
        QTest.mouseClick(
            panel.plot, Qt.MouseButton.LeftButton, pos=QPoint(round(x[7]), round(y[7]))
        )
    assert wished.args == [7]
    panel.residuals.click()
    panel.plot.grab()


def test_several_labels_have_figures_but_no_confusion(make: Make) -> None:
    workspace, session = make("multi-label")
    assert offered(workspace) == ["Classes", "Worst"]
    look(workspace, "Classes")
    scores = np.array([[0.9, 0.2], [0.8, 0.7]], np.float32)
    answer(session, p.Predictions("validation", scores, np.array([[1, 0], [1, 1]]), "w"))
    workspace.redraw.flush()
    assert workspace.answers.classes.remark.text().startswith("mean F1 100.0")


def test_a_refusal_is_a_sentence(make: Make) -> None:
    workspace, session = make()
    look(workspace, "Worst")
    refuse = session.waiting(p.Predict)[-1].refuse
    assert refuse is not None
    refuse(p.Refused("The weights are of another network."))
    workspace.redraw.flush()
    assert workspace.answers.worst.sentence.text() == "The weights are of another network."


def test_without_weights_the_next_checkpoint_is_waited_for(make: Make) -> None:
    workspace, session = make()
    session.weights_found = ("", 0)
    look(workspace, "Worst")
    assert "first checkpoint" in workspace.answers.worst.sentence.text()
    session.weights_found = ("1.safetensors", 100)
    session.take(p.CheckpointSaved("1.safetensors", 100, 1))
    workspace.redraw.flush()
    assert session.waiting(p.Predict)[-1].request.weights == "1.safetensors"


def test_another_way_of_learning_is_not_asked(make: Make) -> None:
    workspace, session = make()
    session.begin("run-2")
    session.take(replace(started(session.subject, task="tokens"), learner="core.next_token"))
    workspace.redraw.flush()
    assert offered(workspace) == ["Confusion"]
