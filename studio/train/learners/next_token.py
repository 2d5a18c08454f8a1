"""Next token: after every token of a text, which one comes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from studio.data import Samples
from studio.engine import protocol as p
from studio.graph.answers import Wanted
from studio.graph.facts import DataFacts
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec
from studio.train.learner import Evaluation, Learning, Setup
from studio.train.learners import tokens
from studio.train.losses import Loss
from studio.train.measures import OfPlaces
from studio.train.one_network import OneNetwork
from studio.train.options import checked

#: Tokens of a text that a preview goes on from.
_PROMPT = 16


class NextToken:
    """Cross entropy of every next token; perplexity is its exponential."""

    spec = OptionSpec(
        kind="core.next_token",
        title="Next token",
        doc="After every token of a text, which one comes: how language models learn. Meanwhile the "
        "network writes.",
        params=(
            Param("temperature", "float", 0.8, minimum=0, help="Of texts that are written; 0: always the likeliest token"),
            Param("top_k", "int", 0, minimum=0, help="Draw among that many likeliest tokens; 0: among all"),
            Param("length", "int", 120, minimum=1, maximum=2000, help="Tokens that are written for a look"),
        ),
    )  # fmt: skip
    roles = ("main",)

    def suits(self, facts: DataFacts) -> str:
        """Return why there is no next token here."""
        steps = facts.sample.shape
        if facts.task == "tokens" and not facts.more and steps == facts.target_shape:
            return ""
        return (
            f"Next-token learning needs texts whose targets are the same text one token further, but "
            f"{facts.title} has {facts.task} as its task."
        )

    def wanted(self, facts: DataFacts, params: Mapping[str, Value]) -> Wanted:
        """Return a score for every token at every step."""
        steps, count = facts.sample.shape[0], len(tokens.outcomes(facts))
        need = f"Each of {steps} steps is followed by one of {count} tokens"
        return {"main": tokens.answer(facts, steps, need)}

    def score(self, facts: DataFacts) -> str:
        """Return the loss, on validation where there is one."""
        return "val_loss" if facts.validation else "train_loss"

    def start(self, setup: Setup) -> Learning:
        """Begin a run.

        Raises: TrainProblem.
        """
        return _Following(setup)


class _Following(OneNetwork):
    def __init__(self, setup: Setup) -> None:
        facts, recipe = setup.facts, setup.recipe
        super().__init__(setup, OfPlaces(len(tokens.outcomes(facts)), axis=2, overlaps=False))
        self._loss = Loss(recipe.loss, recipe.loss_params, facts, compared="places")
        self._settings = checked(NextToken.spec, recipe.learner_params, "learner")

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._loss(outputs, targets)

    def evaluate(self, samples: Samples) -> Evaluation:
        found = super().evaluate(samples)
        loss = found.metrics["loss"]
        return Evaluation({**found.metrics, "perplexity": math.exp(min(loss, 700.0))})

    def present(self, outputs: Tensor) -> Tensor:
        return outputs.argmax(2)

    def preview(self, samples: Samples) -> p.Preview:
        prompt = samples.inputs[0, : max(1, min(_PROMPT, samples.inputs.shape[1] // 2))]
        text = self.write(prompt, samples.inputs.shape[1])
        words = self.setup.facts.vocabulary
        start, rest = text[: len(prompt)], text[len(prompt) :]
        said = tuple(tokens.written(part, words) for part in (start, rest))
        return p.Preview(0, "text", "What the network writes", words=("\t".join(said),))

    def write(self, prompt: Tensor, window: int) -> list[int]:
        """Return a prompt `[t]` with what the network goes on with.

        It always sees `window` tokens, as in training; those that are not written yet come after the
        one that is asked about.
        """
        settings, setup = self._settings, self.setup
        generator = torch.Generator(setup.device).manual_seed(setup.recipe.seed)
        text = prompt.tolist()
        held = torch.zeros(1, window, dtype=torch.int64, device=setup.device)
        held[0, : len(text)] = prompt
        for _ in range(int(settings["length"])):
            at = min(len(text), window) - 1
            scores = setup.answer("main", Samples(held, held))[:, at]
            token = tokens.drawn(
                scores, float(settings["temperature"]), int(settings["top_k"]), generator
            )
            text.append(int(token))
            if at + 1 < window:
                held[0, at + 1] = token
            else:
                held = torch.cat([held[:, 1:], token[:, None]], 1)
        return text
