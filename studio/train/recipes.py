"""What is wrong with a recipe before anything is trained with it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from studio.graph.edits import SetRecipe
from studio.graph.params import Value
from studio.graph.problems import Problem, Repair
from studio.graph.project import Recipe
from studio.graph.spec import OptionSpec
from studio.train.devices import pick_device
from studio.train.learner import Learner
from studio.train.learners import builtin_learners
from studio.train.losses import losses
from studio.train.optim import optimizers
from studio.train.options import TrainProblem, checked
from studio.train.schedules import schedules

PRECISIONS = ("fp32", "bf16", "fp16")
SAMPLINGS = ("shuffled", "balanced")
_CHOICES = (("precision", PRECISIONS), ("sampling", SAMPLINGS))
#: Numbers of the recipe, and the least that each may be.
_LEAST = (
    ("epochs", 1),
    ("batch_size", 1),
    ("threads", 0),
    ("accumulate", 1),
    ("patience", 0),
    ("min_delta", 0),
    ("keep_every", 0),
)
_DEFAULT = Recipe()


def recipe_problems(
    recipe: Recipe, learners: Mapping[str, Learner] | None = None
) -> tuple[Problem, ...]:
    """Return what keeps any run with this recipe from starting, each with a way out."""
    known = {kind: learner.spec for kind, learner in (learners or builtin_learners()).items()}
    return (
        *_numbers(recipe),
        *_kinds(recipe, known),
        *_groups(recipe),
        *_closures(recipe),
        *_device(recipe),
    )


def _numbers(recipe: Recipe) -> Iterator[Problem]:
    for name, least in _LEAST:
        value = getattr(recipe, name)
        if not value >= least or math.isinf(value):
            title = name.replace("_", " ")
            message = f"The recipe's {title} should be at least {least}, but is {value}."
            yield _problem(message, {name: getattr(_DEFAULT, name)})
    if recipe.clip_norm is not None and not 0 < recipe.clip_norm < math.inf:
        message = (
            f"The recipe's clip norm should be above 0 or left empty, but is {recipe.clip_norm}."
        )
        yield _problem(message, {"clip_norm": None})
    if not 0 <= recipe.ema < 1:
        message = f"The recipe's ema should be at least 0 and below 1, but is {recipe.ema}."
        yield _problem(message, {"ema": _DEFAULT.ema})
    for name, choices in _CHOICES:
        value = getattr(recipe, name)
        if value not in choices:
            listed = f"{', '.join(choices[:-1])} or {choices[-1]}"
            message = f"The recipe's {name} should be {listed}, but is {value!r}."
            yield _problem(message, {name: getattr(_DEFAULT, name)})


def _closures(recipe: Recipe) -> Iterator[Problem]:
    """Yield what an optimiser that looks at the loss several times a step cannot do."""
    if not recipe.optimizer.endswith("LBFGS"):
        return
    usual: dict[str, Any] = {"accumulate": 1, "groups": {}}
    if recipe.precision == "fp16":
        usual["precision"] = "fp32"
    wrong = {name: value for name, value in usual.items() if getattr(recipe, name) != value}
    if wrong:
        names = ", ".join("precision fp16" if name == "precision" else name for name in wrong)
        message = (
            f"LBFGS looks at the loss several times a step, which does not go with {names}. Choose "
            "another optimiser, or set it back."
        )
        yield _problem(message, wrong)


def _groups(recipe: Recipe) -> Iterator[Problem]:
    """Yield what is wrong with the nodes' own settings, the first of each node."""
    spec = optimizers().get(recipe.optimizer)
    if spec is None:
        return  # told already
    for path, own in sorted(recipe.groups.items()):
        try:
            checked(spec, own, f"own settings of {path} for the optimiser")
        except TrainProblem as error:
            kept = _sound(spec, own, "optimiser")
            rest = {key: value for key, value in recipe.groups.items() if key != path}
            yield _problem(str(error), {"groups": rest | ({path: kept} if kept else {})})


def _kinds(recipe: Recipe, learners: Mapping[str, OptionSpec]) -> Iterator[Problem]:
    yield from _kind(recipe, "learner", "learner", learners)
    yield from _kind(recipe, "optimizer", "optimiser", optimizers())
    yield from _kind(recipe, "schedule", "schedule", schedules())
    if recipe.loss:
        yield from _kind(recipe, "loss", "loss", losses())


def _kind(
    recipe: Recipe, field: str, noun: str, specs: Mapping[str, OptionSpec]
) -> Iterator[Problem]:
    kind, options = getattr(recipe, field), f"{field}_params"
    if kind not in specs:
        message = f"There is no {noun} named {kind!r}. Choose one of {', '.join(sorted(specs))}."
        default = getattr(_DEFAULT, field)
        yield _problem(message, {field: default, options: getattr(_DEFAULT, options)})
        return
    try:
        checked(specs[kind], getattr(recipe, options), noun)
    except TrainProblem as error:
        yield _problem(str(error), {options: _sound(specs[kind], getattr(recipe, options), noun)})


def _sound(spec: OptionSpec, values: Mapping[str, Value], noun: str) -> dict[str, Value]:
    """Return those of `values` that can be used."""
    kept = {}
    for name, value in values.items():
        try:
            checked(spec, {name: value}, noun)
        except TrainProblem:
            continue
        kept[name] = value
    return kept


def _device(recipe: Recipe) -> Iterator[Problem]:
    if recipe.device in ("", "auto", "cpu"):
        return
    try:
        pick_device(recipe.device)
    except TrainProblem as error:
        yield _problem(str(error), {"device": "auto"})


def _problem(message: str, values: dict[str, Value]) -> Problem:
    shown = ", ".join(
        f"{name.replace('_', ' ')} to {value}"
        for name, value in values.items()
        if not isinstance(value, dict)
    )
    edit = SetRecipe(values)
    repair = Repair(f"Set {shown}" if shown else "Reset the wrong option", (edit,))
    return Problem(message, network="", repairs=(repair,))
