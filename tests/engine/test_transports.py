"""One suite over both transports: whatever a client may rely on, it may rely on with either."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fake_engine import FakeEngine

from studio.engine import in_process, subprocess
from studio.engine import protocol as p
from studio.engine.client import Client, EngineGone, EngineRefused
from studio.engine.setup import Setup
from studio.graph.graph import Graph, Node, link
from studio.graph.project import Project, Sheet

HERE = str(Path(__file__).parent)


def spawn_fake() -> Client:
    return subprocess.spawn(Setup("job"), {"PYTHONPATH": HERE}, module="fake_engine")


def connect_fake() -> Client:
    return in_process.connect(FakeEngine(Setup("job")))


def do(what: str, **params: object) -> p.BuildArchitecture:
    return p.BuildArchitecture(what, params)


def pump_until(client: Client, done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "nothing came"
        client.pump()
        time.sleep(0.001)


@pytest.fixture(params=[connect_fake, spawn_fake], ids=["in_process", "subprocess"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    with request.param() as client:
        yield client


@pytest.fixture
def spawned() -> Iterator[Client]:
    with spawn_fake() as client:
        yield client


# ------------------------------------------------------------------------------ asking and answering


def test_calls_are_answered(client: Client) -> None:
    hello = client.call(p.Ping())
    assert isinstance(hello, p.Hello)
    assert hello.versions == {"role": "job"}
    assert hello.pid == client.pid
    assert client.alive


def test_a_project_comes_out_equal_with_tuples(client: Client) -> None:
    nodes = {
        "a": Node("a", "core.input", "x"),
        "b": Node("b", "torch.nn.Conv2d", "conv1", {"kernel_size": (3, 5), "bias": None}),
    }
    project = Project({"main": Sheet(Graph(nodes, (link("a", "out", "b", "x"),)))})
    drawn = client.call(p.Infer(4, project))
    assert drawn == p.Drawn(project)
    assert drawn.project is not project


@pytest.mark.parametrize("size", [0, 10, 100_000])
def test_arrays_arrive_whole_and_read_only(client: Client, size: int) -> None:
    outputs = client.call(do("array", size=size)).outputs
    assert outputs.dtype == np.float32
    assert np.array_equal(outputs, np.arange(size, dtype=np.float32))
    with pytest.raises(ValueError, match="read-only"):
        outputs[...] = 1


def test_refusals_and_our_own_faults_come_as_sentences(client: Client) -> None:
    with pytest.raises(EngineRefused, match="No GetCatalogue here"):
        client.call(p.GetCatalogue())
    with pytest.raises(EngineRefused, match="RuntimeError: the fake raised") as caught:
        client.call(do("raise"))
    assert "in do_raise" in caught.value.refused.details
    with pytest.raises(EngineRefused, match="Arrays of numbers"):
        client.call(do("object"))
    assert isinstance(client.call(p.Ping()), p.Hello)


def test_callbacks_run_only_in_pump_on_its_thread(client: Client) -> None:
    threads: list[threading.Thread] = []
    client.ask(p.Ping(), lambda answer: threads.append(threading.current_thread()))
    client.call(p.Ping())  # its answer comes after, so the first one is there
    assert threads == []
    assert client.pump() == 1
    assert threads == [threading.current_thread()]
    assert client.pump() == 0


def test_exceptions_of_callbacks_surface_and_lose_nothing(client: Client) -> None:
    got: list[p.Answer] = []

    def stumble(answer: p.Answer) -> None:
        raise KeyError("in the window")

    client.ask(p.Ping(), stumble)
    client.ask(p.Ping(), got.append)
    client.call(p.Ping())
    with pytest.raises(KeyError, match="in the window"):
        client.pump()
    pump_until(client, lambda: got)


@pytest.mark.parametrize("value", [2**70, object(), "\ud800"])
def test_what_cannot_be_sent_is_refused_in_words(client: Client, value: object) -> None:
    with pytest.raises(EngineRefused, match="BuildArchitecture cannot be sent"):
        client.call(do("array", size=value))
    assert isinstance(client.call(p.Ping()), p.Hello)


def test_a_refusal_that_nobody_takes_surfaces(client: Client) -> None:
    client.ask(p.GetCatalogue(), lambda answer: None)
    client.call(p.Ping())
    with pytest.raises(EngineRefused, match="No GetCatalogue"):
        client.pump()


def test_pictures_are_latest_only_and_the_rest_is_lossless(client: Client) -> None:
    events: list[p.Event] = []
    answers: list[p.Answer] = []
    client.ask(do("pictures", count=40), answers.append, on_event=events.append)
    client.call(p.Ping())  # all of them have arrived by now, none was delivered
    assert client.pump(budget_s=60) == 40 + 2 + 1
    progress = [event.step for event in events if isinstance(event, p.Progress)]
    assert progress == list(range(40))
    assert [event.step for event in events if isinstance(event, p.Pictures)] == [39]
    assert [event.step for event in events if isinstance(event, p.LayerStats)] == [39]
    assert answers == [p.Done()]


def test_pictures_of_two_requests_do_not_replace_each_other(client: Client) -> None:
    events: list[p.Event] = []
    for count in (3, 5):
        client.ask(do("pictures", count=count), lambda answer: None, on_event=events.append)
    client.call(p.Ping())
    client.pump(budget_s=60)
    assert [event.step for event in events if isinstance(event, p.Pictures)] == [2, 4]


def test_pump_keeps_to_its_budget(client: Client) -> None:
    events: list[p.Event] = []
    client.ask(do("pictures", count=5), lambda answer: None, on_event=events.append)
    client.call(p.Ping())
    assert client.pump(budget_s=0) == 1
    assert len(events) == 1
    assert client.pump(budget_s=60) == 7


def test_cancelling_ends_a_request(client: Client) -> None:
    refused: list[p.Refused] = []
    events: list[p.Event] = []
    ticket = client.ask(
        do("wait"), lambda answer: pytest.fail("answered"), refused.append, events.append
    )
    pump_until(client, lambda: len(events) >= 3)
    ticket.cancel()
    ticket.cancel()
    seen = len(events)
    pump_until(client, lambda: refused)
    assert refused[0].cancelled
    assert len(events) == seen
    ticket.cancel()
    assert isinstance(client.call(p.Ping()), p.Hello)


def test_an_answer_that_was_cancelled_is_not_delivered(client: Client) -> None:
    refused: list[p.Refused] = []
    ticket = client.ask(p.Ping(), lambda answer: pytest.fail("answered"), refused.append)
    client.call(p.Ping())
    ticket.cancel()
    client.pump()
    assert [one.cancelled for one in refused] == [True]


def test_call_gives_up_after_its_time_and_leaves_nothing(client: Client) -> None:
    with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
        client.call(do("wait"), timeout_s=0.05)
    assert isinstance(client.call(p.Ping()), p.Hello)
    assert client.pump() == 0


def test_call_delivers_its_own_events_only(client: Client) -> None:
    mine: list[p.Event] = []
    others: list[p.Event] = []
    client.ask(do("pictures", count=2), lambda answer: None, on_event=others.append)
    client.call(do("pictures", count=2), on_event=mine.append)
    assert [event.step for event in mine if isinstance(event, p.Progress)] == [0, 1]
    assert others == []
    client.pump()
    assert others


def test_many_threads_may_call(client: Client) -> None:
    wrong: list[object] = []

    def work(size: int) -> None:
        for _ in range(20):
            outputs = client.call(do("array", size=size)).outputs
            if len(outputs) != size:
                wrong.append(len(outputs))

    threads = [threading.Thread(target=work, args=(size,)) for size in (1, 7, 20_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_closing_wakes_who_waits_and_is_final(client: Client) -> None:
    ended: list[BaseException] = []

    def wait() -> None:
        try:
            client.call(do("wait"))
        except EngineGone as gone:
            ended.append(gone)

    waiter = threading.Thread(target=wait)
    waiter.start()
    client.call(p.Ping())
    time.sleep(0.05)
    client.on_gone = lambda message: pytest.fail("closing is not dying")
    client.close()
    waiter.join()
    assert len(ended) == 1
    client.close()
    assert not client.alive
    assert client.pump() == 0
    with pytest.raises(EngineGone):
        client.call(p.Ping())


# --------------------------------------------------------------------------------- what may go wrong


@pytest.mark.parametrize(
    ("how", "words"),
    [("exit", "with code 3.\nlast words"), ("kill", "by signal 9"), ("garbage", "not a message")],
)
def test_a_dead_engine_refuses_what_is_pending_then_says_so(
    spawned: Client, how: str, words: str
) -> None:
    told: list[str] = []
    spawned.on_gone = lambda message: told.append(message)
    spawned.ask(
        do("wait"), lambda answer: pytest.fail("answered"), lambda r: told.append(r.message)
    )
    spawned.ask(p.Ping(), lambda answer: told.append("hello"))
    pump_until(spawned, lambda: told)
    spawned.ask(do(how), lambda answer: pytest.fail("answered"))
    pump_until(spawned, lambda: len(told) == 3)
    assert told[0] == "hello"
    assert told[1] == told[2]
    assert words in told[2]
    assert not spawned.alive
    late: list[p.Refused] = []
    spawned.ask(p.Ping(), lambda answer: pytest.fail("answered"), late.append)
    spawned.pump()
    assert [refused.message for refused in late] == [told[2]]
    with pytest.raises(EngineGone, match="ended"):
        spawned.call(p.Ping())
    assert len(told) == 3


def test_call_says_when_the_engine_dies_under_it(spawned: Client) -> None:
    with pytest.raises(EngineGone, match="code 3"):
        spawned.call(do("exit"))


def test_a_mistake_of_ours_in_taking_answers_leaves_nobody_waiting(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise SystemError("bad argument")

    monkeypatch.setattr(Client, "_readable", staticmethod(fail))
    with pytest.raises(EngineGone, match="SystemError: bad argument"):
        client.call(p.Ping(), timeout_s=20)


def test_prints_do_not_reach_the_wire_and_nobody_reads_it(spawned: Client) -> None:
    assert spawned.call(do("print")) == p.SourceText("")
    assert isinstance(spawned.call(p.Ping()), p.Hello)


def test_a_hung_engine_is_killed_at_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "GRACE_S", 0.2)
    with spawn_fake() as client:
        pid = client.call(p.Ping()).pid
        client.ask(do("hang"), lambda answer: None)
        for _ in range(200):  # more than the pipe holds: closing must not wait for it to be read
            client.ask(do("array", text="x" * 5000), lambda answer: None)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_hung_engine_is_killed_when_its_time_is_up(spawned: Client) -> None:
    """As with an architecture whose drawing never ends."""
    told: list[str] = []
    spawned.on_gone = told.append
    refused: list[p.Refused] = []
    spawned.ask(do("array", size=3), lambda answer: None, limit_s=20)
    spawned.call(p.Ping())
    spawned.ask(do("hang"), lambda answer: None, refused.append, limit_s=0.2)
    pump_until(spawned, lambda: told)
    assert "did not answer" in told[0]
    assert len(refused) == 1


def test_an_engine_that_tells_how_far_it_is_is_not_hung(spawned: Client) -> None:
    heard: list[p.Event] = []
    refused: list[p.Refused] = []
    ticket = spawned.ask(do("wait"), lambda answer: None, refused.append, heard.append, limit_s=60)
    pump_until(spawned, lambda: heard)
    pending = spawned._pending[ticket.id]
    before = pending.deadline = pending.deadline - 30  # half of its time has passed
    heard.clear()
    pump_until(spawned, lambda: heard)
    assert pending.deadline > before
    assert not refused
    ticket.cancel()


def test_ctrl_c_in_the_terminal_is_not_the_engines(spawned: Client) -> None:
    assert os.getpgid(spawned.pid) != os.getpgid(0)


def test_an_engine_that_cannot_start_says_why() -> None:
    with subprocess.spawn(Setup(), module="studio.engine.no_such_module") as client:
        told: list[str] = []
        client.on_gone = told.append
        pump_until(client, lambda: told)
        assert "no_such_module" in told[0]


def test_a_dead_engine_leaves_no_shared_memory(spawned: Client) -> None:
    assert spawned._pool is not None
    folder = spawned._pool.folder
    assert folder.is_dir()
    told: list[str] = []
    spawned.on_gone = told.append
    for _ in range(20):
        spawned.ask(do("array", size=1_000_000), lambda answer: None)
    spawned.ask(do("kill"), lambda answer: None)
    pump_until(spawned, lambda: told)
    assert not folder.exists()


def test_messages_that_make_no_sense_are_refused_by_their_id(spawned: Client) -> None:
    """As a window of another version would send them; the wire goes on working."""
    import msgspec

    from studio.engine.arrays import Frame

    refused: list[p.Refused] = []
    spawned.ask(do("wait"), lambda answer: None, refused.append)
    raw = {"type": "Ask", "id": 1, "body": {"type": "Teleport"}}
    spawned._wire.send(Frame(msgspec.msgpack.encode(raw)))
    pump_until(spawned, lambda: refused)
    assert "Teleport" in refused[0].message
    assert isinstance(spawned.call(p.Ping()), p.Hello)


def test_an_answer_that_makes_no_sense_refuses_only_its_request(client: Client) -> None:
    """As an engine of another version would send it."""
    with pytest.raises(EngineRefused, match="cannot be read"):
        client.call(do("nonsense"))
    assert isinstance(client.call(p.Ping()), p.Hello)
