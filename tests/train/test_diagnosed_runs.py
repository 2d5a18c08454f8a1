"""Real runs, small and wrong on purpose, get the card that names what is wrong; healthy ones get none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hand_written import DIGITS_28, Case, lenet, mlp
from msgspec.structs import replace
from torch import nn

from studio import compile, data, layers, train
from studio.engine import protocol as p
from studio.engine import runs
from studio.extensions.load import load_packs
from studio.graph.builder import Net
from studio.graph.project import DataRef, Project, Recipe, Split
from studio.session import diagnosis
from studio.session.diagnosis import Finding, diagnose
from studio.session.history import History

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"


def drawn(build: Callable[[Net], object], ref: DataRef | None = None, **recipe: object) -> Project:
    net = Net()
    net.output(build(net))  # type: ignore[arg-type]
    settings = {"epochs": 6, "batch_size": 64, "threads": 1, "device": "cpu"} | recipe
    return net.project(ref or DataRef("sklearn.digits"), Recipe(**settings))


def dense(net: Net, hidden: int = 64, activation: str = "torch.nn.ReLU", deep: int = 1) -> object:
    x = net.add("torch.nn.Flatten", net.input())
    for k in range(deep):
        x = net.add("torch.nn.Linear", x, name=f"fc{k}", out_features=hidden)
        x = net.add(activation, x, name=f"act{k}")
    return net.add("torch.nn.Linear", x, name="out", out_features=10)


def trained(project: Project, folder: Path) -> tuple[diagnosis.Case, dict[str, Finding]]:
    """Train, and return the case and every finding that the run had at the end of an epoch."""
    dataset = data.open(project.data, folder)
    cache, specs = compile.Cache(), layers.builtin()

    def module_for(of: Project, role: str, facts: object) -> nn.Module:
        return compile.build(of, role, specs, facts, cache)  # type: ignore[arg-type]

    history = History(str(folder / "run"))
    case = diagnosis.Case(project, history, dataset.facts)
    found: dict[str, Finding] = {}
    job = p.Job(project, str(folder / "run"), "case")
    for event in train.run(job, module_for, dataset, train.Controls()):
        history.take(event)
        if isinstance(event, p.EpochDone | p.Finished | p.Failed):
            found |= {finding.rule: finding for finding in diagnose(case)}
    return case, found


@pytest.mark.parametrize("lr", [30.0, 1e6])
def test_a_learning_rate_that_is_too_high_is_found(tmp_path: Path, lr: float) -> None:
    """Once the loss is thrown far up, once it breaks."""
    kept = "torch.nn.Identity" if lr > 1e3 else "torch.nn.ReLU"  # dead units would hold it finite
    project = drawn(
        lambda net: dense(net, activation=kept),
        optimizer="torch.optim.SGD",
        optimizer_params={"lr": lr},
        schedule="core.constant",
    )
    case, found = trained(project, tmp_path)
    assert case.history.status == ("failed" if lr > 1e3 else "finished")
    finding = found["lr too high"]
    assert finding.change is not None
    assert finding.change.title == f"Learning rate {lr / 10:g}"


def test_dead_units_are_found_and_leaky_ones_learn(tmp_path: Path) -> None:
    """Units that a first bad step killed: the change is tried on the spot, and helps."""

    def dying() -> dict[str, nn.Module]:
        made = mlp()
        made["norm"] = nn.Identity()
        with torch.no_grad():
            made["fc1"].bias[:] = -50.0  # type: ignore[index]
        return made

    case = Case(tmp_path, dying, epochs=4)
    history = History(case.job.folder)
    for event in case.events():
        history.take(event)
        if isinstance(event, p.EpochDone):
            case.controls.watch(1e4)  # so short a run is looked at seldom
    found = {f.rule: f for f in diagnose(diagnosis.Case(case.project, history))}
    assert found["dead units"].node == "n_relu"
    assert found["dead units"].title == "32 of 32 units of relu are dead"
    assert found["dead units"].change is not None
    assert found["dead units"].change.title == "LeakyReLU in its place"


def test_over_fitting_is_found(tmp_path: Path) -> None:
    few = DataRef("sklearn.digits", split=Split(validation=0.95))
    noisy = drawn(
        lambda net: dense(net, 256),
        few,
        epochs=100,
        optimizer_params={"lr": 0.02, "weight_decay": 0.0},
        schedule="core.constant",
        batch_size=32,
    )
    case, found = trained(noisy, tmp_path)
    train_loss, val_loss = case.metric("train_loss"), case.metric("val_loss")
    assert val_loss[-1] > 2 * train_loss[-1]
    assert "over-fitting" in found
    assert found["over-fitting"].change is not None
    assert "Weight decay 0.1" in found["over-fitting"].change.title


def test_gradients_that_fade_through_sigmoids_are_found(tmp_path: Path) -> None:
    deep = drawn(lambda net: dense(net, 32, "torch.nn.Sigmoid", 8), epochs=8)
    _, found = trained(deep, tmp_path)
    assert found["vanishing gradients"].change is not None
    assert len(found["vanishing gradients"].change.edits) == 8


def test_a_softmax_before_the_loss_is_found(tmp_path: Path) -> None:
    def squeezed(net: Net) -> object:
        return net.add("torch.nn.Softmax", dense(net), name="end", dim=1)  # type: ignore[arg-type]

    case, found = trained(drawn(squeezed, epochs=2), tmp_path)
    assert "cannot fall below 1.46" in found["wrong ending"].title
    assert case.losses.min() > 1.46


def test_a_stored_run_is_diagnosed_as_it_was_live(tmp_path: Path) -> None:
    project = drawn(lambda net: dense(net, 32, "torch.nn.Sigmoid", 8), epochs=3)
    case, found = trained(project, tmp_path)
    folder = tmp_path / "run"
    stored = History.of(str(folder), runs.read_events(folder), "finished")
    job = runs.read_job(folder)
    assert job is not None
    again = {f.rule for f in diagnose(diagnosis.Case(job.project, stored, case.data))}
    assert again == {f.rule for f in diagnose(case)}
    assert again <= set(found)


def architectures() -> list[str]:
    """Those that learn from labels: there, and only there, the loss of a healthy run falls."""
    packs, usual = load_packs([PLUGINS]), Recipe().learner
    return sorted(
        kind for kind in packs.architectures if packs.draw(kind, {}).recipe.learner == usual
    )


@pytest.mark.parametrize("kind", architectures())
def test_the_gallery_s_own_recipes_raise_no_alarm(tmp_path: Path, kind: str) -> None:
    """As they are drawn, but for fewer epochs, which leaves the networks half learned."""
    project = load_packs([PLUGINS]).draw(kind, {})
    epochs = min(5, project.recipe.epochs)
    project = replace(project, recipe=replace(project.recipe, epochs=epochs, threads=1))
    case, found = trained(project, tmp_path)
    assert case.history.status == "finished"
    assert found == {}


@pytest.mark.parametrize("make", [mlp, lenet], ids=["mlp", "lenet"])
@pytest.mark.parametrize("seed", [1, 2])
def test_other_healthy_runs_raise_no_alarm(
    tmp_path: Path, make: Callable[[], dict[str, nn.Module]], seed: int
) -> None:
    case = Case(tmp_path, make, DIGITS_28 if make is lenet else None, epochs=4, seed=seed)
    history = History.of(case.job.folder, case.events())
    assert diagnose(diagnosis.Case(case.project, history, case.dataset.facts)) == ()
