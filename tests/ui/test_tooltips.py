"""Tooltips show what a file, a pack or a person wrote as it is written, never as HTML."""

from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from studio.graph.problems import Problem, Repair
from studio.graph.project import Project
from studio.ui.naming import NameAsk
from studio.ui.problem_row import ProblemRow
from studio.ui.theme import Theme

HOSTILE = "<img src=/etc/hostname> & more"


def seen(tip: str) -> str:
    """What a person reads in a tooltip."""
    document = QTextDocument()
    document.setHtml(tip)  # what holds a tag is shown as HTML
    return document.toPlainText()


def test_a_name_that_is_refused_is_repeated_as_typed(qtbot: QtBot, theme: Theme) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    ask = NameAsk(theme, host)
    refused = f"A name is letters and digits. Got {HOSTILE}"
    ask.ask("Name of the block", HOSTILE, QPoint(), lambda name: None, lambda name: refused)
    assert seen(ask.ok.toolTip()) == refused
    ask.ask("Name of the block", "Stem", QPoint(), lambda name: None)
    assert not ask.ok.toolTip()


def test_a_repair_is_told_as_written(qtbot: QtBot, theme: Theme) -> None:
    repair = Repair(HOSTILE, (), "N×<b>3</b>")
    row = ProblemRow(theme, Project(), Problem("Bad.", repairs=(repair,)), "", False)
    qtbot.addWidget(row)
    assert seen(row.repair.toolTip()) == f"{HOSTILE} → N×<b>3</b>"
