"""An exported training script gives the figures of the run that it repeats, with PyTorch alone."""

from __future__ import annotations

import ast
import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from studio import compile, data, layers, train
from studio.compile.exporters import Leaving
from studio.engine import protocol as p
from studio.graph.builder import Net
from studio.graph.facts import TensorType
from studio.graph.project import DataRef, Project, Recipe, Split, Step
from studio.train.controls import Controls
from studio.train.options import TrainProblem
from studio.train.script import write_script

SPECS = layers.builtin()
BASE = Recipe(epochs=2, batch_size=64, device="cpu", threads=1)


def mlp(recipe: Recipe, source: str = "sklearn.digits", outputs: int = 10) -> Project:
    net = Net()
    x = net.add("torch.nn.Flatten", net.input())
    x = net.add("torch.nn.ReLU", net.add("torch.nn.Linear", x, out_features=24))
    net.output(net.add("torch.nn.Linear", net.add("torch.nn.Dropout", x), out_features=outputs))
    return net.project(DataRef(source), recipe)


def cnn(recipe: Recipe) -> Project:
    net = Net()
    x = net.add("torch.nn.Conv2d", net.input(), out_channels=4, kernel_size=3)
    x = net.chain(x, "torch.nn.BatchNorm2d", "torch.nn.ReLU", "torch.nn.Flatten")
    net.output(net.add("torch.nn.Linear", x, out_features=10))
    # 64 · 22 + 1 samples: the last batch of one is left out
    data_ref = DataRef(transforms=(Step("core.normalize"),), split=Split(validation=388 / 1797))
    return net.project(data_ref, recipe)


def made(project: Project, folder: Path) -> tuple[Path, dict[str, float]]:
    """Write the script and train here; return its path and the last epoch's figures."""
    dataset = data.open(project.data, folder)

    def module_for(one: Project, role: str, facts: object) -> object:
        return compile.build(one, role, SPECS, dataset.facts)

    facts = compile.infer(project, SPECS, dataset.facts)
    source = compile.source(project, "main", SPECS, facts)
    leaving = Leaving(compile.build(project, "main", SPECS, dataset.facts), source, ())
    write_script(leaving, project, dataset, folder / "again.py")
    job = p.Job(project, str(folder / "run"), name="run", live=False)
    (folder / "run").mkdir()
    last: dict[str, float] = {}
    for event in train.run(job, module_for, dataset, Controls()):  # type: ignore[arg-type]
        if isinstance(event, p.EpochDone):
            last = event.metrics
        assert not isinstance(event, p.Failed), event
    return folder / "again.py", last


CASES = {
    "adamw, cosine with warm-up": mlp(replace(BASE, schedule_params={"warmup": 0.2, "floor": 0.1})),
    "sgd, step schedule, clipped": mlp(
        replace(
            BASE,
            optimizer="torch.optim.SGD",
            optimizer_params={"lr": 0.1, "momentum": 0.9},
            schedule="torch.optim.lr_scheduler.StepLR",
            schedule_params={"step_size": 1},
            learner_params={"class_weights": "balanced"},
            clip_norm=1.0,
        )
    ),
    "one cycle, smoothed labels": mlp(
        replace(
            BASE,
            schedule="torch.optim.lr_scheduler.OneCycleLR",
            loss="torch.nn.CrossEntropyLoss",
            loss_params={"label_smoothing": 0.1},
        )
    ),
    "plateau, bf16": mlp(
        replace(
            BASE,
            schedule="torch.optim.lr_scheduler.ReduceLROnPlateau",
            schedule_params={},
            precision="bf16",
        )
    ),
    "regression": mlp(replace(BASE, schedule="core.constant"), "sklearn.diabetes", 1),
    "channels last, a sample left out": cnn(replace(BASE, batch_size=64)),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_script_repeats_the_run(case: str, tmp_path: Path) -> None:
    script, here = made(CASES[case], tmp_path)
    text = script.read_text(encoding="utf-8")
    assert "studio" not in text.replace("Neuroloom", "")
    done = subprocess.run(
        [sys.executable, "-I", script.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = done.stdout.strip().splitlines()
    assert len(printed) == CASES[case].recipe.epochs
    there = ast.literal_eval(printed[-1].partition(" ")[2].partition(" ")[2])
    assert there["loss"] == pytest.approx(here["val_loss"], rel=1e-6)
    if "accuracy" in there:
        assert there["accuracy"] == here["val_accuracy"]


def test_what_a_plain_loop_cannot_repeat_is_said(tmp_path: Path) -> None:
    project = mlp(replace(BASE, optimizer="torch.optim.LBFGS", optimizer_params={}))
    with pytest.raises(TrainProblem, match="loop of its own"):
        made(project, tmp_path)
    assert not list(tmp_path.glob("again*"))


@pytest.mark.parametrize(
    ("facts", "learner", "said"),
    [
        ({"task": "segmentation"}, "core.supervised", "data's task is segmentation"),
        ({"task": "multi-label"}, "core.supervised", "data's task is multi-label"),
        ({"more": {"adjacency": TensorType((3, 3))}}, "core.supervised", "has more: adjacency"),
        ({}, "core.reconstruction", r"learns by core\.reconstruction"),
    ],
)
def test_other_ways_of_learning_are_refused_in_a_sentence(
    facts: dict[str, Any], learner: str, said: str, tmp_path: Path
) -> None:
    project = mlp(BASE)
    dataset = data.open(project.data, tmp_path)
    module = compile.build(project, "main", SPECS, dataset.facts)
    known = compile.infer(project, SPECS, dataset.facts)
    leaving = Leaving(module, compile.source(project, "main", SPECS, known), (), trained=False)
    other = replace(project, recipe=replace(project.recipe, learner=learner))
    odd = dataclasses.replace(dataset, facts=replace(dataset.facts, **facts))
    with pytest.raises(TrainProblem, match=said):
        write_script(leaving, other, odd, tmp_path / "again.py")
    assert not list(tmp_path.glob("again*"))


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"accumulate": 2, "ema": 0.9}, "has no accumulate, ema"),
        ({"groups": {"n_fc1": {"lr": 0.1}}}, "has no groups"),
        ({"precision": "fp16"}, "has no precision fp16"),
        ({"patience": 3}, "has no patience"),
    ],
)
def test_what_a_plain_loop_has_not_is_refused(
    recipe: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(train.TrainProblem, match=said):
        made(mlp(replace(BASE, **recipe)), tmp_path)
