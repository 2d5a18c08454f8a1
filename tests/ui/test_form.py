"""Every kind of parameter can be edited, is checked in words, and can go back to where it came from."""

from __future__ import annotations

from typing import Literal

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from studio.graph.params import Param, Value
from studio.ui.editors import (
    ChoiceEditor,
    NumberField,
    NumbersEditor,
    PathEditor,
    SwitchEditor,
    TextEditor,
)
from studio.ui.form import Form
from studio.ui.theme import MINUS, THIN_SPACE, Theme


class Shown:
    """A form with one parameter, and what it told."""

    def __init__(self, qtbot: QtBot, theme: Theme, param: Param) -> None:
        self.param = param
        self.form = Form(theme)
        qtbot.addWidget(self.form)
        self.edits: list[tuple[str, Value]] = []
        self.resets: list[str] = []
        self.form.edited.connect(lambda name, value: self.edits.append((name, value)))
        self.form.cleared.connect(self.resets.append)
        self.show({})
        self.form.show()

    def show(self, values: dict[str, Value], inferred: dict[str, Value] | None = None) -> None:
        self.form.show_params((self.param,), values, inferred)

    @property
    def row(self):  # type: ignore[no-untyped-def]
        return self.form.rows[self.param.name]

    @property
    def editor(self):  # type: ignore[no-untyped-def]
        return self.row.editor

    def type(self, text: str, field: int = 0) -> None:
        # The keyboard is in the number field, not in the line inside it.
        number = self.editor.fields[field]
        number.lineEdit().selectAll()
        number.lineEdit().insert(text)
        QTest.keyClick(number, Qt.Key.Key_Return)


def test_a_whole_number_is_typed_and_stepped(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("units", "int", 128, minimum=1, maximum=4096))
    assert isinstance(shown.editor, NumbersEditor)
    shown.type("256")
    assert shown.edits == [("units", 256)]
    shown.editor.fields[0].stepBy(1)
    assert shown.edits[-1] == ("units", 257)


def test_thousands_are_shown_apart_and_read_again(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("units", "int", 0))
    shown.show({"units": 61706})
    assert shown.editor.fields[0].lineEdit().text() == f"61{THIN_SPACE}706"
    shown.type(f"1{THIN_SPACE}000")
    assert shown.edits[-1] == ("units", 1000)
    shown.type(f"{MINUS}5")
    assert shown.edits[-1] == ("units", -5)


@pytest.mark.parametrize(
    ("text", "words"), [("0", "at least 1"), ("x", "whole number"), ("2.5", "whole")]
)
def test_what_cannot_be_is_said_at_the_field_and_changes_nothing(
    qtbot: QtBot, theme: Theme, text: str, words: str
) -> None:
    shown = Shown(qtbot, theme, Param("units", "int", 8, minimum=1))
    shown.type(text)
    assert shown.edits == []
    assert words in shown.row.message.text()
    assert not shown.row.message.isHidden()
    shown.type("9")
    assert shown.row.message.isHidden()
    assert shown.edits == [("units", 9)]


def test_stepping_stays_inside_the_limits(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("p", "float", 0.9, minimum=0.0, maximum=1.0))
    field = shown.editor.fields[0]
    for _ in range(4):
        field.stepBy(1)
    assert shown.edits[-1] == ("p", 1.0)


def test_a_small_number_steps_by_its_own_size_and_never_to_zero(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("lr", "float", 0.002, minimum=0.0))
    for expected in (0.001, 0.0009, 0.0008):
        shown.editor.fields[0].stepBy(-1)
        assert shown.edits[-1] == ("lr", expected)


def test_the_first_of_equal_numbers_sets_them_all(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("padding", "int", 0, size=2, minimum=0))
    shown.type("1")
    assert shown.edits == [("padding", 1)]
    shown.show({"padding": (1, 2)})
    shown.type("3")
    assert shown.edits[-1] == ("padding", (3, 2))


def test_escape_lets_go_of_what_is_typed(qtbot: QtBot, theme: Theme) -> None:
    for param in (Param("units", "int", 8), Param("shape", "ints", (1, 2))):
        shown = Shown(qtbot, theme, param)
        field = shown.editor.focusProxy()
        field.setFocus()
        QTest.keyClicks(field, "9")
        QTest.keyClick(field, Qt.Key.Key_Escape)
        assert shown.edits == []
        line = field.lineEdit() if isinstance(field, NumberField) else field
        assert "9" not in line.text()


def test_a_tuple_is_one_number_while_its_parts_are_equal(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("kernel_size", "int", 3, size=2, minimum=1))
    assert [field.text_value for field in shown.editor.fields] == ["3", "3"]
    shown.type("5", field=1)
    assert shown.edits[-1] == ("kernel_size", (3, 5))
    shown.type("5", field=0)
    assert shown.edits[-1] == ("kernel_size", 5)


