"""Trials: some steps from where a run stands, as it is and with a change, side by side.

Both take the same batches from the same weights, in steppers of their own: the run itself is not
touched. Figures are of the training batches step by step, and of validation after the last step.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from studio.data import Dataset
from studio.engine import protocol as p
from studio.engine.runs import newest_weights
from studio.graph.params import Value
from studio.graph.project import Project, Recipe
from studio.train.checkpoint import State, read_state
from studio.train.devices import pick_device
from studio.train.learner import Learner, Trace
from studio.train.options import TrainProblem
from studio.train.stepper import ModuleFor, Stepper

#: Seconds that each side of a trial may take, and the steps it takes at least.
_BUDGET_S, _FEWEST = 10.0, 8

Make = Callable[[Project], Stepper]


def compare(
    make: Make,
    now: Project,
    changed: Project,
    state: State,
    steps: int,
    given_up: Callable[[], bool],
) -> p.Tried:
    """Take up to `steps` steps from `state` without and with a change, and return what came of them.

    Raises: TrainProblem, where the changed network cannot learn, or the trial was given up.
    """
    as_is = _begun(make(now), state, now.recipe, now.recipe)
    plain, figures = _course(as_is, steps, given_up)
    other = _begun(make(changed), state, now.recipe, changed.recipe)
    tried, found = _course(other, len(plain), given_up)
    return p.Tried(state.step, np.stack([plain, tried]), (figures, found))


def compare_stored(
    ask: p.TryChange,
    module_for: ModuleFor,
    dataset: Dataset,
    learner: Learner,
    given_up: Callable[[], bool],
) -> p.Tried:
    """Try a change from the newest checkpoint of a run that is over.

    Raises: TrainProblem.
    """
    found = newest_weights(Path(ask.folder))
    if found is None:
        raise TrainProblem("The run has left no checkpoint to try anything from. Train again.")
    try:
        state = read_state(found.path)
    except (OSError, ValueError, KeyError) as error:
        raise TrainProblem(
            f"The checkpoint {found.path.name} holds no state to go on from ({error}). Train again."
        ) from None
    device = pick_device(ask.project.recipe.device)

    def make(project: Project) -> Stepper:
        return Stepper(project, module_for, dataset, learner, device)

    return compare(make, ask.project, ask.changed, state, ask.steps, given_up)


def _begun(stepper: Stepper, state: State, was: Recipe, now: Recipe) -> Stepper:
    """Put a stepper where the run stands, as far as its network and settings are the run's."""
    own = stepper.capture()
    same_weights = all(
        name in state.weights and tensor.shape == state.weights[name].shape
        for name, tensor in own.weights.items()
    )
    fitting = {
        name: state.weights[name]
        if name in state.weights and state.weights[name].shape == tensor.shape
        else tensor
        for name, tensor in own.weights.items()
    }
    same_batches = (was.batch_size, was.accumulate) == (now.batch_size, now.accumulate)
    exact = same_weights and len(own.weights) == len(state.weights)
    same_optimizer = exact and was.optimizer == now.optimizer and was.groups == now.groups
    # Where the schedule has come to its end, often at a rate of zero, both sides begin it again.
    over = state.epoch >= was.epochs
    optimizers = state.optimizers if same_optimizer else own.optimizers
    if over:
        pairs = zip(optimizers, own.optimizers, strict=True)
        optimizers = tuple(old | {"param_groups": new["param_groups"]} for old, new in pairs)
    stepper.restore(
        replace(
            state,
            weights=fitting,
            batch=state.batch if same_batches else 0,
            optimizers=optimizers,
            schedule=own.schedule if over or was.schedule != now.schedule else state.schedule,
            average=state.average if exact and was.ema == now.ema else own.average,
            scalers=state.scalers if was.precision == now.precision else own.scalers,
            steered=state.steered if same_batches else {},
        )
    )
    if same_optimizer and not over:
        _set(stepper, was.optimizer_params, now.optimizer_params)
    return stepper


def _set(stepper: Stepper, was: dict[str, Value], now: dict[str, Value]) -> None:
    """Give the optimiser the settings that changed; the schedule goes on in proportion."""
    for name, value in now.items():
        before = was.get(name)
        if value == before or not isinstance(value, int | float):
            continue
        if name == "lr":
            begin = before if isinstance(before, int | float) else 1e-3
            stepper.set_lr(max(stepper.lr, 1e-12) * value / begin)
            continue
        for group in (group for one in stepper.optimizers for group in one.param_groups):
            if name in group:
                group[name] = value


def _course(
    stepper: Stepper, steps: int, given_up: Callable[[], bool]
) -> tuple[np.ndarray, dict[str, float]]:
    """Return the loss of each step, and what validation says after the last one."""
    traces: list[Trace] = []
    begun, stops = time.perf_counter(), []
    with stepper.stream:
        for taken in range(steps):
            if given_up():
                raise TrainProblem("The trial was given up: the run was asked for something else.")
            if stepper.at_epoch_end:
                stepper.end_epoch(0.0)
            traces += stepper.take_step()
            stops.append(len(traces))
            if taken + 1 >= _FEWEST and time.perf_counter() - begun > _BUDGET_S:
                break
        metrics: dict[str, float] = {}
        if len(stepper.validation):
            with stepper.answering():
                found = stepper.learning.evaluate(stepper.validation).metrics
            metrics = {f"val_{name}": value for name, value in found.items()}
    losses = stepper.learning.figures(traces)["train_loss"].float().cpu()
    parts = torch.tensor_split(losses, stops[:-1])
    return np.array([float(part.mean()) for part in parts], dtype=np.float32), metrics
