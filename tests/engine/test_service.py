"""The real service in this process: every kind of request, and what is told when it cannot be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from studio.engine import catalogue_cache, in_process, runs
from studio.engine import protocol as p
from studio.engine.client import Client, EngineRefused
from studio.engine.service import Service
from studio.engine.service.refusals import refusal
from studio.engine.setup import Setup
from studio.extensions.load import load_packs
from studio.graph.builder import Net
from studio.graph.facts import TensorType
from studio.graph.offers import Gap
from studio.graph.project import DataRef, Project, Recipe

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
IRIS = DataRef("sklearn.iris")


def mlp(**recipe: object) -> Project:
    net = Net()
    x = net.add("torch.nn.Linear", net.input(), name="fc1", out_features=16)
    x = net.add("torch.nn.ReLU", x, name="act")
    net.output(net.add("torch.nn.Linear", x, name="fc2", out_features=3))
    settings = {"epochs": 3, "batch_size": 16, "threads": 1} | recipe
    return net.project(IRIS, Recipe(**settings))


def endless() -> Project:
    return mlp(epochs=100_000)


def job(project: Project, tmp_path: Path) -> p.Train:
    return p.Train(p.Job(project, str(runs.new_run_folder(tmp_path / "runs", "test")), "test"))


@pytest.fixture(scope="module")
def engine() -> Iterator[Client]:
    with in_process.connect(Service(Setup("all", packs=(str(PLUGINS),)))) as client:
        yield client


@pytest.fixture
def training(engine: Client, tmp_path: Path) -> Iterator[list[p.Event]]:
    """A run without end is under way; it is stopped afterwards."""
    events: list[p.Event] = []
    answers: list[p.Answer] = []
    engine.ask(job(endless(), tmp_path), answers.append, on_event=events.append)
    pump_until(engine, lambda: any(isinstance(event, p.Progress) for event in events))
    yield events
    engine.call(p.Control("stop"))
    pump_until(engine, lambda: answers)
    assert isinstance(answers[0], p.RunSummary)
    assert answers[0].status == "stopped"
    assert isinstance(events[-1], p.Stopped)


def pump_until(client: Client, done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, "nothing came"
        client.pump()
        time.sleep(0.002)


# --------------------------------------------------------------------------------------- what exists


def test_hello_names_versions_and_devices(engine: Client) -> None:
    hello = engine.call(p.Ping())
    assert hello.versions["torch"] == torch.__version__
    assert "cpu" in hello.devices
    assert hello.protocol == p.PROTOCOL


def test_the_catalogue_holds_every_room_and_is_stored(tmp_path: Path) -> None:
    with in_process.connect(Service(Setup("workbench", (str(PLUGINS),), str(tmp_path)))) as client:
        catalog = client.call(p.GetCatalogue()).catalog
    assert "torch.nn.Conv2d" in catalog.layers
    assert "vision.lenet5" in catalog.architectures
    for room in (
        "sources",
        "transforms",
        "learners",
        "optimizers",
        "schedules",
        "losses",
        "methods",
    ):
        assert getattr(catalog, room), room
    assert catalog.faults == ()
    assert catalogue_cache.read(tmp_path, load_packs([PLUGINS]).hash) == catalog


def test_rescanning_finds_what_was_dropped_in_and_what_is_broken(tmp_path: Path) -> None:
    good = (PLUGINS / "vision" / "lenet5.py").read_text().replace("vision.lenet5", "mine.lenet5")
    with in_process.connect(Service(Setup("workbench", (str(tmp_path),)))) as client:
        assert client.call(p.GetCatalogue()).catalog.architectures == {}
        (tmp_path / "mine.py").write_text(good)
        (tmp_path / "broken.py").write_text("raise RuntimeError('on purpose')\n")
        catalog = client.call(p.RescanPacks()).catalog
        assert list(catalog.architectures) == ["mine.lenet5"]
        drawn = client.call(p.BuildArchitecture("mine.lenet5")).project
        assert client.call(p.Infer(1, drawn)).facts.networks["main"].parameters == 61_706


def test_unknown_architectures_and_settings_are_refused_in_words(engine: Client) -> None:
    with pytest.raises(EngineRefused, match=r"no architecture of kind 'vision\.none'.*Known"):
        engine.call(p.BuildArchitecture("vision.none"))
    with pytest.raises(EngineRefused, match="no setting named 'colour'") as caught:
        engine.call(p.BuildArchitecture("vision.lenet5", {"colour": 1}))
    assert caught.value.refused.details == ""


# ---------------------------------------------------------------------------------- about a document


def test_facts_carry_the_revision_and_the_data(engine: Client) -> None:
    facts = engine.call(p.Infer(41, mlp())).facts
    assert facts.revision == 41
    assert facts.errors == ()
    assert facts.networks["main"].nodes["fc2"].outputs["out"].text == "N×3"
    assert facts.networks["main"].parameters == 4 * 16 + 16 + 16 * 3 + 3
    assert facts.data == engine.call(p.GetData(IRIS)).facts


def test_bad_data_is_a_problem_of_the_project_and_shapes_go_on(engine: Client) -> None:
    project = replace(mlp(), data=DataRef("files.csv", {"path": "/not/there.csv"}))
    facts = engine.call(p.Infer(1, project)).facts
    assert facts.data is None
    assert any("/not/there.csv" in problem.message for problem in facts.problems)
    assert facts.errors
    with pytest.raises(EngineRefused, match=r"there\.csv"):
        engine.call(p.GetData(project.data))


def test_a_file_that_changed_is_read_again(engine: Client, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    rows = [f"{i},{i * 2},{'ab'[i % 2]}" for i in range(40)]
    file.write_text("\n".join(["x,y,class", *rows]))
    data = DataRef("files.csv", {"path": str(file)})
    before = engine.call(p.GetData(data)).facts
    file.write_text("\n".join(["x,y,class", *rows, *rows]))
    after = engine.call(p.GetData(data)).facts
    assert after.train + after.validation == 2 * (before.train + before.validation)


def test_offers_say_what_fits_a_wire(engine: Client) -> None:
    found = engine.call(p.GetOffers(Gap(TensorType(("N", 4))))).offers
    assert found["torch.nn.Linear"].result is not None
    assert found["torch.nn.Conv2d"].reason.startswith("Conv2d needs an image")


def test_source_is_what_export_writes(engine: Client, tmp_path: Path) -> None:
    source = engine.call(p.GetSource(mlp()))
    assert "self.fc1 = nn.Linear(4, 16)" in source.text
    path = tmp_path / "net.py"
    answer = engine.call(p.Export(mlp(), "pytorch", str(path)))
    assert answer.path == str(path)
    assert source.text.partition("class ")[2] in path.read_text(encoding="utf-8")
    with pytest.raises(EngineRefused, match="'fortran'"):
        engine.call(p.Export(mlp(), "fortran", str(path)))
    with pytest.raises(EngineRefused, match="cannot be written"):
        engine.call(p.Export(mlp(), "safetensors", str(tmp_path / "none" / "a.safetensors")))


def test_every_exporter_of_the_catalogue_writes_its_file(engine: Client, tmp_path: Path) -> None:
    exporters = engine.call(p.GetCatalogue()).catalog.exporters
    assert sorted(exporters) == ["onnx", "pt2", "pytorch", "safetensors", "script"]
    for kind, spec in exporters.items():
        assert not spec.missing
        path = tmp_path / f"{kind}{spec.suffix}"
        answer = engine.call(p.Export(mlp(), kind, str(path)))
        assert path.stat().st_size > 0
        assert {line.fate for line in answer.report} == {"exact"}


def test_an_unfinished_network_is_refused_with_its_problems(engine: Client) -> None:
    net = Net()
    x = net.add("torch.nn.Conv2d", net.input(), out_channels=2, kernel_size=3)
    net.output(x)
    with pytest.raises(EngineRefused) as caught:
        engine.call(p.GetSource(net.project(IRIS)))
    assert caught.value.refused.problems
    assert caught.value.refused.details == ""


# ------------------------------------------------------------------------------------- about samples


def test_samples_come_as_the_network_gets_them(engine: Client) -> None:
    some = engine.call(p.GetSamples(IRIS, "validation", (3, 0, 3)))
    assert some.inputs.shape == (3, 4)
    assert some.inputs.dtype == np.float32
    assert np.array_equal(some.inputs[0], some.inputs[2])
    assert some.targets.shape == (3,)
    assert engine.call(p.GetSamples(IRIS)).inputs.shape == (0, 4)
    for split, index in (("validation", 30), ("validation", -1), ("sideways", 0)):
        with pytest.raises(EngineRefused, match=split):
            engine.call(p.GetSamples(IRIS, split, (index,)))


def test_fresh_weights_are_the_same_ones_every_time(engine: Client) -> None:
    first = engine.call(p.Predict(mlp(seed=3))).outputs
    other = engine.call(p.Predict(mlp(seed=4))).outputs
    for seed in range(10, 15):  # enough others that the first is built anew
        engine.call(p.Predict(mlp(seed=seed)))
    assert np.array_equal(first, engine.call(p.Predict(mlp(seed=3))).outputs)
    assert not np.array_equal(first, other)


def test_missing_weights_are_refused_in_words(engine: Client) -> None:
    with pytest.raises(EngineRefused, match=r"no weights at .*gone\.safetensors"):
        engine.call(p.Predict(mlp(), "/gone.safetensors"))


# --------------------------------------------------------------------------------------- about a job


def test_a_run_tells_its_story_and_answers_with_its_summary(engine: Client, tmp_path: Path) -> None:
    events: list[p.Event] = []
    request = job(mlp(), tmp_path)
    summary = engine.call(request, on_event=events.append)
    assert summary.status == "finished"
    assert summary.epochs == 3
    assert isinstance(events[0], p.Started)
    assert isinstance(events[-1], p.Finished)
    assert events[-1].summary == summary
    assert sum(isinstance(event, p.EpochDone) for event in events) == 3
    stored = list(runs.read_events(Path(request.job.folder)))
    assert events[-1] in [event for event in stored if isinstance(event, p.Finished)]
    weights = runs.newest_weights(Path(request.job.folder))
    assert weights is not None
    predicted = engine.call(p.Predict(request.job.project, str(weights.path)))
    right = (predicted.outputs.argmax(1) == predicted.targets).mean()
    assert right == pytest.approx(summary.last["val_accuracy"], abs=1e-6)


def test_everything_is_answered_while_training(
    engine: Client, training: list[p.Event], tmp_path: Path
) -> None:
    with pytest.raises(EngineRefused, match="training already"):
        engine.call(job(mlp(), tmp_path))
    weights = engine.call(p.Snapshot())
    assert Path(weights.path).is_file()
    explained = engine.call(
        p.Explain(endless(), "core.integrated_gradients", 0, weights=weights.path)
    )
    assert explained.values.shape == (4,)
    assert engine.call(p.Infer(1, endless())).facts.errors == ()
    assert engine.call(p.Watch(0.0)) == p.Done()
    assert engine.call(p.Control("pause")) == p.Done()
    pump_until(
        engine,
        lambda: any(e.action == "paused" for e in training if isinstance(e, p.ControlApplied)),
    )
    assert engine.call(p.Snapshot()).step >= weights.step
    engine.call(p.Control("resume"))


def test_cancelling_a_run_stops_it(engine: Client, tmp_path: Path) -> None:
    events: list[p.Event] = []
    refused: list[p.Refused] = []
    request = job(endless(), tmp_path)
    ticket = engine.ask(request, lambda answer: None, refused.append, events.append)
    pump_until(engine, lambda: events)
    ticket.cancel()
    pump_until(engine, lambda: refused)
    assert refused[0].cancelled
    assert runs.read_info(Path(request.job.folder)).status == "stopped"


@pytest.mark.parametrize("request_", [p.Control("stop"), p.Snapshot(), p.Watch(1.0)])
def test_there_is_nothing_to_steer_without_a_run(engine: Client, request_: p.Request) -> None:
    with pytest.raises(EngineRefused, match="Nothing is being trained"):
        engine.call(request_)


def test_closing_ends_a_run_cleanly(tmp_path: Path) -> None:
    request = job(endless(), tmp_path)
    with in_process.connect(Service(Setup("job"))) as client:
        events: list[p.Event] = []
        client.ask(request, lambda answer: None, on_event=events.append)
        pump_until(client, lambda: events)
    assert runs.read_info(Path(request.job.folder)).status == "stopped"


def test_a_run_on_bad_data_is_refused_in_words(engine: Client, tmp_path: Path) -> None:
    project = replace(mlp(), data=DataRef("files.csv", {"path": "/not/there.csv"}))
    with pytest.raises(EngineRefused, match=r"there\.csv") as caught:
        engine.call(job(project, tmp_path))
    assert caught.value.refused.details == ""


def test_an_explanation_can_be_cancelled(engine: Client) -> None:
    refused: list[p.Refused] = []
    events: list[p.Event] = []
    ask = p.Explain(mlp(), "core.integrated_gradients", 0, params={"steps": 1000})
    ticket = engine.ask(ask, lambda answer: None, refused.append, events.append)
    ticket.cancel()
    pump_until(engine, lambda: refused)
    assert refused[0].cancelled


# ----------------------------------------------------------------------------------- roles and words


def test_each_role_keeps_to_its_work(tmp_path: Path) -> None:
    with in_process.connect(Service(Setup("job"))) as client:
        assert isinstance(client.call(p.Ping()), p.Hello)
        with pytest.raises(EngineRefused, match="trains and does nothing else"):
            client.call(p.Infer(1, mlp()))
    with (
        in_process.connect(Service(Setup("workbench"))) as client,
        pytest.raises(EngineRefused, match="does not train"),
    ):
        client.call(job(mlp(), tmp_path))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"
        ),
    ],
)
def test_too_little_memory_is_told_with_what_to_do(error: BaseException) -> None:
    told = refusal(error)
    assert "more memory than there is" in told.message
    assert "smaller batch" in told.message
    assert told.details


def test_our_own_fault_is_told_as_one_with_its_traceback() -> None:
    try:
        raise ZeroDivisionError("in the engine")
    except ZeroDivisionError as error:
        told = refusal(error)
    assert "ZeroDivisionError: in the engine" in told.message
    assert "test_service.py" in told.details


def test_closing_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    in_process.connect(Service(Setup())).close()
    assert set(threading.enumerate()) <= before


def linear(width: int) -> Project:
    net = Net()
    x = net.add("torch.nn.Linear", net.input(), name="wide", out_features=width)
    x = net.add("torch.nn.Linear", x, name="wider", out_features=width)
    net.output(net.add("torch.nn.Linear", x, name="end", out_features=3))
    return net.project(IRIS)


def test_a_layer_larger_than_the_machine_is_told_and_nothing_is_allocated(engine: Client) -> None:
    project = linear(1_000_000)
    facts = engine.call(p.Infer(1, project)).facts  # type: ignore[union-attr]
    assert facts.networks["main"].parameters > 10**12
    (problem,) = facts.errors
    assert (problem.network, problem.node) == ("main", "wider")
    assert "TiB of memory, but this machine has" in problem.message
    assert engine.call(p.Infer(2, linear(100))).facts.errors == ()  # type: ignore[union-attr]
    with pytest.raises(EngineRefused, match="more memory than there is"):
        engine.call(p.Predict(project, "", "validation"))
    assert engine.call(p.Ping())


def test_a_recipe_that_cannot_train_is_a_problem_of_the_project(engine: Client) -> None:
    facts = engine.call(p.Infer(1, mlp(batch_size=0))).facts  # type: ignore[union-attr]
    (problem,) = facts.errors
    assert "batch size" in problem.message
    facts = engine.call(p.Infer(1, Project(networks={}))).facts  # type: ignore[union-attr]
    assert "no network" in facts.errors[0].message


def test_code_is_read_back_into_an_edit_or_a_sentence_at_its_line(engine: Client) -> None:
    project = mlp()
    source = engine.call(p.GetSource(project, tapped=False))
    assert isinstance(source, p.SourceText)
    assert "tapped" not in source.text
    wider = source.text.replace("nn.Linear(4, 16)", "nn.Linear(4, 24)")
    read = engine.call(p.ReadSource(project, wider))
    assert isinstance(read, p.SourceRead)
    assert read.edit is not None
    nodes = read.edit.apply(project).networks["main"].graph.nodes.values()
    assert {node.params.get("out_features") for node in nodes if node.name == "fc1"} == {24}
    wrong = engine.call(p.ReadSource(project, source.text.replace("nn.ReLU()", "nn.Rely()")))
    assert isinstance(wrong, p.SourceRead)
    assert wrong.edit is None
    assert "nn.Rely()" in source.text.replace("nn.ReLU()", "nn.Rely()").splitlines()[wrong.line - 1]
    assert "Is it nn.ReLU?" in wrong.message


def test_the_code_of_every_architecture_asks_for_nothing(engine: Client) -> None:
    answer = engine.call(p.GetCatalogue())
    assert isinstance(answer, p.CatalogueAnswer)
    for kind in sorted(answer.catalog.architectures):
        drawn = engine.call(p.BuildArchitecture(kind))
        assert isinstance(drawn, p.Drawn)
        for network in drawn.project.networks:
            source = engine.call(p.GetSource(drawn.project, network, tapped=False))
            assert isinstance(source, p.SourceText)
            read = engine.call(p.ReadSource(drawn.project, f"{source.text}\n# the same\n", network))
            assert read == p.SourceRead(), kind
