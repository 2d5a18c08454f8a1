"""What learners of tokens share: the answer they want, how tokens become words, how the next is drawn."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from studio.graph.answers import Answer
from studio.graph.facts import DataFacts, Dim


def outcomes(facts: DataFacts) -> tuple[str, ...]:
    """Return the tokens that are predicted: the classes where they are named, else the vocabulary."""
    return facts.classes or facts.vocabulary


def answer(facts: DataFacts, steps: Dim, need: str, more_ids: int = 0) -> Answer:
    """Return the answer that gives each step a score for every token."""
    shape = ("N", steps, len(outcomes(facts)))
    return Answer(shape, need, "classes", "step", axis=2, more_ids=more_ids)


def written(tokens: Sequence[int], vocabulary: Sequence[str]) -> str:
    """Return tokens as text: characters and pieces run together, whole words are set apart.

    What is left out, and numbers that name no token, are not written.
    """
    words = [vocabulary[token] for token in tokens if 0 <= token < len(vocabulary)]
    pieces = any(len(word) == 1 and not word.isalnum() and word.isspace() for word in vocabulary)
    pieces = pieces or any(word[:1] in " ▁Ġ" and len(word) > 1 for word in vocabulary if word)
    single = all(len(word) == 1 for word in vocabulary if not word.startswith("<"))
    return ("" if pieces or single else " ").join(words)


def drawn(scores: Tensor, temperature: float, top_k: int, generator: torch.Generator) -> Tensor:
    """Return a token for each row of scores `[n, vocabulary]`, drawn by their softmax.

    A temperature of 0 takes the likeliest; `top_k` above 0 draws among that many.
    """
    if temperature <= 0:
        return scores.argmax(1)
    scores = scores.float() / temperature
    if 0 < top_k < scores.shape[1]:
        least = scores.topk(top_k).values[:, -1:]
        scores = scores.masked_fill(scores < least, -torch.inf)
    return torch.multinomial(scores.softmax(1), 1, generator=generator)[:, 0]
