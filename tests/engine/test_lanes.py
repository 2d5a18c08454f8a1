"""Lanes: order, newest only, giving up, and an end without a thread left."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from studio.engine import protocol as p
from studio.engine.lanes import Lane, Work
from studio.engine.serving import failure
from studio.graph.project import Project


class Desk:
    """Hands works to a lane and keeps what comes back, by id."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.told: dict[int, list[object]] = {}
        self.ended = threading.Semaphore(0)

    def work(self, number: int, request: p.Request) -> Work:
        def respond(body: object) -> None:
            self.told.setdefault(number, []).append(body)
            if not isinstance(body, p.Working):
                self.ended.release()

        return Work(number, request, respond)

    def wait(self, count: int) -> None:
        for _ in range(count):
            assert self.ended.acquire(timeout=20)


@pytest.fixture
def desk() -> Iterator[Desk]:
    lane = Lane("test", failure)
    yield Desk(lane)
    lane.close()


def infer(revision: int) -> p.Infer:
    return p.Infer(revision, Project())


def test_works_are_done_in_order(desk: Desk) -> None:
    order: list[int] = []

    def do(work: Work) -> p.Answer:
        order.append(work.number)
        return p.Done()

    for number in range(20):
        desk.lane.put(desk.work(number, p.Ping()), do)
    desk.wait(20)
    assert order == list(range(20))
    assert all(told == [p.Done()] for told in desk.told.values())


def test_only_the_newest_of_those_that_wait_is_computed(desk: Desk) -> None:
    started, go = threading.Event(), threading.Event()
    computed: list[int] = []

    def do(work: Work) -> p.Answer:
        computed.append(work.number)
        if work.number == 1:
            started.set()
            assert go.wait(20)
        return p.Done()

    desk.lane.put(desk.work(1, infer(1)), do, newest_only=True)
    assert started.wait(20)
    desk.lane.put(desk.work(2, p.Ping()), do)
    for number in (3, 4, 5):
        desk.lane.put(desk.work(number, infer(number)), do, newest_only=True)
    desk.wait(2)
    assert [desk.told[number][0].cancelled for number in (3, 4)] == [True, True]
    go.set()
    desk.wait(3)
    assert computed == [1, 2, 5]
    assert [desk.told[number] for number in (1, 2, 5)] == [[p.Done()]] * 3


def test_cancelling_reaches_what_waits_and_what_runs(desk: Desk) -> None:
    started = threading.Event()

    def do(work: Work) -> p.Answer:
        started.set()
        while not work.cancelled():
            pass
        return p.Done()

    desk.lane.put(desk.work(1, p.Ping()), do)
    desk.lane.put(desk.work(2, p.Ping()), do)
    assert started.wait(20)
    desk.lane.cancel(2)
    desk.wait(1)
    desk.lane.cancel(7)
    desk.lane.cancel(1)
    desk.wait(1)
    assert [told[0].cancelled for told in desk.told.values()] == [True, True]


@pytest.mark.parametrize("error", [ValueError("bad luck"), SystemExit(2), RecursionError()])
def test_whatever_a_work_raises_is_refused_and_the_lane_goes_on(
    desk: Desk, error: BaseException
) -> None:
    def raises(work: Work) -> p.Answer:
        raise error

    desk.lane.put(desk.work(1, p.Ping()), raises)
    desk.lane.put(desk.work(2, p.Ping()), lambda work: p.Done())
    desk.wait(2)
    assert type(error).__name__ in desk.told[1][0].message
    assert "Traceback" in desk.told[1][0].details
    assert desk.told[2] == [p.Done()]


def test_reports_are_few_but_the_last_one_is_told(desk: Desk) -> None:
    def do(work: Work) -> p.Answer:
        for done in range(1, 2001):
            work.report(done, 2000)
        return p.Done()

    desk.lane.put(desk.work(1, p.Ping()), do)
    desk.wait(1)
    reports = desk.told[1][:-1]
    assert reports[0] == p.Working(1, 2000)
    assert reports[-1] == p.Working(2000, 2000)
    assert len(reports) < 200


def test_closing_does_not_wait_for_what_waits() -> None:
    lane = Lane("test", failure)
    desk = Desk(lane)
    started = threading.Event()

    def do(work: Work) -> p.Answer:
        started.set()
        while not work.cancelled():
            pass
        return p.Done()

    for number in (1, 2):
        lane.put(desk.work(number, p.Ping()), do)
    assert started.wait(20)
    lane.close()
    assert 2 not in desk.told


def test_nothing_here_needs_torch() -> None:
    """The window's half of the engine imports no torch; looked at in a fresh interpreter."""
    import subprocess

    code = (
        "import sys\n"
        "from studio.engine import (arrays, catalogue_cache, client, in_process, lanes, pool, protocol,"
        " serving, service_main, setup, standard_streams, subprocess, values, wires)\n"
        "assert not {'torch', 'captum', 'sklearn'} & set(sys.modules)"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
