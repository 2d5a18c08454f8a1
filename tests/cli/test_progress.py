"""A run is told in a line an epoch, or in one line that changes on a terminal."""

from __future__ import annotations

import io

import numpy as np
import pytest

from studio.cli.progress import Teller
from studio.engine.protocol import EpochDone, Finished, ProblemFound, Progress, RunSummary, Started
from studio.graph.problems import Problem

STARTED = Started("r", "lenet", "cpu", 1, 2, 10, 32, 320, 80, "classification", parameters=61706)


def progress(step: int) -> Progress:
    values = {"train_loss": np.array([0.5], np.float32), "lr": np.array([0.1], np.float32)}
    return Progress(step, 1, np.array([step]), values, 12345.0, 125.0)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_an_epoch() -> None:
    stream = io.StringIO()
    teller = Teller(stream)
    for event in (
        STARTED,
        progress(5),
        EpochDone(1, 10, {"val_accuracy": 0.975, "val_loss": 0.1}, 1.0),
    ):
        teller.take(event)
    first, second = stream.getvalue().splitlines()
    assert "61,706 parameters" in first
    assert second == "epoch 1/2: val_accuracy 97.5%, val_loss 0.1"


def test_a_terminal_gets_one_line_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("studio.cli.progress.time.monotonic", lambda: clock[0])
    monkeypatch.setenv("COLUMNS", "200")
    stream = Terminal()
    teller = Teller(stream)
    teller.take(STARTED)
    clock[0] = 1.0
    teller.take(progress(5))
    drawn = stream.getvalue()
    assert "epoch 1/2" in drawn
    assert "loss 0.5" in drawn
    assert "12,345 samples/s" in drawn
    assert "2 min 05 s left" in drawn
    clock[0] = 1.1
    teller.take(progress(6))
    assert stream.getvalue() == drawn, "a line that flickers is not calm"
    teller.take(Finished(RunSummary("r", "finished", 2, 20, 1.0)))
    assert stream.getvalue().endswith("\r\x1b[2K")
    assert drawn.count("\n") == 1


def test_a_narrow_terminal_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    teller = Teller(stream)
    teller.take(STARTED)
    teller.take(progress(5))
    assert len(stream.getvalue().rpartition("\x1b[2K")[2]) < 20


def test_problems_are_told() -> None:
    stream = io.StringIO()
    Teller(stream).take(ProblemFound(7, Problem("relu1 is dead.")))
    assert stream.getvalue() == "step 7: relu1 is dead.\n"