def test_an_inferred_value_is_shown_can_be_overridden_and_read_again(
    qtbot: QtBot, theme: Theme
) -> None:
    shown = Shown(qtbot, theme, Param("in_channels", "int", inferred=True, minimum=1))
    shown.show({}, {"in_channels": 32})
    field = shown.editor.fields[0]
    assert field.text_value == "32"
    assert field.property("state") == "inferred"
    assert shown.row.hint.text() == "inferred from wire"
    shown.type("16")
    assert shown.edits == [("in_channels", 16)]
    shown.show({"in_channels": 16}, {"in_channels": 32})
    assert field.property("state") == ""
    assert not shown.row.reset.isHidden()
    shown.row.reset.click()
    assert shown.resets == ["in_channels"]
    shown.show({"in_channels": 16})
    shown.type("")
    assert shown.resets == ["in_channels", "in_channels"]


def test_a_value_that_differs_offers_its_default(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("units", "int", 8))
    assert shown.row.reset.isHidden()
    shown.show({"units": 9})
    assert not shown.row.reset.isHidden()
    assert "8" in shown.row.reset.toolTip()


def test_none_is_a_value_where_it_may_be(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("clip", "float", 1.0, optional=True))
    shown.type("")
    assert shown.edits == [("clip", None)]


def test_a_switch_says_yes_and_no(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("bias", "bool", True))
    assert isinstance(shown.editor, SwitchEditor)
    shown.editor.switch.click()
    assert shown.edits == [("bias", False)]


def test_a_choice_gives_its_own_value_back(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("mode", "choice", "zeros", choices=("zeros", "reflect")))
    assert isinstance(shown.editor, ChoiceEditor)
    shown.editor.box.activated.emit(1)
    assert shown.edits == [("mode", "reflect")]


def test_text_and_paths(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("path", "path", ""))
    assert isinstance(shown.editor, PathEditor)
    assert isinstance(shown.editor, TextEditor)
    shown.editor.line.setFocus()
    QTest.keyClicks(shown.editor.line, "/tmp/a b.csv")
    QTest.keyClick(shown.editor.line, Qt.Key.Key_Return)
    assert shown.edits == [("path", "/tmp/a b.csv")]


def test_help_that_looks_like_a_page_stays_words(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("x", "int", 1, help="<img src='/etc/passwd'>"))
    assert "<img" not in shown.editor.toolTip()


def test_rows_are_kept_while_the_parameters_are_the_same(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("x", "int", 1))
    row = shown.row
    shown.show({"x": 4})
    assert shown.row is row


@pytest.mark.parametrize("size", [0, 2, 3])
@pytest.mark.parametrize("kind", ["float", "int"])
def test_what_an_empty_field_says_fits_into_it(
    qtbot: QtBot, theme: Theme, kind: Literal["int", "float"], size: int
) -> None:
    editor = NumbersEditor(theme, Param("stride", kind, None, optional=True, size=size))
    qtbot.addWidget(editor)
    editor.show_value(None)
    editor.show()
    for field in editor.fields:
        line = field.lineEdit()
        assert line.placeholderText()
        wide = line.fontMetrics().horizontalAdvance(line.placeholderText())
        assert wide <= line.contentsRect().width() - 4


def test_a_path_that_may_be_a_file_or_a_folder_asks_which(
    qtbot: QtBot, theme: Theme, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(kind: str) -> str:
        asked.append(kind)
        return f"/{kind}"

    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (answer("file"), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: answer("folder"))
    either = PathEditor(theme, Param("path", "path", "", help="A .tar, or a folder of them"), "")
    only = PathEditor(theme, Param("path", "path", "", help="The folder of the masks, or none"), "")
    for editor in (either, only):
        qtbot.addWidget(editor)
    got: list[str] = []
    either.submitted.connect(got.append)
    either.pick.click()
    assert either.menu.isVisible()
    assert asked == []
    for action in either.menu.actions():
        action.trigger()
    assert asked == ["file", "folder"]
    assert got == ["/file", "/folder"]
    either.menu.close()
    only.pick.click()
    assert asked[2:] == ["folder"]


def test_a_long_switch_does_not_push_fields_aside(qtbot: QtBot, theme: Theme) -> None:
    form = Form(theme, label_width=60)
    qtbot.addWidget(form)
    form.show_params(
        (Param("mode", "str", ""), Param("skip_what_is_unreadable", "bool", False)), {}
    )
    rows = form.rows
    assert rows["mode"].name.width() < rows["skip_what_is_unreadable"].name.width()


def test_an_answer_that_comes_while_a_number_is_typed_leaves_it(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("out_channels", "int", 32, minimum=1))
    shown.form.activateWindow()
    field = shown.editor.findChild(NumberField)
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    field.lineEdit().selectAll()
    QTest.keyClicks(field.lineEdit(), "25")
    shown.show({})  # the engine has answered something: the values are the same
    QTest.keyClicks(field.lineEdit(), "6")
    QTest.keyClick(field.lineEdit(), Qt.Key.Key_Return)
    assert shown.edits == [("out_channels", 256)]
    shown.show({"out_channels": 64})  # undone elsewhere: that is shown
    assert field.text_value == "64"


def test_an_answer_that_comes_while_words_are_typed_leaves_them(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("title", "str", "plain"))
    shown.form.activateWindow()
    line = shown.editor.focusProxy()
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    line.selectAll()
    QTest.keyClicks(line, "ne")
    shown.show({})
    QTest.keyClicks(line, "w")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert shown.edits == [("title", "new")]
