"""The line of time by itself: what it flags, where a hand takes it, what it says."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from stage import dead_units, epoch_done, network, progress, started

from studio.engine import protocol as p
from studio.graph.problems import Problem
from studio.session.history import History
from studio.ui.theme import THIN_SPACE, Theme
from studio.ui.train.scrubber import LOW, TALL, Scrubber
from studio.ui.views.redraw import Redraw


def run(steps: int = 400) -> History:
    history = History("run-1")
    history.take(started(network()))
    history.take(progress(0, steps))
    history.take(dead_units(network()))
    for epoch in range(1, steps // 100 + 1):
        history.take(epoch_done(epoch))
    history.take(p.ControlApplied("set", 250, {"lr": 0.001}))
    history.moments = tuple(range(50, steps + 1, 50))
    return history


@pytest.fixture
def scrubber(qtbot: QtBot, theme: Theme) -> Scrubber:
    redraw = Redraw(theme)
    made = Scrubber(theme, redraw)
    qtbot.addWidget(made)
    made.resize(800, TALL)
    made.show()
    made.show_history(run())
    redraw.flush()
    return made


@pytest.fixture
def wished(scrubber: Scrubber) -> list[int | None]:
    """What was wished for; it is shown at once."""
    wishes: list[int | None] = []

    def show(step: int | None) -> None:
        wishes.append(step)
        scrubber._history.moment = None if step is None else p.Moment(step)
        scrubber.moment_changed()

    scrubber.moment_wanted.connect(show)
    return wishes


def test_events_are_flagged_in_order_of_time(scrubber: Scrubber) -> None:
    assert [flag.step for flag in scrubber.flags] == sorted(flag.step for flag in scrubber.flags)
    flags = {flag.icon: flag for flag in scrubber.flags}
    assert flags["settings"].words == "lr 0.001"
    assert flags["settings"].step == 250
    assert "dead" in flags["warning"].whole
    assert flags["flag"].step == 400  # the best epoch of a run that only gets better
    at = QPointF(scrubber._x(250), 45)
    assert "lr 0.001 from here on" in scrubber.tip(at)
    assert scrubber.tip(QPointF(400, 110)) == ""


def test_hints_are_no_flags_and_messages_keep_their_words(scrubber: Scrubber) -> None:
    history = scrubber._history
    history.take(p.ProblemFound(300, Problem("A small hint.", severity="hint")))
    message = "<b>Broken</b>: numbers. Change it."
    history.take(p.ProblemFound(310, Problem(message, severity="error")))
    scrubber._redraw.mark(scrubber)
    scrubber._redraw.flush()
    words = [flag.words for flag in scrubber.flags]
    assert "A small hint" not in words
    assert "<b>Broken</b>" in words
    scrubber.grab()


def test_keys_walk_along_the_moments(scrubber: Scrubber, wished: list[int | None]) -> None:
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Left, Qt.Key.Key_Home):
        QTest.keyClick(scrubber, key)
    assert wished == [400, 350, 50]
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
        QTest.keyClick(scrubber, key)
    assert wished[3:] == [100, None, 50]
    QTest.keyClick(scrubber, Qt.Key.Key_Escape)
    assert wished[-1] is None
    assert scrubber.shown is None


def test_a_drag_goes_to_the_nearest_moment_and_past_the_end_is_live(
    scrubber: Scrubber, wished: list[int | None]
) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QTest.mousePress(scrubber, left, none, QPointF(scrubber._x(110), 62).toPoint())
    QTest.mouseMove(scrubber, QPointF(scrubber._x(190), 62).toPoint())
    QTest.mouseMove(scrubber, QPointF(scrubber._x(205), 62).toPoint())
    QTest.mouseMove(scrubber, QPointF(790, 62).toPoint())
    QTest.mouseRelease(scrubber, left, none, QPointF(790, 62).toPoint())
    assert wished == [100, 200, None]
    QTest.mousePress(scrubber, left, none, QPointF(scrubber._x(300), 110).toPoint())
    assert len(wished) == 3  # beside the line nothing is taken hold of


def test_what_is_shown_is_said(scrubber: Scrubber, wished: list[int | None]) -> None:
    assert scrubber.accessibleName() == "Time"
    assert scrubber.accessibleDescription() == "Live, step 400, 8 moments kept"
    assert not scrubber.live.isEnabled()
    QTest.keyClick(scrubber, Qt.Key.Key_Home)
    scrubber._redraw.flush()
    assert scrubber.accessibleDescription() == "Step 50 of 400, moment 1 of 8"
    assert scrubber.live.isEnabled()
    QTest.mouseClick(scrubber.live, Qt.MouseButton.LeftButton)
    assert wished == [50, None]
    rows = scrubber.table()
    assert (50, "moment", "") in rows
    scrubber.set_checkpoints((300,))
    assert (300, "checkpoint", "") in scrubber.table()
    assert "Checkpoint of step 300" in scrubber.tip(QPointF(scrubber._x(300), 62))


def test_a_run_without_moments_cannot_be_gone_back_in(
    scrubber: Scrubber, wished: list[int | None]
) -> None:
    scrubber.show_history(replace_moments(run(), ()))
    scrubber._redraw.flush()
    QTest.keyClick(scrubber, Qt.Key.Key_Left)
    position = QPointF(scrubber._x(100), 62).toPoint()
    QTest.mouseClick(scrubber, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, position)
    assert wished == []
    scrubber.grab()


def replace_moments(history: History, moments: tuple[int, ...]) -> History:
    history.moments = moments
    return history


@pytest.mark.parametrize("look", ["dark", "light"])
@pytest.mark.parametrize("compact", [False, True])
def test_it_is_painted_in_every_state(
    scrubber: Scrubber, wished: list[int | None], look: str, compact: bool
) -> None:
    scrubber.theme.set(look)  # type: ignore[arg-type]
    scrubber.set_compact(compact)
    assert scrubber.height() == (LOW if compact else TALL)
    scrubber.set_checkpoints((100, 400))
    live = scrubber.grab().toImage()
    QTest.keyClick(scrubber, Qt.Key.Key_Home)
    assert scrubber.grab().toImage() != live
    scrubber.show_history(History())
    scrubber._redraw.flush()
    scrubber.grab()
    assert not scrubber.live.isVisible()


def test_a_long_run_says_its_numbers_with_thin_spaces(scrubber: Scrubber) -> None:
    history = run()
    last = history.progress
    assert last is not None
    history.take(replace(last, step=1_234_567, steps=np.array([], int), values={}))
    scrubber.show_history(history)
    scrubber._redraw.flush()
    assert f"1{THIN_SPACE}234{THIN_SPACE}567" in scrubber.accessibleDescription()
