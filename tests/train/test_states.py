"""A run can go back to a state, in memory and from disk, and go on from there as if nothing had been."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hand_written import Case, mlp

from studio import train
from studio.train.checkpoint import Keeper, read_state
from studio.train.stepper import Stepper


def stepper(case: Case) -> Stepper:
    learner = train.builtin_learners()["core.supervised"]
    return Stepper(case.project, case.module_for, case.dataset, learner, torch.device("cpu"))


def go(walker: Stepper, steps: int) -> list[float]:
    losses = []
    with walker.stream:
        for _ in range(steps):
            losses.append(float(walker.take_step()[0][0]))
            if walker.at_epoch_end:
                walker.end_epoch(losses[-1])
    return losses


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"optimizer": "torch.optim.SGD", "optimizer_params": {"lr": 0.1, "momentum": 0.9}},
        {"optimizer": "torch.optim.RMSprop", "schedule": "torch.optim.lr_scheduler.OneCycleLR"},
        {"schedule": "torch.optim.lr_scheduler.ReduceLROnPlateau"},
        {"schedule": "torch.optim.lr_scheduler.StepLR"},
        {"optimizer": "torch.optim.Adagrad"},
    ],
)
@pytest.mark.parametrize("through_disk", [False, True])
def test_going_back_and_on_repeats_every_bit(
    recipe: dict[str, object], through_disk: bool, tmp_path: Path
) -> None:
    case = Case(tmp_path, mlp, epochs=5, **recipe)
    walker = stepper(case)
    go(walker, 30)
    state = walker.capture()
    ahead = go(walker, 40)
    if through_disk:
        keeper = Keeper(str(tmp_path))
        keeper.save_last(state, {}, best=False)
        walker = stepper(case)
        state = read_state(keeper.path(30))
    walker.restore(state)
    assert (walker.step, walker.epoch, walker.batch) == (30, 1, 7)
    assert go(walker, 40) == ahead


def test_a_state_is_a_copy(tmp_path: Path) -> None:
    walker = stepper(Case(tmp_path, mlp))
    go(walker, 3)
    state = walker.capture()
    before = {name: tensor.clone() for name, tensor in state.weights.items()}
    moments = state.optimizers[0]["state"][0]["exp_avg"].clone()
    go(walker, 3)
    assert all(torch.equal(before[name], state.weights[name]) for name in before)
    assert torch.equal(moments, state.optimizers[0]["state"][0]["exp_avg"])


def test_no_file_of_a_checkpoint_is_a_pickle(tmp_path: Path) -> None:
    walker = stepper(Case(tmp_path, mlp))
    go(walker, 2)
    Keeper(str(tmp_path)).save_last(walker.capture(), {}, best=True)
    files = sorted((tmp_path / "checkpoints").iterdir())
    assert [file.name for file in files] == ["2.json", "2.safetensors", "2.state.safetensors"]
    assert all(file.read_bytes()[:1] != b"\x80" for file in files)


def test_only_a_few_snapshots_stay(tmp_path: Path) -> None:
    keeper = Keeper(str(tmp_path))
    for step in (5, 20, 100, 9, 3000):
        path = keeper.snapshot(step, {"w": torch.ones(2)})
        assert path.exists() or step == 9
    left = {int(file.stem) for file in (tmp_path / "snapshots").iterdir()}
    assert left == {20, 100, 3000}
