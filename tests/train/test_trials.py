"""Trials of a change: the same batches from the same place, and a run that takes no notice of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hand_written import Case, Chain, mlp, per_step
from msgspec.structs import replace
from torch import nn

from studio import train
from studio.engine import protocol as p
from studio.graph.facts import DataFacts
from studio.graph.project import Project


def with_recipe(project: Project, **values: object) -> Project:
    return replace(project, recipe=replace(project.recipe, **values))


def tried_at(
    case: Case, step: int, changed: Project, steps: int = 12
) -> tuple[p.Tried, list[p.Event]]:
    """Ask for a trial right after a step, and let the run go to its end."""
    case.controls.step()
    seen: list[p.Event] = []
    answer = None
    for event in case.events():
        seen.append(event)
        if isinstance(event, p.ControlApplied) and event.action == "stepped":
            if event.step < step:
                case.controls.step()
            else:
                answer = case.controls.try_change(changed, steps)
                case.controls.resume()
    assert answer is not None
    return answer.result(0), seen


@pytest.mark.parametrize("step", [5, 23])
def test_without_a_change_the_trial_is_what_the_run_does_next(tmp_path: Path, step: int) -> None:
    case = Case(tmp_path, live=False)
    tried, events = tried_at(case, step, case.project)
    figures = per_step(events).numpy()
    assert tried.step == step
    assert tried.losses.shape == (2, 12)
    assert np.array_equal(tried.losses[0], tried.losses[1])
    assert np.array_equal(tried.losses[0], figures[step : step + 12])
    assert tried.metrics[0] == tried.metrics[1]
    assert set(tried.metrics[0]) == {"val_loss", "val_accuracy"}


def test_a_trial_leaves_no_trace_in_the_run(tmp_path: Path) -> None:
    figures = per_step(Case(tmp_path / "a", live=False).run())
    case = Case(tmp_path / "b", live=False)
    changed = with_recipe(case.project, optimizer_params={"lr": 0.3}, clip_norm=0.1)
    tried, events = tried_at(case, 9, changed)
    assert torch.equal(per_step(events), figures)
    assert not np.array_equal(tried.losses[0], tried.losses[1])


@pytest.mark.parametrize(
    "values",
    [
        {"optimizer_params": {"lr": 0.0003}},
        {"optimizer_params": {"lr": 0.003, "weight_decay": 0.5}},
        {"optimizer": "torch.optim.SGD"},
        {"batch_size": 16},
        {"clip_norm": 0.01},
        {"learner_params": {"class_weights": "balanced"}},
        {"schedule": "core.constant"},
        {"ema": 0.9},
    ],
    ids=str,
)
def test_every_kind_of_setting_can_be_tried(tmp_path: Path, values: dict[str, object]) -> None:
    case = Case(tmp_path, live=False)
    tried, _ = tried_at(case, 30, with_recipe(case.project, **values))
    assert np.isfinite(tried.losses).all()
    # An average of the weights is measured, but the weights that learn are as without it.
    assert np.array_equal(tried.losses[0], tried.losses[1]) == ("ema" in values)
    assert tried.metrics[0] != tried.metrics[1]


def test_a_smaller_rate_is_smaller_by_as_much_within_the_schedule(tmp_path: Path) -> None:
    case = Case(tmp_path, live=False, optimizer="torch.optim.SGD", optimizer_params={"lr": 0.1})
    changed = with_recipe(case.project, optimizer_params={"lr": 1e-9})
    tried, _ = tried_at(case, 20, changed, 4)
    first = tried.losses[0][0]
    assert tried.losses[1][0] == pytest.approx(first)
    assert tried.losses[0].std() > 0


def test_another_layer_keeps_the_weights_that_fit(tmp_path: Path) -> None:
    """The run's network with its ReLU swapped begins at the same place, with a loss near the run's."""

    class Swapping(Case):
        def module_for(self, project: Project, role: str, facts: DataFacts) -> nn.Module:
            module = super().module_for(project, role, facts)
            if project.notes == "leaky":
                layers = mlp() | {"relu": nn.LeakyReLU(0.01)}
                return Chain(layers)
            return module

    case = Swapping(tmp_path, live=False, epochs=4)
    tried, _ = tried_at(case, 60, replace(case.project, notes="leaky"))
    start = float(np.log(10))
    assert tried.losses[0][0] < 0.5 * start
    assert abs(tried.losses[1][0] - tried.losses[0][0]) < 0.2


def test_a_change_that_cannot_learn_is_told_and_the_run_goes_on(tmp_path: Path) -> None:
    case = Case(tmp_path, live=False)
    changed = with_recipe(case.project, optimizer_params={"lr": -1.0})
    with pytest.raises(
        RuntimeError, match=r"The change could not be tried: .* The run is as it was"
    ):
        tried_at(case, 5, changed)


def test_a_run_that_is_over_is_tried_from_its_newest_checkpoint(tmp_path: Path) -> None:
    case = Case(tmp_path, live=False)
    case.run()
    ask = p.TryChange(
        case.project,
        with_recipe(case.project, optimizer_params={"lr": 0.03}),
        case.job.folder,
        steps=5,
    )
    learner = train.builtin_learners()["core.supervised"]
    tried = train.compare_stored(ask, case.module_for, case.dataset, learner, lambda: False)
    assert tried.step == 46
    assert tried.losses.shape == (2, 5)
    with pytest.raises(train.TrainProblem, match="given up"):
        train.compare_stored(ask, case.module_for, case.dataset, learner, lambda: True)
    nowhere = replace(ask, folder=str(tmp_path / "none"))
    with pytest.raises(train.TrainProblem, match="no checkpoint"):
        train.compare_stored(nowhere, case.module_for, case.dataset, learner, lambda: False)


def test_after_the_run_there_is_no_trial(tmp_path: Path) -> None:
    case = Case(tmp_path, live=False, epochs=1)
    case.run()
    answer = case.controls.try_change(case.project, 5)
    with pytest.raises(RuntimeError, match="The run is over"):
        answer.result(0)
