"""The application: builds everything once and passes it in."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal

from PySide6.QtCore import QMessageLogContext, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from studio import extensions, logs, settings
from studio.engine import catalogue_cache, subprocess
from studio.engine.client import Client
from studio.engine.setup import Setup
from studio.graph import files
from studio.paths import Paths
from studio.session import events as e
from studio.session.session import Session
from studio.settings import Settings
from studio.ui.preferences import Preferences
from studio.ui.theme import Theme
from studio.ui.window import MainWindow
from studio.ui.workspaces import WORKSPACES

log = logging.getLogger(__name__)

#: How long a picture waits for shapes, and for a run that it has to make first.
FACTS_S, RUN_S, SETTLE_S = 60.0, 900.0, 1.5


def run(here: Paths, file: Path | None = None) -> int:
    """Open the window and return when it is closed.

    The window paints before any engine is started; the engines then warm up beside it.
    """
    logs.write_to(here.log)
    app = make_application()
    values, trouble = settings.load(here.settings)
    window = assemble(app, here, Preferences(here.settings, values))
    session = window.session
    restore = report_crashes(window)
    open_first(session, here, values, file)
    window.show()
    if trouble:
        window.notices.show(trouble, "warning")
    QTimer.singleShot(0, window, lambda: begin(window))
    signal.signal(signal.SIGINT, lambda *_: window.close())
    try:
        return int(app.exec())
    finally:
        window.bridge.stop()
        session.close()
        restore()


def assemble(app: QApplication, here: Paths, preferences: Preferences) -> MainWindow:
    """Return the window with its session and look, not yet shown; no engine runs yet."""
    theme = Theme(here.assets, preferences.values.theme)
    theme.prepare(app)
    window = MainWindow(make_session(here), theme, preferences)
    theme.dress(app)
    theme.changed.connect(lambda: theme.dress(app))
    return window


def make_application() -> QApplication:
    """Return the one QApplication, in the style that the theme builds on."""
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication([sys.argv[0]])
    app.setApplicationName("neuroloom")
    app.setApplicationDisplayName("Neuroloom")
    app.setStyle("Fusion")
    qInstallMessageHandler(_log_qt)
    return app


def make_session(here: Paths) -> Session:
    """Return a session whose engines are processes; the catalogue is the one of the last start."""
    packs = tuple(str(folder) for folder in here.plugin_folders)

    def connect(role: str) -> Client:
        known: Literal["workbench", "job"] = "job" if role == "job" else "workbench"
        return subprocess.spawn(Setup(role=known, packs=packs, cache=str(here.cache)))

    found = extensions.scan(here.plugin_folders).hash
    return Session(connect, here, catalogue_cache.read(here.cache, found))


def open_first(session: Session, here: Paths, values: Settings, file: Path | None) -> None:
    """Open what was asked for, else the last project, else the starter."""
    recent = [Path(path) for path in values.recent[:1] if os.path.isfile(path)]
    for candidate in [file] if file else recent:
        if candidate is not None and session.open(candidate):
            return
    try:
        session.new(files.load(here.starter).project)
    except files.FileProblem as problem:
        log.error("The starter project cannot be opened: %s", problem)
        session.new()


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
    """Start the engines, now that the window has been painted."""
    gc.freeze()  # the window lives as long as the process: no collection need look through it
    gc.enable()
    window.bridge.start()
    window.session.start()
    window.recovery.offer()


def _log_qt(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    level = logging.DEBUG if kind == QtMsgType.QtDebugMsg else logging.WARNING
    logging.getLogger("studio.qt").log(level, text)
