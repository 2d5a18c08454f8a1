"""A run's course: what it tells, that it repeats itself bit by bit, and how it is steered."""

from __future__ import annotations

import itertools
import math
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hand_written import DIGITS_28, Case, Chain, epochs, lenet, mlp, per_step
from msgspec.structs import replace
from safetensors.torch import load_file
from torch import nn

from studio.engine import protocol as p
from studio.engine import runs
from studio.graph.project import DataRef, Recipe, Split


def regressor() -> dict[str, nn.Module]:
    return {"fc1": nn.Linear(10, 16), "relu": nn.ReLU(), "fc2": nn.Linear(16, 1)}


def weights(case: Case) -> dict[str, torch.Tensor]:
    assert case.module is not None
    return case.module.state_dict()


def test_a_run_tells_its_course_from_start_to_finish(tmp_path: Path) -> None:
    case = Case(tmp_path, epochs=3)
    events = case.run()
    started, finished = events[0], events[-1]
    assert isinstance(started, p.Started)
    assert isinstance(finished, p.Finished)
    assert (started.steps_per_epoch, started.train_samples, started.task) == (
        23,
        1437,
        "classification",
    )
    assert started.nodes == ("n_flatten", "n_fc1", "n_norm", "n_relu", "n_drop", "n_fc2")
    assert started.parameters == sum(q.numel() for q in case.module.parameters())  # type: ignore[union-attr]
    assert [done.epoch for done in epochs(events)] == [1, 2, 3]
    steps = np.concatenate([e.steps for e in events if isinstance(e, p.Progress)])
    assert steps.tolist() == list(range(1, 70))
    last = epochs(events)[-1]
    assert last.confusion is not None
    assert last.confusion.sum() == 360
    assert last.confusion.trace() / 360 == pytest.approx(last.metrics["val_accuracy"])
    assert set(last.metrics) == {"train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr"}
    assert finished.summary.steps == 69
    assert finished.summary.last == last.metrics
    best = max(done.metrics["val_accuracy"] for done in epochs(events))
    assert finished.summary.best["val_accuracy"]["value"] == best
    progress = next(e for e in reversed(events) if isinstance(e, p.Progress))
    assert progress.samples_per_s > 0
    assert math.isfinite(progress.eta_s)


def test_the_first_step_is_told_before_anything_is_looked_at(tmp_path: Path) -> None:
    told = Case(tmp_path).run()[1:]
    assert isinstance(told[0], p.Progress)
    assert told[0].steps.tolist() == [1]
    looked = next(event for event in told if isinstance(event, p.LayerStats))
    assert looked.step == 1
    assert looked.nodes["n_fc1"].update is not None  # what the first step changed is known


def test_epoch_figures_are_the_means_of_the_steps(tmp_path: Path) -> None:
    case = Case(tmp_path, epochs=1)
    events = case.run()
    sizes = np.array([64] * 22 + [1437 - 22 * 64])
    for name in ("train_loss", "train_accuracy"):
        expected = np.average(per_step(events, name).double().numpy(), weights=sizes)
        assert epochs(events)[0].metrics[name] == pytest.approx(expected, rel=1e-12)


def test_figures_do_not_depend_on_who_watches_or_when(tmp_path: Path) -> None:
    """Views, snapshots, other users of torch's random numbers and slow readers change no bit."""
    plain = Case(tmp_path / "a", live=False)
    figures = per_step(plain.run())
    watched = Case(tmp_path / "b", live=True)
    watched.controls.step()
    seen: list[p.Event] = []
    for event in watched.events():
        seen.append(event)
        torch.manual_seed(99)
        torch.rand(3)
        if isinstance(event, p.ControlApplied) and event.action == "stepped":
            watched.controls.snapshot()
            if event.step < 30:
                watched.controls.step()
            else:
                watched.controls.resume()
    assert sum(isinstance(event, p.LayerStats) for event in seen) >= 30
    assert torch.equal(per_step(seen), figures)
    for name, tensor in weights(plain).items():
        assert torch.equal(tensor, weights(watched)[name]), name
    one, other = epochs(seen)[-1], epochs(list(runs.read_events(tmp_path / "a" / "run")))[-1]
    assert one.metrics == other.metrics


