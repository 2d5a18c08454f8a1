"""The one door: events reach every listener in order, and a failing one stops nobody."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot

from studio.session import events as e
from studio.ui.bridge import Bridge


class Pumped:
    def __init__(self) -> None:
        self.listener: Callable[[e.SessionEvent], None] | None = None
        self.waiting: list[e.SessionEvent] = []
        self.pumps = 0

    def subscribe(self, listener: Callable[[e.SessionEvent], None]) -> Callable[[], None]:
        self.listener = listener

        def end() -> None:
            self.listener = None

        return end

    def pump(self) -> None:
        self.pumps += 1
        waiting, self.waiting = self.waiting, []
        for event in waiting:
            if self.listener:
                self.listener(event)


def test_events_arrive_in_order_at_every_listener(qtbot: QtBot) -> None:
    pumped = Pumped()
    bridge = Bridge(pumped)
    first: list[object] = []
    second: list[object] = []
    bridge.add(first.append)
    bridge.add(second.append)
    pumped.waiting = [e.Noticed("a"), e.RunsChanged(), e.Noticed("b")]
    expected = list(pumped.waiting)
    bridge.start()
    qtbot.waitUntil(lambda: len(second) == 3)
    assert first == second == expected
    bridge.stop()


def test_a_listener_that_raises_is_reported_and_the_others_still_hear(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: reported.append(kind))
    pumped = Pumped()
    bridge = Bridge(pumped)
    heard: list[object] = []

    def fails(event: e.SessionEvent) -> None:
        raise LookupError("broken panel")

    bridge.add(fails)
    bridge.add(heard.append)
    pumped.waiting = [e.Noticed("a")]
    bridge.start()
    qtbot.waitUntil(lambda: bool(heard))
    assert reported == [LookupError]
    bridge.stop()


def test_it_goes_on_pumping_until_it_is_stopped(qtbot: QtBot) -> None:
    pumped = Pumped()
    bridge = Bridge(pumped)
    bridge.start()
    qtbot.waitUntil(lambda: pumped.pumps >= 3)
    bridge.stop()
    seen = pumped.pumps
    qtbot.wait(120)
    assert pumped.pumps == seen
    assert pumped.listener is None


def test_stopped_by_what_it_delivers_it_pumps_no_more(qtbot: QtBot) -> None:
    pumped = Pumped()
    bridge = Bridge(pumped)
    bridge.add(lambda event: bridge.stop())
    pumped.waiting = [e.Noticed("the run has ended: the window closes")]
    bridge.start()
    qtbot.waitUntil(lambda: pumped.pumps == 1)
    qtbot.wait(150)
    assert pumped.pumps == 1
