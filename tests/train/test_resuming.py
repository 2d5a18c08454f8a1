"""A run goes on where it stood: bit for bit, however it ended, in its own folder or another."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from hand_written import Case, epochs, mlp, per_step
from msgspec.structs import replace
from safetensors.torch import load_file
from torch import nn

from studio import train
from studio.engine import protocol as p
from studio.engine import runs

HERE = Path(__file__).parent

#: Everything that a step can depend on, at once and apart.
RECIPES: dict[str, dict[str, object]] = {
    "plain": {},
    "averaged, accumulated, clipped": {"ema": 0.9, "accumulate": 3, "clip_norm": 0.5},
    "momentum, plateau": {
        "optimizer": "torch.optim.SGD",
        "optimizer_params": {"lr": 0.1, "momentum": 0.9},
        "schedule": "torch.optim.lr_scheduler.ReduceLROnPlateau",
    },
    "half precision, scaled": {"precision": "fp16"},
    "one cycle, patient": {
        "schedule": "torch.optim.lr_scheduler.OneCycleLR",
        "patience": 2,
        "keep_every": 1,
    },
}


def case(folder: Path, **recipe: object) -> Case:
    return Case(folder, mlp, epochs=5, batch_size=64, **recipe)


def last_weights(folder: Path) -> dict[str, torch.Tensor]:
    found = runs.newest_weights(folder)
    assert found is not None
    return load_file(found.path)


def steps_told(folder: Path) -> list[int]:
    told = (event for event in runs.read_events(folder) if isinstance(event, p.Progress))
    return [step for event in told for step in event.steps.tolist()]


def continued(original: Case, folder: Path) -> Case:
    """The job that goes on from the newest whole checkpoint of a run, in its folder."""
    again = case(folder.parent / "other")
    again.layers, again.project = original.layers, original.project
    checkpoint = runs.resumable(folder)[-1].path
    again.job = replace(original.job, folder=str(folder), resume=str(checkpoint), until=0)
    return again


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_a_stopped_run_goes_on_bit_for_bit(recipe: str, tmp_path: Path) -> None:
    at = 13 if "accumulated" in recipe else 50
    whole = case(tmp_path / "whole", **RECIPES[recipe])
    straight = whole.run()
    assert isinstance(straight[-1], p.Finished), straight[-1]

    broken = case(tmp_path / "broken", **RECIPES[recipe])
    broken.job = replace(broken.job, until=at)
    told = broken.run()
    folder = Path(broken.job.folder)
    assert len(per_step(told)) == at
    rest = continued(broken, folder).run()
    assert isinstance(rest[-1], p.Finished), rest[-1]

    assert torch.equal(torch.cat([per_step(told), per_step(rest)]), per_step(straight))
    expected, found = last_weights(Path(whole.job.folder)), last_weights(folder)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    metrics = [done.metrics for done in (*epochs(told), *epochs(rest))]
    assert metrics == [done.metrics for done in epochs(straight)]
    assert steps_told(folder) == steps_told(Path(whole.job.folder))
    assert runs.read_info(folder).status == "finished"
    assert rest[-1].summary.best == straight[-1].summary.best


def convolving() -> dict[str, nn.Module]:
    return {
        "conv1": nn.Conv2d(1, 6, 3),
        "relu": nn.ReLU(),
        "conv2": nn.Conv2d(6, 8, 3),
        "flatten": nn.Flatten(),
        "fc": nn.Linear(8 * 4 * 4, 10),
    }


def test_a_convolution_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """Its weights lie in memory otherwise than in a file, and so does what Adam remembers of them."""
    straight = Case(tmp_path / "whole", convolving, epochs=2).run()
    broken = Case(tmp_path / "broken", convolving, epochs=2)
    broken.job = replace(broken.job, until=11)
    told = broken.run()
    rest = continued(broken, Path(broken.job.folder)).run()
    assert torch.equal(torch.cat([per_step(told), per_step(rest)]), per_step(straight))


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from hand_written import Case, mlp
from studio.train import keeping, telling
keeping.SAVE_S, keeping.SAVE_SHARE = 0.0, 1e9
telling.FLUSH_S = 0.0
case = Case(Path({folder!r}), mlp, epochs=40, batch_size=64, ema=0.9)
for event in case.events():
    print(getattr(event, "step", 0), flush=True)
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_run_opens_again_and_goes_on_bit_for_bit(seed: int, tmp_path: Path) -> None:
    whole = Case(tmp_path / "whole", mlp, epochs=40, batch_size=64, ema=0.9)
    straight = whole.run()
    text = CHILD.format(here=str(HERE), folder=str(tmp_path / "killed"))
    child = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    moment = random.Random(seed).randint(40, 300)
    for line in child.stdout:
        if int(line) >= moment:
            break
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()

    folder = tmp_path / "killed" / "run"
    info = runs.read_info(folder)
    assert info.status == "interrupted"
    assert info.fault is None
    told = steps_told(folder)
    assert told == list(range(1, len(told) + 1))
    assert len(told) >= 1
    original = Case(tmp_path / "again", mlp, epochs=40, batch_size=64, ema=0.9)
    original.job = replace(original.job, folder=str(folder))
    again = continued(original, folder)
    at = runs.resumable(folder)[-1].step
    rest = again.run()
    assert isinstance(rest[-1], p.Finished), rest[-1]
    assert torch.equal(per_step(rest), per_step(straight)[at:])
    expected, found = last_weights(Path(whole.job.folder)), last_weights(folder)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert steps_told(folder) == list(range(1, len(per_step(straight)) + 1))


def test_a_finished_run_learns_more_epochs(tmp_path: Path) -> None:
    first = case(tmp_path)
    first.run()
    folder = Path(first.job.folder)
    more = continued(first, folder)
    recipe = replace(first.project.recipe, epochs=8)
    more.job = replace(more.job, project=replace(first.project, recipe=recipe))
    events = more.run()
    assert [done.epoch for done in epochs(events)] == [6, 7, 8]
    assert all(rate > 0 for rate in per_step(events, "lr")[:-1])
    history = list(runs.read_events(folder))
    assert [e.epoch for e in history if isinstance(e, p.EpochDone)] == list(range(1, 9))
    assert sum(isinstance(e, p.Finished) for e in history) == 1
    assert runs.read_job(folder).project.recipe.epochs == 8  # type: ignore[union-attr]


def test_settings_changed_while_running_are_there_again(tmp_path: Path) -> None:
    first = case(tmp_path, schedule="core.constant")
    first.job = replace(first.job, until=100)
    first.controls.set({"lr": 0.0007, "batch_size": 32})
    first.controls.set({"node": "n_fc1", "frozen": True})
    first.controls.set({"node": "n_drop", "p": 0.6})
    told = [event for event in first.run() if isinstance(event, p.ControlApplied)]
    assert [(event.action, event.step, event.values) for event in told] == [
        ("asked", 0, {"batch_size": 32}),
        ("set", 0, {"lr": 0.0007}),
        ("set", 0, {"node": "n_fc1", "frozen": True}),
        ("set", 0, {"node": "n_drop", "p": 0.6}),
        ("set", 23, {"batch_size": 32}),
    ]
    folder = Path(first.job.folder)
    before = last_weights(folder)
    again = continued(first, folder)
    events = again.run()
    started = next(event for event in events if isinstance(event, p.Started))
    assert started.batch_size == 32
    assert per_step(events, "lr").tolist() == pytest.approx([0.0007] * len(per_step(events)))
    assert again.module is not None
    assert dict(again.module.named_children())["drop"].p == 0.6
    after = last_weights(folder)
    assert torch.equal(before["fc1.weight"], after["fc1.weight"])
    assert not torch.equal(before["fc2.weight"], after["fc2.weight"])


def test_every_few_epochs_a_checkpoint_stays_and_can_be_gone_on_from(tmp_path: Path) -> None:
    first = case(tmp_path, keep_every=2)
    events = first.run()
    folder = Path(first.job.folder)
    per_epoch = epochs(events)[0].step
    kept = [e.step for e in events if isinstance(e, p.CheckpointSaved) and e.kept]
    assert kept == [2 * per_epoch, 4 * per_epoch]
    whole = [found.step for found in runs.resumable(folder)]
    assert whole == [*kept, 5 * per_epoch]
    again = case(tmp_path / "b", keep_every=2)
    earlier = str(runs.resumable(folder)[0].path)
    again.job = replace(again.job, resume=earlier)
    rest = again.run()
    assert torch.equal(per_step(rest), per_step(events)[kept[0] :])


def test_a_checkpoint_of_another_network_says_that_it_does_not_fit(tmp_path: Path) -> None:
    first = case(tmp_path)
    first.run()
    folder = Path(first.job.folder)
    other = case(tmp_path / "b")
    other.layers = lambda: mlp(hidden=48)
    other.job = replace(other.job, resume=str(runs.resumable(folder)[-1].path))
    end = other.run()[-1]
    assert isinstance(end, p.Failed)
    assert "cannot go on from" in end.summary.message
    assert "Fork from it" in end.summary.message


def test_a_cut_state_says_so(tmp_path: Path) -> None:
    first = case(tmp_path)
    first.run()
    checkpoint = runs.resumable(Path(first.job.folder))[-1].path
    state = checkpoint.with_suffix(".state.safetensors")
    state.write_bytes(state.read_bytes()[:100])
    again = continued(first, Path(first.job.folder))
    end = again.run()[-1]
    assert isinstance(end, p.Failed)
    assert "cannot go on from" in end.summary.message


# ------------------------------------------------------------------------------------------- forks


def forked(parent: Case, folder: Path, hidden: int = 32, **recipe: object) -> Case:
    fork = case(folder, **recipe)
    fork.layers = lambda: mlp(hidden=hidden)
    checkpoint = runs.newest_weights(Path(parent.job.folder))
    assert checkpoint is not None
    fork.job = replace(fork.job, resume=str(checkpoint.path), parent=parent.job.folder)
    return fork


def test_a_fork_begins_with_the_weights_and_its_own_recipe(tmp_path: Path) -> None:
    parent = case(tmp_path)
    parent.run()
    fork = forked(parent, tmp_path / "fork", ema=0.5)
    fork.controls.stop()
    events = fork.run()
    assert not [event for event in events if isinstance(event, p.ProblemFound)]
    assert events[0].steps_per_epoch
    assert isinstance(events[-1], p.Stopped)
    assert fork.module is not None
    expected = last_weights(Path(parent.job.folder))
    found = fork.module.state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert runs.read_job(Path(fork.job.folder)).parent == parent.job.folder  # type: ignore[union-attr]


def test_a_fork_of_a_changed_network_says_what_started_afresh(tmp_path: Path) -> None:
    parent = case(tmp_path)
    parent.run()
    fork = forked(parent, tmp_path / "fork", hidden=32)
    fork.layers = lambda: mlp() | {"fc2": nn.Linear(32, 16), "fc3": nn.Linear(16, 10)}
    events = fork.run()
    (told,) = [event.problem for event in events if isinstance(event, p.ProblemFound)]
    assert told.severity == "warning"
    assert "fc2.weight, fc2.bias, fc3.weight, fc3.bias started afresh" in told.message
    assert isinstance(events[-1], p.Finished)


def test_a_fork_of_which_nothing_fits_says_so(tmp_path: Path) -> None:
    parent = case(tmp_path)
    parent.run()
    fork = forked(parent, tmp_path / "fork")
    fork.layers = lambda: {"flatten": nn.Flatten(), "only": nn.Linear(64, 10)}
    end = fork.run()[-1]
    assert isinstance(end, p.Failed)
    assert "Nothing of the checkpoint" in end.summary.message


def test_a_trial_stops_after_its_steps(tmp_path: Path) -> None:
    trial = case(tmp_path)
    trial.job = replace(trial.job, until=30)
    events = trial.run()
    assert isinstance(events[-1], p.Finished)
    assert events[-1].summary.steps == 30
    assert len(per_step(events)) == 30
    assert torch.equal(per_step(events), per_step(case(tmp_path / "b").run())[:30])


def test_a_job_says_where_it_goes_on(tmp_path: Path) -> None:
    job = replace(case(tmp_path).job, resume="a/checkpoints/3.safetensors", until=5, parent="a")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(job), type=p.Job) == job
    assert not runs.is_continued(job)
    assert not runs.is_continued(replace(job, parent=""))
    assert runs.is_continued(replace(job, folder="a", parent=""))
    assert train.Controls().waiting is False