def test_another_seed_gives_other_figures(tmp_path: Path) -> None:
    one, other = Case(tmp_path / "a", epochs=1), Case(tmp_path / "b", epochs=1, seed=1)
    assert not torch.equal(per_step(one.run()), per_step(other.run()))


def test_torch_is_left_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    case = Case(tmp_path, epochs=1, threads=2)
    torch.set_rng_state(before)
    case.run()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_the_file_holds_what_was_told(tmp_path: Path) -> None:
    case = Case(tmp_path)
    told = case.run()
    read = list(runs.read_events(tmp_path / "run"))
    kinds = lambda events: [type(e) for e in events if not isinstance(e, (p.Pictures, p.Insight))]  # noqa: E731
    assert kinds(read) == kinds(told)
    assert torch.allclose(per_step(read), per_step(told), rtol=1e-6)
    info = runs.read_info(tmp_path / "run")
    assert info.status == "finished"
    assert info.best == told[-1].summary.best  # type: ignore[union-attr]
    job = runs.read_job(tmp_path / "run")
    assert job is not None
    assert job.project == case.project


def test_the_job_file_says_what_the_figures_depend_on(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.run()
    around = runs.read_circumstances(tmp_path / "run")
    assert around is not None
    recipe = case.project.recipe
    assert (around.seed, around.threads, around.device) == (recipe.seed, recipe.threads, "cpu")
    assert around.versions["torch"] == str(torch.__version__)
    assert {"neuroloom", "python"} < set(around.versions)
    assert all(around.machine[name] for name in ("system", "cores"))
    assert around.data is not None
    assert around.data.fingerprint == case.dataset.facts.fingerprint != ""
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"job.json", "events.jsonl", "status.json", "checkpoints"} <= files
    written = list((tmp_path / "run" / "checkpoints").glob("[0-9]*.safetensors"))
    for weights_file in (path for path in written if path.stem.isdigit()):
        assert weights_file.with_suffix(".json").exists()


def test_the_best_and_the_last_weights_are_kept_and_nothing_older(tmp_path: Path) -> None:
    case = Case(tmp_path, epochs=6)
    events = case.run()
    newest, best = runs.newest_weights(tmp_path / "run"), runs.best_weights(tmp_path / "run")
    assert newest is not None
    assert best is not None
    assert newest.step == 6 * 23
    kept = load_file(newest.path)
    for name, tensor in weights(case).items():
        assert torch.equal(kept[name], tensor), name
    scored = {done.step: done.metrics["val_accuracy"] for done in epochs(events)}
    assert scored[best.step] == max(scored.values())
    files = list((tmp_path / "run" / "checkpoints").glob("[0-9]*.safetensors"))
    assert {file.name.split(".")[0] for file in files} <= {str(newest.step), str(best.step)}
    fresh = Chain(mlp())
    fresh.load_state_dict(load_file(best.path))
    fresh.eval()
    with torch.no_grad():
        right = fresh(case.dataset.validation.inputs).argmax(1) == case.dataset.validation.targets
    assert float(right.double().mean()) == pytest.approx(max(scored.values()))


def test_regression_reports_errors_in_the_targets_own_units(tmp_path: Path) -> None:
    case = Case(tmp_path, regressor, DataRef("sklearn.diabetes"), epochs=30)
    metrics = epochs(case.run())[-1].metrics
    assert set(metrics) == {"train_loss", "val_loss", "val_mae", "val_r2", "lr"}
    assert 35 < metrics["val_mae"] < 60
    assert 0.2 < metrics["val_r2"] < 0.7
    with torch.no_grad():
        case.module.eval()  # type: ignore[union-attr]
        outputs = case.module(case.dataset.validation.inputs)  # type: ignore[misc]
    error = (
        outputs - case.dataset.validation.targets
    ).abs().mean() * case.dataset.facts.target_std[0]
    assert metrics["val_mae"] == pytest.approx(float(error), rel=1e-5)


