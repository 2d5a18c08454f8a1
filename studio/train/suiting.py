"""Whether a way of learning and its loss suit the data, told with a way out before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping

from studio.graph.answers import SUPERVISED
from studio.graph.edits import SetRecipe
from studio.graph.facts import DataFacts
from studio.graph.problems import Problem, Repair
from studio.graph.project import Recipe
from studio.train.learner import Learner
from studio.train.learners import builtin_learners, proposed, wanted
from studio.train.losses import Kind, unfit


def suit_problems(
    recipe: Recipe, facts: DataFacts, learners: Mapping[str, Learner] | None = None
) -> tuple[Problem, ...]:
    """Return what keeps this data from being learned from with this recipe's learner and loss."""
    known = learners or builtin_learners()
    learner = known.get(recipe.learner)
    if learner is None:
        return ()  # told by the recipe
    why = learner.suits(facts)
    if why:
        return (_other_learner(why, facts, known),)
    compared = _compared(recipe, facts)
    why = unfit(recipe.loss, compared, facts.title) if compared and recipe.loss else ""
    if why:
        edit = SetRecipe({"loss": "", "loss_params": {}})
        return (Problem(why, network="", repairs=(Repair("Take the task's usual loss", (edit,)),)),)
    return ()


def _other_learner(why: str, facts: DataFacts, known: Mapping[str, Learner]) -> Problem:
    kind = proposed(facts, known)
    if not kind:
        return Problem(f"{why} No way of learning here is for it. Choose other data.", network="")
    title = known[kind].spec.title
    edit = SetRecipe({"learner": kind, "learner_params": {}, "loss": "", "loss_params": {}})
    repair = Repair(f"Learn by {title}", (edit,))
    return Problem(f"{why} Choose the learner {title}.", network="", repairs=(repair,))


def _compared(recipe: Recipe, facts: DataFacts) -> Kind | None:
    """Return how outputs are compared, None where the learner has a loss of its own."""
    answer = wanted(recipe, facts).get("main")
    if answer is None or answer.compares == "boxes":
        return None
    if answer.compares == "classes":
        return "places" if len(answer.shape) > 2 else "class"
    if answer.compares == "labels":
        return "labels"
    return "numbers" if recipe.learner == SUPERVISED else "copies"
