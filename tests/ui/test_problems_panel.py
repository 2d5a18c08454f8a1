"""Problems are listed with repairs that work; F8 walks through them; the console remembers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes import Script, node_id, settle
from pytestqt.qtbot import QtBot

from studio.graph.edits import Rename, SetParams
from studio.graph.problems import Problem, Repair
from studio.session import events as e
from studio.session.session import Session
from studio.ui.problems import ProblemsPanel
from studio.ui.theme import Theme


@pytest.fixture
def panel(qtbot: QtBot, session: Session, theme: Theme, script: Script) -> Iterator[ProblemsPanel]:
    made = ProblemsPanel(session, theme)
    qtbot.addWidget(made)
    made.resize(1000, 120)
    made.show()
    end = session.subscribe(made.on_event)
    conv, linear = node_id(session, "conv1"), node_id(session, "fc1")
    best = Repair("Use 8 filters", (SetParams("main", conv, {"out_channels": 8}),), "N×8×4×4")
    other = Repair("Use 4 filters", (SetParams("main", conv, {"out_channels": 4}),))
    script.problems = (
        Problem("Rather wide.", node=linear, severity="warning"),
        Problem("Too few filters.", node=conv, port="x", repairs=(best, other)),
    )
    session.do(Rename("main", conv, "stem"))
    settle(session)
    yield made
    end()


def test_errors_come_first_with_place_and_repairs(panel: ProblemsPanel) -> None:
    assert [row.problem.severity for row in panel.rows] == ["error", "warning"]
    assert panel.rows[0].repair.text() == "Use 8 filters"
    assert panel.rows[0].place.text() == "stem · x · 2 checked repairs"
    assert panel.count.text() == "2"


def test_the_first_repair_is_one_click_and_one_undo(panel: ProblemsPanel, session: Session) -> None:
    panel.rows[0].repair.click()
    node = session.document.project.sheet("main").graph.nodes[node_id(session, "stem")]
    assert node.params["out_channels"] == 8
    assert session.document.undo_title == "Use 8 filters"


def test_other_repairs_are_in_the_menu(panel: ProblemsPanel, session: Session) -> None:
    assert panel.rows[0].menu is not None
    panel.rows[0].menu.actions()[0].trigger()
    assert session.document.undo_title == "Use 4 filters"


def test_show_and_next_reveal_on_the_canvas(
    panel: ProblemsPanel, session: Session, qtbot: QtBot
) -> None:
    shown: list[tuple[str, str]] = []
    panel.revealed.connect(lambda network, path: shown.append((network, path)))
    panel.rows[0].shown.click()
    for _ in range(3):
        panel.next()
    conv, linear = node_id(session, "stem"), node_id(session, "fc1")
    assert [path for _, path in shown] == [conv, conv, linear, conv]


def test_a_problem_of_the_data_leads_there(
    panel: ProblemsPanel, session: Session, script: Script, qtbot: QtBot
) -> None:
    script.problems, script.project_problems = (), (Problem("There is no such file."),)
    session.undo()
    settle(session)
    with qtbot.waitSignal(panel.data_wanted, timeout=100):
        panel.next()


def test_repaired_problems_leave(panel: ProblemsPanel, session: Session, script: Script) -> None:
    script.problems = ()
    session.undo()
    settle(session)
    assert panel.rows == []
    assert panel.none.text() == "No problems."
    assert panel.count.isHidden()


def test_folding_keeps_the_head(panel: ProblemsPanel) -> None:
    panel.fold.click()
    assert panel.collapsed
    assert panel.maximumHeight() == 32
    panel.tabs.tabBarClicked.emit(0)
    assert not panel.collapsed


def test_the_console_remembers_what_was_said(panel: ProblemsPanel) -> None:
    panel.on_event(e.Noticed("The disk is full.", "error", "OSError 28"))
    text = panel.console.toPlainText()
    assert "The disk is full." in text
    assert "OSError 28" in text


def test_history_lists_steps_and_goes_back(panel: ProblemsPanel, session: Session) -> None:
    conv = node_id(session, "stem")
    session.do(Rename("main", conv, "first"))
    session.do(Rename("main", conv, "second"))
    titles = [panel.history.item(at).text() for at in range(panel.history.count())]
    assert titles == ["Rename to stem", "Rename to first", "Rename to second"]
    panel.history.itemDoubleClicked.emit(panel.history.item(1))
    assert session.document.steps == ("Rename to stem",)


def test_a_sentence_that_looks_like_a_page_stays_words(
    panel: ProblemsPanel, session: Session, script: Script
) -> None:
    script.problems = (Problem("<img src=/etc/passwd> & more"),)
    session.undo()
    settle(session)
    assert panel.rows[0].sentence.text() == "<img src=/etc/passwd> & more"
    assert panel.rows[0].sentence.textFormat().name == "PlainText"
