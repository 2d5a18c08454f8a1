"""Every optimiser, schedule and loss in the catalogue trains; what PyTorch says is what the form says."""

from __future__ import annotations

import inspect
import math
from pathlib import Path

import pytest
import torch
from hand_written import Case, epochs, mlp, per_step
from torch import nn

from studio import train
from studio.data import Samples
from studio.engine import protocol as p
from studio.graph.facts import DataFacts, TensorType
from studio.graph.project import DataRef
from studio.train.losses import Loss
from studio.train.schedules import Span, build_schedule


def small() -> dict[str, nn.Module]:
    return {"fc1": nn.Linear(4, 8), "relu": nn.ReLU(), "fc2": nn.Linear(8, 3)}


def iris(folder: Path, **recipe: object) -> Case:
    settings = {"batch_size": 16} | recipe
    return Case(folder, small, DataRef("sklearn.iris"), live=False, **settings)


def test_pytorchs_optimisers_are_all_there() -> None:
    assert {kind.rpartition(".")[2] for kind in train.optimizers()} >= {
        *("ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS"),
        *("NAdam", "RAdam", "RMSprop", "Rprop", "SGD"),
    }


@pytest.mark.parametrize("kind", train.optimizers())
def test_every_optimiser_learns_with_its_defaults(kind: str, tmp_path: Path) -> None:
    # L-BFGS takes curvature from differences of gradients, which batches of 16 drown in noise.
    whole = {"batch_size": 120, "optimizer_params": {"line_search_fn": "strong_wolfe"}}
    settings = whole if kind.endswith("LBFGS") else {"optimizer_params": {}}
    case = iris(tmp_path, optimizer=kind, epochs=15, **settings)
    events = case.run()
    assert isinstance(events[-1], p.Finished), events[-1]
    losses = [done.metrics["train_loss"] for done in epochs(events)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("kind", train.optimizers())
def test_an_optimisers_defaults_are_pytorchs(kind: str) -> None:
    signature = inspect.signature(getattr(torch.optim, kind.rpartition(".")[2]))
    for param in train.optimizers()[kind].params:
        assert param.default == signature.parameters[param.name].default
        if param.default is not None:
            assert param.check(param.default) == param.default
    assert train.optimizers()[kind].param("lr") is not None
    assert train.optimizers()[kind].param("fused") is None


@pytest.mark.parametrize("kind", train.schedules())
def test_every_schedule_runs_with_its_defaults(kind: str, tmp_path: Path) -> None:
    case = iris(tmp_path, schedule=kind, epochs=8)
    events = case.run()
    assert isinstance(events[-1], p.Finished), events[-1]
    rates = per_step(events, "lr")
    assert bool((rates >= 0).all())
    assert len(rates) == 8 * 8


def test_functions_that_no_form_can_give_are_left_out() -> None:
    kinds = {kind.rpartition(".")[2] for kind in train.schedules()}
    assert not kinds & {"LambdaLR", "MultiplicativeLR", "SequentialLR", "ChainedScheduler"}
    assert kinds >= {"OneCycleLR", "CosineAnnealingLR", "ReduceLROnPlateau", "StepLR", "cosine"}


def rates(kind: str, values: dict[str, object], steps: int, by_step: bool) -> list[float]:
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0, momentum=0.9)
    schedule = build_schedule(kind, values, [optimizer], Span(epochs=steps, steps=steps))
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.after_step()
        if not by_step:
            schedule.after_epoch(1.0)
    return found


