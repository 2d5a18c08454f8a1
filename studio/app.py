"""The window's life: filled, shown, closed; and its picture."""

from __future__ import annotations

import logging
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from studio.opening import make_session
from studio.paths import Paths
from studio.session import events as e
from studio.session.session import Session
from studio.settings import Settings
from studio.start import make_application
from studio.ui.frame import Frame
from studio.ui.preferences import Preferences
from studio.ui.theme import Theme
from studio.ui.window import MainWindow
from studio.ui.workspaces import WORKSPACES

log = logging.getLogger(__name__)

#: How long a picture waits for shapes, and for a run that it has to make first.
FACTS_S, RUN_S, SETTLE_S = 60.0, 900.0, 1.5


def run(
    app: QApplication,
    frame: Frame,
    session: Session,
    preferences: Preferences,
    told: Sequence[e.Noticed] = (),
) -> int:
    """Fill the frame with the window, and return when it is closed.

    `told` is what was noticed before there was a window to say it.
    """
    window = fill(app, frame, session, preferences)
    restore = report_crashes(window)
    for notice in told:
        window.on_event(notice)
    QTimer.singleShot(0, window, lambda: begin(window))
    signal.signal(signal.SIGINT, lambda *_: frame.close())
    try:
        return int(app.exec())
    finally:
        window.bridge.stop()
        session.close()
        restore()


def fill(app: QApplication, frame: Frame, session: Session, preferences: Preferences) -> MainWindow:
    """Put the window into its frame, in its look."""
    window = MainWindow(session, frame.theme, preferences)
    dress(app, frame.theme)
    frame.hold(window)
    return window


def assemble(app: QApplication, here: Paths, preferences: Preferences) -> MainWindow:
    """Return the window with its session and look, not yet shown; no engine runs yet."""
    theme = Theme(here.assets, preferences.values.theme)
    theme.prepare(app)
    window = MainWindow(make_session(here), theme, preferences)
    dress(app, theme)
    return window


def dress(app: QApplication, theme: Theme) -> None:
    """Give the application its look, now and whenever it changes."""
    theme.dress(app)
    theme.changed.connect(lambda: theme.dress(app))


def report_crashes(window: MainWindow) -> Callable[[], None]:
    """Show exceptions that reach the top as our bug; the window and the work in it stay.

    Returns what undoes it.
    """
    earlier = sys.excepthook

    def report(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            earlier(kind, error, trace)
            return
        text = "".join(traceback.format_exception(kind, error, trace))
        log.error("Unexpected error\n%s", text)
        try:
            window.notices.show(
                "Neuroloom made a mistake. Your work is kept; the details are in the log "
                "(Help, Show log).",
                "error",
                text,
            )
            window.build.problems.say(f"error: {kind.__name__}: {error}")
        except Exception:
            earlier(kind, error, trace)

    sys.excepthook = report

    def restore() -> None:
        sys.excepthook = earlier

    return restore


def shot(
    here: Paths,
    file: Path,
    *,
    workspace: str,
    theme: str,
    size: tuple[int, int],
    output: Path,
    run: Path | None = None,
) -> str:
    """Save a picture of the real window on a project; return nothing, or why there is none.

    Train, Explain and Runs show `run`, else the project's newest run, else one that is made now.
    """
    app = make_application()
    look: Literal["dark", "light"] = "light" if theme == "light" else "dark"
    window = assemble(app, here, Preferences(None, Settings(theme=look)))
    session = window.session
    told: list[str] = []
    session.subscribe(lambda event: _note(told, event))
    try:
        if not session.open(file):
            return told[-1]
        window.resize(*size)
        window.show()
        window.bridge.start()
        session.start()
        if not _wait(app, lambda: session.settled and bool(session.catalog.layers), FACTS_S):
            return told[-1] if told else f"No shapes came within {FACTS_S:.0f} seconds."
        index = [name.lower() for name in WORKSPACES].index(workspace)
        if index:
            problem = _show_run(app, session, run)
            if problem:
                return problem
        window.show_workspace(index)
        window.resize(*size)
        _wait(app, lambda: False, SETTLE_S if index < 2 else 4 * SETTLE_S)
        if not window.grab().save(str(output)):
            return f"{output} cannot be written. Give another place with -o."
        return ""
    finally:
        window.bridge.stop()
        session.close()
        window.hide()
        window.deleteLater()
        app.processEvents()


def _show_run(app: QApplication, session: Session, run: Path | None) -> str:
    if run is not None:
        return "" if session.open_run(run) else f"There is no run in {run}."
    if session.history.folder:
        return ""
    if not session.train():
        return session.can_train()
    done = _wait(app, lambda: session.training == "ended", RUN_S)
    return "" if done else f"The run did not end within {RUN_S:.0f} seconds."


def _wait(app: QApplication, done: Callable[[], bool], seconds: float) -> bool:
    """Let the window live until `done`, or for so long; tell whether it is."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        app.processEvents()
        time.sleep(0.005)
    app.processEvents()
    return True


def _note(told: list[str], event: e.SessionEvent) -> None:
    if isinstance(event, e.Noticed) and event.severity == "error":
        told.append(event.text)


def begin(window: MainWindow) -> None:
    """Listen to the engines, now that the window has been painted."""
    window.collector.start()
    window.bridge.start()
    window.recovery.offer()
