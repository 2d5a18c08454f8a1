"""Training: recipes, learners, the loop, live views, checkpoints."""

from __future__ import annotations

from msgspec.structs import replace

from studio.graph.spec import OptionSpec
from studio.train.controls import Controls
from studio.train.devices import cores, device_memory, devices, pick_device, pick_threads
from studio.train.footprint import optimizer_bytes
from studio.train.learner import Evaluation, Learner, Learning, Setup
from studio.train.learners import builtin_learners, proposed, seen, wanted
from studio.train.loop import run
from studio.train.losses import losses
from studio.train.optim import optimizers
from studio.train.options import TrainProblem
from studio.train.recipes import recipe_problems
from studio.train.roles import role_problems
from studio.train.schedules import schedules
from studio.train.suiting import suit_problems
from studio.train.trial import compare_stored

__all__ = [
    "Controls",
    "Evaluation",
    "Learner",
    "Learning",
    "Setup",
    "TrainProblem",
    "builtin_learners",
    "compare_stored",
    "cores",
    "device_memory",
    "devices",
    "learner_specs",
    "losses",
    "optimizer_bytes",
    "optimizers",
    "pick_device",
    "pick_threads",
    "proposed",
    "recipe_problems",
    "role_problems",
    "run",
    "schedules",
    "seen",
    "suit_problems",
    "wanted",
]


def learner_specs() -> dict[str, OptionSpec]:
    """Return what the catalogue shows of the built-in learners, by kind."""
    return {
        kind: replace(learner.spec, roles=learner.roles)
        for kind, learner in builtin_learners().items()
    }
