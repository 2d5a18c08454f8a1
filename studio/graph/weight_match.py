"""Which tensor of a file goes to which weight of a network: by name, by a change of names, by order and shape.

Only names and shapes are looked at, so that a window can match again at every key that is pressed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Literal

from msgspec import Struct

#: What wrappers and training programs put in front of names.
PREFIXES = ("module.", "model.", "_orig_mod.", "net.", "network.", "state_dict.", "backbone.")

How = Literal["", "name", "renamed", "prefix", "suffix", "order", "chosen", "shape"]


class Weight(Struct, frozen=True, omit_defaults=True):
    """A tensor's name and shape; `path` is the id path of the node that it belongs to, in a network."""

    name: str
    shape: tuple[int, ...] = ()
    path: str = ""

    @property
    def size(self) -> str:
        """The shape in words: `64×3×7×7`."""
        return "×".join(map(str, self.shape)) or "one number"


class Rename(Struct, frozen=True, omit_defaults=True):
    """A person's own rule: `find` in the file's names becomes `put`; `*` is any one part of a name.

    What `*` was is put where `put` has one.
    """

    find: str = ""
    put: str = ""

    def __call__(self, name: str) -> str:
        """Return a name of the file as it is to be read."""
        if not self.find:
            return name
        pattern = r"([^.]+)".join(re.escape(part) for part in self.find.split("*"))
        pieces = self.put.split("*")

        def written(found: re.Match[str]) -> str:
            groups = list(found.groups())
            kept = [groups[n] if n < len(groups) else "*" for n in range(len(pieces) - 1)]
            return "".join(a + b for a, b in zip(pieces, [*kept, ""], strict=True))

        return re.sub(pattern, written, name)


class Row(Struct, frozen=True, omit_defaults=True):
    """A weight of the network, and what it gets: nothing where `how` is "" or the shapes differ (`shape`)."""

    ours: Weight
    theirs: Weight | None = None
    how: How = ""

    @property
    def taken(self) -> bool:
        """Whether the weight is carried over."""
        return self.how not in ("", "shape")

    @property
    def told(self) -> str:
        """How it was matched, in words."""
        if self.theirs is None:
            return "left out" if self.how == "chosen" else "missing in the file"
        if self.how == "shape":
            return f"another shape: {self.theirs.size}"
        return _WORDS[self.how]


_WORDS: Mapping[str, str] = {
    "name": "same name",
    "renamed": "by your rule",
    "prefix": "same name without prefix",
    "suffix": "same ending",
    "order": "by order and shape",
    "chosen": "chosen",
}


class Table(Struct, frozen=True):
    """Every weight of the network with what it gets, and what of the file is left."""

    rows: tuple[Row, ...]
    left: tuple[Weight, ...]

    @property
    def pairs(self) -> dict[str, str]:
        """The names of what is carried over: ours → theirs."""
        return {row.ours.name: row.theirs.name for row in self.rows if row.taken and row.theirs}


def matched(
    ours: Sequence[Weight],
    theirs: Sequence[Weight],
    rename: Rename | None = None,
    chosen: Mapping[str, str] | None = None,
) -> Table:
    """Return what goes where; `chosen` are a person's own choices (ours → theirs, "" for none)."""
    return _Matching(ours, theirs, rename or Rename(), chosen or {}).table()


class _Matching:
    def __init__(
        self,
        ours: Sequence[Weight],
        theirs: Sequence[Weight],
        rename: Rename,
        chosen: Mapping[str, str],
    ) -> None:
        self.ours, self.theirs, self.rename = ours, theirs, rename
        self.rows: dict[str, Row] = {}
        self.free = {one.name: one for one in theirs}
        for one in ours:
            if one.name in chosen:
                other = self.free.pop(chosen[one.name], None)
                fits = other is None or other.shape == one.shape
                self.rows[one.name] = Row(one, other, "chosen" if fits else "shape")

    def table(self) -> Table:
        self._by_name("name", lambda name: name)
        self._by_name("renamed", self.rename)
        self._by_name("prefix", lambda name: bare(self.rename(name)))
        self._by_ending()
        self._by_order()
        self._unlike()
        rows = tuple(self.rows.get(one.name, Row(one)) for one in self.ours)
        return Table(rows, tuple(one for one in self.theirs if one.name in self.free))

    def _open(self) -> list[Weight]:
        return [one for one in self.ours if one.name not in self.rows]

    def _take(self, one: Weight, other: Weight, how: How) -> None:
        self.rows[one.name] = Row(one, self.free.pop(other.name), how)

    def _by_name(self, how: How, read: Rename | type[str] | object) -> None:
        assert callable(read)
        known = _single((read(one.name), one) for one in self.free.values())
        for one in self._open():
            other = known.get(one.name) or known.get(bare(one.name) if how == "prefix" else "")
            if other is not None and other.shape == one.shape and other.name in self.free:
                self._take(one, other, how)

    def _by_ending(self) -> None:
        """Match names of which one ends like the other, where only one does."""
        endings = _single(
            (ending, other)
            for other in self.free.values()
            for ending in _endings(self.rename(other.name))
        )
        wanted = Counter(ending for one in self._open() for ending in _endings(one.name))
        for one in self._open():
            for ending in _endings(one.name):
                other = endings.get(ending)
                whole = other is not None and ending in (one.name, self.rename(other.name))
                if other is None or not whole or wanted[ending] != 1:
                    continue
                if other.shape == one.shape and other.name in self.free:
                    self._take(one, other, "suffix")
                break

    def _by_order(self) -> None:
        """Match what is left in the order of both, where what it is called last and the shape agree."""
        ours, theirs = self._open(), list(self.free.values())
        blocks = SequenceMatcher(
            None, [_kind(one) for one in ours], [_kind(one) for one in theirs], autojunk=False
        ).get_matching_blocks()
        for start, begin, count in blocks:
            for step in range(count):
                self._take(ours[start + step], theirs[begin + step], "order")

    def _unlike(self) -> None:
        """Say which weights have another shape in the file."""
        for read in (str, self.rename, lambda name: bare(self.rename(name))):
            known = _single((read(one.name), one) for one in self.free.values())
            for one in self._open():
                other = known.get(one.name)
                if other is not None and other.name in self.free:
                    self._take(one, other, "shape")


def bare(name: str) -> str:
    """Return a name without what wrappers put in front of it."""
    while True:
        shorter = next((name[len(one) :] for one in PREFIXES if name.startswith(one)), name)
        if shorter == name or not shorter:
            return name
        name = shorter


def _single(pairs: Iterable[tuple[str, Weight]]) -> dict[str, Weight]:
    """Return what only one weight is called."""
    found: dict[str, Weight] = {}
    twice: set[str] = set()
    for name, one in pairs:
        if name in found and found[name] is not one:
            twice.add(name)
        found[name] = one
    return {name: one for name, one in found.items() if name not in twice}


def _endings(name: str) -> list[str]:
    """Return a name and its endings with at least two parts, the longest first."""
    parts = name.split(".")
    return [".".join(parts[start:]) for start in range(max(1, len(parts) - 1))]


def _kind(one: Weight) -> tuple[str, tuple[int, ...]]:
    return one.name.rpartition(".")[2], one.shape


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return what orders names as people count: `layers.2` before `layers.10`."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]


__all__ = ["PREFIXES", "Rename", "Row", "Table", "Weight", "bare", "matched", "natural"]
