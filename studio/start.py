"""From the first press to the window: its frame at once, then engines, then what is in it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from studio import logs, settings
from studio.paths import Paths
from studio.settings import Settings
from studio.ui.frame import Frame
from studio.ui.preferences import Preferences
from studio.ui.theme import Theme


def run(here: Paths, file: Path | None = None, safe: bool = False) -> int:
    """Open the window and return when it is closed; where `safe`, no foreign code runs.

    Imports follow what a person waits for: the frame needs Qt alone; the workbench engine warms up
    in its own process while this one imports and makes the window.
    """
    logs.write_to(here.log)
    app = make_application()
    values, trouble = settings.load(here.settings)
    frame = show_frame(app, here, values)

    from studio.opening import make_session, open_first
    from studio.session.events import Noticed

    session = make_session(here, safe)
    told = open_first(session, here, values, file)
    if trouble:
        told.append(Noticed(trouble, "warning"))
    session.start()

    from studio import app as window

    return window.run(app, frame, session, Preferences(here.settings, values), told)


def show_frame(app: QApplication, here: Paths, values: Settings) -> Frame:
    """Return the window's frame, painted."""
    theme = Theme(here.assets, values.theme)
    theme.prepare(app)
    frame = Frame(theme, values.geometry)
    frame.show()
    app.processEvents()
    return frame


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


def _log_qt(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    level = logging.DEBUG if kind == QtMsgType.QtDebugMsg else logging.WARNING
    logging.getLogger("studio.qt").log(level, text)
