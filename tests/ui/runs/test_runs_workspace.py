from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from stage import FakeSession, epoch_done, progress, started

from studio.engine import protocol as p
from studio.engine.runs import RunInfo
from studio.graph.problems import Fault
from studio.graph.project import Recipe
from studio.session import events as e
from studio.session.history import History
from studio.session.stored import StoredRun
from studio.ui.prompts import Choice
from studio.ui.runs import RunsWorkspace
from studio.ui.theme import Theme
from studio.ui.views.view import plain

Make = Callable[..., tuple[RunsWorkspace, FakeSession]]


def run(
    name: str, accuracy: float | None, *, lr: float = 0.003, batch: int = 64, seed: int = 0
) -> StoredRun:
    best = {} if accuracy is None else {"val_accuracy": {"value": accuracy, "epoch": 7}}
    best |= {"val_loss": {"value": 0.1, "epoch": 5}}
    info = RunInfo(
        Path("runs") / name,
        name,
        status="finished" if accuracy is not None else "failed",
        time=1000.0 + seed,
        epochs=20,
        steps=2000,
        seconds=14.0,
        last={"val_accuracy": (accuracy or 0.5) - 0.01},
        best=best,
        data="Digits",
        device="cpu",
        size=1_000_000,
    )
    recipe = Recipe(optimizer_params={"lr": lr}, batch_size=batch, seed=seed)
    return StoredRun(info, recipe, 61_706)


RUNS = (
    run("baseline", 0.9744, seed=1),
    run("fast", 0.9806, lr=0.01, seed=2),
    run("broken", None, seed=3),
    run("slow", 0.9127, lr=0.0003, seed=4),
)


@pytest.fixture
def make(qtbot: QtBot, theme: Theme) -> Make:
    def build(
        runs: tuple[StoredRun, ...] = RUNS, answer: str = "keep"
    ) -> tuple[RunsWorkspace, FakeSession]:
        session = FakeSession()
        session.stored = list(runs)
        for k, stored in enumerate(runs):
            events: list[p.Event] = [started(session.subject)]
            for epoch in range(1, 4):
                events += [progress((epoch - 1) * 100, 100, seed=k), epoch_done(epoch, seed=k)]
            session.histories[stored.folder] = History.of(str(stored.folder), events, "finished")

        def ask(title: str, text: str, choices: tuple[Choice, ...]) -> str:
            asked.append(title)
            return answer

        asked: list[str] = []
        workspace = RunsWorkspace(session, theme, ask=ask)  # type: ignore[arg-type]
        workspace.asked = asked  # type: ignore[attr-defined]
        session.subscribe(workspace.on_event)
        qtbot.addWidget(workspace)
        workspace.resize(1600, 900)
        with qtbot.waitExposed(workspace):
            workspace.show()
        return workspace, session

    return build


def test_without_runs_one_button_teaches(make: Make, qtbot: QtBot) -> None:
    workspace, session = make(())
    assert workspace.empty.isVisible()
    qtbot.mouseClick(workspace.empty.button, Qt.MouseButton.LeftButton)
    assert session.trained == 1


def test_the_table_says_how_each_run_went(make: Make) -> None:
    workspace, _ = make()
    table = workspace.table
    assert table.shown_texts("name") == ["slow", "broken", "fast", "baseline"]
    assert table.shown_texts("best") == ["91.27 %", "–", "98.06 %", "97.44 %"]
    assert table.shown_texts("at") == ["7", "–", "7", "7"]
    assert table.shown_texts("lr") == ["0.0003", "0.003", "0.01", "0.003"]
    assert table.shown_texts("status")[1] == "failed"
    assert table.shown_texts("time") == ["0:14"] * 4


def test_sorting_leaves_runs_without_a_value_at_the_end(make: Make) -> None:
    workspace, _ = make()
    table = workspace.table
    place = 1 + [column.key for column in table.runs.columns].index("best")
    table.sortByColumn(place, Qt.SortOrder.DescendingOrder)
    assert table.shown_texts("name") == ["fast", "baseline", "slow", "broken"]
    table.sortByColumn(place, Qt.SortOrder.AscendingOrder)
    assert table.shown_texts("name") == ["slow", "baseline", "fast", "broken"]


