"""Text as numbers: characters, bytes, words or subwords, with a vocabulary that the text itself gives."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.data.subwords import Merges, learn_merges
from studio.graph.params import Param

PADDING = "<pad>"
START = "<start>"
END = "<end>"
UNKNOWN = "<unknown>"

#: A word takes the space before it along, so that tokens joined are the text again.
_WORDS = re.compile(r" ?\w+| ?[^\w\s]+|\s+")
#: Subwords are learned from this much of a text; more changes the frequent pairs hardly.
_LEARNED_FROM = 8 << 20

TOKENS_PARAM = Param(
    "tokens",
    "choice",
    "characters",
    choices=("characters", "bytes", "words", "subwords"),
    help="What one step reads; subwords are frequent pieces of words, learned from the text",
)
VOCABULARY_PARAM = Param(
    "most_tokens",
    "int",
    2000,
    minimum=32,
    maximum=50_000,
    help="Size of the vocabulary of words or subwords; rarer words become <unknown>",
)


@dataclass(frozen=True)
class Tokenizer:
    """Cuts text and numbers the pieces by their place in `vocabulary`.

    Joined, the tokens of a text are the text again, but for pieces that are not in the vocabulary.
    """

    kind: str
    vocabulary: tuple[str, ...]
    merges: Merges | None = None

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the tokens of a text. Shapes: `[t]`."""
        return self.encode_all([text])[0]

    def encode_all(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Return the tokens of each text; a word that was cut once is not cut again."""
        if self.kind == "bytes":
            first = len(self.vocabulary) - 256
            raw = [np.frombuffer(text.encode(), np.uint8) for text in texts]
            return [row.astype(np.int64) + first for row in raw]
        numbers = {piece: number for number, piece in enumerate(self.vocabulary)}
        unknown = numbers.get(UNKNOWN, 0)
        if self.merges is None:
            return [
                np.array([numbers.get(piece, unknown) for piece in cut(text, self.kind)], np.int64)
                for text in texts
            ]
        known: dict[str, list[int]] = {}
        found: list[NDArray[np.int64]] = []
        for text in texts:
            row: list[int] = []
            for word in _WORDS.findall(text):
                if word not in known:
                    known[word] = [numbers.get(piece, unknown) for piece in self.merges.cut(word)]
                row += known[word]
            found.append(np.array(row, np.int64))
        return found

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens."""
        if self.kind == "bytes":
            first = len(self.vocabulary) - 256
            return bytes(t - first for t in tokens if t >= first).decode(errors="replace")
        return "".join(self.vocabulary[token] for token in tokens)


def cut(text: str, kind: str) -> Sequence[str]:
    """Return the characters or words of a text; joined, they are the text."""
    return text if kind == "characters" else _WORDS.findall(text)


def build_tokenizer(
    texts: Iterable[str], kind: str, most: int, special: tuple[str, ...] = ()
) -> Tokenizer:
    """Return a tokenizer for these texts; `special` tokens come first in its vocabulary.

    The same texts give the same vocabulary: characters by their code, words by how frequent they are.
    """
    if kind == "bytes":
        return Tokenizer(kind, special + tuple(_byte_name(value) for value in range(256)))
    counts: Counter[str] = Counter()
    read = 0
    for text in texts:
        if kind == "subwords" and read > _LEARNED_FROM:
            break
        counts.update(cut(text, kind))
        read += len(text)
    if kind == "characters":
        return Tokenizer(kind, special + tuple(sorted(counts)))
    if kind == "words":
        ordered = sorted(counts, key=lambda word: (-counts[word], word))
        room = max(1, most - len(special))
        if len(ordered) > room and UNKNOWN not in special:
            special, room = (*special, UNKNOWN), room - 1
        return Tokenizer(kind, special + tuple(ordered[:room]))
    merges = learn_merges(counts, max(1, most - len(special)))
    return Tokenizer(kind, special + merges.pieces, merges)


def _byte_name(value: int) -> str:
    """Return a byte as its character where it has a visible one, else as `\\x0a`."""
    return chr(value) if 32 <= value < 127 else f"\\x{value:02x}"
