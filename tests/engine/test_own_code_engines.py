"""Engines run no code that they were not told to trust; what ends one does not end the session."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio import paths
from studio.engine import in_process, subprocess
from studio.engine import protocol as p
from studio.engine.client import Client, EngineRefused
from studio.engine.service import Service
from studio.engine.setup import Setup
from studio.graph.builder import Net
from studio.graph.graph import PYTHON
from studio.graph.project import DataRef, Project, Recipe
from studio.graph.trust import digests
from studio.session import Session, workbench
from studio.session import events as e

IRIS = DataRef("sklearn.iris")


def project(code: str) -> Project:
    net = Net()
    x = net.add(PYTHON, net.input(), name="own", source=code)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=3))
    return net.project(IRIS, Recipe(epochs=1, threads=1))


def marking(marker: Path) -> Project:
    return project(
        f"import pathlib\npathlib.Path({str(marker)!r}).touch()\n\ndef f(x):\n    return x * 2\n"
    )


@pytest.fixture
def engine() -> Iterator[Client]:
    with in_process.connect(Service(Setup())) as client:
        yield client


REQUESTS: dict[str, Callable[[Project, Path], p.Request]] = {
    "code": lambda drawn, _: p.GetSource(drawn),
    "predictions": lambda drawn, _: p.Predict(drawn),
    "an explanation": lambda drawn, _: p.Explain(drawn, "saliency", 0),
    "attention": lambda drawn, _: p.GetAttention(drawn, 0),
    "wires": lambda drawn, _: p.Peek(drawn, 0),
    "an export": lambda drawn, folder: p.Export(drawn, "pytorch", str(folder / "net.py")),
    "training": lambda drawn, folder: p.Train(p.Job(drawn, str(folder / "run"), live=False)),
}


def refusal(engine: Client, request: p.Request) -> str:
    """Return why a request could not be done; a run that fails says so in its summary."""
    try:
        answer = engine.call(request)
    except EngineRefused as refused:
        return str(refused)
    return answer.message if isinstance(answer, p.RunSummary) else ""


@pytest.mark.parametrize("wish", sorted(REQUESTS))
def test_no_request_runs_code_that_is_not_trusted(
    wish: str, engine: Client, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    drawn, first, second = marking(marker), tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        (folder / "run").mkdir(parents=True)
    assert "code of its own" in refusal(engine, REQUESTS[wish](drawn, first))
    assert not marker.exists()
    engine.call(p.Trust(tuple(digests(drawn))))
    if wish in ("code", "training"):  # the others need more than this network
        engine.call(REQUESTS[wish](drawn, second))
        assert marker.exists()


def test_shapes_come_with_trust_and_go_with_it(engine: Client) -> None:
    drawn = project("def f(x):\n    return x * 2\n")

    def errors() -> tuple[str, ...]:
        answer = engine.call(p.Infer(1, drawn))
        assert isinstance(answer, p.FactsAnswer)
        return tuple(problem.needs for problem in answer.facts.errors)

    assert errors() == ("trust",)
    engine.call(p.Trust(tuple(digests(drawn))))
    assert errors() == ()
    engine.call(p.Trust())
    assert errors() == ("trust",)


class Told(list[str]):
    """The sentences that a session told."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[tuple[Session, Told]]:
    found = paths.find({"NEUROLOOM_HOME": str(tmp_path / "home")})
    session = Session(lambda role: subprocess.spawn(Setup(role=role)), found)  # type: ignore[arg-type]
    told = Told()

    def listen(event: e.SessionEvent) -> None:
        if isinstance(event, e.Noticed):
            told.append(event.text)

    session.subscribe(listen)
    yield session, told
    session.close()


def wait(session: Session, done: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not done():
        assert time.monotonic() < end
        session.pump()
        time.sleep(0.01)


@pytest.mark.parametrize("fatal", ["os._exit(7)", "os.kill(os.getpid(), 11)"])
def test_a_crash_in_code_ends_neither_the_session_nor_the_work(
    fatal: str, stage: tuple[Session, Told]
) -> None:
    session, told = stage
    code = f"import os\n\ndef f(x):\n    {fatal}\n    return x\n"
    session.new(project(code))
    session.code.trust(session.code.untrusted)
    session._workbench.start()
    wait(session, lambda: session.settled)
    assert session.code.held
    assert any("ended while it ran the code" in text for text in told)
    assert session.facts is not None
    problem = session.facts.errors[0]
    assert (problem.node, problem.needs) == ("own", "trust")
    session.code.write("main", "own", code.replace(fatal, "x = x + 1"))
    wait(session, lambda: session.settled)
    assert not session.facts.errors


def test_an_engine_that_hangs_in_code_is_ended_and_started_again(
    stage: tuple[Session, Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = stage
    session._workbench.start()
    wait(session, lambda: session.settled)  # the engine is warm
    monkeypatch.setattr(workbench, "CODE_LIMIT_S", 1.0)
    # Every thread waits while one is inside of this: not even the engine itself can end it.
    text = "a" * 40 + "b"
    code = f'import re\n\ndef f(x):\n    re.match(r"(a+)+$", {text!r})\n    return x\n'
    session.new(project(code))
    session.code.trust(session.code.untrusted)
    wait(session, lambda: session.code.held and session.settled)
    assert session.facts is not None
    assert session.facts.errors[0].needs == "trust"
