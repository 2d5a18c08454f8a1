"""The window assembles its parts, asks before anything is lost, and closes cleanly."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import Script, make_session, node_id, settle
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from studio import paths
from studio.engine import protocol as p
from studio.graph import files
from studio.graph.edits import Rename, SetRecipe
from studio.graph.problems import Problem
from studio.graph.report import ReportLine
from studio.session.keeping import Recoverable
from studio.session.session import Session
from studio.settings import Settings
from studio.ui.canvas.export_panel import ExportPanel
from studio.ui.importing import WeightsPanel
from studio.ui.preferences import Preferences
from studio.ui.theme import Theme
from studio.ui.window import MainWindow


class Answers:
    """Stands for the person at the questions: takes the next answer, remembers what was asked."""

    def __init__(self) -> None:
        self.next: list[str] = []
        self.asked: list[str] = []

    def __call__(self, title: str, text: str, choices: object, details: str = "") -> str:
        self.asked.append(title)
        return self.next.pop(0) if self.next else ""


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def window(
    qtbot: QtBot, session: Session, theme: Theme, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> MainWindow:
    made = MainWindow(session, theme, Preferences(None, Settings()))
    monkeypatch.setattr(made.prompts, "ask", answers)
    qtbot.addWidget(made, before_close_func=lambda one: answers.next.extend(["drop"] * 3))
    made.resize(1600, 1000)
    made.show()
    settle(session)
    return made


def run(session: Session, script: Script) -> None:
    """Start a run and let it say that it began."""
    assert session.train("test")
    started = p.Started("run", "test", "cpu", 1, 7, 10, 32, 1437, 360, "classification")
    script.engine("job").event(started)
    settle(session)


def end_run(session: Session, script: Script) -> None:
    engine = script.engine("job")
    answer = next(one[1] for one in engine.asked if isinstance(one[0], p.Train))
    engine.queue.append(lambda: answer(p.RunSummary("run", "stopped", 1, 10, 1.0)))
    settle(session)


# ------------------------------------------------------------------------------------------- frame


def test_the_frame_shows_document_cost_and_device(window: MainWindow, session: Session) -> None:
    assert window.menu_row.title.text() == "untitled"
    assert window.status.figures[0][0].text() == "61\u202f706"
    assert "RTX 4070" in window.toolbar.device.text()
    session.do(SetRecipe({"device": "cpu"}))
    assert window.toolbar.device.text() == "CPU · 8 cores"
    assert "edited" in window.windowTitle()
    assert window.menu_row.edited.isVisible()


def test_every_device_can_be_picked_and_the_best_is_chosen_first(
    window: MainWindow, session: Session, script: Script
) -> None:
    menu = window.toolbar.device.menu()
    menu.aboutToShow.emit()
    words = [action.text() for action in menu.actions()]
    assert words[0].startswith("Best here: GPU 0")
    assert len(words) == 1 + len(script.devices)
    assert [action.isChecked() for action in menu.actions()] == [True, False, False]
    menu.actions()[-1].trigger()
    assert session.document.project.recipe.device == list(script.devices)[-1]
    session.undo()
    assert session.document.project.recipe.device == "auto"


def test_sizes_follow_the_look(window: MainWindow) -> None:
    assert window.menu_row.height() == 28
    assert window.toolbar.height() == 49
    assert window.status.height() == 24
    assert window.build.library.width() == 272
    assert window.build.inspector.width() == 328


def test_at_1280_the_library_is_a_rail_and_the_problems_fold(window: MainWindow) -> None:
    window.resize(1280, 720)
    build = window.build
    assert build.rail.isVisible()
    assert not build.library.isVisible()
    assert build.problems.collapsed
    assert build.inspector.width() == 280
    build.show_data()
    assert build.library.isVisible()
    assert build.library.x() == 44
    build.canvas.setFocus()
    window.resize(1600, 1000)
    assert not build.rail.isVisible()
    assert build.library.isVisible()
    assert not build.problems.collapsed


def test_train_says_what_keeps_it_from_starting(
    window: MainWindow, session: Session, script: Script
) -> None:
    assert window.toolbar.main.isEnabled()
    script.problems = (Problem("Too small.", node=node_id(session, "conv1")),)
    session.do(Rename("main", node_id(session, "conv1"), "stem"))
    settle(session)
    assert not window.toolbar.main.isEnabled()
    assert window.toolbar.reason.text() == "Fix 1 problem first"
    assert "Fix 1 problem first." in window.actions_table["train"].toolTip()


def test_the_toolbar_follows_the_run(window: MainWindow, session: Session, script: Script) -> None:
    toolbar = window.toolbar
    run(session, script)
    assert toolbar.main.text() == "Pause"
    assert toolbar.stop.isVisible()
    assert toolbar.live.text() == "Training goes on · epoch 0/7"
    script.engine("job").event(p.ControlApplied("paused", 3))
    settle(session)
    assert toolbar.main.text() == "Resume"
    toolbar.main.click()
    controls = script.engine("job").requests(p.Control)
    assert [control.action for control in controls] == ["resume"]
    toolbar.stop.click()
    assert toolbar.main.text() == "Stopping"
    end_run(session, script)
    assert toolbar.main.text() == "Train"
    assert not toolbar.stop.isVisible()


# ----------------------------------------------------------------------------------------- actions


def test_every_menu_holds_actions_and_every_disabled_one_says_why(window: MainWindow) -> None:
    for menu in window.menu_row.bar.actions():
        made = menu.menu()
        made.aboutToShow.emit()
        entries = [one for one in made.actions() if not one.isSeparator() and one.menu() is None]
        assert entries, menu.text()
        for action in entries:
            assert action.isEnabled() or action.statusTip() or "yet" in action.text()


def test_shortcuts_are_unique(window: MainWindow) -> None:
    seen: dict[str, str] = {}
    for action in window.actions_table.all():
        for key in action.shortcuts():
            assert key.toString() not in seen, (action.text(), seen)
            seen[key.toString()] = action.text()


def test_undo_names_what_it_takes_back(window: MainWindow, session: Session) -> None:
    session.do(Rename("main", node_id(session, "conv1"), "stem"))
    undo = window.actions_table["undo"]
    assert undo.text() == "Undo Rename to stem"
    undo.trigger()
    assert not undo.isEnabled()
    assert undo.statusTip() == "There is nothing to undo."


def test_the_palette_finds_and_does(window: MainWindow, session: Session) -> None:
    session.do(Rename("main", node_id(session, "conv1"), "stem"))
    window.find_command()
    palette = window.palette_popup
    QTest.keyClicks(palette.line, "undo")
    assert palette.found[0].title == "Edit: Undo Rename to stem"
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    assert not session.document.can_undo
    assert not palette.isVisible()


def test_the_palette_gives_the_keyboard_back(window: MainWindow) -> None:
    view = window.build.canvas.view
    view.setFocus()
    for key in (Qt.Key.Key_Escape, Qt.Key.Key_Return):
        window.find_command()
        QTest.keyClicks(window.palette_popup.line, "fit")
        QTest.keyClick(window.palette_popup.line, key)
        assert view.hasFocus()


def test_enter_goes_to_the_settings_and_escape_back(window: MainWindow, session: Session) -> None:
    canvas = window.build.canvas
    canvas.select((node_id(session, "conv1"),))
    canvas.view.setFocus()
    QTest.keyClick(canvas.view, Qt.Key.Key_Return)
    focus = QApplication.focusWidget()
    assert window.build.inspector.node.form.rows["out_channels"].isAncestorOf(focus)
    QTest.keyClick(focus, Qt.Key.Key_Escape)
    assert canvas.view.hasFocus()


def test_the_palette_offers_what_the_canvas_can_do(window: MainWindow) -> None:
    window.find_command()
    QTest.keyClicks(window.palette_popup.line, "tidy")
    assert "Tidy" in window.palette_popup.found[0].title


def test_a_forbidden_command_says_why_and_stays(window: MainWindow) -> None:
    window.find_command()
    palette = window.palette_popup
    QTest.keyClicks(palette.line, "redo")
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    assert palette.isVisible()
    assert palette.hint.text() == "There is nothing to redo."


def test_the_look_changes_and_is_remembered(window: MainWindow, theme: Theme) -> None:
    window.actions_table["dark"].trigger()
    assert theme.name == "light"
    assert window.preferences.values.theme == "light"


def test_f6_walks_through_the_panels(window: MainWindow) -> None:
    window.activateWindow()
    seen = set()
    for _ in range(6):
        window.next_panel()
        focus = window.focusWidget()
        seen |= {at for at, one in enumerate(window.build.panels) if one.isAncestorOf(focus)}
    assert len(seen) >= 3


def test_a_layer_from_the_library_lands_on_the_canvas(window: MainWindow, session: Session) -> None:
    before = len(session.document.project.sheet("main").graph.nodes)
    window.build.library.layers.added.emit("torch.nn.ReLU")
    assert len(session.document.project.sheet("main").graph.nodes) == before + 1


def test_selecting_on_the_canvas_shows_the_node(window: MainWindow, session: Session) -> None:
    window.build.canvas.select([node_id(session, "fc1")])
    assert window.build.inspector.node.title.text() == "Linear"
    assert window.build.inspector.node.name.text() == "fc1"


@pytest.mark.parametrize("index", [1, 2, 3])
def test_workspaces_are_made_when_first_looked_at(window: MainWindow, index: int) -> None:
    assert window.workspaces.count() == 1
    window.show_workspace(index)
    assert window.current == index
    assert window.toolbar.segments.current == index
    window.show_workspace(0)
    window.show_workspace(index)
    assert window.workspaces.count() == 2


# ------------------------------------------------------------------------------------------- files


def test_saving_asks_for_a_place_once_and_remembers_it(
    window: MainWindow, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "mine"
    monkeypatch.setattr(window.documents, "pick_save", lambda suggestion, kinds: str(target))
    window.actions_table["save"].trigger()
    saved = tmp_path / "mine.loom"
    assert files.load(saved).project == session.document.project
    assert window.preferences.values.recent == (str(saved),)
    assert window.menu_row.title.text() == "mine.loom"
    assert window.status.saved.text().startswith("Saved ")


@pytest.mark.parametrize(("answer", "opened"), [("", False), ("cancel", False), ("drop", True)])
def test_unsaved_work_is_asked_about(
    window: MainWindow, session: Session, answers: Answers, answer: str, opened: bool
) -> None:
    session.do(Rename("main", node_id(session, "conv1"), "stem"))
    answers.next = [answer]
    window.documents.new()
    assert answers.asked == ["Unsaved changes"]
    assert (len(session.document.project.sheet("main").graph.nodes) == 0) is opened


def test_save_in_the_question_saves_first(
    window: MainWindow,
    session: Session,
    answers: Answers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = tmp_path / "kept.loom"
    monkeypatch.setattr(window.documents, "pick_save", lambda suggestion, kinds: str(target))
    session.do(Rename("main", node_id(session, "conv1"), "stem"))
    kept = session.document.project
    answers.next = ["save"]
    window.documents.new()
    assert files.load(target).project == kept


def test_a_project_dropped_on_the_window_opens(
    window: MainWindow, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "dropped.loom"
    files.save(session.document.project, path)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    drop = QDropEvent(
        QPoint(5, 5),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(drop)
    assert session.document.path == str(path)


def test_a_file_that_is_no_project_is_told_and_changes_nothing(
    window: MainWindow, session: Session, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.loom"
    broken.write_text("{")
    before = session.document.project
    assert not window.documents.open(broken)
    assert session.document.project is before
    assert window.notices.shown[0].severity == "error"


def test_export_asks_for_the_file_and_tells_what_became_of_it(
    window: MainWindow,
    session: Session,
    script: Script,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = tmp_path / "net.py"
    offered: list[str] = []

    def pick(suggestion: str, kinds: list[str]) -> tuple[str, str]:
        offered.extend(kinds)
        return str(target), kinds[1]

    monkeypatch.setattr(window.documents, "pick_export", pick)
    window.actions_table["export"].trigger()
    assert offered == ["PyTorch source (*.py)", "Weights (*.safetensors)"]
    engine = script.engine("workbench")
    request, answer = next(one[:2] for one in engine.asked if isinstance(one[0], p.Export))
    assert (request.to, request.path) == ("safetensors", str(target))
    answer(p.Exported(str(target), (ReportLine("approximated", "One sample at a time."),)))
    notice = window.notices.shown[0]
    assert "net.py" in notice.text
    assert notice.details is not None
    assert "One sample at a time." in notice.details.toPlainText()


def test_work_left_behind_is_offered(
    window: MainWindow, session: Session, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not window.recovery.isVisible()
    other = make_session(script, paths.find())
    other.do(Rename("main", node_id(other, "conv1"), "lost"))
    other._autosave()
    item = next(iter(session.paths.autosave.glob("*.loom")))
    monkeypatch.setattr(
        session,
        "recoverable",
        lambda: (Recoverable(item, "", 1.0),),
    )
    window.recovery.offer()
    assert window.recovery.isVisible()
    assert "an untitled project" in window.recovery.words.text()
    window.recovery.recover.click()
    assert session.document.project.sheet("main").graph.named("lost") is not None
    assert session.document.edited
    assert not window.recovery.isVisible()
    other.close()


# ----------------------------------------------------------------------------------------- closing


def test_closing_while_training_asks_and_can_be_taken_back(
    window: MainWindow, session: Session, script: Script, answers: Answers
) -> None:
    run(session, script)
    answers.next = ["keep"]
    assert not window.close()
    assert answers.asked == ["Training is under way"]
    assert session.training == "running"
    end_run(session, script)


def test_closing_while_training_stops_cleanly_first(
    window: MainWindow, session: Session, script: Script, answers: Answers
) -> None:
    run(session, script)
    answers.next = ["stop"]
    assert not window.close()
    assert session.training == "stopping"
    assert window.isVisible()
    assert not script.engine("job").closed
    end_run(session, script)
    assert not window.isVisible()
    assert script.engine("job").closed


def test_a_run_that_does_not_end_cannot_keep_the_window_open(
    window: MainWindow,
    session: Session,
    script: Script,
    answers: Answers,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("studio.ui.window.STOP_MS", 30)
    run(session, script)
    session.do(Rename("main", node_id(session, "conv1"), "stem"))
    answers.next = ["stop", "drop"]
    assert not window.close()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert answers.asked == ["Training is under way", "Unsaved changes"]
    assert script.engine("job").closed


def test_closing_keeps_the_geometry_and_ends_the_engines(
    window: MainWindow, script: Script
) -> None:
    window.close()
    assert window.preferences.values.geometry
    assert "build" in window.preferences.values.panels
    assert all(engine.closed for engine in script.engines)


def test_closing_with_unsaved_work_can_be_cancelled(
    window: MainWindow, session: Session, answers: Answers
) -> None:
    session.do(Rename("main", node_id(session, "conv1"), "stem"))
    answers.next = ["cancel"]
    assert not window.close()
    assert window.isVisible()


def test_a_lost_engine_leaves_document_and_window(
    window: MainWindow, session: Session, script: Script
) -> None:
    before = session.document.project
    engine = script.engine("workbench")
    assert engine.on_gone is not None
    engine.on_gone("The engine ended unexpectedly, by signal 9.")
    settle(session)
    assert session.document.project is before
    assert window.isVisible()
    assert script.engine("workbench") is not engine
    assert "signal 9" in window.build.problems.console.toPlainText()


def test_the_file_menu_exports_a_picture_of_the_sheet(window: MainWindow, qtbot: QtBot) -> None:
    action = window.actions_table["export_picture"]
    window.refresh()
    assert action.isEnabled()
    action.trigger()
    panel = window.findChild(ExportPanel)
    assert panel is not None
    assert panel.isVisible()
    with qtbot.waitSignal(panel.destroyed):
        panel.reject()
    window.session.new()
    settle(window.session)
    window.refresh()
    assert not action.isEnabled()
    assert "The sheet is empty." in action.toolTip()


def test_weights_come_in_from_the_file_menu(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, script: Script
) -> None:
    monkeypatch.setattr(window.documents, "pick_import", lambda files: "/somewhere/net.pth")
    action = window.actions_table["import_weights"]
    assert action.isEnabled()
    action.trigger()
    panel = window.findChild(WeightsPanel)
    assert panel is not None
    assert panel.isVisible()
    asked = [one[0] for one in script.engine("workbench").asked]
    assert [one.path for one in asked if isinstance(one, p.GetWeightNames)] == [
        "/somewhere/net.pth"
    ]
    panel.reject()
    qtbot.waitUntil(lambda: window.findChild(WeightsPanel) is None)
