"""What every test gets: no display, one torch thread, a home of its own, and nothing left behind."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("PYQTGRAPH_QT_LIB", "PySide6")

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
def _no_timer_or_window_left() -> Iterator[None]:
    """A timer that ticks on, or a window that stays open, fails the test that made it."""
    before = _living()
    yield
    left = [one for one in _living() if one not in before]
    if left:
        gc.collect()  # what only a circle of references kept is nobody's any more
        left = [one for one in _living() if one not in before]
    if left:
        pytest.fail(f"timers or windows left behind: {', '.join(map(_described, left))}")


def _living() -> list[Any]:
    """Return the timers that tick and the windows that are open; none where Qt was never started."""
    widgets = sys.modules.get("PySide6.QtWidgets")
    app = widgets.QApplication.instance() if widgets is not None else None
    if app is None:
        return []
    import shiboken6
    from PySide6.QtCore import QEvent, QTimer

    app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    timers = [one for one in gc.get_objects() if type(one) is QTimer]
    ticking = [one for one in timers if shiboken6.isValid(one) and one.isActive()]
    return [*ticking, *(one for one in app.topLevelWidgets() if one.isVisible())]


def _described(one: Any) -> str:
    owner = one.parent()
    return f"{type(one).__name__} of {type(owner).__name__}" if owner else repr(one)
