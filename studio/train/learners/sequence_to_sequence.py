"""Sequence to sequence: an answer of tokens to a sequence of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from studio.data import Samples
from studio.engine import protocol as p
from studio.graph.answers import Wanted
from studio.graph.facts import LEFT_OUT, DataFacts
from studio.graph.params import Value
from studio.graph.spec import OptionSpec
from studio.train.learner import Evaluation, Learning, Modes, Setup
from studio.train.learners import tokens
from studio.train.losses import Loss
from studio.train.measures import OfPlaces
from studio.train.one_network import OneNetwork

#: The input that is given what should have been answered so far.
TARGET = "target"
#: Samples whose whole answers are decoded at an evaluation, and texts in a preview.
_DECODED, _SHOWN = 1024, 6


class SequenceToSequence:
    """While it learns, the network is told what it should have answered so far (teacher forcing).

    Source: Sutskever et al. 2014; Williams & Zipser 1989.
    """

    spec = OptionSpec(
        kind="core.sequence_to_sequence",
        title="Sequence to sequence",
        doc="An answer of tokens to a sequence of tokens. An input named target is given the true answer "
        "so far; alone, the network goes on from its own.",
    )
    roles = ("main",)

    def suits(self, facts: DataFacts) -> str:
        """Return why this data has no sequences as answers."""
        if facts.task == "tokens" and TARGET in facts.more:
            return ""
        return (
            "Sequence-to-sequence learning needs sequences with sequences as answers, and the answer so "
            f"far as an input named {TARGET}, but {facts.title} has {facts.task} as its task."
        )

    def wanted(self, facts: DataFacts, params: Mapping[str, Value]) -> Wanted:
        """Return a score for every token at every step of the answer."""
        (steps,), count = facts.target_shape, len(tokens.outcomes(facts))
        need = f"Each of {steps} steps of the answer is one of {count} tokens"
        return {"main": tokens.answer(facts, steps, need)}

    def score(self, facts: DataFacts) -> str:
        """Return the share of answers that are right from end to end, on validation where there is one."""
        return "val_exact" if facts.validation else "train_accuracy"

    def start(self, setup: Setup) -> Learning:
        """Begin a run.

        Raises: TrainProblem.
        """
        return _Answering(setup)


class _Answering(OneNetwork):
    def __init__(self, setup: Setup) -> None:
        facts, recipe = setup.facts, setup.recipe
        super().__init__(setup, OfPlaces(len(tokens.outcomes(facts)), axis=2, overlaps=False))
        self._loss = Loss(recipe.loss, recipe.loss_params, facts, compared="places")

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._loss(outputs, targets)

    def evaluate(self, samples: Samples) -> Evaluation:
        found = super().evaluate(samples)
        few = samples.slice(0, _DECODED)
        with Modes([self.setup.networks["main"]]), torch.no_grad():
            right = [self._right(part).sum() for part in self.parts(few)]
        exact = float(torch.stack(right).sum()) / max(1, len(few))
        return Evaluation({**found.metrics, "exact": exact})

    def _right(self, samples: Samples) -> Tensor:
        """Return which answers are right wherever one is asked for, bool `[n]`."""
        said, true = self.answered(samples), samples.targets
        return ((said == true) | (true == LEFT_OUT)).all(1)

    def answered(self, samples: Samples) -> Tensor:
        """Return the likeliest tokens `[n, t]`, each after those that the network gave itself."""
        told = samples.more[TARGET].clone()
        steps = told.shape[1]
        told[:, 1:] = told[:, :1]
        said = torch.zeros_like(told)
        for step in range(steps):
            asked = replace(samples, more={**samples.more, TARGET: told})
            said[:, step] = self.setup.answer("main", asked)[:, step].argmax(1)
            if step + 1 < steps:
                told[:, step + 1] = said[:, step]
        return said

    def present(self, outputs: Tensor) -> Tensor:
        return outputs.argmax(2)

    def preview(self, samples: Samples) -> p.Preview:
        few, facts = samples.slice(0, _SHOWN), self.setup.facts
        said = torch.where(few.targets == LEFT_OUT, LEFT_OUT, self.answered(few))
        source, target = facts.vocabulary, tokens.outcomes(facts)
        texts = [
            "\t".join(
                [tokens.written(x, source), tokens.written(y, target), tokens.written(t, target)]
            )
            for x, y, t in zip(
                few.inputs.tolist(), said.tolist(), few.targets.tolist(), strict=True
            )
        ]
        return p.Preview(0, "text", "Given, answered, true", words=tuple(texts))
