"""Problems are listed with repairs that work; F8 walks through them; the console remembers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes import Script, node_id, settle
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from studio.graph.edits import Dismiss, Rename, SetParams
from studio.graph.problems import Problem, Repair
from studio.session import events as e
from studio.session.session import Session
from studio.ui.problems import MOST_ROWS, ProblemsPanel
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


def hinted(session: Session, script: Script) -> Problem:
    """Have the engine tell an error, a warning and a hint at the first layer."""
    stem = node_id(session, "stem")
    hint = Problem("A bias for nothing.", node=stem, severity="hint", rule="bias before norm")
    script.problems = (*script.problems, hint)
    session.do(Rename("main", stem, "other"))
    session.do(Rename("main", stem, "stem"))
    settle(session)
    return hint


def test_severities_can_be_left_out(panel: ProblemsPanel, session: Session, script: Script) -> None:
    hinted(session, script)
    texts = {name: made.text() for name, made in panel.filters.items()}
    assert texts == {"error": "1 error", "warning": "1 warning", "hint": "1 hint"}
    assert panel.count.text() == "2", "hints are no reason to worry"
    panel.filters["error"].click()
    assert [row.problem.severity for row in panel.rows] == ["warning", "hint"]
    panel.filters["warning"].click()
    panel.filters["hint"].click()
    assert panel.rows == []
    assert panel.none.text().startswith("Everything is filtered out")
    panel.next()
    panel.filters["error"].click()
    assert len(panel.rows) == 1


def test_a_severity_that_is_not_there_has_no_filter(panel: ProblemsPanel) -> None:
    assert panel.filters["hint"].isHidden()
    assert not panel.filters["error"].isHidden()
    assert panel.hidden.isHidden()


def test_problems_are_walked_both_ways(panel: ProblemsPanel, session: Session) -> None:
    shown: list[str] = []
    panel.revealed.connect(lambda network, path: shown.append(path))
    panel.previous()
    panel.previous()
    panel.next()
    conv, linear = node_id(session, "stem"), node_id(session, "fc1")
    assert shown == [linear, conv, linear]


def test_a_click_anywhere_on_a_row_goes_there(
    panel: ProblemsPanel, session: Session, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(panel.revealed, timeout=100) as told:
        qtbot.mouseClick(panel.rows[1], Qt.MouseButton.LeftButton, pos=QPoint(200, 10))
    assert told.args == ["main", node_id(session, "fc1")]


def test_a_repair_is_spelt_out_before_it_is_done(panel: ProblemsPanel) -> None:
    row = panel.rows[0]
    words = row.preview_of(row.problem.repairs[0])
    assert words == "stem: out channels 6 → 8 · gives N×8×4×4 · no error left"
    row.repair.setFocus()
    QApplication.sendEvent(row.repair, QEvent(QEvent.Type.Enter))
    assert row.sentence.text() == words
    QApplication.sendEvent(row.repair, QEvent(QEvent.Type.Leave))
    assert row.sentence.text() == "Too few filters."
    assert row.menu is not None
    row.menu.hovered.emit(row.menu.actions()[0])
    assert "6 → 4" in row.sentence.text()
    row.menu.aboutToHide.emit()
    assert row.sentence.text() == "Too few filters."


def test_what_a_repair_leaves_is_told(panel: ProblemsPanel) -> None:
    repair = Repair("Use 9", (SetParams("main", "x", {"k": 1}),), left=2, parameters=-1200)
    assert (
        panel.rows[0]
        .preview_of(repair)
        .endswith("−1\N{NARROW NO-BREAK SPACE}200 parameters · 2 errors left")
    )


def test_the_list_is_copied_as_text(panel: ProblemsPanel) -> None:
    panel.copy.click()
    assert QApplication.clipboard().text() == (
        "error at stem · x: Too few filters.\n"
        "  - Use 8 filters → N×8×4×4\n"
        "  - Use 4 filters\n"
        "warning at fc1: Rather wide."
    )
    panel.rows[1].copied.emit()
    assert QApplication.clipboard().text() == "warning at fc1: Rather wide."


def test_a_hint_is_dismissed_shown_on_request_and_given_again(
    panel: ProblemsPanel, session: Session, script: Script
) -> None:
    hint = hinted(session, script)
    row = panel.rows[-1]
    assert not row.dismiss.isHidden()
    assert panel.rows[0].dismiss.isHidden(), "only hints can be dismissed"
    script.problems, script.dismissed = script.problems[:-1], (hint,)
    row.dismiss.click()
    settle(session)
    node = session.document.project.sheet("main").graph.nodes[hint.node]
    assert node.dismissed == ("bias before norm",)
    assert session.document.undo_title == "Dismiss hint"
    assert [row.problem.severity for row in panel.rows] == ["error", "warning"]
    assert panel.hidden.text() == "1 dismissed"
    panel.hidden.click()
    assert panel.rows[-1].problem == hint
    panel.rows[-1].dismiss.click()
    assert not session.document.project.sheet("main").graph.nodes[hint.node].dismissed


def test_rows_stay_while_nothing_changes(panel: ProblemsPanel, session: Session) -> None:
    before = list(panel.rows)
    session.do(Dismiss("main", node_id(session, "stem"), "some rule"))
    settle(session)
    assert panel.rows == before


def test_thousands_of_problems_do_not_hold_the_window_up(
    panel: ProblemsPanel, session: Session, script: Script
) -> None:
    node = node_id(session, "stem")
    script.problems = tuple(Problem(f"Number {n} is odd.", node=node) for n in range(3000))
    session.do(Rename("main", node, "trunk"))
    settle(session)
    assert len(panel.rows) == MOST_ROWS
    assert panel.rest.isVisibleTo(panel)
    assert "2\u202f900 more" in panel.rest.text()
    panel.previous()  # the last of all, which has no row
    panel.copy.click()
    assert "Number 2999 is odd." in QApplication.clipboard().text()
    script.problems = ()
    session.do(Rename("main", node, "stem"))
    settle(session)
    assert not panel.rest.isVisibleTo(panel)