def test_the_test_split_is_measured_once_with_the_best_weights(tmp_path: Path) -> None:
    case = Case(tmp_path, ref=DataRef(split=Split(0.2, 0.2)), epochs=3)
    summary = case.run()[-1].summary  # type: ignore[union-attr]
    assert 0.5 < summary.last["test_accuracy"] <= 1
    assert "test_loss" in summary.last


def test_without_validation_the_training_figures_decide(tmp_path: Path) -> None:
    case = Case(tmp_path, ref=DataRef(split=Split(0.0)), epochs=2)
    events = case.run()
    assert isinstance(events[-1], p.Finished)
    assert set(epochs(events)[-1].metrics) == {"train_loss", "train_accuracy", "lr"}
    assert runs.best_weights(tmp_path / "run") is not None


def test_a_last_batch_of_one_is_left_out(tmp_path: Path) -> None:
    """1437 = 4 × 359 + 1, and BatchNorm cannot train on one sample."""
    case = Case(tmp_path, batch_size=359, epochs=1)
    events = case.run()
    assert isinstance(events[-1], p.Finished), events[-1]
    assert events[-1].summary.steps == 4


def test_frozen_nodes_stay_as_they_are(tmp_path: Path) -> None:
    case = Case(tmp_path, epochs=1)
    graph = case.project.networks["main"].graph
    graph = graph.with_node(replace(graph.nodes["n_fc1"], flags=("frozen",)))
    sheet = replace(case.project.networks["main"], graph=graph)
    case.job = replace(case.job, project=case.project.with_sheet("main", sheet))
    events = case.run()
    torch.manual_seed(0)
    before = Chain(mlp()).state_dict()
    after = weights(case)
    assert torch.equal(after["fc1.weight"], before["fc1.weight"])
    assert not torch.equal(after["fc2.weight"], before["fc2.weight"])
    assert isinstance(events[0], p.Started)
    assert events[0].parameters == 2 * 32 + 32 * 10 + 10


# ------------------------------------------------------------------------------------------ controls


def until(events, kind):  # type: ignore[no-untyped-def]
    return next(event for event in events if isinstance(event, kind))


def test_pause_step_resume_and_stop(tmp_path: Path) -> None:
    case = Case(tmp_path, epochs=50)
    case.controls.pause()
    course = case.events()
    paused = until(course, p.ControlApplied)
    assert (paused.action, paused.step) == ("paused", 0)
    for expected in (1, 2, 3):
        case.controls.step()
        told = list(itertools.takewhile(lambda e: not isinstance(e, p.ControlApplied), course))
        assert sum(len(e.steps) for e in told if isinstance(e, p.Progress)) == 1
        assert any(isinstance(e, p.LayerStats) and e.step == expected for e in told)
    answer = case.controls.snapshot()
    case.controls.step()
    assert until(course, p.ControlApplied).step == 4
    assert answer.result(0).step == 3
    assert load_file(answer.result(0).path).keys() == weights(case).keys()
    case.controls.resume()
    assert until(course, p.ControlApplied).action == "resumed"
    until(course, p.EpochDone)
    case.controls.stop()
    rest = list(course)
    assert isinstance(rest[-1], p.Stopped)
    assert rest[-1].summary.status == "stopped"
    assert 0 < rest[-1].summary.steps < 50 * 23
    newest = runs.newest_weights(tmp_path / "run")
    assert newest is not None
    assert newest.step == rest[-1].summary.steps
    assert runs.read_info(tmp_path / "run").status == "stopped"


def test_a_paused_run_answers_another_thread(tmp_path: Path) -> None:
    case = Case(tmp_path, epochs=1)
    case.controls.pause()
    told: list[p.Event] = []
    worker = threading.Thread(target=lambda: told.extend(case.events()))
    worker.start()
    snapshot = case.controls.snapshot().result(timeout=60)
    assert snapshot.step == 0
    case.controls.resume()
    worker.join(60)
    assert isinstance(told[-1], p.Finished)
    with pytest.raises(RuntimeError, match="over"):
        case.controls.snapshot().result(0)


