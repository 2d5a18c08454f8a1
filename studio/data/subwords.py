"""Byte-pair encoding: the pairs that occur most grow together, until there are enough pieces."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import pairwise

Pair = tuple[str, str]


@dataclass(frozen=True)
class Merges:
    """What was learned: the single characters, and the pairs to join, the most frequent first."""

    alphabet: tuple[str, ...]
    ranks: Mapping[Pair, int]

    @property
    def pieces(self) -> tuple[str, ...]:
        """Every piece that a word can be cut into: characters first, then joined ones as learned."""
        joined = (left + right for left, right in self.ranks)
        return tuple(dict.fromkeys([*self.alphabet, *joined]))

    def cut(self, word: str) -> list[str]:
        """Return the pieces of a word; joined, they are the word."""
        parts = list(word)
        while len(parts) > 1:
            known = [pair for pair in pairwise(parts) if pair in self.ranks]
            if not known:
                break
            parts = _joined(parts, min(known, key=self.ranks.__getitem__))
        return parts


def learn_merges(words: Mapping[str, int], most: int) -> Merges:
    """Learn at most `most` pieces from words and how often each occurs; ties go by the alphabet.

    Source: Sennrich, Haddow and Birch 2016, Neural Machine Translation of Rare Words with Subword
    Units, algorithm 1; here each step recounts only the words that held the pair.
    """
    alphabet = tuple(sorted({character for word in words for character in word}))
    parts = {word: list(word) for word in words}
    counts: Counter[Pair] = Counter()
    where: defaultdict[Pair, set[str]] = defaultdict(set)
    for word, often in words.items():
        _count(parts[word], often, word, counts, where)
    heap = [(-often, pair) for pair, often in counts.items()]
    heapify(heap)
    ranks: dict[Pair, int] = {}
    pieces = set(alphabet)
    while len(pieces) < most and heap:
        often, best = heappop(heap)
        if counts.get(best) != -often:  # it has changed since; its newer entry is in the heap too
            continue
        if often > -2:
            break
        ranks[best] = len(ranks)
        pieces.add(best[0] + best[1])
        touched: set[Pair] = set()
        for word in where.pop(best):
            touched.update(pairwise(parts[word]))
            for pair in pairwise(parts[word]):
                counts[pair] -= words[word]
            parts[word] = _joined(parts[word], best)
            touched.update(pairwise(parts[word]))
            _count(parts[word], words[word], word, counts, where)
        for pair in touched:
            if counts[pair] > 0:
                heappush(heap, (-counts[pair], pair))
            else:
                del counts[pair]
    return Merges(alphabet, ranks)


def _count(
    parts: list[str],
    often: int,
    word: str,
    counts: Counter[Pair],
    where: defaultdict[Pair, set[str]],
) -> None:
    for pair in pairwise(parts):
        counts[pair] += often
        where[pair].add(word)


def _joined(parts: list[str], pair: Pair) -> list[str]:
    """Return the parts with every occurrence of a pair as one, from the left."""
    found: list[str] = []
    at = 0
    while at < len(parts):
        if at + 1 < len(parts) and (parts[at], parts[at + 1]) == pair:
            found.append(parts[at] + parts[at + 1])
            at += 2
        else:
            found.append(parts[at])
            at += 1
    return found
