"""What every test gets: no display, one torch thread, a home of its own, and nothing left behind."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data that may lie beside the project."""
    if not DATA.is_dir():
        pytest.skip("no real data beside the project")
    return DATA


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the person's own settings, runs or packs."""
    monkeypatch.setenv("NEUROLOOM_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(autouse=True)
def _collected_here() -> Iterator[None]:
    """Garbage dies on the thread that the tests run on: Qt objects may not die on an engine's."""
    if "PySide6.QtCore" not in sys.modules:
        yield
        return
    gc.disable()
    yield
    gc.collect(2 if gc.get_count()[2] > gc.get_threshold()[2] else 1)


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """A thread that outlives its test fails it; torch's own pools and daemons of pools are not ours."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        left = [
            thread
            for thread in threading.enumerate()
            if thread not in before
            and thread.is_alive()
            and not thread.name.startswith(("pytest_timeout", "Dummy", "ThreadPoolExecutor-torch"))
        ]
        if not left:
            return
        time.sleep(0.02)
    pytest.fail(f"threads left behind: {[thread.name for thread in left]}")


@pytest.fixture(autouse=True)
def _no_timer_or_window_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A timer that ticks on, or a window that stays open, fails the test that made it.

    Started timers are written down as they start: looking through all objects instead would take
    hold of what other threads are just making, and break it.
    """
    core = sys.modules.get("PySide6.QtCore")
    if core is None:
        yield
        return
    timers: weakref.WeakSet[Any] = weakref.WeakSet()
    start, single_shot = core.QTimer.start, core.QTimer.singleShot

    def started(timer: Any, *given: Any) -> None:
        timers.add(timer)
        start(timer, *given)

    def shot(delay_ms: int, *given: Any) -> None:
        assert delay_ms == 0, "nobody can stop a delayed singleShot: use a timer with a parent"
        single_shot(delay_ms, *given)

    monkeypatch.setattr(core.QTimer, "start", started)
    monkeypatch.setattr(core.QTimer, "singleShot", shot)
    before = _open_windows()
    yield
    left = [one for one in _open_windows() if one not in before] + _ticking(timers)
    if left:
        gc.collect()  # what only a circle of references kept is nobody's any more
        left = [one for one in _open_windows() if one not in before] + _ticking(timers)
    if left:
        pytest.fail(f"timers or windows left behind: {left}")


def _open_windows() -> list[Any]:
    """Return the windows that are to be seen; none where no application was started."""
    widgets = sys.modules.get("PySide6.QtWidgets")
    app = widgets.QApplication.instance() if widgets is not None else None
    if app is None:
        return []
    from PySide6.QtCore import QEvent

    app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return [one for one in app.topLevelWidgets() if one.isVisible()]


def _ticking(timers: Iterable[Any]) -> list[Any]:
    import shiboken6

    return [one for one in timers if shiboken6.isValid(one) and one.isActive()]
