"""A stored run goes on, or is forked, through the session that the window and the commands use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from studio import paths
from studio.engine import in_process, runs
from studio.engine.client import Client
from studio.engine.service import Service
from studio.engine.setup import Setup
from studio.graph.builder import Net
from studio.graph.edits import SetParams
from studio.graph.project import Project, Recipe
from studio.session import events as e
from studio.session.session import Session


def mlp() -> Project:
    net = Net()
    x = net.add("torch.nn.Flatten", net.input())
    x = net.add("torch.nn.Linear", x, name="fc1", out_features=16)
    x = net.add("torch.nn.ReLU", x)
    net.output(net.add("torch.nn.Linear", x, name="fc2", out_features=10))
    recipe = Recipe(epochs=2, batch_size=64, device="cpu", threads=1)
    return replace(net.project(), recipe=recipe)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    def connect(role: str) -> Client:
        return in_process.connect(Service(Setup("workbench" if role == "workbench" else "job")))

    made = Session(connect, paths.find({"NEUROLOOM_HOME": str(tmp_path / "home")}))
    made.start()
    yield made
    made.close()


def until(session: Session, done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, "nothing came"
        session.pump()
        time.sleep(0.002)


def trained(session: Session) -> Path:
    session.new(mlp())
    until(session, lambda: session.settled)
    assert session.train("test")
    until(session, lambda: session.training == "ended")
    return Path(session.history.folder)


def test_a_finished_run_goes_on_for_more_epochs(session: Session) -> None:
    folder = trained(session)
    told: list[str] = []
    session.subscribe(
        lambda event: told.append(event.text) if isinstance(event, e.Noticed) else None
    )
    assert session.can_continue(folder) == ""
    assert not session.continue_run(folder)
    assert told == [f"All 2 epochs of {folder.name} are done. Choose more epochs to go on."]
    steps = session.history.step
    assert session.continue_run(folder, epochs=4)
    assert [done.epoch for done in session.history.epochs] == [
        1,
        2,
    ]  # what was told already is there
    assert not session.continue_run(folder, epochs=5)
    assert told[-1] == "A run is under way. Stop it first."
    until(session, lambda: session.training == "ended")
    assert [done.epoch for done in session.history.epochs] == [1, 2, 3, 4]
    assert session.history.step == 2 * steps
    assert session.history.curves["train_loss"].length == 2 * steps
    assert len(session.runs()) == 1
    assert session.open_run(folder)
    assert [done.epoch for done in session.history.epochs] == [1, 2, 3, 4]


def test_a_fork_begins_with_the_weights_that_fit(session: Session) -> None:
    folder = trained(session)
    sheet = session.document.project.networks["main"]
    fc1 = next(node.id for node in sheet.graph.nodes.values() if node.name == "fc1")
    session.do(SetParams("main", fc1, {"out_features": 24}))
    until(session, lambda: session.settled)
    assert session.fork()
    until(session, lambda: session.training == "ended")
    job = session.job
    assert job is not None
    assert Path(job.parent) == folder != Path(job.folder)
    (problem,) = session.history.problems
    assert "fc1.weight, fc1.bias, fc2.weight started afresh" in problem.message
    assert session.history.status == "finished"
    assert next(info.name for info in session.runs()).endswith("fork")


def test_without_a_checkpoint_nothing_goes_on(session: Session, tmp_path: Path) -> None:
    session.new(mlp())
    until(session, lambda: session.settled)
    assert "No run with a checkpoint" in session.can_fork()
    assert not session.fork()
    assert "has no checkpoint" in session.can_continue(tmp_path)
    assert runs.resumable(tmp_path) == ()