def test_stepping_to_the_end_gives_the_same_figures(tmp_path: Path) -> None:
    plain = Case(tmp_path / "a", epochs=1, batch_size=256)
    figures = per_step(plain.run())
    stepped = Case(tmp_path / "b", epochs=1, batch_size=256)
    told = []
    stepped.controls.step()
    for event in stepped.events():
        told.append(event)
        if isinstance(event, p.ControlApplied) and event.action == "stepped":
            stepped.controls.step()
    assert torch.equal(per_step(told), figures)


def test_settings_change_from_the_next_step_on(tmp_path: Path) -> None:
    case = Case(tmp_path, epochs=2, schedule="core.constant", optimizer_params={"lr": 0.01})
    case.controls.pause()
    course = case.events()
    until(course, p.ControlApplied)
    case.controls.step()
    until(course, p.ControlApplied)
    case.controls.set({"lr": 0.001, "weight_decay": 0.5})
    applied = until(course, p.ControlApplied)
    assert (applied.action, applied.values) == ("set", {"lr": 0.001, "weight_decay": 0.5})
    case.controls.resume()
    rates = per_step(list(course), "lr")
    assert rates[0] == pytest.approx(0.001)
    assert rates[-1] == pytest.approx(0.001)


def test_a_changed_rate_goes_on_along_its_schedule(tmp_path: Path) -> None:
    settings = {"epochs": 2, "schedule": "core.cosine", "schedule_params": {"warmup": 0.0}}
    plain = per_step(Case(tmp_path / "a", **settings).run(), "lr")
    case = Case(tmp_path / "b", **settings)
    case.controls.pause()
    course = case.events()
    until(course, p.ControlApplied)
    case.controls.set({"lr": 0.0015})
    case.controls.resume()
    assert torch.allclose(per_step(list(course), "lr"), plain / 2)


@pytest.mark.parametrize(
    "values", [{"colour": 1}, {"lr": -1.0}, {"lr": float("nan")}, {"lr": "fast"}, {"lr": 0}]
)
def test_settings_that_cannot_be_are_said_and_left(
    values: dict[str, object], tmp_path: Path
) -> None:
    plain = per_step(Case(tmp_path / "a", epochs=1).run())
    case = Case(tmp_path / "b", epochs=1)
    case.controls.set(values)  # type: ignore[arg-type]
    told = case.run()
    problem = until(iter(told), p.ProblemFound).problem
    assert problem.severity == "warning"
    assert next(iter(values)) in problem.message or "learning rate" in problem.message
    assert torch.equal(per_step(told), plain)


def test_views_can_be_turned_off_and_on(tmp_path: Path) -> None:
    case = Case(tmp_path, epochs=500, live=False)
    course = case.events()
    head = list(itertools.takewhile(lambda e: not isinstance(e, p.EpochDone), course))
    assert not any(isinstance(e, (p.LayerStats, p.Pictures)) for e in head)
    case.controls.pause()
    until(course, p.ControlApplied)
    case.controls.watch(20.0)
    assert isinstance(next(course), p.LayerStats)
    case.controls.stop()
    list(course)


def test_closing_the_generator_lets_go_of_everything(tmp_path: Path) -> None:
    case = Case(tmp_path, epochs=50, threads=2)
    threads = torch.get_num_threads()
    course = case.events()
    until(course, p.EpochDone)
    answer = case.controls.snapshot()
    course.close()
    assert torch.get_num_threads() == threads
    assert isinstance(answer.exception(0), RuntimeError)
    assert runs.read_info(tmp_path / "run").status == "interrupted"


def test_lenet_on_digits_reaches_97_percent_with_the_defaults(tmp_path: Path) -> None:
    usual = Recipe()
    case = Case(tmp_path, lenet, DIGITS_28, batch_size=usual.batch_size, epochs=usual.epochs)
    summary = case.run()[-1].summary  # type: ignore[union-attr]
    assert summary.best["val_accuracy"]["value"] >= 0.97
