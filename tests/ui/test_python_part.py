"""Code is written in the Inspector with the keys one expects, and a file that brings some asks first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import Script, node_id, settle
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from studio.graph import files
from studio.graph.edits import AddNodes, Connect
from studio.graph.graph import PYTHON, SOURCE, Node, link
from studio.graph.problems import Problem
from studio.graph.project import Project
from studio.graph.python_code import STARTER
from studio.session.session import Session
from studio.settings import Settings
from studio.ui.build import BuildWorkspace
from studio.ui.inspector.python_part import PythonPart
from studio.ui.preferences import Preferences
from studio.ui.python_editor import PythonEditor
from studio.ui.theme import Theme

FOREIGN = "import os\n\n\ndef f(x):\n    return x + 1\n"
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def build(qtbot: QtBot, session: Session, theme: Theme) -> Iterator[BuildWorkspace]:
    made = BuildWorkspace(session, theme, Preferences(None, Settings()))
    qtbot.addWidget(made)
    made.resize(1600, 900)
    made.show()
    end = session.subscribe(made.on_event)
    yield made
    end()


def put_python(build: BuildWorkspace, session: Session, *problems: Problem) -> PythonPart:
    session.do(AddNodes("main", (Node("own", PYTHON, "own"),)))
    settle(session)
    build.canvas.show_node("own")
    return build.inspector.node.python


def source(session: Session) -> str:
    return str(session.document.project.networks["main"].graph.nodes["own"].params.get(SOURCE, ""))


def editor_with(qtbot: QtBot, theme: Theme, text: str) -> PythonEditor:
    made = PythonEditor(theme)
    qtbot.addWidget(made)
    made.show_text(text)
    return made


# ------------------------------------------------------------------------------------------- editor


def test_keys_indent_as_python_wants(qtbot: QtBot, theme: Theme) -> None:
    editor = editor_with(qtbot, theme, "")
    QTest.keyClicks(editor, "def f(x):")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QTest.keyClicks(editor, "if x:")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QTest.keyClicks(editor, "return x")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QTest.keyClick(editor, Qt.Key.Key_Backspace)
    QTest.keyClick(editor, Qt.Key.Key_Tab)
    QTest.keyClicks(editor, "return 1")
    assert editor.toPlainText() == "def f(x):\n    if x:\n        return x\n    return 1"


def test_a_selection_is_indented_unindented_and_commented_as_a_whole(
    qtbot: QtBot, theme: Theme
) -> None:
    editor = editor_with(qtbot, theme, "a = 1\n\n  b = 2")
    editor.selectAll()
    QTest.keyClick(editor, Qt.Key.Key_Tab)
    assert editor.toPlainText() == "    a = 1\n\n      b = 2"
    QTest.keyClick(editor, Qt.Key.Key_Backtab, SHIFT)
    assert editor.toPlainText() == "a = 1\n\n    b = 2"
    QTest.keyClick(editor, Qt.Key.Key_Slash, CONTROL)
    assert editor.toPlainText() == "# a = 1\n\n    # b = 2"
    QTest.keyClick(editor, Qt.Key.Key_Slash, CONTROL)
    assert editor.toPlainText() == "a = 1\n\n    b = 2"
    editor.undo()
    assert editor.toPlainText() == "# a = 1\n\n    # b = 2"


def test_a_wrong_line_is_marked_and_numbers_have_room(qtbot: QtBot, theme: Theme) -> None:
    editor = editor_with(qtbot, theme, "a\n" * 120)
    assert editor.viewportMargins().left() == editor.numbers_width
    narrow = editor_with(qtbot, theme, "a")
    assert narrow.numbers_width < editor.numbers_width
    editor.mark_line(3)
    assert [one.cursor.blockNumber() for one in editor.extraSelections()] == [2]
    editor.mark_line(0)
    assert not editor.extraSelections()


# ---------------------------------------------------------------------------------------- inspector


def test_control_enter_applies_as_one_step(build: BuildWorkspace, session: Session) -> None:
    part = put_python(build, session)
    assert part.isVisibleTo(build)
    assert part.editor.toPlainText() == STARTER
    assert part.ports.text() == "x → out  ·  settings: factor"
    assert list(build.inspector.node.form.rows) == ["factor"]
    assert not part.apply_button.isEnabled()
    part.editor.setPlainText("def f(x, mask, n: int = 2): return x")
    assert part.apply_button.isEnabled()
    QTest.keyClick(part.editor, Qt.Key.Key_Return, CONTROL)
    assert source(session).startswith("def f(x, mask")
    assert part.ports.text() == "x, mask → out  ·  settings: n"
    assert list(build.inspector.node.form.rows) == ["n"]
    assert not part.draft
    session.undo()
    assert part.editor.toPlainText() == STARTER
    assert session.document.undo_title == "Add own"


def test_what_is_typed_is_kept_while_another_node_is_looked_at(
    build: BuildWorkspace, session: Session
) -> None:
    part = put_python(build, session)
    part.editor.setPlainText("def f(x): return x * 2")
    build.canvas.show_node(node_id(session, "conv1"))
    assert not part.isVisibleTo(build)
    build.canvas.show_node("own")
    assert part.editor.toPlainText() == "def f(x): return x * 2"
    part.revert.click()
    assert part.editor.toPlainText() == STARTER
    assert not part.draft


def test_what_cannot_be_read_is_marked_while_typing(
    qtbot: QtBot, build: BuildWorkspace, session: Session
) -> None:
    part = put_python(build, session)
    part.editor.setPlainText("def f(x):\n    return (x")
    qtbot.waitUntil(lambda: part.editor.wrong_line == 2)
    assert part.sentence.text().startswith("Line 2: Python cannot read this")
    part.editor.setPlainText("import numpy\ndef f(x):\n    return x")
    qtbot.waitUntil(lambda: part.editor.wrong_line == 0)
    assert part.sentence.text().startswith("Imports numpy")


def test_what_the_engine_says_is_marked_at_its_line(
    build: BuildWorkspace, session: Session, script: Script
) -> None:
    script.problems = (Problem("own, line 3, with 8×8: too blue.", "main", "own", line=3),)
    part = put_python(build, session)
    assert part.editor.wrong_line == 3
    assert part.sentence.text() == "own, line 3, with 8×8: too blue."


def test_wider_gives_the_panel_room(build: BuildWorkspace, session: Session) -> None:
    part = put_python(build, session)
    before = build.across.sizes()[-1]
    part.wide.click()
    assert build.across.sizes()[-1] > before + 100
    part.wide.click()
    assert abs(build.across.sizes()[-1] - before) <= 4


# -------------------------------------------------------------------------------------------- trust


def foreign(session: Session, tmp_path: Path) -> Project:
    project = session.document.project
    sheet = project.networks["main"]
    node = Node("own", PYTHON, "own", {SOURCE: FOREIGN})
    return replace(project, networks={"main": replace(sheet, graph=sheet.graph.with_node(node))})


def test_a_file_with_code_asks_and_shows_it_before_anybody_agrees(
    build: BuildWorkspace, session: Session, script: Script, tmp_path: Path
) -> None:
    assert not build.trust.isVisibleTo(build)
    script.problems = (Problem("has not been run", "main", "own", needs="trust"),)
    file = tmp_path / "foreign.loom"
    files.save(foreign(session, tmp_path), file)
    assert session.open(file)
    settle(session)
    assert build.trust.isVisibleTo(build)
    assert "not run until you trust it" in build.trust.sentence.text()
    row = build.problems.rows[0]
    assert row.trust.isVisibleTo(row)
    row.trust.click()
    panel = build.trust_panel
    assert panel is not None
    assert [view.toPlainText() for view in panel.views] == [FOREIGN]
    panel.later.click()
    assert session.code.untrusted
    build.trust.ask.click()
    assert build.trust_panel is not None
    build.trust_panel.agree.click()
    assert not session.code.untrusted
    assert not build.trust.isVisibleTo(build)


def test_wires_at_ports_that_unreadable_code_hides_stay_and_are_drawn_again(
    build: BuildWorkspace, session: Session
) -> None:
    put_python(build, session)
    code = "def f(x, mask):\n    return x"
    session.code.write("main", "own", code)
    wire = link(node_id(session, "conv1"), "out", "own", "mask")
    session.do(Connect("main", wire))
    assert session.code.write("main", "own", code + " +")
    settle(session)
    assert not build.grab().isNull()
    assert wire in session.document.project.networks["main"].graph.links
    assert session.code.write("main", "own", code)
    settle(session)
    assert not build.grab().isNull()
    assert wire in session.document.project.networks["main"].graph.links
