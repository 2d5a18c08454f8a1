"""Looking back: the newest wish counts, nothing blocks, and what cannot be read is said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio.engine import protocol as p
from studio.engine import runs
from studio.engine.runs import MomentWriter
from studio.session import events as e
from studio.session.history import History
from studio.session.recall import Recall


class Looking:
    """A history with stored moments, and what is told of it."""

    def __init__(self, folder: Path, *steps: int) -> None:
        self.history = History(str(folder))
        self.told: list[e.SessionEvent] = []
        writer = MomentWriter(folder)
        for step in steps:
            writer.keep(p.Moment(step, p.LayerStats(step, {"a": p.LayerStat(float(step), 1, 0)})))
        self.history.moments = writer.steps
        self.recall = Recall(lambda: self.history, self.told.append)

    def wait(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not done():
            assert time.monotonic() < end
            self.recall.pump()
            time.sleep(0.001)

    def moments(self) -> list[int | None]:
        return [event.step for event in self.told if isinstance(event, e.MomentChanged)]


@pytest.fixture
def looking(tmp_path: Path) -> Iterator[Looking]:
    made = Looking(tmp_path, 10, 20, 30)
    yield made
    made.recall.close()


def test_the_nearest_moment_is_shown_and_then_the_newest_again(looking: Looking) -> None:
    history = looking.history
    history.take(p.LayerStats(40, {"a": p.LayerStat(40.0, 1.0, 0.0)}))
    looking.recall.look_at(22)
    assert history.at is None  # read beside, shown at the next turn
    looking.wait(lambda: history.at == 20)
    assert history.shown.layers is not None
    assert history.shown.layers.nodes["a"].mean == 20.0
    history.take(p.LayerStats(50, {"a": p.LayerStat(50.0, 1.0, 0.0)}))
    assert history.shown.layers.nodes["a"].mean == 20.0  # the run goes on, the look stays
    looking.recall.look_at(None)
    assert history.at is None
    assert history.shown.layers.nodes["a"].mean == 50.0
    assert looking.moments() == [20, None]


def test_of_many_wishes_the_newest_counts(
    looking: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, read = threading.Event(), []

    def slow(folder: Path, step: int) -> p.Moment | None:
        go.wait(10)
        read.append(step)
        return p.Moment(step)

    monkeypatch.setattr(runs, "read_moment", slow)
    for step in (10, 20, 30, 20, 30):
        looking.recall.look_at(step)
        looking.recall.pump()
    go.set()
    looking.wait(lambda: looking.history.at == 30)
    assert read == [10, 30]
    assert looking.moments() == [30]


def test_a_wish_for_now_drops_what_is_being_read(looking: Looking) -> None:
    looking.recall.look_at(10)
    looking.recall.look_at(None)
    looking.wait(lambda: looking.recall._reading is None)
    assert looking.history.at is None
    assert looking.moments() == []


def test_another_run_is_not_shown_a_moment_of_this_one(looking: Looking, tmp_path: Path) -> None:
    looking.recall.look_at(10)
    looking.history = History(str(tmp_path / "other"))
    looking.wait(lambda: looking.recall._reading is None)
    assert looking.history.moment is None
    assert looking.moments() == []


def test_a_broken_moment_is_said_and_left_out(looking: Looking, tmp_path: Path) -> None:
    (tmp_path / "moments" / "20.npz").write_bytes(b"cut")
    looking.recall.look_at(20)
    looking.wait(lambda: bool(looking.told))
    (said, changed) = looking.told
    assert isinstance(said, e.Noticed)
    assert said.text.startswith("What was looked at in step 20 cannot be read")
    assert changed == e.MomentChanged(None)
    assert looking.history.moments == (10, 30)
    assert looking.history.at is None


def test_a_moment_that_was_thinned_meanwhile_gives_its_neighbour(
    looking: Looking, tmp_path: Path
) -> None:
    (tmp_path / "moments" / "20.npz").unlink()
    looking.recall.look_at(20)
    looking.history.moments = (10, 30)  # as the run has told meanwhile
    looking.wait(lambda: bool(looking.told))
    assert looking.history.at == 10


def test_without_moments_nothing_is_asked(tmp_path: Path) -> None:
    empty = Looking(tmp_path)
    empty.recall.look_at(5)
    empty.recall.pump()
    empty.recall.close()
    assert empty.told == []


def test_a_history_tells_of_the_epoch_that_was_over(tmp_path: Path) -> None:
    history = History()
    for epoch in (1, 2, 3):
        history.take(p.EpochDone(epoch, epoch * 10, {"val_loss": 1.0 / epoch}, 0.1))
    assert history.epoch_shown is history.epochs[-1]
    history.moment = p.Moment(25)
    assert history.epoch_shown is history.epochs[1]
    history.moment = p.Moment(9)
    assert history.epoch_shown is None
