"""The Plugins panel shows packs, what they offer, and what is broken in which file and line."""

from __future__ import annotations

import ast
from pathlib import Path

from fakes import Script, catalog, fault, settle
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from studio.graph.catalog import PackInfo
from studio.session.session import Session
from studio.ui.plugins_panel import EXAMPLE, FaultCard, PluginsPanel, free_path
from studio.ui.theme import Theme


def words(panel: PluginsPanel) -> str:
    return "\n".join(label.text() for label in panel.findChildren(QLabel))


def test_packs_and_what_they_offer(qtbot: QtBot, session: Session, theme: Theme) -> None:
    panel = PluginsPanel(session, theme)
    qtbot.addWidget(panel)
    assert "Vision" in words(panel)
    assert "Offers LeNet-5" in words(panel)
    assert "comes with Neuroloom" in words(panel)


def test_a_fault_that_arrives_is_shown_with_file_and_line(
    qtbot: QtBot, session: Session, theme: Theme, script: Script, tmp_path: Path
) -> None:
    panel = PluginsPanel(session, theme)
    qtbot.addWidget(panel)
    session.subscribe(panel.on_event)
    broken = tmp_path / "mine.py"
    broken.write_text("def (")
    script.catalog = catalog(
        packs=(PackInfo("mine", title="<b>Mine</b>"),), faults=(fault(broken),)
    )
    session.rescan_packs()
    settle(session)
    card = panel.findChildren(FaultCard)[0]
    assert card.place.text() == f"{broken}, line 3"
    assert "It has a syntax error." in words(panel)
    assert "<b>Mine</b>" in words(panel)
    script.catalog = catalog()
    session.rescan_packs()
    settle(session)
    assert [card for card in panel.findChildren(FaultCard) if not card.isHidden()] == []


def test_an_example_is_written_beside_earlier_ones(
    qtbot: QtBot, session: Session, theme: Theme
) -> None:
    panel = PluginsPanel(session, theme)
    qtbot.addWidget(panel)
    panel.example.click()
    panel.example.click()
    files = sorted(path.name for path in session.paths.plugins.glob("*.py"))
    assert files == ["my_network.py", "my_network_2.py"]
    texts = [(session.paths.plugins / name).read_text(encoding="utf-8") for name in files]
    assert 'kind="my.network"' in texts[0]
    assert 'kind="my.network_2"' in texts[1]


def test_the_example_is_python_and_speaks_the_api() -> None:
    tree = ast.parse(EXAMPLE)
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert "studio.api" in modules


def test_a_folder_that_cannot_be_written_is_told(
    qtbot: QtBot, session: Session, theme: Theme
) -> None:
    session.paths.plugins.parent.mkdir(parents=True, exist_ok=True)
    session.paths.plugins.write_text("a file, not a folder")
    panel = PluginsPanel(session, theme)
    qtbot.addWidget(panel)
    panel.show()
    panel.example.click()
    assert "cannot be written" in panel.notices.shown[0].text


def test_names_are_numbered_where_they_are_taken(tmp_path: Path) -> None:
    assert free_path(tmp_path / "a.py") == tmp_path / "a.py"
    (tmp_path / "a.py").touch()
    assert free_path(tmp_path / "a.py") == tmp_path / "a_2.py"
