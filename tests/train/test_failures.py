"""Runs that cannot go on say so in a sentence, say where, and keep what was good."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hand_written import Case, Chain, epochs, mlp, per_step
from safetensors.torch import load_file
from torch import Tensor, nn

from studio.data import Dataset, Samples
from studio.engine import protocol as p
from studio.engine import runs
from studio.graph.project import DataRef


class Bomb(nn.Module):
    """Passes values through and, from its nth call in training on, spoils them."""

    def __init__(self, at: int, spoil: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.at = at
        self.spoil = spoil

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.calls += 1
            if int(self.calls) >= self.at:
                return self.spoil(x * self.weight)
        return x * self.weight


class BadGradient(torch.autograd.Function):
    """The identity forward, not a number backward."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:  # type: ignore[override]
        return grad * float("nan")


def mined(at: int, spoil: Callable[[Tensor], Tensor]) -> Callable[[], dict[str, nn.Module]]:
    def layers() -> dict[str, nn.Module]:
        return {
            "flatten": nn.Flatten(),
            "fc1": nn.Linear(64, 16),
            "drop": nn.Dropout(0.1),
            "bomb": Bomb(at, spoil),
            "fc2": nn.Linear(16, 10),
        }

    return layers


def failed(events: list[p.Event]) -> p.Failed:
    assert isinstance(events[-1], p.Failed), events[-1]
    assert events[-1].summary.status == "failed"
    return events[-1]


def problem(events: list[p.Event]) -> p.ProblemFound:
    return next(event for event in events if isinstance(event, p.ProblemFound))


@pytest.mark.parametrize("at", [1, 7, 40])
def test_a_loss_that_is_no_number_names_its_step_and_layer(at: int, tmp_path: Path) -> None:
    case = Case(tmp_path, mined(at, lambda x: x / 0), epochs=3)
    events = case.run()
    found = problem(events)
    assert found.step == at
    assert found.problem.node == "n_bomb"
    message = failed(events).summary.message
    assert f"at step {at}" in message
    assert "bomb was the first layer" in message
    assert "learning rate" in message
    assert sum(len(e.steps) for e in events if isinstance(e, p.Progress)) == at - 1
    assert runs.read_info(tmp_path / "run").status == "failed"


def test_the_last_good_weights_are_kept(tmp_path: Path) -> None:
    """They are those of the step before, exactly as an undisturbed run has them there."""
    broken = Case(tmp_path / "a", mined(31, lambda x: x * float("nan")), epochs=3)
    events = broken.run()
    newest = runs.newest_weights(tmp_path / "a" / "run")
    assert newest is not None
    assert newest.step == 30
    assert "weights of step 30 are kept" in failed(events).summary.message
    whole = Case(tmp_path / "b", mined(10**6, lambda x: x), epochs=3)
    whole.controls.pause()
    course = whole.events()
    for _ in range(30):
        whole.controls.step()
        while not (
            isinstance(event := next(course), p.ControlApplied) and event.action == "stepped"
        ):
            pass
    kept = load_file(newest.path)
    for name, tensor in whole.module.state_dict().items():  # type: ignore[union-attr]
        assert torch.equal(kept[name], tensor), name
    course.close()


def test_a_gradient_that_is_no_number_names_its_layer(tmp_path: Path) -> None:
    events = Case(tmp_path, mined(5, BadGradient.apply), epochs=1).run()
    found = problem(events)
    assert found.step == 5
    assert found.problem.node == "n_bomb"
    assert "gradient" in found.problem.message


def test_a_step_far_too_long_is_found(tmp_path: Path) -> None:
    case = Case(
        tmp_path,
        lambda: {"flatten": nn.Flatten(), "fc1": nn.Linear(64, 32), "fc2": nn.Linear(32, 10)},
        optimizer="torch.optim.SGD",
        optimizer_params={"lr": 1e20},
        schedule="core.constant",
    )
    message = failed(case.run()).summary.message
    assert "Lower the learning rate (now 1e+20)" in message


def test_data_that_holds_nan_is_blamed_itself(tmp_path: Path) -> None:
    case = Case(tmp_path)
    inputs = case.dataset.train.inputs.clone()
    inputs[700, 0, 3, 3] = float("nan")
    train = Samples(inputs, case.dataset.train.targets)
    case.dataset = Dataset(case.dataset.facts, train, case.dataset.validation, case.dataset.test)
    assert "the data itself" in failed(case.run()).summary.message


class Hungry(Chain):
    """Runs out of memory at its third batch."""

    def forward(self, x: Tensor) -> Tensor:
        self.batches = getattr(self, "batches", 0) + self.training
        if self.batches == 3:
            torch.empty(2**46)
        return super().forward(x)


def test_out_of_memory_suggests_a_batch_size(tmp_path: Path) -> None:
    case = Case(tmp_path, batch_size=64)
    case.module_for = lambda *_: Hungry(mlp())  # type: ignore[method-assign, assignment]
    message = failed(case.run()).summary.message
    assert "Memory of cpu ran out at step 3 with batches of 64" in message
    assert "batch size of 32" in message
    assert "weights of step 2 are kept" in message


