"""The application starts without torch, opens the right project, and outlives its own bugs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fakes import Script, catalog, network
from msgspec.structs import replace
from pytestqt.qtbot import QtBot

from studio import app, extensions, opening, paths
from studio.engine import catalogue_cache
from studio.graph import files
from studio.session.session import Session
from studio.settings import Settings
from studio.ui.frame import Frame
from studio.ui.library import Library
from studio.ui.preferences import Preferences
from studio.ui.theme import Theme
from studio.ui.window import MainWindow

ROOT = Path(__file__).resolve().parent.parent.parent

LIGHT = """
import sys
from studio import paths, start
from studio.settings import Settings
here = paths.find()
application = start.make_application()
frame = start.show_frame(application, here, Settings())
early = [name for name in ("numpy", "studio.session", "studio.ui.canvas") if name in sys.modules]
assert frame.isVisible() and not early, early
from studio import app, opening
from studio.ui.preferences import Preferences
session = opening.make_session(here)
opening.open_first(session, here, Settings(), None)
window = app.fill(application, frame, session, Preferences(None, Settings()))
application.processEvents()
assert window.isVisible() and window.window() is frame and "Neuroloom" in frame.windowTitle()
heavy = [name for name in ("torch", "captum", "pyqtgraph", "sklearn") if name in sys.modules]
window.bridge.stop()
print(len(session.document.project.sheet("main").graph.nodes), heavy)
"""


def test_the_first_window_holds_the_starter_and_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    nodes, _, heavy = done.stdout.strip().partition(" ")
    assert int(nodes) > 10
    assert heavy == "[]"


def test_from_the_second_start_on_the_library_is_there_before_any_engine(
    qtbot: QtBot, theme: Theme
) -> None:
    here = paths.find()
    assert not opening.make_session(here).catalog.layers
    catalogue_cache.write(here.cache, extensions.scan(here.plugin_folders).hash, catalog())
    second = opening.make_session(here)
    library = Library(second, theme, lambda kind: None)
    qtbot.addWidget(library)
    assert second.hello is None
    assert set(second.catalog.layers) == set(catalog().layers)
    assert library.loading.isHidden()
    library.search.setText("conv2d")
    assert "torch.nn.Conv2d" in library.layers.shown_kinds


@pytest.fixture
def bare() -> Session:
    return Session(Script().connect, paths.find())  # type: ignore[arg-type]


def test_the_last_project_opens_again(bare: Session, tmp_path: Path) -> None:
    path = tmp_path / "last.loom"
    files.save(network(), path)
    opening.open_first(bare, paths.find(), Settings(recent=(str(path),)), None)
    assert bare.document.path == str(path)


def test_a_named_file_goes_before_the_last_project(bare: Session, tmp_path: Path) -> None:
    last, named = tmp_path / "last.loom", tmp_path / "named.loom"
    for path in (last, named):
        files.save(network(), path)
    opening.open_first(bare, paths.find(), Settings(recent=(str(last),)), named)
    assert bare.document.path == str(named)


def test_a_file_that_is_gone_gives_way_to_the_starter(bare: Session, tmp_path: Path) -> None:
    opening.open_first(bare, paths.find(), Settings(recent=(str(tmp_path / "gone.loom"),)), None)
    assert bare.document.path == ""
    assert bare.document.project.sheet("main").graph.nodes


def test_without_a_starter_the_window_is_empty_rather_than_gone(
    bare: Session, tmp_path: Path
) -> None:
    here = replace(paths.find(), assets=tmp_path)
    opening.open_first(bare, here, Settings(), None)
    assert not bare.document.project.sheet("main").graph.nodes


def test_an_exception_at_the_top_is_shown_as_our_bug(
    qtbot: QtBot, session: Session, theme: Theme
) -> None:
    window = MainWindow(session, theme, Preferences(None, Settings()))
    qtbot.addWidget(window)
    earlier = sys.excepthook
    restore = app.report_crashes(window)
    try:
        try:
            raise ZeroDivisionError("a bug")
        except ZeroDivisionError:
            sys.excepthook(*sys.exc_info())
        notice = window.notices.shown[0]
        assert "Neuroloom made a mistake" in notice.text
        assert notice.details is not None
        assert "ZeroDivisionError: a bug" in notice.details.toPlainText()
        assert "a bug" in window.build.problems.console.toPlainText()
    finally:
        restore()
    assert sys.excepthook is earlier
    window.bridge.stop()


def test_settings_that_cannot_be_kept_are_told_once(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    told: list[str] = []
    preferences = Preferences(blocked / "settings.json", Settings())
    preferences.on_trouble = told.append
    preferences.change(theme="light")
    preferences.change(theme="dark")
    assert len(told) == 1
    assert "cannot be kept" in told[0]


def test_what_is_told_before_there_is_a_window_is_said_in_it(
    qtbot: QtBot,
    bare: Session,
    session: Session,
    theme: Theme,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = tmp_path / "broken.loom"
    broken.write_text("{")
    told = opening.open_first(bare, paths.find(), Settings(), broken)
    assert ["broken.loom" in notice.text for notice in told] == [True]
    assert bare.document.project.sheet("main").graph.nodes  # the starter, instead
    window = MainWindow(session, theme, Preferences(None, Settings()))
    qtbot.addWidget(window)
    said: list[str] = []

    class Once:
        def exec(self) -> int:
            said.extend(notice.text for notice in window.notices.shown)
            return 0

    monkeypatch.setattr(app, "fill", lambda *given: window)
    monkeypatch.setattr(app, "begin", lambda window: None)
    monkeypatch.setattr(app.signal, "signal", lambda *given: None)
    frame = Frame(theme, "")
    qtbot.addWidget(frame)
    assert app.run(Once(), frame, session, Preferences(None, Settings()), told) == 0  # type: ignore[arg-type]
    assert said == [told[0].text]
