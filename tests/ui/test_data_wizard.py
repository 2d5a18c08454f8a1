"""A person's own data, from a path to one undoable edit."""

from __future__ import annotations

import pytest
from fakes import Script, data_facts, settle
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from studio.engine import protocol as p
from studio.graph.project import DataRef, Split
from studio.graph.survey import ColumnFacts, Proposal, Survey
from studio.session.session import Session
from studio.ui.theme import Theme
from studio.ui.wizard import DataWizard

TABLE = Survey(
    "/data/t.csv",
    (
        Proposal(
            "A table that predicts 'ill'",
            DataRef(
                "files.csv",
                {"path": "/data/t.csv", "target": "ill", "group": "patient", "ignore": "row"},
                split=Split(by="groups"),
            ),
            "Rows of one 'patient' stay together.",
        ),
        Proposal(
            "A series", DataRef("files.series", {"path": "/data/t.csv"}), "A date and a number."
        ),
    ),
    count=120,
    columns=(
        ColumnFacts("row", "identifier", remark="It counts the rows."),
        ColumnFacts("patient", "category", distinct=9, examples=("p0", "p1")),
        ColumnFacts("pulse", "number", missing=3, distinct=30, low=-999, high=89, mean=3),
        ColumnFacts("ill", "category", distinct=2, examples=("sick", "well")),
    ),
    rows=(("0", "p0", "70", "sick"),),
    remarks=("3 of 120 rows are copies of earlier ones.",),
)


@pytest.fixture
def wizard(qtbot: QtBot, session: Session, theme: Theme) -> DataWizard:
    made = DataWizard(session, theme, lambda folder: "/data/folder" if folder else "/data/t.csv")
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(made)
    made.show()
    settle(session)
    return made


def answer(script: Script, session: Session, kind: type, body: p.Answer | p.Refused) -> object:
    """Answer the newest request of a kind; returns it."""
    asked = script.engine("workbench").asked
    request, came, refused, _ = next(one for one in reversed(asked) if isinstance(one[0], kind))
    (refused if isinstance(body, p.Refused) else came)(body)
    settle(session)
    return request


def look(wizard: DataWizard, script: Script, session: Session) -> None:
    wizard.file.click()
    answer(script, session, p.LookAt, p.Surveyed(TABLE))
    answer(script, session, p.GetData, p.DataAnswer(data_facts(train=94, validation=26)))


def test_an_empty_wizard_teaches_what_it_takes(wizard: DataWizard) -> None:
    assert "images in one folder a class" in wizard.empty.sentence.text()
    assert not wizard.use.isEnabled()
    assert wizard.use.toolTip()


def test_what_is_found_is_shown_with_its_doubts(
    wizard: DataWizard, script: Script, session: Session
) -> None:
    look(wizard, script, session)
    assert [wizard.readings.item(at).text() for at in range(2)] == [
        "A table that predicts 'ill'",
        "A series",
    ]
    assert "stay together" in wizard.why.text()
    assert "copies of earlier ones" in wizard.remarks.text()
    assert "row: It counts the rows." in wizard.remarks.text()
    assert [choice.currentText() for choice in wizard.columns.choices] == [
        "leave out",
        "group",
        "input",
        "predict",
    ]
    assert [wizard.rows.item(0, at).text() for at in range(4)] == ["0", "p0", "70", "sick"]
    assert wizard.rows.horizontalHeaderItem(2).text() == "pulse"
    assert "classification, 2 classes" in wizard.outcome.words.text()
    assert wizard.outcome.samples.isVisible()
    assert wizard.use.isEnabled()


def test_roles_become_the_source_s_settings_and_the_division(
    wizard: DataWizard, script: Script, session: Session
) -> None:
    look(wizard, script, session)
    row = wizard.columns.choices[0]
    row.setCurrentIndex(row.findText("time"))
    row.activated.emit(row.currentIndex())
    group = wizard.columns.choices[1]
    group.setCurrentIndex(group.findText("input"))
    group.activated.emit(group.currentIndex())
    data = wizard.data()
    assert data is not None
    assert data.params == {"path": "/data/t.csv", "target": "ill", "time": "row"}
    assert data.split.by == "time"
    assert not wizard.use.isEnabled(), "what it becomes is not known yet"
    request = answer(script, session, p.GetData, p.DataAnswer(data_facts()))
    assert request == p.GetData(data)
    assert wizard.use.isEnabled()


