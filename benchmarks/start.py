"""From the process's start to the window's first paint, and until one press would train.

Every start is a fresh process with a home of its own; the second start of the same home has the
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
    """Open the window as `neuroloom` does; return when it had painted and when it could train."""
    gc.disable()
    from PySide6.QtCore import QEvent, QObject, QTimer

    from studio import app as studio_app
    from studio import settings
    from studio.paths import find
    from studio.session import events as e
    from studio.ui.preferences import Preferences

    here = find()
    application = studio_app.make_application()
    values, _ = settings.load(here.settings)
    window = studio_app.assemble(application, here, Preferences(here.settings, values))
    session = window.session
    studio_app.open_first(session, here, values, None)
    times: dict[str, float] = {}

    class Watch(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint and "paint_ms" not in times:
                # What follows this event in the same round is the painting itself.
                QTimer.singleShot(0, self, self.painted)
            return False

        def painted(self) -> None:
            times.setdefault("paint_ms", 1000 * (time.time() - began))

    watch = Watch()
    window.installEventFilter(watch)
    poll = QTimer()

    ready: list[bool] = []

    def heard(event: e.SessionEvent) -> None:
        if event == e.EngineChanged("job", "ready"):
            ready.append(True)

    session.subscribe(heard)

    def look() -> None:
        if ready and not session.can_train():
            times["ready_ms"] = 1000 * (time.time() - began)
            poll.stop()
            application.quit()

    def begin() -> None:
        studio_app.begin(window)
        poll.timeout.connect(look)
        poll.start(5)

    window.show()
    QTimer.singleShot(0, window, begin)
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
            for key in ("paint_ms", "ready_ms")
        }
    everything = [*first, *later]
    paint = statistics.median(run["paint_ms"] for run in everything)
    ready = statistics.median(run["ready_ms"] for run in everything)
    line["target"] = {"paint_ms": PAINT_MS, "ready_ms": READY_MS}
    line["ok"] = paint <= PAINT_MS and ready <= READY_MS
    print(json.dumps(line))


if __name__ == "__main__":
    main()
