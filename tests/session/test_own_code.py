"""Whose code may be run: asked once for each text, kept among what is the person's, told to engines first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedClient

from studio import paths
from studio.engine import protocol as p
from studio.graph import edits as ed
from studio.graph import files
from studio.graph.builder import Net
from studio.graph.facts import ProjectFacts
from studio.graph.graph import PYTHON, SOURCE, Node, link
from studio.graph.project import Project
from studio.graph.python_code import STARTER
from studio.graph.trust import code_digest, digest
from studio.session import Session, workbench
from studio.session import events as e
from studio.session.trust import TrustStore

FOREIGN = "def f(x):\n    return x + 1\n"
MINE = "def mine(x):\n    return x + 2\n"


class Stage:
    """A session with scripted engines."""

    def __init__(self, home: Path) -> None:
        self.engines: list[ScriptedClient] = []
        self.told: list[e.SessionEvent] = []
        self.paths = paths.find({"NEUROLOOM_HOME": str(home)})
        self.session = Session(self.connect, self.paths)  # type: ignore[arg-type]
        self.session.subscribe(self.told.append)

    def connect(self, role: str) -> ScriptedClient:
        self.engines.append(ScriptedClient(role))
        return self.engines[-1]

    def engine(self, role: str) -> ScriptedClient:
        return [engine for engine in self.engines if engine.role == role][-1]

    def requests(self, role: str = "workbench") -> list[Any]:
        return [request for request, *_ in self.engine(role).asked]

    def notices(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, e.Noticed)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    made = Stage(home)
    yield made
    made.session.close()


def project(source: str = FOREIGN) -> Project:
    net = Net()
    net.output(net.add(PYTHON, net.input(), name="own", source=source))
    return net.project()


def open_foreign(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "foreign.loom"
    files.save(project(), file)
    assert stage.session.open(file)


def source_in(session: Session) -> object:
    return session.document.project.networks["main"].graph.nodes["own"].params[SOURCE]


def test_opening_a_file_trusts_nothing(stage: Stage, tmp_path: Path) -> None:
    stage.session.start()
    open_foreign(stage, tmp_path)
    assert [(one.where, one.node.name, one.source) for one in stage.session.code.untrusted] == [
        ("main", "own", FOREIGN)
    ]
    assert not any(isinstance(one, p.Trust) for one in stage.requests())
    assert not stage.paths.trusted.exists()


def test_trust_is_kept_and_told_before_facts_are_asked_for(
    stage: Stage, home: Path, tmp_path: Path
) -> None:
    stage.session.start()
    open_foreign(stage, tmp_path)
    stage.session.code.trust(stage.session.code.untrusted)
    assert stage.requests()[-1] == p.Trust((digest(FOREIGN),))
    assert not stage.session.code.untrusted
    kept = json.loads(stage.paths.trusted.read_text())["trusted"]
    assert kept[digest(FOREIGN)]["file"].endswith("foreign.loom")
    again = Stage(home)
    again.session.start()
    assert isinstance(again.requests()[0], p.Trust)
    open_foreign(again, tmp_path)
    assert not again.session.code.untrusted
    again.session.close()


def test_a_change_by_somebody_else_asks_again(stage: Stage, tmp_path: Path) -> None:
    open_foreign(stage, tmp_path)
    stage.session.code.trust(stage.session.code.untrusted)
    files.save(project(FOREIGN + "# more\n"), tmp_path / "foreign.loom")
    stage.session.open(tmp_path / "foreign.loom")
    assert len(stage.session.code.untrusted) == 1


def test_what_the_person_writes_is_trusted_at_once_and_undone_as_one_step(stage: Stage) -> None:
    stage.session.new(project(STARTER))
    assert stage.session.code.write("main", "own", MINE)
    assert source_in(stage.session) == MINE
    assert not stage.session.code.untrusted
    assert stage.session.document.steps == ("Edit code of own",)
    stage.session.undo()
    assert source_in(stage.session) == STARTER


def test_writing_over_code_that_is_not_trusted_does_not_trust_it(
    stage: Stage, tmp_path: Path
) -> None:
    open_foreign(stage, tmp_path)
    stage.session.code.write("main", "own", FOREIGN + "\n")
    assert len(stage.session.code.untrusted) == 1


def test_pasted_code_is_asked_about(stage: Stage) -> None:
    stage.session.new(project(STARTER))
    stage.session.do(ed.AddNodes("main", (Node("b", PYTHON, "b", {SOURCE: FOREIGN}),)))
    assert [one.node.id for one in stage.session.code.untrusted] == ["b"]


def test_wires_follow_the_ports_of_new_code(stage: Stage) -> None:
    stage.session.new(project(STARTER))
    graph = stage.session.document.project.networks["main"].graph
    stage.session.do(ed.SetParams("main", "own", {"factor": 3.0}))
    stage.session.code.write("main", "own", "def f(mask, y):\n    a = b = y\n    return a, b\n")
    graph = stage.session.document.project.networks["main"].graph
    assert graph.links == (link("x", "out", "own", "mask"), link("own", "a", "out", "x"))
    assert "factor" not in graph.nodes["own"].params
    stage.session.code.write("main", "own", "def f(mask, y:\n")  # wires stay while it is unreadable
    assert stage.session.document.project.networks["main"].graph.links == graph.links


def test_a_store_that_is_broken_or_cannot_be_written_trusts_nothing_by_itself(
    stage: Stage, tmp_path: Path
) -> None:
    broken = tmp_path / "trusted.json"
    broken.write_text('{"trusted": ["anything"]}')
    assert not TrustStore(broken).digests
    stage.paths.trusted.mkdir(parents=True)  # a folder in its place
    stage.session.new(project(STARTER))
    stage.session.code.write("main", "own", MINE)
    assert not stage.session.code.untrusted
    assert "cannot be kept" in stage.notices()[-1]


def test_trust_for_this_session_only_is_not_kept(stage: Stage, tmp_path: Path) -> None:
    open_foreign(stage, tmp_path)
    stage.session.code.trust(stage.session.code.untrusted, keep=False)
    assert not stage.session.code.untrusted
    assert not stage.paths.trusted.exists()


def test_code_that_ended_the_engine_is_held_until_it_changes(stage: Stage, tmp_path: Path) -> None:
    stage.session.start()
    open_foreign(stage, tmp_path)
    stage.session.code.trust(stage.session.code.untrusted)
    stage.engine("workbench").answer(p.Infer, p.FactsAnswer(ProjectFacts(1)))
    stage.session.pump()
    assert stage.engine("workbench").limits[p.Infer] == workbench.CODE_LIMIT_S
    stage.engine("workbench").die("The engine did not answer any more, and was ended.")
    stage.session.pump()
    assert stage.session.code.held
    assert any("ended while it ran the code" in text for text in stage.notices())
    assert stage.requests()[0] == p.Trust((digest(FOREIGN),), (digest(FOREIGN),))
    stage.session.code.write("main", "own", MINE)
    assert not stage.session.code.held
    stage.session.undo()
    assert stage.session.code.held
    stage.session.code.trust(())
    assert not stage.session.code.held
    assert stage.requests()[-1].held == ()


def test_code_that_ended_the_engine_while_it_was_run_is_held_too(
    stage: Stage, tmp_path: Path
) -> None:
    stage.session.start()
    open_foreign(stage, tmp_path)
    stage.session.code.trust(stage.session.code.untrusted)
    engine = stage.engine("workbench")
    engine.answer(p.Infer, p.FactsAnswer(ProjectFacts(1)))
    stage.session.pump()
    refused: list[p.Refused] = []
    request = p.Export(stage.session.document.project, "pytorch", str(tmp_path / "net.py"))
    stage.session.ask(request, lambda answer: None, refused.append)
    assert engine.limits[p.Export] == workbench.CODE_LIMIT_S
    engine.answer(p.Infer, p.FactsAnswer(ProjectFacts(2)))
    engine.die("The engine did not answer any more, and was ended.")
    stage.session.pump()
    assert len(refused) == 1
    assert stage.session.code.held


def test_an_engine_that_ends_between_questions_holds_nothing(stage: Stage, tmp_path: Path) -> None:
    stage.session.start()
    open_foreign(stage, tmp_path)
    stage.session.code.trust(stage.session.code.untrusted)
    workbench_engine = stage.engine("workbench")
    for _ in range(2):  # the newest question is asked once the one before is answered
        workbench_engine.answer(p.Infer, p.FactsAnswer(ProjectFacts(1)))
        stage.session.pump()
    workbench_engine.die("Segmentation fault.")
    stage.session.pump()
    assert not stage.session.code.held


def test_a_run_records_what_was_trusted_and_its_engine_is_told_first(
    stage: Stage, tmp_path: Path
) -> None:
    stage.session.start()
    open_foreign(stage, tmp_path)
    stage.session.code.trust(stage.session.code.untrusted)
    stage.session._training.start(stage.session.document.project, tmp_path, "run", "", live=False)
    trust, train = stage.requests("job")[-2:]
    assert trust == p.Trust((digest(FOREIGN),))
    assert train.job.trusted == code_digest(project())
