"""The data panel chooses sources, transforms and split, and shows what came in or what is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes import Script, data_facts, settle
from pytestqt.qtbot import QtBot

from studio.graph.edits import SetData
from studio.graph.problems import Problem
from studio.graph.project import DataRef, Step
from studio.session.session import Session
from studio.ui.data_panel import DataPanel
from studio.ui.theme import Theme


@pytest.fixture
def panel(qtbot: QtBot, session: Session, theme: Theme) -> Iterator[DataPanel]:
    made = DataPanel(session, theme)
    qtbot.addWidget(made)
    made.resize(272, 900)
    made.show()
    end = session.subscribe(made.on_event)
    session.do(SetData(DataRef(seed=1)))
    settle(session)
    yield made
    end()


def data(session: Session) -> DataRef:
    return session.document.project.data


def test_choosing_a_source_is_one_undoable_edit(panel: DataPanel, session: Session) -> None:
    index = panel.source.findText("CSV table")
    panel.source.activated.emit(index)
    assert data(session).kind == "files.csv"
    assert list(panel.form.rows) == ["path"]
    session.undo()
    assert data(session).kind == "sklearn.digits"
    assert panel.source.currentText() == "Digits"


def test_a_source_of_another_form_drops_transforms_that_cannot_fit(
    panel: DataPanel, session: Session
) -> None:
    session.do(SetData(DataRef(transforms=(Step("core.resize"),))))
    panel.source.activated.emit(panel.source.findText("CSV table"))
    assert data(session).transforms == ()


def test_transforms_are_added_changed_and_removed(panel: DataPanel, session: Session) -> None:
    panel.transforms.menu.actions()[0].trigger()
    assert data(session).transforms == (Step("core.resize"),)
    panel.transforms.cards[0].form.edited.emit("size", 32)
    assert data(session).transforms == (Step("core.resize", {"size": 32}),)
    panel.transforms.cards[0].removed.emit()
    assert data(session).transforms == ()
    assert panel.transforms.cards == []


def test_the_split_is_checked_in_words(panel: DataPanel, session: Session) -> None:
    panel.split.edited.emit("validation", 0.3)
    assert data(session).split.validation == 0.3
    panel.split.edited.emit("test", 0.8)
    assert data(session).split.test == 0.0
    assert "training" in panel.split.rows["test"].message.text()
    panel.split.edited.emit("seed", 7)
    assert data(session).seed == 7


def test_what_came_in_is_shown(panel: DataPanel, session: Session) -> None:
    report = panel.report
    assert report.samples.isVisible()
    assert "zero, one" in report.samples.accessibleName()
    assert "1\u202f437 train" in report.parts.accessibleName()
    assert report.classes.isVisible()
    assert not report.problem.isVisible()


def test_bad_data_says_its_sentence(panel: DataPanel, session: Session, script: Script) -> None:
    script.data = None
    script.project_problems = (Problem("digits.csv: row 7 has 3 columns, expected 5."),)
    session.do(SetData(DataRef(kind="files.csv")))
    settle(session)
    assert panel.report.problem.text() == "digits.csv: row 7 has 3 columns, expected 5."
    assert not panel.report.samples.isVisible()


def test_warnings_and_regression_targets(
    panel: DataPanel, session: Session, script: Script
) -> None:
    script.data = data_facts(
        classes=(),
        balance=(),
        task="regression",
        target_names=("progress",),
        warnings=("Two rows are alike.",),
        fingerprint="other",
    )
    session.do(SetData(DataRef(seed=5)))
    settle(session)
    assert panel.report.warnings.text() == "Two rows are alike."
    assert not panel.report.classes.isVisible()


def test_a_source_whose_plugin_is_missing_keeps_its_settings(
    panel: DataPanel, session: Session
) -> None:
    session.do(SetData(DataRef(kind="mine.scans", params={"depth": 3})))
    assert panel.source.currentText() == "mine.scans (missing)"
    assert data(session).params == {"depth": 3}


def test_sources_of_one_origin_stand_together(panel: DataPanel, session: Session) -> None:
    titles = [panel.source.itemText(at) for at in range(panel.source.count())]
    assert set(filter(None, titles)) == {s.title for s in session.catalog.sources.values()}
    lines = [at for at, title in enumerate(titles) if not title]
    assert lines
    assert 0 < lines[0] < len(titles) - 1
    for spec in session.catalog.sources.values():
        panel.source.activated.emit(panel.source.findText(spec.title))
        assert data(session).kind == spec.kind
        assert panel.source.currentText() == spec.title
    kept = data(session)
    panel.source.activated.emit(lines[0])  # a line is nothing to choose
    assert data(session) == kept
