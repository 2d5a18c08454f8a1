"""Fields that take formulas: the value beside, errors in words, names completed, and the way back."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from studio.graph.params import Param, Value
from studio.ui.form import Form, ParamRow
from studio.ui.formula_field import FormulaField, written
from studio.ui.theme import MINUS, Theme

NAMES = {"width": 64, "depth": 3, "wide": True, "mode": "zeros"}
WIDTH = Param("out_channels", "int", 8, minimum=1, maximum=4096)


class Shown:
    """A form with one parameter whose edits are kept, as a document would keep them."""

    def __init__(self, qtbot: QtBot, theme: Theme, param: Param) -> None:
        self.param = param
        self.values: dict[str, Value] = {}
        self.inferred: dict[str, Value] = {}
        self.names: Mapping[str, Value] = NAMES
        self.form = Form(theme, formulas=True)
        qtbot.addWidget(self.form)
        self.form.edited.connect(self._take)
        self.form.cleared.connect(self._clear)
        self.form.resize(328, 120)
        self.form.show()
        qtbot.waitExposed(self.form)
        self.form.activateWindow()
        qtbot.waitUntil(self.form.isActiveWindow)
        self.show()

    def _take(self, name: str, value: Value) -> None:
        self.values = {name: value}
        self.show()

    def _clear(self, name: str) -> None:
        self.values = {}
        self.show()

    def show(self) -> None:
        self.form.show_params((self.param,), self.values, self.inferred, self.names)

    @property
    def row(self) -> ParamRow:
        return self.form.rows[self.param.name]

    @property
    def field(self) -> FormulaField:
        assert self.row.formula is not None
        return self.row.formula

    def type(self, text: str) -> None:
        """Type into what stands in the row, then press Enter."""
        formula = self.row.formula
        if formula is not None and formula.isVisible():
            line: QLineEdit = formula.line
        else:
            editor = self.row.editor
            line = editor.fields[0].lineEdit() if hasattr(editor, "fields") else editor.line  # type: ignore[attr-defined]
        line.setFocus()
        line.selectAll()
        # A number's keyboard is in its field, not in the line inside it.
        usual = line.focusProxy() or line
        for letter in text:
            QTest.keyClicks(QApplication.focusWidget() or usual, letter)
        QTest.keyClick(QApplication.focusWidget() or usual, Qt.Key.Key_Return)
        popup = formula.line.completions.popup() if formula else None
        assert popup is None or not popup.isVisible()


@pytest.fixture
def shown(qtbot: QtBot, theme: Theme) -> Shown:
    return Shown(qtbot, theme, WIDTH)


def test_an_equals_sign_begins_a_formula_and_its_value_stands_beside(shown: Shown) -> None:
    shown.type("=width*2")
    assert shown.values == {"out_channels": "=width*2"}
    assert shown.field.isVisible()
    assert not shown.row.editor.isVisible()
    assert shown.field.gives.text() == "= 128"
    assert shown.row.reset.isVisible()


def test_what_it_gives_follows_the_names(shown: Shown) -> None:
    shown.type("=width*2")
    shown.names = {"width": 5}
    shown.show()
    assert shown.field.gives.text() == "= 10"
    shown.names = {}
    shown.show()
    assert "reads width, which has no value here" in shown.row.message.text()
    assert shown.field.line.property("state") == "error"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("=width*", "is no formula"),
        ("=heigth", "reads heigth"),
        ("=width*100", "from 1 to 4096"),
        ("=width/3", "whole number"),
        ("=__import__('os')", "not allowed"),
        ("=1/0", "cannot be worked out"),
    ],
)
def test_a_wrong_formula_is_said_at_the_field_and_changes_nothing(
    shown: Shown, text: str, words: str
) -> None:
    shown.type(text)
    assert shown.values == {}
    assert words in shown.row.message.text()
    assert shown.row.message.isVisible()
    shown.show()  # the engine answered meanwhile: what is being written stays
    assert shown.field.line.text() == text


def test_a_number_in_its_place_ends_the_formula(shown: Shown) -> None:
    shown.type("=width")
    shown.type("12")
    assert shown.values == {"out_channels": 12}
    assert shown.row.editor.isVisible()
    assert not shown.field.isVisible()


def test_an_emptied_formula_goes_back_to_the_default(shown: Shown) -> None:
    shown.type("=width")
    shown.field.line.setFocus()
    shown.field.line.selectAll()
    QTest.keyClick(shown.field.line, Qt.Key.Key_Delete)
    QTest.keyClick(shown.field.line, Qt.Key.Key_Return)
    assert shown.values == {}
    assert shown.row.editor.isVisible()


def test_escape_leaves_what_was_there(shown: Shown) -> None:
    shown.row.begin_formula()
    assert shown.field.line.text() == "=8"
    QTest.keyClicks(shown.field.line, "wid")
    shown.field.line.completions.popup().hide()
    QTest.keyClick(shown.field.line, Qt.Key.Key_Escape)
    assert shown.values == {}
    assert shown.row.editor.isVisible()
    assert shown.row.editor.fields[0].text_value == "8"  # type: ignore[attr-defined]


def test_names_are_completed_where_the_cursor_stands(shown: Shown) -> None:
    shown.row.begin_formula("=")
    line = shown.field.line
    QTest.keyClicks(line, "2*de")
    assert line.completions.popup().isVisible()
    assert line.completions.currentCompletion() == "depth"
    assert not shown.row.message.isVisible()  # a name that is being typed is no mistake yet
    QTest.keyClick(line.completions.popup(), Qt.Key.Key_Return)
    assert line.text() == "=2*depth"
    assert shown.field.gives.text() == "= 6"
    assert not line.completions.popup().isVisible()
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert shown.values == {"out_channels": "=2*depth"}


def test_a_formula_may_begin_with_what_the_wire_gives(qtbot: QtBot, theme: Theme) -> None:
    shown = Shown(qtbot, theme, Param("in_channels", "int", inferred=True, minimum=1))
    shown.inferred = {"in_channels": 48}
    shown.show()
    shown.row.begin_formula()
    assert shown.field.line.text() == "=48"


@pytest.mark.parametrize(
    ("param", "formula", "gives"),
    [
        (Param("bias", "bool", True), "=wide", "= yes"),
        (Param("padding_mode", "choice", "zeros", choices=("zeros", "same")), "=mode", "= zeros"),
        (Param("kernel_size", "int", 3, size=2), "=depth, depth+2", "= 3×5"),
        (Param("shape", "ints", (1,)), "=width", "= 64"),
        (Param("p", "float", 0.5), "=-depth/4", f"= {MINUS}0.75"),
    ],
)
def test_every_kind_of_field_shows_a_formula(
    qtbot: QtBot, theme: Theme, param: Param, formula: str, gives: str
) -> None:
    shown = Shown(qtbot, theme, param)
    shown.values = {param.name: formula}
    shown.show()
    assert shown.field.line.text() == formula
    assert shown.field.gives.text().replace("(", "").replace(")", "") == gives


def test_a_menu_is_asked_for_where_the_pointer_is_also_over_a_number(shown: Shown) -> None:
    asked: list[str] = []
    shown.form.menu_wanted.connect(lambda name, at: asked.append(name))
    line = shown.row.editor.fields[0].lineEdit()  # type: ignore[attr-defined]
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, QPoint(4, 4), QPoint(40, 40))
    QApplication.sendEvent(line, event)
    assert asked == ["out_channels"]


def test_forms_of_other_things_take_no_formulas(qtbot: QtBot, theme: Theme) -> None:
    form = Form(theme)
    qtbot.addWidget(form)
    edits: list[Value] = []
    form.edited.connect(lambda name, value: edits.append(value))
    form.show_params((WIDTH,), {})
    field = form.rows["out_channels"].editor.fields[0]  # type: ignore[attr-defined]
    field.lineEdit().setText("=width")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert edits == []
    assert "whole number" in form.rows["out_channels"].message.text()


def test_values_are_written_short() -> None:
    assert written((3, 5)) == "3×5"
    assert written(False) == "no"
    assert written(-2) == f"{MINUS}2"


def test_tab_leads_from_a_formula_to_the_next_setting(qtbot: QtBot, theme: Theme) -> None:
    others = (Param("kernel_size", "int", 3), Param("stride", "int", 1))
    form = Form(theme, formulas=True)
    qtbot.addWidget(form)
    outside = QLineEdit(form)  # made before the formula: it comes earlier in the window's own order
    form.show_params((WIDTH, *others), {}, {}, NAMES)
    form.show_params((WIDTH, *others), {"out_channels": "=width"}, {}, NAMES)
    formula = form.rows["out_channels"].formula
    assert formula is not None
    formula.line.show()
    order, at = [], formula.line.nextInFocusChain()
    while at is not formula.line:
        order.append(at)
        at = at.nextInFocusChain()
    later = [form.rows[param.name].editor.focusProxy() for param in others]
    assert order.index(later[0]) < order.index(later[1]) < order.index(outside)
