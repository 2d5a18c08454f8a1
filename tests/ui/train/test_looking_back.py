"""A real run, its time, and every view at its stored moments: live first, then from its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from studio import paths
from studio.engine import in_process, runs
from studio.engine.client import Client
from studio.engine.service import Service
from studio.engine.setup import Setup
from studio.graph.builder import Net
from studio.graph.project import DataRef, Project, Recipe
from studio.session.session import Session
from studio.ui.canvas import Canvas
from studio.ui.theme import Theme
from studio.ui.train import TrainWorkspace

Pumped = Callable[[Callable[[], bool]], None]


def digits() -> Project:
    net = Net()
    x = net.add("torch.nn.Conv2d", net.input(), name="conv1", out_channels=4, kernel_size=3)
    x = net.add("torch.nn.Flatten", net.add("torch.nn.Tanh", x, name="act"))
    x = net.add("torch.nn.ReLU", net.add("torch.nn.Linear", x, name="fc1", out_features=16))
    net.output(net.add("torch.nn.Linear", x, name="fc2", out_features=10))
    return net.project(DataRef("sklearn.digits"), Recipe(epochs=3, batch_size=256, threads=1))


def plane() -> Project:
    net = Net()
    x = net.add("torch.nn.Tanh", net.add("torch.nn.Linear", net.input(), out_features=8))
    net.output(net.add("torch.nn.Linear", x, out_features=2))
    data = DataRef("generated.spirals", {"samples": 200})
    return net.project(data, Recipe(epochs=2, batch_size=64, threads=1))


@pytest.fixture
def session() -> Iterator[Session]:
    def connect(role: str) -> Client:
        return in_process.connect(Service(Setup("workbench" if role == "workbench" else "job")))

    made = Session(connect, paths.find())
    made.start()
    yield made
    made.close()


@pytest.fixture
def pumped(session: Session, qtbot: QtBot) -> Pumped:
    def until(done: Callable[[], bool]) -> None:
        def pump() -> bool:
            session.pump()
            return done()

        qtbot.waitUntil(pump, timeout=60_000)

    return until


@pytest.fixture
def workspace(session: Session, theme: Theme, qtbot: QtBot) -> TrainWorkspace:
    made = TrainWorkspace(session, theme, lambda: Canvas(session, theme))
    session.subscribe(made.on_event)
    qtbot.addWidget(made)
    made.resize(1600, 900)
    made.show()
    return made


def trained(session: Session, pumped: Pumped, project: Project) -> None:
    """Run to the end, with some steps by hand so that there are moments however fast it goes."""
    session.new(project)
    pumped(lambda: session.settled and not session.can_train())
    assert session.train()
    session.pause()
    pumped(lambda: session.training == "paused")
    for _ in range(4):
        before = len(session.history.changes)
        session.step()
        pumped(lambda before=before: len(session.history.changes) > before)  # type: ignore[misc]
    session.resume()
    pumped(lambda: session.training == "ended")
    assert session.history.status == "finished"


def probabilities(workspace: TrainWorkspace) -> list[str]:
    workspace.redraw.flush()
    return [tile.read for tile in workspace.predictions.strip.tiles]


def test_one_slider_moves_every_view_live_and_stored(
    session: Session, workspace: TrainWorkspace, pumped: Pumped
) -> None:
    trained(session, pumped, digits())
    history, scrubber = session.history, workspace.scrubber
    assert len(history.moments) >= 5
    assert history.moments[-1] == history.step
    workspace.redraw.flush()
    assert scrubber.accessibleDescription().startswith(f"Live, step {history.step}")
    last = probabilities(workspace)
    table = workspace.answers.confusion.view.table()
    canvas = workspace.canvas.canvas
    path = next(p for p in history.layers if history.layers[p].grad is not None)

    # The keyboard goes back to the very first moment.
    QTest.keyClick(scrubber, Qt.Key.Key_Home)
    first = history.moments[0]
    pumped(lambda: history.at == first)
    stored = runs.read_moment(Path(history.folder), first)
    assert stored is not None
    assert stored.layers is not None
    assert stored.insight is not None
    assert canvas.living.store.stats[path].mean == stored.layers.nodes[path].mean
    assert workspace.canvas.remark.text() == f"as it was at step {first}"
    assert probabilities(workspace) != last
    assert workspace.answers.confusion.view.table() != table  # no epoch was over yet
    assert workspace.curves.loss._held is not None
    assert workspace.over_time.view._held == first
    assert scrubber.accessibleDescription().startswith(f"Step {first} of {history.step}, moment 1")
    for tab, panel in enumerate((workspace.outputs, workspace.filters, workspace.embedding)):
        workspace._seen.setCurrentIndex(tab)
        workspace.redraw.flush()
        assert not panel.view.is_empty()
        panel.view.grab()
    assert workspace.outputs.view._chosen == 0
    shown = stored.insight.embedding
    assert shown is not None
    assert np.allclose(workspace.embedding.view._points, shown.points[:, :2].astype(float))
    old_filters = [row[1:] for row in workspace.filters.view.table()[1:]]

    # → goes on by one, End is now.
    QTest.keyClick(scrubber, Qt.Key.Key_Right)
    pumped(lambda: history.at == history.moments[1])
    QTest.mouseClick(scrubber.live, Qt.MouseButton.LeftButton)
    assert history.at is None
    assert probabilities(workspace) == last
    assert workspace.answers.confusion.view.table() == table
    workspace._seen.setCurrentIndex(1)
    workspace.redraw.flush()
    assert [row[1:] for row in workspace.filters.view.table()[1:]] != old_filters

    # The same run from its folder, dragged with the mouse.
    assert session.open_run(Path(history.folder))
    reopened = session.history
    assert reopened is not history
    assert reopened.moments == history.moments
    workspace.redraw.flush()
    middle = history.moments[len(history.moments) // 2]
    start, end = QPointF(scrubber._x(0), 62), QPointF(scrubber._x(middle), 62)
    left = Qt.MouseButton.LeftButton
    QTest.mousePress(scrubber, left, Qt.KeyboardModifier.NoModifier, start.toPoint())
    QTest.mouseMove(scrubber, end.toPoint())
    QTest.mouseRelease(scrubber, left, Qt.KeyboardModifier.NoModifier, end.toPoint())
    pumped(lambda: reopened.at == middle)
    held = runs.read_moment(Path(history.folder), middle)
    assert held is not None
    assert held.layers is not None
    assert canvas.living.store.stats[path].std == held.layers.nodes[path].std


def test_the_decision_surface_is_offered_where_there_is_a_plane(
    session: Session, workspace: TrainWorkspace, pumped: Pumped
) -> None:
    place = workspace._seen.indexOf(workspace.surface)
    trained(session, pumped, plane())
    assert workspace._seen.isTabVisible(place)
    workspace._seen.setCurrentIndex(place)
    workspace.redraw.flush()
    now = workspace.surface.view.table()
    assert len(now) == 1 + 64 * 64
    view = workspace.surface.view
    assert "%" in view.tip(QPointF(view.width() / 2, view.height() / 2))
    view.grab()
    QTest.keyClick(workspace.scrubber, Qt.Key.Key_Home)
    pumped(lambda: session.history.at is not None)
    workspace.redraw.flush()
    assert view.table() != now
    workspace.resize(1200, 700)  # in the narrow layout it is a tab like the others
    assert workspace._tabs.isTabVisible(workspace._tabs.indexOf(workspace.surface))
    trained(session, pumped, digits())
    assert not workspace._tabs.isTabVisible(workspace._tabs.indexOf(workspace.surface))


def test_a_sample_of_the_embedding_is_shown_picked_and_laid_out_anew(
    session: Session, workspace: TrainWorkspace, pumped: Pumped
) -> None:
    trained(session, pumped, digits())
    panel = workspace.embedding
    workspace._seen.setCurrentIndex(2)
    workspace.redraw.flush()
    view = panel.view
    at = view._places()[3]
    QTest.mouseMove(view, QPoint(round(at[0]), round(at[1])))
    pumped(lambda: view.looked_at >= 0 and view._card is not None)
    index = view.looked_at
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert view._chosen == index
    linear = view._points.copy()
    QTest.mouseClick(panel.near, Qt.MouseButton.LeftButton)
    assert panel.near.text() == "Cancel"
    pumped(lambda: panel.near.text() == "t-SNE")
    workspace.redraw.flush()
    assert "t-SNE of step" in panel.remark.text()
    assert not np.allclose(view._points, linear)
    # Neighbours are of one class far more often than chance.
    near = ((view._points[:, None] - view._points[None]) ** 2).sum(-1)
    np.fill_diagonal(near, np.inf)
    assert (view._kinds[near.argmin(1)] == view._kinds).mean() > 0.3
    QTest.mouseClick(panel.linear, Qt.MouseButton.LeftButton)
    workspace.redraw.flush()
    assert np.allclose(view._points, linear)
    QTest.mouseClick(panel.near, Qt.MouseButton.LeftButton)
    workspace.redraw.flush()
    assert panel.near.text() == "t-SNE"  # it is known already
    assert not np.allclose(view._points, linear)


def test_answers_are_judged_with_the_weights_of_the_moment(
    session: Session, workspace: TrainWorkspace, pumped: Pumped
) -> None:
    trained(session, pumped, digits())
    history, answers = session.history, workspace.answers
    workspace._judged.setCurrentWidget(answers.sureness)
    workspace.redraw.flush()
    judging = answers._judging
    pumped(lambda: judging.judged is not None)
    assert judging.judged is not None
    assert judging.judged.step == history.step
    done = history.epochs[-1]
    assert done.confusion is not None
    found = judging.judged.predictions
    right = int((found.outputs.argmax(1) == found.targets).sum())
    assert right == done.confusion.trace(), "the very samples that the run counted"
    workspace.redraw.flush()
    assert answers.sureness.remark.text().endswith(f"step {history.step}")

    # A cell of the confusion table holds as many samples as it counts.
    wrong = np.argwhere(done.confusion - np.diag(np.diag(done.confusion)) > 0)
    cell = (int(wrong[0][0]), int(wrong[0][1])) if len(wrong) else (0, 0)
    answers.confusion.view.cell_picked.emit(*cell)
    sheet = answers.confusion.samples.sheet
    assert len(sheet.order) == done.confusion[cell]
    pumped(lambda: sheet.order[0] in sheet._pictures)
    answers.confusion.samples.hide()

    # Looked back at, the checkpoint nearest to the moment is asked.
    kept = [found.step for found in runs.checkpoints(Path(history.folder))]
    session.look_at(history.moments[0])
    pumped(lambda: history.at == history.moments[0])
    workspace.redraw.flush()
    pumped(lambda: not judging.waiting)
    assert judging.judged.step == min(kept, key=lambda step: abs(step - history.moments[0]))
