"""A session over scripted engines: what is asked when, what is told, and that nothing is lost."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted import ScriptedClient

from studio import paths
from studio.engine import protocol as p
from studio.graph import edits as ed
from studio.graph import files
from studio.graph.builder import Net
from studio.graph.catalog import Catalog
from studio.graph.facts import NetworkFacts, NodeFacts, ProjectFacts
from studio.graph.graph import Node
from studio.graph.problems import Problem
from studio.graph.project import DataRef, Note, Place, Project
from studio.session import Session
from studio.session import events as e


class Stage:
    """A session, its engines by order of birth, and everything that it told."""

    def __init__(self, home: Path) -> None:
        self.engines: list[ScriptedClient] = []
        self.told: list[e.SessionEvent] = []
        found = paths.find({"NEUROLOOM_HOME": str(home)})
        self.session = Session(self.connect, found)  # type: ignore[arg-type]
        self.session.subscribe(self.told.append)

    def connect(self, role: str) -> ScriptedClient:
        self.engines.append(ScriptedClient(role))
        return self.engines[-1]

    @property
    def workbench(self) -> ScriptedClient:
        return [engine for engine in self.engines if engine.role == "workbench"][-1]

    @property
    def job(self) -> ScriptedClient:
        return [engine for engine in self.engines if engine.role == "job"][-1]

    def events(self, kind: type) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    def settle(self, *problems: Problem) -> None:
        """Answer the newest Infer."""
        number = self.workbench.requests(p.Infer)[-1].revision
        nodes = {"x": NodeFacts()}
        facts = ProjectFacts(number, {"main": NetworkFacts(nodes, problems)})
        self.workbench.answer(p.Infer, p.FactsAnswer(facts))
        self.session.pump()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path / "home")
    yield made
    made.session.close()


def a_project() -> Project:
    net = Net()
    net.output(net.add("torch.nn.Linear", net.input(), name="fc", out_features=10))
    return net.project()


def hello() -> p.Hello:
    return p.Hello(p.PROTOCOL, {}, {"cpu": "CPU"}, 1, 2)


def ready(stage: Stage) -> None:
    stage.session.new(a_project())
    stage.session.start()
    stage.workbench.answer(p.Ping, hello())
    stage.workbench.answer(p.GetCatalogue, p.CatalogueAnswer(Catalog()))
    stage.session.pump()
    stage.settle()


def test_facts_are_asked_once_at_a_time_and_the_newest_wins(stage: Stage) -> None:
    ready(stage)
    for width in (3, 4, 5):
        stage.session.do(ed.SetParams("main", "fc", {"out_features": width}))
    assert len(stage.workbench.requests(p.Infer)) == 2
    before = stage.session.facts
    stage.settle()
    assert stage.session.facts is before
    assert len(stage.workbench.requests(p.Infer)) == 3
    stage.settle()
    assert stage.session.facts is not before
    graph = stage.workbench.requests(p.Infer)[-1].project.networks["main"].graph
    assert graph.nodes["fc"].params == {"out_features": 5}


def unproved(stage: Stage) -> None:
    """Answer the newest Infer, with repairs still to be proved."""
    number = stage.workbench.requests(p.Infer)[-1].revision
    facts = ProjectFacts(number, {"main": NetworkFacts({"x": NodeFacts()})}, unproved=True)
    stage.workbench.answer(p.Infer, p.FactsAnswer(facts))
    stage.session.pump()


def test_facts_come_first_and_repairs_that_take_longer_after_them(stage: Stage) -> None:
    ready(stage)
    stage.session.do(ed.SetParams("main", "fc", {"out_features": 3}))
    quick = stage.workbench.requests(p.Infer)[-1]
    assert quick.proofs_s is not None
    unproved(stage)
    thorough = stage.workbench.requests(p.Infer)[-1]
    assert (thorough.revision, thorough.proofs_s) == (quick.revision, None)
    assert stage.session.facts is not None
    assert stage.session.facts.unproved
    assert not stage.session.settled
    told = len(stage.events(e.FactsChanged))
    stage.settle()
    assert stage.session.settled
    assert not stage.session.facts.unproved
    assert len(stage.events(e.FactsChanged)) == told + 1


def test_an_edit_gives_up_the_proofs_of_what_was_before(stage: Stage) -> None:
    ready(stage)
    stage.session.do(ed.SetParams("main", "fc", {"out_features": 3}))
    unproved(stage)
    count = len(stage.workbench.requests(p.Infer))
    stage.session.do(ed.SetParams("main", "fc", {"out_features": 4}))
    *_, proving, newest = stage.workbench.asked
    assert len(stage.workbench.requests(p.Infer)) == count + 1
    assert newest[0].proofs_s is not None, "shapes are asked for at once, not behind the proofs"
    proving[2](p.Refused("Cancelled.", cancelled=True))
    assert not stage.session.settled
    assert not stage.events(e.Noticed)
    stage.settle()
    assert stage.session.settled


def test_moving_asks_nothing(stage: Stage) -> None:
    ready(stage)
    asked = len(stage.workbench.requests(p.Infer))
    stage.session.do(ed.MoveNodes("main", {"fc": Place(4, 8)}))
    stage.session.do(ed.SetNote("main", "n", Note("why")))
    assert len(stage.workbench.requests(p.Infer)) == asked


def test_a_refused_edit_is_told_and_changes_nothing(stage: Stage) -> None:
    ready(stage)
    before = stage.session.document.project
    assert not stage.session.do(ed.Rename("main", "fc", "class"))
    assert stage.session.document.project is before
    assert "Python attribute" in stage.events(e.Noticed)[-1].text


def test_an_engine_that_dies_is_started_again_and_the_document_stays(stage: Stage) -> None:
    ready(stage)
    stage.session.do(ed.SetParams("main", "fc", {"out_features": 7}))
    project = stage.session.document.project
    stage.workbench.die("killed by signal 9")
    stage.session.pump()
    assert [engine.role for engine in stage.engines].count("workbench") == 2
    assert stage.engines[0].closed
    assert stage.session.document.project is project
    stage.session.pump()
    assert stage.workbench.requests(p.Infer)[-1].project is project
    assert [n.text for n in stage.events(e.Noticed)] == [
        "The engine ended unexpectedly and is started again. Your project is untouched."
    ]


def test_an_engine_that_a_plugin_holds_up_is_ended_and_the_plugin_is_named(stage: Stage) -> None:
    ready(stage)
    stage.session.draw("my.spiral")
    stage.session.rescan_packs()
    assert math.isfinite(stage.workbench.limits[p.BuildArchitecture])
    assert math.isfinite(stage.workbench.limits[p.RescanPacks])
    stage.workbench.die("The engine did not answer any more, and was ended.")
    stage.session.pump()
    told = [notice.text for notice in stage.events(e.Noticed)]
    assert any("while my.spiral was drawn" in text for text in told)
    assert any("while plugins were read" in text for text in told)


def test_an_engine_that_keeps_dying_waits_for_the_next_edit(stage: Stage) -> None:
    ready(stage)
    for _ in range(4):
        stage.workbench.die("crash")
        stage.session.pump()
    count = len(stage.engines)
    assert "several times" in stage.events(e.Noticed)[-1].text
    stage.session.pump()
    assert len(stage.engines) == count
    stage.session.do(ed.SetParams("main", "fc", {"out_features": 9}))
    assert len(stage.engines) == count + 1


def test_training_waits_for_shapes_and_for_problems_to_be_fixed(stage: Stage) -> None:
    stage.session.new(a_project())
    assert "not known yet" in stage.session.can_train()
    ready(stage)
    stage.session.do(ed.SetParams("main", "fc", {"out_features": 2}))
    stage.settle(Problem("no"), Problem("careful", severity="warning"))
    assert stage.session.can_train() == "Fix 1 problem first."
    assert not stage.session.train()
    assert stage.job.requests(p.Train) == []


def started(folder: str) -> p.Started:
    return p.Started(folder, "a", "cpu", 1, 2, 10, 32, 320, 80, "classification")


def test_a_run_is_followed_steered_and_ends(stage: Stage) -> None:
    ready(stage)
    assert stage.session.train("first")
    job = stage.job.requests(p.Train)[0].job
    assert Path(job.folder).is_dir()
    assert job.project is stage.session.document.project
    assert stage.session.training == "starting"
    stage.job.event(p.Train, started(job.folder))
    steps = np.arange(1, 6)
    losses = {"train_loss": np.linspace(2, 1, 5, dtype=np.float32)}
    stage.job.event(p.Train, p.Progress(5, 1, steps, losses, 1000.0, 3.0))
    stage.session.pump()
    assert stage.session.training == "running"
    assert stage.session.history.curves["train_loss"].last == 1.0
    assert stage.session.can_train().startswith("A run is under way")
    stage.session.pause()
    stage.job.event(p.Train, p.ControlApplied("paused", 5))
    stage.session.pump()
    assert stage.session.training == "paused"
    stage.session.stop()
    assert [c.action for c in stage.job.requests(p.Control)] == ["pause", "stop"]
    summary = p.RunSummary(job.folder, "stopped", 1, 5, 0.1)
    stage.job.event(p.Train, p.Stopped(summary))
    stage.job.answer(p.Train, summary)
    stage.session.pump()
    assert stage.session.training == "ended"
    assert stage.session.history.status == "stopped"
    assert not stage.session.edited_since_run
    stage.session.do(ed.SetParams("main", "fc", {"out_features": 4}))
    assert stage.session.edited_since_run
    assert stage.session.subject is job.project


def test_a_job_engine_that_dies_keeps_the_run_up_to_its_last_event(stage: Stage) -> None:
    ready(stage)
    stage.session.train()
    folder = stage.session.history.folder
    stage.job.event(p.Train, started(folder))
    stage.session.pump()
    stage.job.answer(p.Ping, hello())
    stage.session.pump()
    stage.job.die("killed by signal 9")
    stage.session.pump()
    assert stage.session.training == "ended"
    assert stage.session.history.status == "interrupted"
    assert stage.session.history.started is not None
    assert [engine.role for engine in stage.engines].count("job") == 2
    assert stage.session.can_train() == ""


def test_weights_are_a_snapshot_while_training(stage: Stage) -> None:
    ready(stage)
    got: list[tuple[str, int]] = []
    stage.session.weights(lambda path, step: got.append((path, step)))
    assert got == [("", 0)]
    stage.session.train()
    stage.job.event(p.Train, started(stage.session.history.folder))
    stage.session.pump()
    stage.session.weights(lambda path, step: got.append((path, step)))
    stage.job.answer(p.Snapshot, p.Weights("/w.safetensors", 7))
    stage.session.pump()
    assert got[-1] == ("/w.safetensors", 7)


def test_drawing_keeps_the_persons_own_files(stage: Stage) -> None:
    ready(stage)
    drawn = a_project()
    stage.session.draw("vision.x", {})
    stage.workbench.answer(p.BuildArchitecture, p.Drawn(drawn))
    stage.session.pump()
    assert stage.session.document.project.data == drawn.data
    own = DataRef("files.csv", {"path": "/a.csv"})
    stage.session.do(ed.SetData(own))
    stage.session.draw("vision.x", {})
    stage.workbench.answer(p.BuildArchitecture, p.Drawn(drawn))
    stage.session.pump()
    assert stage.session.document.project.data == own
    stage.session.undo()
    stage.session.undo()
    stage.session.undo()
    assert stage.session.document.project == a_project()


def test_saving_and_opening(stage: Stage, tmp_path: Path) -> None:
    ready(stage)
    assert not stage.session.save()
    assert "no file yet" in stage.events(e.Noticed)[-1].text
    path = tmp_path / "a.loom"
    stage.session.do(ed.Rename("main", "fc", "head"))
    assert stage.session.save(path)
    assert not stage.session.document.edited
    stage.session.do(ed.Rename("main", "fc", "head2"))
    assert stage.events(e.SavedChanged)[-1].edited
    assert stage.session.open(path)
    assert stage.session.document.project.networks["main"].graph.nodes["fc"].name == "head"
    path.write_text("{")
    assert not stage.session.open(path)
    assert "should be JSON" in stage.events(e.Noticed)[-1].text
    assert stage.session.document.path == str(path)


def test_a_newer_file_is_not_overwritten(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "new.loom"
    raw = json.loads(files.dumps(a_project())) | {"format": 99}
    path.write_text(json.dumps(raw))
    before = path.read_bytes()
    assert stage.session.open(path)
    stage.session.do(ed.Rename("main", "fc", "head"))
    assert not stage.session.save()
    assert path.read_bytes() == before
    assert stage.session.save(tmp_path / "copy.loom")


def test_unsaved_work_of_a_killed_process_can_be_recovered(stage: Stage, tmp_path: Path) -> None:
    autosave = stage.session.paths.autosave
    stage.session.new(a_project())
    stage.session.do(ed.Rename("main", "fc", "precious"))
    stage.session.pump()
    notes = list(autosave.glob("*.json"))
    assert len(notes) == 1
    assert stage.session.recoverable() == ()  # this process is alive
    told = json.loads(notes[0].read_text()) | {"pid": 2**22 + 7}
    notes[0].write_text(json.dumps(told))
    (item,) = stage.session.recoverable()
    later = Stage(tmp_path / "home")
    assert later.session.recover(item)
    assert later.session.document.edited
    assert later.session.document.project.networks["main"].graph.nodes["fc"].name == "precious"
    assert later.session.recoverable() == ()
    assert list(autosave.glob("*.loom"))  # it is kept safe under the new process
    later.session.let_go()
    later.session.close()


def test_a_file_open_elsewhere_says_so(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "a.loom"
    files.save(a_project(), path)
    assert stage.session.open(path)
    (lock,) = stage.session.paths.autosave.glob("*.open")
    lock.write_text("1")  # the init process is always alive
    assert stage.session.open(path)
    assert any("process 1" in n.text for n in stage.events(e.Noticed))


def test_missing_kinds_are_known_to_be_missing(stage: Stage) -> None:
    ready(stage)
    assert stage.session.spec(Node("a", "gone.layer", "a")) is None


def test_a_file_that_broke_names_its_newest_backup(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "a.loom"
    stage.session.new(a_project())
    for width in (7, 8):
        stage.session.do(ed.SetParams("main", "fc", {"out_features": width}))
        assert stage.session.save(path)
    path.write_text(path.read_text()[:200])
    assert not stage.session.open(path)
    told = stage.events(e.Noticed)[-1].text
    backup = Path(told.partition("is kept in ")[2].rstrip("."))
    assert files.load(backup).project.sheet("main").graph.nodes["fc"].params["out_features"] == 7
    (tmp_path / "other.loom").write_text("{")
    assert not stage.session.open(tmp_path / "other.loom")
    assert "is kept in" not in stage.events(e.Noticed)[-1].text
