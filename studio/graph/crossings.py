"""Few crossings: in which order the cells of a layered drawing stand in their rows.

Source: barycentre sweeps (Sugiyama, Tagawa and Toda, 1981) with exchanges of neighbours (Eades and
Kelly, *Heuristics for reducing crossings in 2-layered networks*, 1986) from two beginnings; crossings
counted by insertion (Barth, Jünger and Mutzel, *Simple and efficient bilayer cross counting*, 2002).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Sequence

#: Cells are numbers; what a cell is joined to in the row above, or below, by number.
Joined = Sequence[Sequence[int]]
Rows = list[list[int]]

_SWEEPS = 24
#: Sweeps without a better order after which another beginning is tried.
_PATIENCE = 5
_EXCHANGES = 8


class Cancelled(Exception):
    """Nobody wants the answer any more."""


def count(rows: Sequence[Sequence[int]], down: Joined) -> int:
    """Return how often wires between neighbouring rows cross."""
    spot = _spots(rows, len(down))
    return sum(_between(upper, down, spot) for upper in rows[:-1] if len(upper) > 1)


def untangle(rows: Rows, up: Joined, down: Joined, cancelled: Callable[[], bool]) -> Rows:
    """Return the rows in an order with few crossings; the one given where none is better.

    Raises: Cancelled, between two sweeps.
    """
    best, fewest = rows, count(rows, down)
    for start in (rows, _followed(rows, up, down)):
        if fewest == 0:
            break
        now = [list(row) for row in start]
        spot = _spots(now, len(down))
        idle = 0
        for sweep in range(_SWEEPS):
            if cancelled():
                raise Cancelled
            _sweep(now, up, down, spot, sweep)
            _exchange(now, up, down, spot)
            crossings = count(now, down)
            idle = 0 if crossings < fewest else idle + 1
            if crossings < fewest:
                best, fewest = [list(row) for row in now], crossings
            if fewest == 0 or idle == _PATIENCE:
                break
    return best


def _spots(rows: Sequence[Sequence[int]], cells: int) -> list[int]:
    spot = [0] * cells
    for row in rows:
        for n, cell in enumerate(row):
            spot[cell] = n
    return spot


def _between(upper: Sequence[int], down: Joined, spot: Sequence[int]) -> int:
    crossings = 0
    passed: list[int] = []
    for cell in upper:
        ends = sorted(spot[end] for end in down[cell])
        for end in ends:
            crossings += len(passed) - bisect_right(passed, end)
        for end in ends:
            insort(passed, end)
    return crossings


def _followed(rows: Rows, up: Joined, down: Joined) -> Rows:
    """Return the rows in the order in which a walk along the wires, deep first, comes by."""
    found: Rows = [[] for _ in rows]
    row_of = {cell: n for n, row in enumerate(rows) for cell in row}
    seen: set[int] = set()
    for root in (cell for row in rows for cell in row):
        stack = [root]
        while stack:
            cell = stack.pop()
            if cell in seen:
                continue
            seen.add(cell)
            found[row_of[cell]].append(cell)
            stack.extend(reversed(up[cell]))
            stack.extend(reversed(down[cell]))
    return found


def _sweep(rows: Rows, up: Joined, down: Joined, spot: list[int], sweep: int) -> None:
    """Sort each row by the mean position of its neighbours: downwards, then upwards; ties turn about."""
    downward = sweep % 2 == 0
    near = up if downward else down
    for row in rows if downward else reversed(rows):
        if len(row) < 2:
            continue
        middles = {
            cell: sum([spot[end] for end in near[cell]]) / len(near[cell])
            if near[cell]
            else spot[cell]
            for cell in row
        }
        if sweep % 4 > 1:
            row.reverse()
        row.sort(key=middles.__getitem__)
        for n, cell in enumerate(row):
            spot[cell] = n


def _exchange(rows: Rows, up: Joined, down: Joined, spot: list[int]) -> None:
    """Exchange neighbours in a row as long as that takes crossings away."""
    waiting = [n for n, row in enumerate(rows) if len(row) > 1]
    for _ in range(_EXCHANGES):
        if not waiting:
            return
        changed: set[int] = set()
        for n in waiting:
            if _exchange_row(rows[n], up, down, spot):
                changed |= {n - 1, n, n + 1}
        waiting = [n for n in sorted(changed) if 0 <= n < len(rows) and len(rows[n]) > 1]


def _exchange_row(row: list[int], up: Joined, down: Joined, spot: list[int]) -> bool:
    better = False
    for n in range(len(row) - 1):
        left, right = row[n], row[n + 1]
        gain = _gain(up[left], up[right], spot) + _gain(down[left], down[right], spot)
        if gain > 0:
            row[n], row[n + 1] = right, left
            spot[left], spot[right] = n + 1, n
            better = True
    return better


def _gain(left: Sequence[int], right: Sequence[int], spot: Sequence[int]) -> int:
    """Return how many crossings go when the cell with the `left` ends passes the one with the `right`."""
    gain = 0
    for a in left:
        at = spot[a]
        for b in right:
            gain += (at > spot[b]) - (at < spot[b])
    return gain
