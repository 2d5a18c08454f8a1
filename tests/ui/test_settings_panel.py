"""Settings are changed through a form, kept at once, and a clean-up asks first."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import settle
from pytestqt.qtbot import QtBot

from studio.engine import protocol as p
from studio.engine import runs
from studio.engine.runs import Circumstances, RunWriter
from studio.graph.project import Project
from studio.session import events as e
from studio.session.session import Session
from studio.settings import Settings
from studio.ui.preferences import Preferences
from studio.ui.settings_panel import SettingsPanel
from studio.ui.theme import Theme
from studio.ui.window import MainWindow


def store(session: Session, name: str, time: float) -> Path:
    folder = runs.new_run_folder(session.runs_root, name)
    writer = RunWriter(p.Job(Project(), str(folder), name), Circumstances(time=time))
    writer.finish(p.RunSummary(str(folder), "finished", 1, 10, 1.0))
    writer.close()
    (folder / "weights").write_bytes(bytes(6_000_000))
    return folder


@pytest.fixture
def window(qtbot: QtBot, session: Session, theme: Theme) -> MainWindow:
    made = MainWindow(session, theme, Preferences(None, Settings()))
    qtbot.addWidget(made)
    made.show()
    settle(session)
    return made


def opened(window: MainWindow) -> SettingsPanel:
    window.actions_table["settings"].trigger()
    assert window.settings is not None
    return window.settings


def test_the_look_and_the_budget_are_kept_at_once(window: MainWindow) -> None:
    panel = opened(window)
    panel.form.edited.emit("theme", "light")
    assert window.theme.name == "light"
    panel.form.edited.emit("run_budget_gb", 2.0)
    values = window.preferences.values
    assert (values.theme, values.run_budget_gb) == ("light", 2.0)
    panel.form.cleared.emit("run_budget_gb")
    assert window.preferences.values.run_budget_gb == Settings().run_budget_gb


def test_a_clean_up_asks_and_removes_the_oldest(
    window: MainWindow, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = store(session, "old", 1.0), store(session, "new", 2.0)
    window.preferences.change(run_budget_gb=0.01)
    asked: list[str] = []
    answers = ["keep", "remove"]

    def ask(title: str, text: str, choices: object, details: str = "") -> str:
        asked.append(f"{title}\n{text}")
        return answers.pop(0)

    monkeypatch.setattr(window.prompts, "ask", ask)
    panel = opened(window)
    assert "12 MB" in panel.taken.text()
    assert "more than they may" in panel.taken.text()
    panel.clean.click()
    assert old.exists()
    panel.clean.click()
    assert asked[0].startswith("Remove the oldest run\n")
    assert old.name in asked[0]
    assert not old.exists()
    assert new.exists()
    assert not panel.clean.isEnabled()
    assert panel.taken.text().startswith("They take 6 MB")


def test_more_than_runs_may_take_is_said_when_a_run_ends(
    window: MainWindow, session: Session
) -> None:
    store(session, "old", 1.0)
    window.on_event(e.TrainingChanged("ended"))
    assert not window.notices.shown
    window.preferences.change(run_budget_gb=0.001)
    window.on_event(e.TrainingChanged("ended"))
    assert "Clean up in File, Settings." in window.notices.shown[0].text
