"""Import asks what it needs, runs nothing that nobody agreed to, and its report leads to nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import Script, network, settle
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from studio.engine import protocol as p
from studio.graph.report import ReportLine
from studio.session import events as e
from studio.session.session import Session
from studio.ui.importing import ImportPanel
from studio.ui.theme import Theme

OUTLINE = p.Outline(
    (
        p.OutlinedClass("Block", ("width",), 1, part=True),
        p.OutlinedClass("Net", ("classes",), 0, shape="3,64,64"),
    )
)
REPORT = (
    ReportLine("missing", "cumsum has no layer here.", "n2"),
    ReportLine("exact", "Answers as the original does."),
)


class Answering(Script):
    """Engines that know a file's classes and bring it in, or wait."""

    waits = False

    def __init__(self) -> None:
        super().__init__()
        self.imports: list[p.Import] = []

    def answer(self, request: object) -> object:
        if isinstance(request, p.GetOutline):
            return OUTLINE
        if isinstance(request, p.Import):
            self.imports.append(request)
            if self.waits:
                return None
            return p.Imported(network(channels=5), "/somewhere/net.safetensors", REPORT)
        return super().answer(request)


@pytest.fixture
def script() -> Answering:
    return Answering()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "net.py"
    made.write_text("class Net: ...")
    return made


@pytest.fixture
def panel(qtbot: QtBot, session: Session, theme: Theme, file: Path) -> ImportPanel:
    settle(session)
    made = ImportPanel(session, theme, lambda files: str(file))
    qtbot.addWidget(made)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # pytest-qt closes it too
    made.show()
    return made


def refuse(script: Answering, refused: p.Refused) -> None:
    asked = reversed(script.engine("workbench").asked)
    next(one[2] for one in asked if isinstance(one[0], p.Import))(refused)


def test_classes_arguments_and_a_guess_of_the_input_are_read_off_the_file(
    panel: ImportPanel, session: Session
) -> None:
    panel.browse.click()
    settle(session)
    assert panel.classes.currentText() == "Net"
    assert [panel.classes.itemText(at) for at in range(2)] == ["Block", "Net"]
    assert panel.input.text() == "3,64,64"
    panel.classes.setCurrentText("Block")
    assert "Needed: width" in panel.note.text()


def test_nothing_runs_before_a_person_agrees(
    panel: ImportPanel, session: Session, script: Answering
) -> None:
    assert "Choose a file" in panel.start.toolTip()
    panel.browse.click()
    settle(session)
    assert not panel.start.isEnabled()
    assert "Agree" in panel.start.toolTip()
    panel.start.click()
    assert script.imports == []
    panel.agreed.setChecked(True)
    assert panel.start.isEnabled()


def test_what_comes_in_is_one_undo_step_and_its_report_leads_to_nodes(
    panel: ImportPanel, session: Session, script: Answering, qtbot: QtBot
) -> None:
    before = session.document.project
    panel.browse.click()
    settle(session)
    panel.agreed.setChecked(True)
    panel.args.setText("[10]")
    panel.start.click()
    settle(session)
    asked = script.imports[0]
    assert asked.agreed
    assert asked.options == {"class": "Net", "args": "[10]", "input": "3,64,64"}
    assert session.document.project.weights == "/somewhere/net.safetensors"
    assert panel.pages.currentWidget() is panel.report
    assert panel.report.summary.text().startswith("1 exact, 1 missing")
    with qtbot.waitSignal(panel.revealed) as revealed:
        panel.report.lines.itemActivated.emit(panel.report.lines.item(0))
    assert revealed.args == ["n2"]
    with qtbot.assertNotEmitted(panel.revealed):
        panel.report.lines.itemActivated.emit(panel.report.lines.item(1))
    session.undo()
    assert session.document.project == before


def test_a_refusal_stays_in_the_panel_and_changes_nothing(
    panel: ImportPanel, session: Session, script: Answering
) -> None:
    before = session.document.project
    told: list[e.SessionEvent] = []
    end = session.subscribe(told.append)
    script.waits = True
    panel.browse.click()
    settle(session)
    panel.agreed.setChecked(True)
    panel.start.click()
    assert panel.progress.isVisible()
    assert "being read" in panel.start.toolTip()
    refuse(script, p.Refused("net.py ends the program."))
    assert not panel.progress.isVisible()
    assert panel.message.text() == "net.py ends the program."
    assert panel.start.isEnabled()
    assert session.document.project == before
    assert not [one for one in told if isinstance(one, e.ImportDone | e.Noticed)]
    end()


def test_an_answer_that_comes_after_the_panel_is_gone_is_let_go(
    panel: ImportPanel, session: Session, script: Answering
) -> None:
    script.waits = True
    panel.browse.click()
    settle(session)
    panel.agreed.setChecked(True)
    panel.start.click()
    panel.cancel.click()  # asks the engine to give up
    panel.reject()
    refuse(script, p.Refused("Cancelled.", cancelled=True))
    assert session.document.project.weights == ""


def test_an_exported_program_needs_no_agreement(panel: ImportPanel, tmp_path: Path) -> None:
    program = tmp_path / "net.pt2"
    program.write_bytes(b"")
    panel.path.setText(str(program))
    assert panel.start.isEnabled()
    assert not panel.agreed.isVisible()
    assert not panel.input.isEnabled()


def test_a_process_is_kept_ready_while_the_panel_is_open(
    panel: ImportPanel, session: Session, script: Answering
) -> None:
    def wanted() -> list[bool]:
        asked = (one[0] for one in script.engine("workbench").asked)
        return [one.wanted for one in asked if isinstance(one, p.PrepareImport)]

    settle(session)
    assert wanted() == [True]
    panel.reject()
    settle(session)
    assert wanted() == [True, False]
