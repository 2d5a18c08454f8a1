"""What is wrong with a recipe before anything is trained with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from studio.graph.edits import SetRecipe
from studio.graph.params import Value
from studio.graph.problems import Problem, Repair
from studio.graph.project import Recipe
from studio.graph.spec import OptionSpec
from studio.train.devices import pick_device
from studio.train.learner import Learner
from studio.train.losses import losses
from studio.train.optim import optimizers
from studio.train.options import TrainProblem, checked
from studio.train.schedules import schedules
from studio.train.supervised import builtin_learners

PRECISIONS = ("fp32", "bf16")
_DEFAULT = Recipe()


def recipe_problems(
    recipe: Recipe, learners: Mapping[str, Learner] | None = None
) -> tuple[Problem, ...]:
    """Return what keeps any run with this recipe from starting, each with a way out."""
    known = {kind: learner.spec for kind, learner in (learners or builtin_learners()).items()}
    return (*_numbers(recipe), *_kinds(recipe, known), *_device(recipe))


def _numbers(recipe: Recipe) -> Iterator[Problem]:
    for name, least in (("epochs", 1), ("batch_size", 1), ("threads", 0)):
        value = getattr(recipe, name)
        if value < least:
            title = name.replace("_", " ")
            message = f"The recipe's {title} should be at least {least}, but is {value}."
            yield _problem(message, {name: getattr(_DEFAULT, name)})
    if recipe.precision not in PRECISIONS:
        message = f"The recipe's precision should be fp32 or bf16, but is {recipe.precision!r}."
        yield _problem(message, {"precision": _DEFAULT.precision})


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
