"""A person at the real window: mouse and keys come from the X server, answers from real engines."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REASON = (
    "needs a window on an X server: xvfb-run python -m pytest tests/journeys (QT_QPA_PLATFORM=xcb)"
)

if os.environ.get("QT_QPA_PLATFORM") != "xcb" or not shutil.which("xdotool"):
    collect_ignore_glob = ["test_*.py"]
else:
    from PySide6.QtCore import QPoint, QRect
    from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

    from studio import app as application
    from studio import paths, settings, start
    from studio.opening import make_session, open_first
    from studio.session.events import Noticed
    from studio.ui.preferences import Preferences

    class Person:
        """Looks at the window and moves its mouse and keys through the X server."""

        def __init__(self, qapp: QApplication, home: Path, file: Path | None = None) -> None:
            self.app = qapp
            self.here = paths.find({"NEUROLOOM_HOME": str(home)})
            values, _ = settings.load(self.here.settings)
            self.frame = start.show_frame(qapp, self.here, values)
            self.session = make_session(self.here)
            open_first(self.session, self.here, values, file)
            self.session.start()
            preferences = Preferences(self.here.settings, values)
            self.window = application.fill(qapp, self.frame, self.session, preferences)
            self.told: list[str] = []
            self.gone = False
            self.session.subscribe(
                lambda event: self.told.append(event.text) if isinstance(event, Noticed) else None
            )
            self.window.bridge.start()
            self.until(lambda: self.session.settled and bool(self.session.catalog.layers), 60)
            self.press_at(
                self.middle(self.window.menu_row)
            )  # no window manager: a click gives focus
            self.frame.activateWindow()

        # ----------------------------------------------------------------------------------- waiting

        def until(self, true: Callable[[], object], seconds: float = 20) -> None:
            """Live until something is so; the test fails when it never is."""
            end = time.monotonic() + seconds
            while not true():
                assert time.monotonic() < end, f"it did not happen within {seconds} s: {self.told}"
                self.app.processEvents()
                time.sleep(0.005)

        def rest(self, seconds: float = 0.15) -> None:
            """Let the window live for a moment."""
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                self.app.processEvents()
                time.sleep(0.005)

        # ---------------------------------------------------------------------------- mouse and keys

        def xdotool(self, *words: str, rest: float = 0.15) -> None:
            """Run a chain of its commands while the window lives, then rest."""
            running = subprocess.Popen(["xdotool", *words])
            self.until(lambda: running.poll() is not None)
            assert running.returncode == 0, words
            self.rest(rest)

        @staticmethod
        def middle(widget: QWidget, part: QRect | None = None) -> QPoint:
            return widget.mapToGlobal((part or widget.rect()).center())

        def press_at(self, point: QPoint, times: int = 1) -> None:
            self.xdotool("mousemove", str(point.x()), str(point.y()))
            self.xdotool("click", "--repeat", str(times), "--delay", "60", "1")

        def press(self, widget: QWidget, times: int = 1) -> None:
            """Click the middle of a widget."""
            assert widget.isVisible(), f"{widget} is not to be seen"
            self.press_at(self.middle(widget), times)

        def drag(self, start: QPoint, end: QPoint) -> None:
            """Press, move in steps as a hand does, release."""
            words = ["mousemove", str(start.x()), str(start.y()), "mousedown", "1"]
            for part in range(1, 9):
                way = start + (end - start) * (part / 8)
                words += ["sleep", "0.02", "mousemove", str(way.x()), str(way.y())]
            self.xdotool(*words, "sleep", "0.02", "mouseup", "1")

        def keys(self, *names: str) -> None:
            """Press keys or chords: `ctrl+z`, `Tab`, `Return`."""
            for name in names:
                self.xdotool("key", name)

        def type(self, text: str) -> None:
            self.xdotool("type", "--delay", "20", text)

        # --------------------------------------------------------------------------------- looking

        def button(self, text: str, within: QWidget | None = None) -> QAbstractButton:
            """Find a button by its words."""
            found = [
                one
                for one in (within or self.window).findChildren(QAbstractButton)
                if one.isVisible() and text in (one.text() or one.accessibleName())
            ]
            assert found, f"there is no button {text!r}"
            return found[0]

        def picture(self, path: Path) -> None:
            """Save what the screen shows."""
            self.window.screen().grabWindow(0).save(str(path))

        def leave(self) -> None:
            """Close without questions, as at the end of a test; once is enough."""
            if self.gone:
                return
            self.gone = True
            self.window.bridge.stop()
            self.session.let_go()
            self.session.close()
            self.frame.hide()
            self.frame.deleteLater()
            self.app.processEvents()

    @pytest.fixture
    def sit_down(qapp: QApplication, tmp_path: Path) -> Iterator[Callable[..., Person]]:
        """Open the window (again) on one home folder; every window is closed at the end."""
        people: list[Person] = []

        def come(file: Path | None = None) -> Person:
            start.make_application()
            people.append(Person(qapp, tmp_path / "home", file))
            return people[-1]

        yield come
        for person in people:
            person.leave()