class Clumsy(Chain):
    """Raises in training, as a layer with a mistake does."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            raise KeyError("mistake")
        return super().forward(x)


def test_a_layer_that_raises_is_told_with_details(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.module_for = lambda *_: Clumsy(mlp())  # type: ignore[method-assign, assignment]
    end = failed(case.run())
    assert "KeyError: 'mistake'" in end.summary.message
    assert "in forward" in end.details


class Full:
    """A disk that is full for some files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
        self.on = False
        self._ending = ending
        self._replace = os.replace
        monkeypatch.setattr(os, "replace", self)

    def __call__(self, source: object, target: object) -> None:
        if self.on and str(target).endswith(self._ending):
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        self._replace(source, target)  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", [".safetensors", "status.json"])
def test_a_full_disk_ends_the_run_in_words_and_the_weights_survive(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Full(monkeypatch, ending)
    case = Case(tmp_path, epochs=200)
    told = []
    for event in case.events():
        told.append(event)
        if isinstance(event, p.CheckpointSaved) and not disk.on:
            saved = event
            kept = load_file(event.path)
            disk.on = True
            case.controls.stop()
    message = failed(told).summary.message
    assert "The disk is full" in message
    assert "Free some space" in message
    newest = runs.newest_weights(tmp_path / "run")
    assert newest is not None
    assert f"weights of step {newest.step} are kept" in message
    for name, tensor in load_file(saved.path).items():
        assert torch.equal(tensor, kept[name])


def test_a_snapshot_that_cannot_be_written_is_refused_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = per_step(Case(tmp_path / "a").run())
    case = Case(tmp_path / "b")
    answer = case.controls.snapshot()

    def full(path: Path, content: bytes) -> None:
        if "snapshots" in path.parts:
            raise OSError(errno.ENOSPC, "No space left on device")
        runs.put(path, content)

    monkeypatch.setattr("studio.train.checkpoint.put", full)
    events = case.run()
    assert "could not be written (no space left on device)" in str(answer.exception(0))
    assert isinstance(events[-1], p.Finished)
    assert torch.equal(per_step(events), plain)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"device": "cuda:7"}, "The device 'cuda:7' was asked for"),
        ({"learner": "core.magic"}, "no learner named 'core.magic'"),
        ({"optimizer": "torch.optim.Magic"}, "no optimiser named"),
        ({"optimizer_params": {"lr": "fast"}}, "lr needs a number"),
        ({"optimizer_params": {"speed": 1}}, "no setting named 'speed'"),
        ({"optimizer": "torch.optim.SGD", "optimizer_params": {"nesterov": True}}, "Nesterov"),
        ({"schedule": "core.magic"}, "no schedule named"),
        ({"loss": "torch.nn.MagicLoss"}, "no loss named"),
        ({"clip_norm": -1.0}, "clip norm should be above 0"),
        ({"epochs": 0}, "epochs should be at least 1, but is 0"),
        ({"batch_size": 0}, "batch size should be at least 1, but is 0"),
    ],
)
def test_a_recipe_that_cannot_run_says_why(
    recipe: dict[str, object], said: str, tmp_path: Path
) -> None:
    end = failed(Case(tmp_path, **recipe).run())
    assert said in end.summary.message
    assert end.details == ""


def test_outputs_that_do_not_fit_the_classes(tmp_path: Path) -> None:
    end = failed(Case(tmp_path, lambda: mlp(outputs=7)).run())
    assert "gives N×7, but the data has 10 classes" in end.summary.message
    assert "give 10 numbers a sample" in end.summary.message
    ref = DataRef("sklearn.diabetes")
    end = failed(Case(tmp_path / "b", lambda: mlp(10, outputs=3), ref).run())
    assert "gives 3 numbers a sample, but the data has 1" in end.summary.message
    end = failed(
        Case(
            tmp_path / "c", lambda: mlp(10, outputs=1), ref, loss="torch.nn.CrossEntropyLoss"
        ).run()
    )
    assert "compares classes" in end.summary.message


def test_a_network_without_anything_to_learn(tmp_path: Path) -> None:
    end = failed(Case(tmp_path, lambda: {"flatten": nn.Flatten()}).run())
    assert "nothing that can learn" in end.summary.message


def test_a_folder_that_holds_a_run_is_not_written_into(tmp_path: Path) -> None:
    first = Case(tmp_path, epochs=1)
    first.run()
    before = (tmp_path / "run" / runs.EVENTS).read_bytes()
    end = failed(Case(tmp_path, epochs=1).run())
    assert "holds a run already" in end.summary.message
    assert (tmp_path / "run" / runs.EVENTS).read_bytes() == before
    assert runs.read_info(tmp_path / "run").status == "finished"


def test_a_run_that_fails_late_keeps_its_epochs(tmp_path: Path) -> None:
    events = Case(tmp_path, mined(60, lambda x: x / 0), epochs=5).run()
    assert len(epochs(events)) == 2
    assert failed(events).summary.epochs == 2
    assert runs.read_info(tmp_path / "run").best["val_accuracy"]["epoch"] in (1, 2)
