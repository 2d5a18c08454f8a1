"""Calls as a tree of the modules that make them; equal modules one behind the other as one series."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from studio.compile.importers.coming import Call, Frame, Way

#: A block is repeated this often and no more.
MOST_PASSES = 1000


@dataclass
class Group:
    """A module's call with everything that is called in it: what it needs, and what is made in it.

    `once` tells that the module is called nowhere else.
    """

    frame: Frame
    way: Way
    items: list[Call | Group | Series] = field(default_factory=list)
    needs: dict[str, None] = field(default_factory=dict)
    makes: dict[str, None] = field(default_factory=dict)
    once: bool = True

    @property
    def path(self) -> str:
        """The module's dotted path from the network on."""
        return self.frame.path


@dataclass(frozen=True)
class Series:
    """Equal modules of a list, each of which takes what the one before it gives: one block, repeated."""

    path: str
    passes: tuple[Group, ...]

    @property
    def needs(self) -> Mapping[str, None]:
        """What it takes: the first module's."""
        return self.passes[0].needs

    @property
    def makes(self) -> Mapping[str, None]:
        """What it gives: the last module's."""
        return self.passes[-1].makes


Item = Call | Group | Series


def sum_up(group: Group) -> None:
    """Note what a group needs from outside, and what is made in it."""
    for item in group.items:
        if isinstance(item, Group):
            sum_up(item)
            group.makes |= item.makes
        elif isinstance(item, Call):
            group.makes |= dict.fromkeys(item.gives.values())
    for item in group.items:
        needs: Sequence[str] = ()
        if isinstance(item, Group):
            needs = tuple(item.needs)
        elif isinstance(item, Call):
            needs = [value for values in item.feeds.values() for value in values]
        group.needs |= {value: None for value in needs if value not in group.makes}


def leaving(group: Group, readers: Mapping[str, Sequence[Way]]) -> list[str]:
    """Return the values of a group that are read outside of it, by who reads each value."""
    depth = len(group.way)
    return [
        value
        for value in group.makes
        if any(way[:depth] != group.way for way in readers.get(value, ()))
    ]


def folded(
    items: Sequence[Item], readers: Mapping[str, Sequence[Way]], kind_of: Callable[[Group], str]
) -> list[Item]:
    """Return the items with runs of equal modules as series, so that no weight gets another name.

    A run is a whole list: its modules are called `0`, `1`, and so on, in this order and once each.
    """
    found: list[Item] = []
    number = 0
    while number < len(items):
        run = _run(items, number, readers)
        if len(run) > 1 and len({kind_of(group) for group in run}) == 1:
            found.append(Series(run[0].path.rpartition(".")[0], tuple(run)))
        else:
            run = []
            found.append(items[number])
        number += max(1, len(run))
    return found


def _run(items: Sequence[Item], start: int, readers: Mapping[str, Sequence[Way]]) -> list[Group]:
    """Return the modules of a list that stand one behind the other from an item on, [] for none."""
    first = items[start]
    listed, _, place = first.path.rpartition(".")
    if not isinstance(first, Group) or place != "0" or not first.once:
        return []
    run = [first]
    for item in items[start + 1 :]:
        last = run[-1]
        follows = item.path == f"{listed}.{len(run)}" and len(run) < MOST_PASSES
        if not isinstance(item, Group) or not follows or not item.once:
            break
        gives = leaving(last, readers)
        needs, before = list(item.needs), list(last.needs)
        if len(gives) != 1 or needs[:1] != gives or needs[1:] != before[1:]:
            break
        depth = len(item.way)
        if any(way[:depth] not in (last.way, item.way) for way in readers[gives[0]]):
            break
        run.append(item)
    inside = {id(group) for group in run}
    others = [item for item in items if id(item) not in inside]
    if any(item.path == listed or item.path.startswith(f"{listed}.") for item in others):
        return []  # the rest of the list stands elsewhere
    return run