def test_only_one_column_is_the_group(wizard: DataWizard, script: Script, session: Session) -> None:
    look(wizard, script, session)
    pulse = wizard.columns.choices[2]
    pulse.setCurrentIndex(pulse.findText("group"))
    pulse.activated.emit(pulse.currentIndex())
    assert wizard.columns.params()["group"] == "pulse"
    assert wizard.columns.choices[1].currentText() == "input"


def test_using_it_is_one_edit_that_can_be_undone(
    wizard: DataWizard, script: Script, session: Session
) -> None:
    before = session.document.project.data
    look(wizard, script, session)
    wizard.division.edited.emit("validation", 0.3)
    answer(script, session, p.GetData, p.DataAnswer(data_facts()))
    wizard.use.click()
    taken = session.document.project.data
    assert taken.kind == "files.csv"
    assert taken.split.validation == 0.3
    assert not wizard.isVisible()
    session.undo()
    assert session.document.project.data == before


def test_another_way_of_reading_is_read_again(
    wizard: DataWizard, script: Script, session: Session
) -> None:
    look(wizard, script, session)
    wizard.readings.setCurrentRow(1)
    assert not wizard.columns.isVisible()
    data = wizard.data()
    assert data is not None
    assert data.kind == "files.series"


@pytest.mark.parametrize("request_kind", [p.GetData, p.LookAt], ids=["reading", "looking"])
def test_a_failure_is_a_sentence_and_nothing_is_taken(
    wizard: DataWizard, script: Script, session: Session, request_kind: type
) -> None:
    wizard.folder.click()
    if request_kind is p.GetData:
        answer(script, session, p.LookAt, p.Surveyed(TABLE))
    answer(script, session, request_kind, p.Refused("t.csv, line 7: the cell is empty."))
    shown = wizard.outcome.words if request_kind is p.GetData else wizard.message
    assert shown.text() == "t.csv, line 7: the cell is empty."
    assert not wizard.use.isEnabled()


def test_a_dropped_file_is_looked_at(wizard: DataWizard, script: Script) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile("/data/dropped.csv")])
    copy, left, no = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier  # fmt: skip
    wizard.dropEvent(QDropEvent(QPointF(5, 5), copy, mime, left, no))
    assert script.engine("workbench").requests(p.LookAt)[-1] == p.LookAt("/data/dropped.csv")


def test_very_many_columns_are_named_in_the_settings(
    wizard: DataWizard, script: Script, session: Session
) -> None:
    columns = tuple(ColumnFacts(f"c{i}", "number", remark="Odd.") for i in range(5000))
    ref = DataRef("files.csv", {"path": "/data/t.csv", "target": "c4999"})
    wide = Survey("/data/t.csv", (Proposal("A table", ref),), count=300, columns=columns)
    wizard.file.click()
    answer(script, session, p.LookAt, p.Surveyed(wide))
    assert not wizard.columns.isVisible()
    assert wizard.columns.rowCount() == 0
    assert "too many to list" in wizard.why.text()
    assert wizard.remarks.text().count("\n") < 30
    data = wizard.data()
    assert data is not None
    assert data.params["target"] == "c4999"


def test_an_answer_that_comes_when_the_panel_is_gone_is_dropped(
    wizard: DataWizard, script: Script, session: Session
) -> None:
    wizard.file.click()
    answer(script, session, p.LookAt, p.Surveyed(TABLE))
    wizard.reject()
    wizard.outcome.words.setText("gone")
    answer(script, session, p.GetData, p.DataAnswer(data_facts(train=94, validation=26)))
    assert wizard.outcome.words.text() == "gone"
    assert wizard.outcome.facts is None