def test_cosine_warms_up_and_comes_down_over_the_whole_run() -> None:
    found = rates("core.cosine", {"warmup": 0.1, "floor": 0.2}, 100, by_step=True)
    assert found[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    expected = [0.2 + 0.8 * (1 + math.cos(math.pi * i / 90)) / 2 for i in range(90)]
    assert found[10:] == pytest.approx(expected)
    assert rates("core.constant", {}, 5, by_step=True) == [1.0] * 5


def test_pytorchs_schedules_move_as_pytorch_moves_them() -> None:
    weight = nn.Parameter(torch.zeros(1))
    for kind, values in (
        ("CosineAnnealingLR", {"T_max": 20}),
        ("StepLR", {"step_size": 6, "gamma": 0.5}),
        ("ExponentialLR", {"gamma": 0.9}),
        ("MultiStepLR", {"milestones": [3, 9]}),
    ):
        optimizer = torch.optim.SGD([weight], lr=1.0)
        theirs = getattr(torch.optim.lr_scheduler, kind)(optimizer, **values)
        expected = []
        for _ in range(20):
            expected.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            theirs.step()
        given = {k: "3, 9" if k == "milestones" else v for k, v in values.items()}
        ours = rates(f"torch.optim.lr_scheduler.{kind}", given, 20, by_step=False)
        assert ours == pytest.approx(expected), kind


@pytest.mark.parametrize("kind", train.losses())
def test_every_loss_trains_what_it_is_for(kind: str, tmp_path: Path) -> None:
    case = iris(tmp_path, loss=kind, epochs=20)
    if kind.endswith("NLLLoss") and "Poisson" not in kind:
        case.layers = lambda: small() | {"log": nn.LogSoftmax(1)}
    events = case.run()
    assert isinstance(events[-1], p.Finished), events[-1]
    accuracy = [done.metrics["val_accuracy"] for done in epochs(events)]
    assert max(accuracy) > 0.6


def test_two_classes_may_share_one_output(tmp_path: Path) -> None:
    case = Case(
        tmp_path,
        lambda: {"fc1": nn.Linear(30, 1)},
        DataRef("sklearn.breast_cancer"),
        loss="torch.nn.BCEWithLogitsLoss",
        epochs=40,
    )
    events = case.run()
    assert epochs(events)[-1].metrics["val_accuracy"] > 0.9
    pictures = next(e for e in reversed(events) if isinstance(e, p.Pictures))
    assert pictures.outputs.shape == (24, 2)
    assert pictures.outputs.sum(1) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["CrossEntropyLoss", "BCEWithLogitsLoss", "MSELoss", "HuberLoss"])
def test_a_loss_is_pytorchs_own(kind: str) -> None:
    torch.manual_seed(0)
    facts = DataFacts("t", 5, 0, 0, TensorType((4,)), "table", "classification", ("a", "b", "c"))
    outputs, targets = torch.randn(5, 3), torch.tensor([0, 2, 1, 1, 0])
    wanted = targets if kind == "CrossEntropyLoss" else torch.eye(3)[targets]
    ours = Loss(f"torch.nn.{kind}", {}, facts)(outputs, targets)
    assert torch.equal(ours, getattr(nn, kind)()(outputs, wanted))


def test_options_of_the_learner_work(tmp_path: Path) -> None:
    plain = per_step(iris(tmp_path / "a", epochs=2).run())
    clipped = iris(tmp_path / "b", epochs=2, clip_norm=1e-6, optimizer="torch.optim.SGD")
    losses = [done.metrics["train_loss"] for done in epochs(clipped.run())]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    cancer = DataRef("sklearn.breast_cancer")
    layers = lambda: {"fc1": nn.Linear(30, 2)}  # noqa: E731
    equal = per_step(Case(tmp_path / "c", layers, cancer).run())
    weighed = Case(tmp_path / "d", layers, cancer, learner_params={"class_weights": "balanced"})
    assert not torch.equal(per_step(weighed.run()), equal)
    assert plain.isfinite().all()


def test_bf16_trains_and_leaves_the_weights_in_float32(tmp_path: Path) -> None:
    case = Case(tmp_path, mlp, precision="bf16", epochs=3)
    events = case.run()
    assert isinstance(events[-1], p.Finished), events[-1]
    assert epochs(events)[-1].metrics["val_accuracy"] > 0.8
    assert {q.dtype for q in case.module.parameters()} == {torch.float32}  # type: ignore[union-attr]


def test_every_option_is_described() -> None:
    everything = train.optimizers() | train.schedules() | train.losses() | train.learner_specs()
    for kind, spec in everything.items():
        assert spec.kind == kind
        assert spec.title
        assert spec.doc
        assert not set("`\\") & set(spec.doc), spec.doc


def test_the_best_device_comes_first_and_the_cpu_is_always_there() -> None:
    found = train.devices()
    assert "cpu" in found
    assert str(train.pick_device("auto")) == next(iter(found))
    assert train.pick_threads(3) == 3
    assert train.pick_threads(0) == max(1, train.cores() - 1)


def test_accuracy_of_a_step_does_not_depend_on_how_many_are_read_at_once(tmp_path: Path) -> None:
    case = iris(tmp_path)
    learner = train.builtin_learners()["core.supervised"]
    network = case.module_for(case.project, "main", case.dataset.facts)
    learning = learner.start(
        train.Setup(
            {"main": network},
            {"main": ("x",)},
            case.dataset.facts,
            case.project.recipe,
            torch.device("cpu"),
        )
    )
    parts = [case.dataset.train.slice(i, i + size) for i, size in ((0, 16), (16, 16), (32, 5))]
    traces = [learning.step(Samples(part.inputs, part.targets)) for part in parts]
    together = learning.figures(traces)
    for i, trace in enumerate(traces):
        alone = learning.figures([trace])
        for name, values in alone.items():
            assert torch.equal(values[0], together[name][i])
