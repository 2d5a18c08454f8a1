"""The code below the canvas follows the drawing, and what is written in it becomes an edit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fakes import Script, make_session, node_id, settle
from pytestqt.qtbot import QtBot

from studio import paths
from studio.engine import protocol as p
from studio.graph.edits import Batch, SetParams
from studio.session.session import Session
from studio.ui.code_panel import CodePanel, merged
from studio.ui.inspector.sight import Sight
from studio.ui.theme import Theme

TEXT = (
    "class Net:\n    self.conv1 = nn.Conv2d(1, 6, 5)\n    self.fc = nn.Linear(6, 2)\n    return x\n"
)


class Reads(Script):
    """Answers texts as a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.read = p.SourceRead()
        self.texts: list[str] = []

    def answer(self, request: Any) -> Any:
        if isinstance(request, p.ReadSource):
            self.texts.append(request.text)
            return self.read
        return super().answer(request)


@pytest.fixture
def script() -> Reads:
    return Reads()


@pytest.fixture
def session(script: Reads) -> Iterator[Session]:
    made = make_session(script, paths.find())
    yield made
    made.close()


@pytest.fixture
def panel(qtbot: QtBot, session: Session, theme: Theme, script: Reads) -> Iterator[CodePanel]:
    conv = node_id(session, "conv1")
    script.source = p.SourceText(TEXT, ("", conv, "other", ""))
    made = CodePanel(session, theme)
    qtbot.addWidget(made)
    made.resize(600, 240)
    end = session.subscribe(made.on_event)
    made.show()
    settle(session)
    yield made
    end()


def marked(panel: CodePanel) -> list[int]:
    """Return the lines (from 1) that are brought forward or wrong."""
    return [one.cursor.blockNumber() + 1 for one in panel.editor.extraSelections()]


def write(panel: CodePanel, old: str, new: str) -> None:
    """Change the text as a person does."""
    panel.editor.setPlainText(panel.editor.toPlainText().replace(old, new))


def test_the_code_is_shown_and_follows_the_selection(panel: CodePanel, session: Session) -> None:
    assert panel.editor.toPlainText() == TEXT.rstrip("\n")
    panel.show_selection(Sight(), (node_id(session, "conv1"),))
    assert marked(panel) == [2]
    panel.show_selection(Sight(), ())
    assert marked(panel) == []


def test_a_line_leads_to_its_layer(panel: CodePanel, session: Session, qtbot: QtBot) -> None:
    panel.activateWindow()
    panel.editor.setFocus()
    qtbot.waitUntil(panel.editor.hasFocus)
    cursor = panel.editor.textCursor()
    with qtbot.waitSignal(panel.revealed) as told:
        cursor.setPosition(TEXT.index("conv1"))
        panel.editor.setTextCursor(cursor)
    assert told.args == ["main", node_id(session, "conv1")]


def test_what_is_written_becomes_one_step_after_a_pause(
    panel: CodePanel, session: Session, script: Reads, qtbot: QtBot
) -> None:
    conv = node_id(session, "conv1")
    edit = SetParams("main", conv, {"out_channels": 9})
    script.read = p.SourceRead(Batch("Edit code", (edit,)))
    write(panel, "6, 5", "9, 5")
    assert not script.texts
    qtbot.waitUntil(lambda: bool(script.texts), timeout=5000)
    assert script.texts == [TEXT.replace("6, 5", "9, 5")]
    settle(session)
    assert session.document.project.sheet("main").graph.nodes[conv].params["out_channels"] == 9
    assert session.document.steps[-1] == "Edit code"
    session.undo()
    assert session.document.project.sheet("main").graph.nodes[conv].params["out_channels"] == 6


def test_what_cannot_be_drawn_is_said_at_its_line_and_changes_nothing(
    panel: CodePanel, session: Session, script: Reads
) -> None:
    before = session.document.project
    script.read = p.SourceRead(None, "Conv9d is no layer that can be drawn.", 2)
    write(panel, "Conv2d", "Conv9d")
    panel.read()
    settle(session)
    assert "Line 2: Conv9d" in panel.words.text()
    assert panel.editor.wrong_line == 2
    assert session.document.project is before
    panel.revert.click()
    assert panel.editor.toPlainText() == TEXT.rstrip("\n")
    assert panel.editor.wrong_line == 0
    assert not panel.edited


def test_new_code_replaces_only_lines_that_differ(panel: CodePanel) -> None:
    cursor = panel.editor.textCursor()
    cursor.setPosition(TEXT.index("Linear"))
    panel.editor.setTextCursor(cursor)
    panel.editor.show_difference(TEXT.replace("class Net", "# first\nclass Net").rstrip("\n"))
    assert panel.editor.textCursor().block().text() == "    self.fc = nn.Linear(6, 2)"
    assert panel.editor.textCursor().positionInBlock() == len("    self.fc = nn.")
    assert not panel.editor.document().isUndoAvailable()


TEXTS = ("", "a", "a\nb\nc", "b\nc", "a\nc", "a\nb", "a\nx\nb\nc\nd", "c\nb\na", "\n\na")


@pytest.mark.parametrize("new", TEXTS)
@pytest.mark.parametrize("old", TEXTS)
def test_any_text_can_follow_any_other(panel: CodePanel, old: str, new: str) -> None:
    panel.editor.setPlainText(old)
    panel.editor.show_difference(new)
    assert panel.editor.toPlainText() == new


def test_what_is_typed_meanwhile_joins_what_is_new_of_the_drawing() -> None:
    base = "a\nb\nc\nd"
    assert merged(base, "a\nB\nc\nd", "a\nb\nc\nD") == "a\nB\nc\nD"
    assert merged(base, "a\nb\nmine\nc\nd", "theirs\na\nb\nc\nd") == "theirs\na\nb\nmine\nc\nd"
    assert merged(base, "a\nmine\nc\nd", "a\ntheirs\nc\nd") == "a\nmine\nc\nd"
    assert merged(base, base, "a\nc") == "a\nc"
