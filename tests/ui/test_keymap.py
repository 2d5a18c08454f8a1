"""Keys are given to actions, kept, taken back; one that is taken is said before anything changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import settle
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from studio import settings
from studio.session.session import Session
from studio.settings import Settings
from studio.ui.keymap import EVERYWHERE
from studio.ui.keys_page import KeysPage
from studio.ui.preferences import Preferences
from studio.ui.theme import Theme
from studio.ui.window import MainWindow

#: What the design promises, but for what the pointer and plain walking do.
PROMISED = {
    "canvas.connect": "C",
    "canvas.bypass": "B",
    "canvas.freeze": "Z",
    "canvas.swap": "S",
    "canvas.frame": "Ctrl+G",
    "canvas.tidy": "L",
    "canvas.fit": "F",
    "train": "Ctrl+Return",
    "pause_key": "Space",
    "step_key": ".",
    "fork": "Shift+F",
    "find": "Ctrl+K",
    "next_problem": "F8",
    "next_panel": "F6",
    "explain.next_sample": "Right",
    "explain.previous_sample": "Left",
    "explain.maps_over_the_image": "O",
}


def make(qtbot: QtBot, session: Session, theme: Theme, preferences: Preferences) -> MainWindow:
    made = MainWindow(session, theme, preferences)
    qtbot.addWidget(made)
    made.show()
    settle(session)
    return made


@pytest.fixture
def window(qtbot: QtBot, session: Session, theme: Theme, tmp_path: Path) -> MainWindow:
    return make(qtbot, session, theme, Preferences(tmp_path / "settings.json", Settings()))


def page(window: MainWindow) -> KeysPage:
    window.actions_table["settings"].trigger()
    assert window.settings is not None
    window.settings.pages.button(1).click()
    return window.settings.keys


@pytest.mark.parametrize(("name", "keys"), sorted(PROMISED.items()))
def test_what_the_design_promises_is_there(window: MainWindow, name: str, keys: str) -> None:
    page(window)
    assert name in window.keymap.bindings, sorted(window.keymap.bindings)
    assert keys in window.keymap.keys(name).split(" | ")


def test_no_two_actions_in_one_place_have_the_same_key(window: MainWindow) -> None:
    page(window)
    keymap = window.keymap
    clashes = {name: keymap.why_not(name, keymap.keys(name)) for name in keymap.bindings}
    assert {name: why for name, why in clashes.items() if why and "is the key of" in why} == {}


def test_every_action_is_listed_where_it_works(window: MainWindow) -> None:
    shown = page(window)
    tops = [shown.list.topLevelItem(n).text(0) for n in range(shown.list.topLevelItemCount())]
    *places, last = tops
    assert places == [EVERYWHERE, "Canvas", "Build", "Train", "Explain", "Runs"][: len(places)]
    assert last == "Canvas, always the same"
    names = {item.data(0, Qt.ItemDataRole.UserRole) for item in shown._items()} - {None}
    assert names == set(window.keymap.bindings)
    shown.search.setText("bypass")
    assert {item.text(0) for item in shown._items() if not item.isHidden()} >= {"Bypass"}
    assert all("ypass" in item.text(0) for item in shown._items() if not item.isHidden())


def test_gestures_are_found_beside_them_and_keep_their_keys(window: MainWindow) -> None:
    shown = page(window)
    shown.search.setText("alt arrows")
    (move, far) = [item for item in shown._items() if not item.isHidden()]
    assert (move.text(0), move.text(1)) == ("Move what is selected by 4 px", "Alt+Arrows")
    assert not any(item.flags() & Qt.ItemFlag.ItemIsSelectable for item in (move, far))
    assert shown.chosen == ""


def test_a_new_key_is_pressed_set_kept_and_works(window: MainWindow, tmp_path: Path) -> None:
    shown = page(window)
    shown.choose("canvas.bypass")
    QTest.keyClick(shown.field.focusProxy() or shown.field, Qt.Key.Key_J)
    assert shown.field.keySequence() == QKeySequence("J")
    assert shown.words.text() == ""
    shown.give.click()
    assert window.build.canvas.commands["bypass"].shortcuts() == [QKeySequence("J")]
    assert "(J)" in window.build.canvas.commands["bypass"].toolTip()
    kept, problem = settings.read(tmp_path / "settings.json")
    assert (kept.keys, problem) == ({"canvas.bypass": "J"}, "")


def test_keys_hold_at_the_next_start(
    qtbot: QtBot, session: Session, theme: Theme, tmp_path: Path
) -> None:
    values = Settings(keys={"canvas.bypass": "J", "save": "", "explain.next_sample": "N"})
    window = make(qtbot, session, theme, Preferences(tmp_path / "settings.json", values))
    assert window.build.canvas.commands["bypass"].shortcuts() == [QKeySequence("J")]
    assert window.actions_table["save"].shortcuts() == []
    page(window)
    actions = window.keymap.bindings["explain.next_sample"].actions
    assert [one.shortcuts() for one in actions] == [[QKeySequence("N")]]


@pytest.mark.parametrize(
    ("name", "keys", "taken"),
    [
        ("canvas.bypass", "Z", "Freeze"),
        ("canvas.bypass", "Ctrl+S", "Save"),
        ("save", "B", "Bypass"),
        ("search", "Z", "Freeze"),
    ],
)
def test_a_key_that_is_taken_is_said_and_changes_nothing(
    window: MainWindow, name: str, keys: str, taken: str
) -> None:
    shown = page(window)
    shown.choose(name)
    shown.field.setKeySequence(QKeySequence(keys))
    assert f"is the key of {taken}" in shown.words.text()
    assert not shown.give.isEnabled()
    before = window.keymap.keys(name)
    assert f"is the key of {taken}" in window.keymap.bind(name, keys)
    assert window.keymap.keys(name) == before
    assert window.preferences.values.keys == {}


def test_places_that_never_meet_may_share_a_key(window: MainWindow) -> None:
    page(window)
    assert window.keymap.bind("explain.next_sample", "B") == ""


def test_what_moves_the_keyboard_is_given_to_nobody(window: MainWindow) -> None:
    assert "Choose another key" in window.keymap.bind("canvas.freeze", "Tab")


def test_reset_gives_back_what_came_unless_it_is_taken_now(window: MainWindow) -> None:
    shown, keymap = page(window), window.keymap
    assert keymap.bind("canvas.bypass", "J") == ""
    assert keymap.bind("canvas.freeze", "B") == ""
    shown.choose("canvas.bypass")
    shown.back.click()
    assert "is the key of Freeze" in shown.words.text()
    assert keymap.keys("canvas.bypass") == "J"
    shown.reset_all.click()
    assert (keymap.keys("canvas.bypass"), keymap.keys("canvas.freeze")) == ("B", "Z")
    assert window.preferences.values.keys == {}
    assert not shown.reset_all.isEnabled()


def test_an_action_may_have_no_key(window: MainWindow) -> None:
    shown = page(window)
    shown.choose("canvas.freeze")
    shown.none.click()
    assert window.build.canvas.commands["freeze"].shortcuts() == []
    assert not shown.none.isEnabled()
    assert window.keymap.bind("canvas.bypass", "Z") == ""
