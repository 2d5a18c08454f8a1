"""Probes and surgery through the real service: asked, answered, refused, and no weight or run changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from studio import paths
from studio.engine import in_process, runs
from studio.engine import protocol as p
from studio.engine.client import Client, EngineRefused
from studio.engine.service import Service
from studio.engine.setup import Setup
from studio.graph.builder import Net
from studio.graph.edits import Connect, Disconnect, SetSurgery
from studio.graph.graph import link
from studio.graph.project import DataRef, Project, Recipe
from studio.graph.surgery import Intervention
from studio.session.probing import Probing, Seen
from studio.session.session import Session

ZERO = Intervention("main", "act")


def mlp(**recipe: object) -> Project:
    net = Net()
    x = net.add("torch.nn.Linear", net.input(), name="fc1", out_features=8)
    x = net.add("torch.nn.ReLU", x, name="act")
    net.output(net.add("torch.nn.Linear", x, name="fc2", out_features=3))
    settings = {"epochs": 2, "batch_size": 32, "threads": 1} | recipe
    return net.project(DataRef("sklearn.iris"), Recipe(**settings))


@pytest.fixture(scope="module")
def engine() -> Iterator[Client]:
    with in_process.connect(Service(Setup("all"))) as client:
        yield client


def test_a_network_that_was_never_trained_is_looked_at_with_fresh_weights(engine: Client) -> None:
    spots = (p.Spot("fc1"), p.Spot("act"))
    found = engine.call(p.Peek(mlp(), 5, spots=spots))
    again = engine.call(p.Peek(mlp(), 5, spots=spots))
    assert found.weights == ""
    assert found.wires[0].values is not None
    np.testing.assert_array_equal(found.wires[0].values, again.wires[0].values)
    np.testing.assert_array_equal(np.maximum(found.wires[0].values, 0), found.wires[1].values)
    other = engine.call(p.Peek(mlp(seed=1), 5, spots=spots))
    assert not np.array_equal(found.wires[0].values, other.wires[0].values)


def test_predictions_are_those_under_surgery(engine: Client) -> None:
    plain = engine.call(p.Predict(mlp()))
    operated = engine.call(p.Predict(replace(mlp(), surgery=(ZERO,))))
    assert np.ptp(operated.outputs, axis=0).max() == 0, "nothing of the sample passes a zeroed wire"
    assert np.ptp(plain.outputs, axis=0).max() > 0


def unfinished() -> Project:
    sheet = mlp().networks["main"]
    graph = replace(sheet.graph, links=sheet.graph.links[:-1])
    return replace(mlp(), networks={"main": replace(sheet, graph=graph)})


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (p.Peek(unfinished(), 0), "cannot be written as code yet"),
        (p.Peek(mlp(), 999), "no sample 999"),
        (p.Peek(mlp(), 0, split="other"), "no split named 'other'"),
        (p.Peek(mlp(), 0, weights="/nowhere/1.safetensors"), "no weights"),
        (p.Peek(replace(mlp(), surgery=(replace(ZERO, channel=8),)), 0), "no channel 8"),
        (p.Predict(replace(mlp(), surgery=(replace(ZERO, path="gone"),))), "gone"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_sentence(
    engine: Client, request_: p.Request, words: str
) -> None:
    with pytest.raises(EngineRefused, match=words) as refused:
        engine.call(request_)
    assert "Traceback" not in str(refused.value)
    assert not refused.value.refused.details


# ---------------------------------------------------------------------------------- through a session


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    def connect(role: str) -> Client:
        return in_process.connect(Service(Setup("workbench" if role == "workbench" else "job")))

    made = Session(connect, paths.find({"NEUROLOOM_HOME": str(tmp_path)}))
    made.start()
    yield made
    made.close()


def until(session: Session, done: object) -> None:
    deadline = time.monotonic() + 60
    while not done():  # type: ignore[operator]
        assert time.monotonic() < deadline, "nothing came"
        session.pump()
        time.sleep(0.002)


def trained(session: Session, project: Project, folder: Path) -> dict[str, bytes]:
    session.new(project)
    until(session, lambda: session.settled)
    assert session.train("test", folder=folder)
    until(session, lambda: session.training == "ended")
    kept = (folder / runs.CHECKPOINTS).glob("*.safetensors")
    return {file.name: file.read_bytes() for file in sorted(kept)}


def test_training_takes_no_notice_of_surgery(session: Session, tmp_path: Path) -> None:
    plain = trained(session, mlp(), tmp_path / "plain")
    metrics = [epoch.metrics for epoch in session.history.epochs]
    operated = trained(session, replace(mlp(), surgery=(ZERO,)), tmp_path / "operated")
    assert plain
    assert operated == plain
    job = runs.read_job(tmp_path / "operated")
    assert job is not None
    assert job.project.surgery == ()
    assert [epoch.metrics for epoch in session.history.epochs] == metrics


def test_surgery_on_a_trained_network_changes_its_answers_and_no_file(
    session: Session, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    before = trained(session, mlp(), folder)
    seen: list[Seen] = []
    refused: list[str] = []
    probing = Probing(session)

    def look() -> Seen:
        seen.clear()
        probing.ask((p.Spot("act"),), 3, seen.append, refused.append)
        until(session, lambda: seen or refused)
        assert not refused
        return seen[0]

    first = look()
    assert first.trained
    assert first.step > 0
    session.do(SetSurgery((ZERO,)))
    second = look()
    np.testing.assert_array_equal(second.answer.plain, first.answer.outputs)
    assert not np.allclose(second.answer.outputs, first.answer.outputs)
    session.undo()
    np.testing.assert_array_equal(look().answer.outputs, first.answer.outputs)
    kept = (folder / runs.CHECKPOINTS).glob("*.safetensors")
    assert {file.name: file.read_bytes() for file in sorted(kept)} == before

    assert not session.edited_since_run
    session.do(SetSurgery((ZERO,)))
    assert not session.edited_since_run, "what a network is asked under is not what it is"
    assert session.subject.surgery == (ZERO,)
    last = session.document.project.networks["main"].graph.links[-1]
    session.do(Disconnect("main", (last,)))
    probing.ask((), 3, seen.append, refused.append)
    until(session, lambda: refused)
    assert "cannot be written as code yet" in refused[0]


def test_an_edited_network_is_looked_at_with_fresh_weights(
    session: Session, tmp_path: Path
) -> None:
    trained(session, mlp(), tmp_path / "run")
    assert session.probed[1]
    net = session.document.project.networks["main"].graph
    around = (link("fc1", "out", "fc2", "x"),)
    session.do(Disconnect("main", tuple(net.out_of("act", "out"))))
    session.do(Connect("main", around[0]))
    assert session.probed == (session.document.project, False)
    seen: list[Seen] = []
    Probing(session).ask((p.Spot("fc1"),), 0, seen.append, lambda words: None)
    until(session, lambda: seen)
    assert (seen[0].trained, seen[0].edited) == (False, True)


def test_a_run_under_way_is_looked_at_as_it_is_at_a_step(session: Session, tmp_path: Path) -> None:
    session.new(mlp(epochs=100_000))
    until(session, lambda: session.settled)
    assert session.train("test", folder=tmp_path / "run")
    until(session, lambda: session.history.step > 0)
    seen: list[Seen] = []
    for _ in range(2):
        count = len(seen)
        Probing(session).ask((p.Spot("act"),), 0, seen.append, lambda words: None)
        until(session, lambda before=count: len(seen) > before)
        step = session.history.step
        until(session, lambda before=step: session.history.step > before)
    first, second = seen
    assert first.trained
    assert second.step > first.step
    assert not np.array_equal(first.answer.wires[0].values, second.answer.wires[0].values)
    assert session.snapshot_s > 0
    session.stop()
    until(session, lambda: session.training == "ended")


def test_a_newer_question_replaces_the_one_under_way(session: Session) -> None:
    session.new(mlp())
    seen: list[Seen] = []
    probing = Probing(session)
    for index in range(5):
        probing.ask((), index, seen.append, lambda words: None)
    until(session, lambda: seen)
    for _ in range(20):
        session.pump()
    assert [one.answer.index for one in seen] == [4]
    assert not probing.asking
