"""Safe mode says in the window that it holds and how it ends, and asks for no trust."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import Script, make_session, settle
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from studio import paths
from studio.engine import protocol as p
from studio.graph.builder import Net
from studio.graph.graph import PYTHON
from studio.session.session import Session
from studio.settings import Settings
from studio.ui.importing import ImportPanel
from studio.ui.plugins_panel import PluginsPanel
from studio.ui.preferences import Preferences
from studio.ui.theme import Theme
from studio.ui.window import MainWindow


@pytest.fixture
def safe_session(script: Script) -> Iterator[Session]:
    """A session on a project with code that nobody has agreed to run."""
    net = Net()
    net.output(net.add(PYTHON, net.input(), name="own", source="def f(x):\n    return x - 1\n"))
    made = make_session(script, paths.find(), net.project(), safe=True)
    yield made
    made.close()


def test_the_window_says_so_and_asks_nothing(
    qtbot: QtBot, safe_session: Session, theme: Theme, script: Script
) -> None:
    window = MainWindow(safe_session, theme, Preferences(None, Settings()))
    qtbot.addWidget(window)
    window.show()
    settle(safe_session)
    assert window.safe.isVisible()
    assert "without --safe-mode" in window.safe.sentence.text()
    assert window.windowTitle().endswith("(safe mode)")
    assert not window.build.trust.isVisible()
    window.build.ask_trust()
    assert window.build.trust_panel is None
    assert not any(engine.requests(p.Trust) for engine in script.engines)


def test_otherwise_nothing_is_said(qtbot: QtBot, session: Session, theme: Theme) -> None:
    window = MainWindow(session, theme, Preferences(None, Settings()))
    qtbot.addWidget(window)
    window.show()
    assert not window.safe.isVisible()
    assert "safe mode" not in window.windowTitle()


def test_python_cannot_be_imported_but_files_that_run_nothing_can(
    qtbot: QtBot, safe_session: Session, theme: Theme, tmp_path: Path
) -> None:
    panel = ImportPanel(safe_session, theme, lambda files: "")
    qtbot.addWidget(panel)
    panel.show()
    for name in ("net.py", "net.onnx"):
        (tmp_path / name).touch()
    panel.path.setText(str(tmp_path / "net.py"))
    panel.agreed.setChecked(True)
    assert "Safe mode" in panel.why_not()
    assert panel.start.toolTip() == panel.why_not()
    assert not panel.agreed.isVisible()
    panel.path.setText(str(tmp_path / "net.onnx"))
    assert panel.why_not() == ""


def test_plugins_of_ones_own_are_said_to_be_left_out(
    qtbot: QtBot, safe_session: Session, theme: Theme
) -> None:
    panel = PluginsPanel(safe_session, theme)
    qtbot.addWidget(panel)
    assert any("left out in safe mode" in one.text() for one in panel.findChildren(QLabel))