def test_settings_that_all_runs_share_are_hidden_and_named(make: Make, qtbot: QtBot) -> None:
    workspace, _ = make()
    assert "Batch" in workspace.table.hidden_columns()
    assert "lr" not in workspace.table.hidden_columns()
    assert "batch" in workspace.hidden.text()
    workspace.differing.click()
    assert workspace.table.hidden_columns() == ()
    assert not workspace.hidden.isVisible()


def test_chosen_runs_lie_over_each_other(make: Make) -> None:
    workspace, session = make()
    workspace.table.choose({RUNS[0].folder, RUNS[1].folder})
    names = {str(RUNS[0].folder), str(RUNS[1].folder)}
    assert {row[0] for row in workspace.loss.table()[1:]} == names
    epochs, values = workspace.score.points(str(RUNS[1].folder))
    assert epochs.tolist() == [1.0, 2.0, 3.0]
    expected = session.histories[RUNS[1].folder].metric("val_accuracy")[1]
    assert values.tolist() == expected.tolist()
    assert len(set(workspace.table.runs.marks.values())) == 2
    workspace.grab()


def test_stored_events_are_read_once(make: Make) -> None:
    workspace, session = make()
    for _ in range(3):
        workspace.table.choose({RUNS[0].folder})
        workspace.table.choose({RUNS[0].folder, RUNS[1].folder})
    assert len(session.read) == len(set(session.read))


def test_a_run_is_opened_by_a_double_click(make: Make, qtbot: QtBot) -> None:
    workspace, session = make()
    workspace.table.choose({RUNS[1].folder})
    with qtbot.waitSignal(workspace.run_opened):
        qtbot.keyClick(workspace.table, Qt.Key.Key_Return)
    assert session.opened == [RUNS[1].folder]


def test_deleting_asks_first(make: Make, qtbot: QtBot) -> None:
    workspace, session = make(answer="keep")
    workspace.table.choose({RUNS[1].folder})
    qtbot.keyClick(workspace.table, Qt.Key.Key_Delete)
    assert workspace.asked == ["Delete fast"]  # type: ignore[attr-defined]
    assert len(session.stored) == 4


def test_a_deleted_run_leaves_the_table(make: Make, qtbot: QtBot) -> None:
    workspace, _ = make(answer="delete")
    workspace.table.choose({RUNS[1].folder, RUNS[3].folder})
    workspace.delete.click()
    assert workspace.table.shown_texts("name") == ["broken", "baseline"]


def test_a_folder_that_is_no_run_says_why_and_cannot_be_opened(make: Make) -> None:
    folder = Path("runs/notes")
    fault = Fault("notes is not a run that can be read.")
    workspace, _ = make((StoredRun(RunInfo(folder, "notes", fault=fault)), RUNS[0]))
    workspace.table.choose({folder})
    assert not workspace.open.isEnabled()
    model = workspace.table.model()
    tips = [model.index(row, 1).data(Qt.ItemDataRole.ToolTipRole) for row in range(2)]
    assert plain(fault.message) in tips
    assert workspace.loss.table() == []


def test_a_hidden_workspace_reads_nothing(make: Make, qtbot: QtBot) -> None:
    workspace, session = make()
    workspace.hide()
    session.stored = [RUNS[0]]
    session.tell(e.RunsChanged())
    assert len(workspace.table.shown_texts("name")) == 4
    workspace.show()
    qtbot.waitUntil(lambda: workspace.table.shown_texts("name") == ["baseline"])


def test_the_run_under_way_grows_in_the_overlay(make: Make) -> None:
    workspace, session = make()
    session.begin(str(RUNS[0].folder))
    session.take(started(session.subject), epoch_done(1))
    workspace.table.choose({RUNS[0].folder})
    assert workspace.loss.points(str(RUNS[0].folder))[0].size == 1
    session.take(epoch_done(2))
    assert workspace.loss.points(str(RUNS[0].folder))[0].size == 2


def test_the_name_stays_in_sight_while_columns_scroll(make: Make) -> None:
    workspace, _ = make()
    workspace.resize(800, 620)
    table = workspace.table
    assert not table.pinned.isVisible()
    table.horizontalScrollBar().setValue(table.horizontalScrollBar().maximum())
    assert table.pinned.isVisible()
    assert not table.pinned.isColumnHidden(1)
    assert table.pinned.isColumnHidden(2)
    table.pinned.selectRow(0)
    assert [run.info.name for run in table.chosen()] == ["slow"]
    workspace.grab()
