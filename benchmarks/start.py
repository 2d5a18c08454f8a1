"""From the process's start to the window's first paint, and until one press would train.

`paint_ms` is the window's frame with the outlines of its panels, `filled_ms` the whole window,
`ready_ms` when a press on Train would train. Every start is a fresh process with a home of its own; the second start of the same home has the
catalogue in its cache. One JSON line: medians in milliseconds, targets 500 and 3000.

    python benchmarks/start.py [--repeats N]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
PAINT_MS, READY_MS = 500.0, 3000.0

sys.path.insert(0, str(HERE.parent.parent))


def start(began: float) -> dict[str, float]:
    """Do what `studio.start.run` does; return when each stage was reached, in milliseconds."""
    gc.disable()
    times: dict[str, float] = {}

    def reached(stage: str) -> None:
        times.setdefault(stage, round(1000 * (time.time() - began), 1))

    from studio import settings
    from studio import start as studio_start
    from studio.paths import find

    here = find()
    application = studio_start.make_application()
    values, _ = settings.load(here.settings)
    frame = studio_start.show_frame(application, here, values)
    reached("paint_ms")

    from studio.opening import make_session, open_first

    session = make_session(here)
    open_first(session, here, values, None)
    session.start()

    from PySide6.QtCore import QTimer

    from studio import app as studio_app
    from studio.session import events as e
    from studio.ui.preferences import Preferences

    window = studio_app.fill(application, frame, session, Preferences(here.settings, values))
    warm: list[bool] = []
    session.subscribe(lambda event: warm.append(True) if event == job else None)
    job = e.EngineChanged("job", "ready")
    poll = QTimer()

    def look() -> None:
        if warm and not session.can_train():
            reached("ready_ms")
            application.quit()

    def begin() -> None:
        reached("filled_ms")  # the first round of events has painted what the frame holds
        studio_app.begin(window)
        poll.timeout.connect(look)
        poll.start(5)

    QTimer.singleShot(0, window, lambda: QTimer.singleShot(0, window, begin))
    QTimer.singleShot(60_000, application.quit)
    application.exec()
    window.bridge.stop()
    session.close()
    return times


def measure(home: str) -> dict[str, float]:
    """Start once in a fresh process."""
    environment = os.environ | {"NEUROLOOM_HOME": home}
    environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    command = [sys.executable, str(HERE), "--began", repr(time.time())]
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if found.returncode:
        raise RuntimeError(f"The start failed:\n{found.stderr}")
    return dict(json.loads(found.stdout.splitlines()[-1]))


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.began is not None:
        print(json.dumps(start(given.began)))
        return
    first, later = [], []
    for _ in range(given.repeats):
        with tempfile.TemporaryDirectory() as home:
            first.append(measure(home))
            later.append(measure(home))
    line: dict[str, object] = {"benchmark": "start", "repeats": given.repeats}
    for name, runs in (("first", first), ("later", later)):
        line[name] = {
            key: round(statistics.median(run[key] for run in runs), 1)
            for key in ("paint_ms", "filled_ms", "ready_ms")
        }
    everything = [*first, *later]
    paint = statistics.median(run["paint_ms"] for run in everything)
    ready = statistics.median(run["ready_ms"] for run in everything)
    line["target"] = {"paint_ms": PAINT_MS, "ready_ms": READY_MS}
    line["ok"] = paint <= PAINT_MS and ready <= READY_MS
    print(json.dumps(line))


if __name__ == "__main__":
    main()
