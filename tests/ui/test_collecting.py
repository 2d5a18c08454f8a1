"""Circles of references that hold widgets are collected, and on the window's thread only."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from studio.ui.collecting import Collector


class Circle(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.me = self


@pytest.fixture
def collector(qtbot: QtBot) -> Iterator[Collector]:
    automatic = gc.isenabled()
    made = Collector()
    made.start()
    yield made
    made.stop()
    gc.unfreeze()
    if not automatic:
        gc.disable()


def test_other_threads_collect_nothing(qtbot: QtBot, collector: Collector) -> None:
    died: list[int] = []
    one = Circle()
    weakref.finalize(one, lambda: died.append(threading.get_ident()))
    del one

    def allocate() -> None:
        kept = [[index] for index in range(100_000)]  # many times what starts a collection
        assert kept

    other = threading.Thread(target=allocate)
    other.start()
    other.join()
    assert not died
    made = [[index] for index in range(2 * gc.get_threshold()[0])]  # a turn for the youngest
    qtbot.waitUntil(lambda: bool(died), timeout=5_000)
    assert died == [threading.get_ident()]
    assert made


def test_nothing_is_looked_through_while_nothing_is_made(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    gc.collect()
    monkeypatch.setattr(gc, "collect", asked.append)
    monkeypatch.setattr(gc, "get_count", lambda: (10, 0, 0))
    collector.look()
    assert asked == []
    monkeypatch.setattr(gc, "get_count", lambda: (10**6, 10**6, 0))
    collector.look()
    assert asked == [1]
