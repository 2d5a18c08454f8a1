"""Few crossings: counted right, never more than before, none where none are needed, and cancellable."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.graph.crossings import Cancelled, Rows, count, untangle
from studio.graph.graph import Graph, Node, link
from studio.graph.layout import arrange

Wires = set[tuple[int, int]]


def never() -> bool:
    return False


def joined(rows: Rows, wires: Wires) -> tuple[list[list[int]], list[list[int]]]:
    cells = sum(len(row) for row in rows)
    up: list[list[int]] = [[] for _ in range(cells)]
    down: list[list[int]] = [[] for _ in range(cells)]
    for a, b in sorted(wires):
        down[a].append(b)
        up[b].append(a)
    return up, down


def slowly_counted(rows: Rows, wires: Wires) -> int:
    spot = {cell: n for row in rows for n, cell in enumerate(row)}
    row_of = {cell: n for n, row in enumerate(rows) for cell in row}
    return sum(
        row_of[a] == row_of[c] and (spot[a] - spot[c]) * (spot[b] - spot[d]) < 0
        for (a, b), (c, d) in itertools.combinations(sorted(wires), 2)
    )


@st.composite
def layered(draw: st.DrawFn) -> tuple[Rows, Wires]:
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    numbers = itertools.count()
    rows = [[next(numbers) for _ in range(size)] for size in sizes]
    wires: Wires = set()
    for upper, lower in itertools.pairwise(rows):
        pairs = st.tuples(st.sampled_from(upper), st.sampled_from(lower))
        wires |= draw(st.sets(pairs, max_size=10))
    return rows, wires


@settings(max_examples=100, deadline=None)
@given(layered())
def test_crossings_are_counted_as_by_hand_and_never_grow(drawing: tuple[Rows, Wires]) -> None:
    rows, wires = drawing
    up, down = joined(rows, wires)
    assert count(rows, down) == slowly_counted(rows, wires)
    found = untangle(rows, up, down, never)
    assert [sorted(row) for row in found] == [sorted(row) for row in rows]
    assert count(found, down) == slowly_counted(found, wires) <= count(rows, down)
    assert untangle(rows, up, down, never) == found


def test_branches_that_can_run_beside_one_another_do() -> None:
    """Ladders of five rungs, shuffled: none of their wires needs to cross another."""
    rng = random.Random(0)
    rows = [[5 * row + n for n in range(5)] for row in range(8)]
    wires = {(5 * row + n, 5 * row + 5 + n) for row in range(7) for n in range(5)}
    wires |= {(5 * row + n, 5 * row + 6 + n) for row in range(0, 7, 2) for n in range(4)}
    up, down = joined(rows, wires)
    for row in rows:
        rng.shuffle(row)
    assert count(rows, down) > 0
    assert count(untangle(rows, up, down, never), down) == 0


def test_nobody_who_has_gone_is_answered() -> None:
    names = [f"n{n}" for n in range(8)]
    nodes = {name: Node(name, "core.add", name) for name in names}
    crossed = [link(f"n{a}", "out", f"n{7 - b}", "a") for a in range(4) for b in range(4)]
    graph = Graph(nodes, tuple(crossed))
    assert arrange(graph, {}).keys() == nodes.keys()
    with pytest.raises(Cancelled):
        arrange(graph, {}, cancelled=lambda: True)
