"""Notices stay out of the way; questions give the key of their answer."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from studio.ui.prompts import Choice, Notices, Question
from studio.ui.theme import Theme

CHOICES = (Choice("keep", "Keep training"), Choice("stop", "Stop and close", True))


def test_a_notice_is_plain_text_with_details_behind_a_button(qtbot: QtBot, theme: Theme) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    host.resize(800, 600)
    host.show()
    notices = Notices(theme, host)
    notices.show("<b>No</b> file", "error", "Traceback")
    notice = notices.shown[0]
    assert notice.sentence.textFormat() == Qt.TextFormat.PlainText
    assert notice.details is not None
    assert notice.details.isHidden()
    assert notice.more is not None
    notice.more.click()
    assert not notice.details.isHidden()
    assert notice.geometry().bottom() <= host.height()


def test_the_same_sentence_is_shown_once_and_few_at_a_time(qtbot: QtBot, theme: Theme) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    notices = Notices(theme, host)
    for text in ("a", "a", "b", "c", "d"):
        notices.show(text, "error")
    assert [notice.text for notice in notices.shown] == ["b", "c", "d"]
    notices.shown[0].close_button.click()
    assert [notice.text for notice in notices.shown] == ["c", "d"]


def test_a_question_answers_with_a_key(qtbot: QtBot, theme: Theme) -> None:
    question = Question(theme, "Training", "Stop it?", CHOICES)
    qtbot.addWidget(question)
    question.buttons["stop"].click()
    assert question.answer == "stop"


def test_escape_answers_nothing(qtbot: QtBot, theme: Theme) -> None:
    question = Question(theme, "Training", "Stop it?", CHOICES)
    qtbot.addWidget(question)
    question.show()
    qtbot.keyClick(question, Qt.Key.Key_Escape)
    assert question.answer == ""
