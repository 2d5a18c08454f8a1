"""The real engine in a process of its own: a whole run, a crash in the middle, a window that dies."""

from __future__ import annotations

import os
import signal
import subprocess as processes
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest

from studio.engine import in_process, runs, subprocess
from studio.engine import protocol as p
from studio.engine.client import Client
from studio.engine.service import Service
from studio.engine.setup import Setup
from studio.graph.builder import Net
from studio.graph.project import DataRef, Project, Recipe

ROOT = Path(__file__).resolve().parents[2]

PARENT = """
import sys, time
from pathlib import Path
import msgspec
from studio.engine import protocol as p
from studio.engine.setup import Setup
from studio.engine.subprocess import spawn

job = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=p.Job)
client = spawn(Setup("job"))
seen = []
client.ask(p.Train(job), lambda answer: None, on_event=seen.append)
while not any(isinstance(event, p.Progress) for event in seen):
    client.pump()
    time.sleep(0.01)
print(client.pid, flush=True)
time.sleep(120)
"""


def mlp(epochs: int) -> Project:
    net = Net()
    x = net.add("torch.nn.Linear", net.input(), name="fc1", out_features=16)
    x = net.add("torch.nn.ReLU", x, name="act")
    net.output(net.add("torch.nn.Linear", x, name="fc2", out_features=3))
    return net.project(
        DataRef("sklearn.iris"), Recipe(epochs=epochs, batch_size=16, threads=1, seed=5)
    )


def job(epochs: int, root: Path) -> p.Job:
    return p.Job(mlp(epochs), str(runs.new_run_folder(root, "test")), "test")


def pump_until(client: Client, done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, "nothing came"
        client.pump()
        time.sleep(0.002)


def test_the_same_seed_gives_the_same_figures_in_both_transports(tmp_path: Path) -> None:
    figures = []
    for number, client in enumerate(
        (in_process.connect(Service(Setup("job"))), subprocess.spawn(Setup("job")))
    ):
        with client:
            events: list[p.Event] = []
            answer = client.call(p.Train(job(4, tmp_path / str(number))), 120, events.append)
        assert isinstance(answer, p.RunSummary)
        losses = [
            value
            for event in events
            if isinstance(event, p.Progress)
            for value in event.values["train_loss"].tolist()
        ]
        assert len(losses) == answer.steps
        figures.append((answer.last, losses))
    assert figures[0] == figures[1]


def test_a_crash_while_training_keeps_the_run_and_the_next_engine_goes_on(tmp_path: Path) -> None:
    told: list[str] = []
    events: list[p.Event] = []
    request = job(100_000, tmp_path)
    with subprocess.spawn(Setup("job")) as client:
        client.on_gone = told.append
        client.ask(
            p.Train(request),
            lambda answer: pytest.fail("answered"),
            lambda refused: told.append("refused"),
            events.append,
        )
        pump_until(client, lambda: epochs(runs.read_events(Path(request.folder))))
        os.kill(client.pid, signal.SIGKILL)
        pump_until(client, lambda: len(told) == 2)
    assert told[0] == "refused"
    assert "signal 9" in told[1]
    kept = epochs(runs.read_events(Path(request.folder)))
    assert kept == epochs(events)[: len(kept)]
    assert runs.read_info(Path(request.folder)).status == "interrupted"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")
def test_a_run_is_stopped_cleanly_when_the_window_is_killed(tmp_path: Path) -> None:
    request = job(100_000, tmp_path)
    (tmp_path / "job.json").write_bytes(msgspec.json.encode(request))
    command = [sys.executable, "-c", PARENT, str(tmp_path / "job.json")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with processes.Popen(command, stdout=processes.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while lives(pid):
        assert time.monotonic() < deadline, "the run outlived its window"
        time.sleep(0.05)
    assert runs.read_info(Path(request.folder)).status == "stopped"
    assert runs.newest_weights(Path(request.folder)) is not None


def epochs(events: Iterable[p.Event]) -> list[dict[str, float]]:
    return [event.metrics for event in events if isinstance(event, p.EpochDone)]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False
