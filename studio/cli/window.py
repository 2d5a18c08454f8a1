"""Opening the window, and taking its picture."""

from __future__ import annotations

import argparse
import gc
import os
from pathlib import Path

from studio.cli.display import qt_problem, window_problem
from studio.cli.ending import FINE, JobFailed, WrongUse
from studio.paths import Paths


def open_window(file: Path | None, here: Paths, safe: bool = False) -> int:
    """Open the window, on `file` where one is named; return when it is closed.

    Where `safe`, neither code of projects nor the person's plugins run.
    """
    problem = window_problem(os.environ)
    if problem:
        raise JobFailed(problem)
    if file is not None and not file.exists():
        raise WrongUse(f"There is no file {file}.")
    gc.disable()  # nothing made before the first paint is garbage; a `Collector` goes on from there
    from studio import start

    return start.run(here, file, safe)


def shot(given: argparse.Namespace, here: Paths) -> int:
    """Take a picture of the real window, off screen."""
    if not given.file.exists():
        raise WrongUse(f"There is no file {given.file}.")
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    problem = qt_problem()
    if problem:
        raise JobFailed(problem)
    from studio import app

    problem = app.shot(
        here,
        given.file,
        workspace=given.workspace,
        theme=given.theme,
        size=given.size,
        output=given.output,
    )
    if problem:
        raise JobFailed(problem)
    print(given.output)
    return FINE
