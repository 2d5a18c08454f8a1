"""Someone adds an architecture by dropping one file, breaks it, loses an engine, and closes in the middle."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from studio.engine import protocol as p
from studio.engine import runs
from studio.graph.edits import SetRecipe

if TYPE_CHECKING:
    from conftest import Person

pytestmark = pytest.mark.journey

TINY = '''
from typing import Annotated
from studio.api import Int, Net, architecture

@architecture(kind="mine.tiny", title="Tiny net", category="Mine", data="sklearn.digits",
              recipe={"epochs": 3})
def tiny(net: Net, width: Annotated[int, Int(1, 512), "Units."] = 16) -> None:
    """One hidden layer, to see that it works."""
    x = net.add("torch.nn.Flatten", net.input())
    x = net.add("torch.nn.ReLU", net.add("torch.nn.Linear", x, name="hidden", out_features=width))
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=10))
'''


def test_drop_a_file_break_it_lose_an_engine_and_close(sit_down: Callable[..., Person]) -> None:
    me = sit_down()
    session, window = me.session, me.window
    folder = session.paths.plugins
    folder.mkdir(parents=True, exist_ok=True)

    # A file dropped into the folder is in the Library a moment later, while the window is open.
    (folder / "tiny.py").write_text(TINY)
    me.until(lambda: "mine.tiny" in session.catalog.architectures, 30)
    session.draw("mine.tiny", {"width": 24})
    me.until(lambda: session.document.project.networks["main"].graph.named("hidden"), 20)
    me.until(lambda: session.settled and session.can_train() == "", 20)

    # One that raises becomes a fault with file and line; everything else goes on.
    (folder / "broken.py").write_text("from studio.api import Net\n\ndef half(:\n")
    me.until(lambda: any("broken.py" in fault.file for fault in session.catalog.faults), 30)
    fault = next(fault for fault in session.catalog.faults if "broken.py" in fault.file)
    assert fault.line == 3
    window.manage_plugins()
    me.rest(0.5)
    assert "mine.tiny" in session.catalog.architectures

    # The workbench engine is killed: it comes back, the document stays.
    project = session.document.project
    assert session.hello is not None
    dead = session.hello.pid
    os.kill(dead, signal.SIGKILL)
    me.until(lambda: session.hello.pid != dead, 60)
    me.until(lambda: session.settled, 30)
    assert session.document.project is project

    # The job's engine is killed in the middle: the run is kept up to its last event.
    session.do(SetRecipe({"epochs": 2000}))
    me.until(lambda: session.settled and session.can_train() == "", 20)
    window.plugins.hide()
    me.keys("ctrl+Return")
    me.until(lambda: len(session.history.epochs) >= 2, 60)
    me.rest(1.0)  # events reach the disk at least every half second
    killed = Path(session.history.folder)
    job_pid = session._training.hello.pid
    os.kill(job_pid, signal.SIGKILL)
    me.until(lambda: session.training == "ended", 30)
    assert session.history.status == "interrupted"
    stored = list(runs.read_events(killed))
    assert any(isinstance(event, p.EpochDone) for event in stored)
    assert runs.read_info(killed).status == "interrupted"

    # Closing while training asks, stops cleanly and loses nothing.
    me.until(lambda: session._training.hello.pid != job_pid, 60)
    me.until(lambda: session.can_train() == "", 30)
    me.keys("ctrl+Return")
    me.until(lambda: len(session.history.epochs) >= 2, 60)
    folder_now = Path(session.history.folder)
    asked: list[str] = []

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        if dialog is not None:
            asked.append(dialog.windowTitle())
            (dialog.buttons.get("stop") or dialog.buttons["drop"]).click()

    person = QTimer()
    person.timeout.connect(answer)
    person.start(400)
    window.close()
    me.until(lambda: not window.isVisible(), 40)
    person.stop()
    assert asked[0] == "Training is under way"
    info = runs.read_info(folder_now)
    assert info.status == "stopped"
    assert runs.newest_weights(folder_now) is not None
