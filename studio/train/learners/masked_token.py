"""Masked tokens: which tokens stood where a text was covered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from msgspec import structs
from torch import Tensor

from studio.data import Samples
from studio.engine import protocol as p
from studio.graph.answers import Wanted
from studio.graph.facts import LEFT_OUT, DataFacts
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec
from studio.train.learner import Learning, Setup
from studio.train.learners import tokens
from studio.train.losses import Loss
from studio.train.measures import OfPlaces
from studio.train.one_network import OneNetwork
from studio.train.options import checked

#: Of the tokens that are chosen, those that become the mask, and those that become any other token.
_MASKED, _CHANGED = 0.8, 0.1
#: Texts in a preview, and tokens of each.
_SHOWN, _TOKENS = 4, 64
#: How a covered token is written.
_COVER = "▢"


class MaskedToken:
    """Some tokens are covered by a mask, which is one token more than the vocabulary has.

    Source: Devlin et al. 2019, BERT, section 3.1.
    """

    spec = OptionSpec(
        kind="core.masked_token",
        title="Masked token",
        doc="Which tokens stood where a text was covered. The mask is one more token: an Embedding "
        "needs one row more than the vocabulary has.",
        params=(
            Param("share", "float", 0.15, minimum=0.001, maximum=1, help="Share of tokens that are covered"),
        ),
    )  # fmt: skip
    roles = ("main",)

    def suits(self, facts: DataFacts) -> str:
        """Return why there is nothing to cover."""
        if facts.vocabulary and len(facts.sample.shape) == 1 and not facts.more:
            return ""
        return (
            f"Masked-token learning covers tokens of texts, but {facts.title} gives "
            f"{facts.form if not facts.vocabulary else 'several inputs'}."
        )

    def wanted(self, facts: DataFacts, params: Mapping[str, Value]) -> Wanted:
        """Return a score for every token at every step; the mask comes in, but is never an answer."""
        steps, count = facts.sample.shape[0], len(facts.vocabulary)
        need = f"Each of {steps} steps is one of {count} tokens (beside them comes the mask, id {count})"
        return {"main": tokens.answer(_asked(facts), steps, need, more_ids=1)}

    def score(self, facts: DataFacts) -> str:
        """Return the accuracy where it is asked for, on validation where there is one."""
        return "val_accuracy" if facts.validation else "train_accuracy"

    def start(self, setup: Setup) -> Learning:
        """Begin a run.

        Raises: TrainProblem.
        """
        return _Uncovering(setup)


def _asked(facts: DataFacts) -> DataFacts:
    """Return facts of the same texts whose tokens are what is asked for."""
    return structs.replace(facts, task="tokens", classes=facts.vocabulary)


class _Uncovering(OneNetwork):
    def __init__(self, setup: Setup) -> None:
        own, recipe = _asked(setup.facts), setup.recipe
        self._count = len(own.vocabulary)
        super().__init__(setup, OfPlaces(self._count, axis=2, overlaps=False))
        self._loss = Loss(recipe.loss, recipe.loss_params, own, compared="places")
        settings = checked(MaskedToken.spec, recipe.learner_params, "learner")
        self._share = float(settings["share"])

    def prepared(self, batch: Samples, generator: torch.Generator | None = None) -> Samples:
        text = batch.inputs
        chance = torch.rand(text.shape, device=text.device, generator=generator)
        fate = torch.rand(text.shape, device=text.device, generator=generator)
        other = torch.randint(self._count, text.shape, device=text.device, generator=generator)
        asked = chance < self._share
        covered = torch.where(asked & (fate < _MASKED), self._count, text)
        changed = asked & (fate >= _MASKED) & (fate < _MASKED + _CHANGED)
        covered = torch.where(changed, other, covered)
        return replace(batch, inputs=covered, targets=torch.where(asked, text, LEFT_OUT))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._loss(outputs, targets)

    def present(self, outputs: Tensor) -> Tensor:
        return outputs.argmax(2)

    def preview(self, samples: Samples) -> p.Preview:
        few = samples.slice(0, _SHOWN)
        generator = torch.Generator(self.setup.device).manual_seed(self.setup.recipe.seed)
        asked = self.prepared(few, generator)
        read = self.setup.answer("main", asked).argmax(2)
        words = self.setup.facts.vocabulary
        filled = torch.where(asked.targets == LEFT_OUT, few.inputs, read)
        shown = torch.stack([asked.inputs, filled, few.inputs], 1)[..., :_TOKENS].tolist()
        texts = [
            "\t".join(tokens.written(part, (*words, _COVER)) for part in parts) for parts in shown
        ]
        return p.Preview(0, "text", "Covered, filled in, true", words=tuple(texts))
