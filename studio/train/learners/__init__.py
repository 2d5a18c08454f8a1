"""Ways of learning that need no plugin, each in a file of its own, and which of them is for what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import msgspec

from studio.graph.answers import Wanted
from studio.graph.facts import DataFacts, TensorType
from studio.graph.params import Value
from studio.graph.project import Recipe
from studio.train.learner import Learner
from studio.train.learners.adversarial import Adversarial
from studio.train.learners.detection import Detection
from studio.train.learners.diffusion import Diffusion
from studio.train.learners.masked_token import MaskedToken
from studio.train.learners.next_token import NextToken
from studio.train.learners.reconstruction import Reconstruction
from studio.train.learners.reinforce import Reinforce
from studio.train.learners.sequence_to_sequence import SequenceToSequence
from studio.train.options import TrainProblem, checked
from studio.train.supervised import Supervised


def builtin_learners() -> dict[str, Learner]:
    """Return the learners that need no plugin, by kind; of those that suit some data, the usual one first."""
    made: tuple[Learner, ...] = (
        Supervised(),
        Detection(),
        SequenceToSequence(),
        NextToken(),
        MaskedToken(),
        Reconstruction(),
        Adversarial(),
        Diffusion(),
        Reinforce(),
    )
    return {learner.spec.kind: learner for learner in made}


def proposed(facts: DataFacts, learners: Mapping[str, Learner] | None = None) -> str:
    """Return the kind of the usual learner for some data, "" where none is for it."""
    known = learners or builtin_learners()
    return next((kind for kind, learner in known.items() if not learner.suits(facts)), "")


@runtime_checkable
class Giving(Protocol):
    """A learner that feeds its networks something beside the data: random numbers, the time of a step."""

    def gives(self, facts: DataFacts, params: Mapping[str, Value]) -> dict[str, TensorType]:
        """Return the types of what it gives, by the name of the network's input that gets it."""


def seen(recipe: Recipe, facts: DataFacts) -> DataFacts:
    """Return the data as networks see it: with what the recipe's learner gives beside it."""
    learner = builtin_learners().get(recipe.learner)
    if not isinstance(learner, Giving):
        return facts
    try:
        params = checked(learner.spec, recipe.learner_params, "learner")
    except TrainProblem:  # told by the recipe
        return facts
    return msgspec.structs.replace(facts, more={**facts.more, **learner.gives(facts, params)})


def wanted(recipe: Recipe, facts: DataFacts) -> Wanted:
    """Return what a recipe's learner wants its networks to answer; nothing where it cannot learn from this."""
    learner = builtin_learners().get(recipe.learner)
    if learner is None or learner.suits(facts):
        return {}
    try:
        params = checked(learner.spec, recipe.learner_params, "learner")
    except TrainProblem:  # told by the recipe
        return {}
    return learner.wanted(facts, params)
