"""Tidy: where nodes go, in layers from top to bottom, with a straight trunk and folded columns.

Source: Sugiyama, Tagawa and Toda, *Methods for visual understanding of hierarchical system
structures* (1981). Layers of one row each hold stacks (a node and what docks below it) and, for
wires that skip rows, narrow place holders that keep a lane free.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from studio.graph import crossings
from studio.graph.geometry import (
    COLUMN_GAP,
    COLUMN_HEIGHT,
    DOCK,
    FRAME_BOTTOM,
    FRAME_TOP,
    ROW_GAP,
    WIDTH,
    Size,
    keeps_shape,
    node_size,
    snap,
)
from studio.graph.graph import Graph, Node
from studio.graph.kinds import spec_of
from studio.graph.project import Frame, Place, Sheet
from studio.graph.spec import LayerSpec
from studio.graph.topology import order

_LANE = 28.0
_SIDE_GAP = 40.0
_SWEEPS = 8


@dataclass(eq=False)
class _Cell:
    """What takes up room in a row: a stack of docked nodes, or a lane for a wire that passes by."""

    nodes: tuple[str, ...] = ()
    width: float = _LANE
    height: float = 0.0
    trunk: bool = False
    row: int = 0
    x: float = 0.0
    up: list[_Cell] = field(default_factory=list)
    down: list[_Cell] = field(default_factory=list)


def arrange(
    graph: Graph,
    specs: Mapping[str, LayerSpec],
    column_height: float = COLUMN_HEIGHT,
    frames: Mapping[str, Frame] | None = None,
    inside: bool = False,
    *,
    sizes: Mapping[str, Size] | None = None,
    row_gap: float = ROW_GAP,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Place]:
    """Return a place for every node of a graph without cycles; with no specs, sizes are guessed.

    `inside` says that the graph is a block's; `sizes` are those of nodes that are not drawn as usual.
    Rows in a frame keep clear of its edges. A column is cut, and the next one begun beside it, where
    the crossing wires have one producer.
    Raises: Cancelled (of `crossings`), soon after `cancelled` says that nobody waits any more.
    """
    if not graph.nodes:
        return {}
    room = sizes or {
        key: node_size(node, spec_of(node, specs), inside) for key, node in graph.nodes.items()
    }
    cells = _stacks(graph, specs, room)
    rows = _rows(cells)
    _order(rows, cancelled)
    _align(rows)
    return _place(rows, room, column_height, _framed(rows, frames or {}), row_gap)


def all_places(
    sheet: Sheet, specs: Mapping[str, LayerSpec], inside: bool = False
) -> Mapping[str, Place]:
    """Return a place for every node: its own, else one in a tidy row to the right of those that have."""
    lost = [key for key in sheet.graph.nodes if key not in sheet.places]
    if not lost:
        return sheet.places
    tidy = arrange(sheet.graph, specs, frames=sheet.frames, inside=inside)
    left = 0.0
    if len(lost) < len(tidy):
        left = COLUMN_GAP + WIDTH + max((at.x for at in sheet.places.values()), default=0.0)
        left -= min(tidy[key].x for key in lost)
    return dict(sheet.places) | {key: Place(tidy[key].x + left, tidy[key].y) for key in lost}


def depths(graph: Graph) -> dict[str, int]:
    """Return how many layers lie before each node, along the longest way; 0 on and behind circles."""
    depth = dict.fromkeys(graph.nodes, 0)
    for key in order(graph)[0]:
        for wire in graph.outgoing.get(key, ()):
            depth[wire.target.node] = max(depth[wire.target.node], depth[key] + 1)
    return depth


def docks(graph: Graph, node: Node, spec: LayerSpec | None) -> str | None:
    """Return the producer that the node docks below: its only one, of which it is the only consumer."""
    if not keeps_shape(node, spec):
        return None
    incoming = graph.incoming.get(node.id, ())
    if len(incoming) != 1:
        return None
    producer = incoming[0].source.node
    return producer if len(graph.outgoing[producer]) == 1 else None


def _stacks(graph: Graph, specs: Mapping[str, LayerSpec], room: Mapping[str, Size]) -> list[_Cell]:
    """Return the stacks in topological order, linked, with the trunk (a longest path) marked."""
    sequence, circling = order(graph)
    sequence += tuple(key for key in graph.nodes if key in circling)
    rank = {key: n for n, key in enumerate(sequence)}
    heads: dict[str, str] = {}
    members: dict[str, list[str]] = {}
    for key in sequence:
        above = docks(graph, graph.nodes[key], spec_of(graph.nodes[key], specs))
        heads[key] = heads.get(above, key) if above is not None else key
        members.setdefault(heads[key], []).append(key)
    cells = {head: _cell(nodes, room) for head, nodes in members.items()}
    seen: set[tuple[str, str]] = set()
    for wire in graph.links:
        ends = heads[wire.source.node], heads[wire.target.node]
        # A circle, which only a foreign file can hold, is laid out as if it were open.
        forward = rank[ends[0]] < rank[ends[1]]
        if forward and ends not in seen:
            seen.add(ends)
            cells[ends[0]].down.append(cells[ends[1]])
            cells[ends[1]].up.append(cells[ends[0]])
    stacks = list(cells.values())
    _mark_trunk(stacks)
    return stacks


def _cell(nodes: Sequence[str], room: Mapping[str, Size]) -> _Cell:
    height = sum(room[key][1] for key in nodes) + DOCK * (len(nodes) - 1)
    return _Cell(tuple(nodes), max(room[key][0] for key in nodes), height)


def _mark_trunk(stacks: Sequence[_Cell]) -> None:
    length: dict[_Cell, int] = {}
    before: dict[_Cell, _Cell] = {}
    for cell in stacks:
        length[cell] = 1
        for upper in cell.up:
            if length[upper] + 1 > length[cell]:
                length[cell] = length[upper] + 1
                before[cell] = upper
    end: _Cell | None = max(stacks, key=length.__getitem__)
    while end is not None:
        end.trunk = True
        end = before.get(end)


def _rows(stacks: Sequence[_Cell]) -> list[list[_Cell]]:
    """Give every stack the first row below its producers; lanes fill the rows that wires skip."""
    for cell in stacks:
        cell.row = 1 + max((upper.row for upper in cell.up), default=-1)
    for cell in reversed(stacks):
        if cell.down and not cell.up:
            cell.row = max(cell.row, min(lower.row for lower in cell.down) - 1)
    rows: list[list[_Cell]] = [[] for _ in range(1 + max(cell.row for cell in stacks))]
    for cell in sorted(stacks, key=lambda cell: not cell.trunk):
        rows[cell.row].append(cell)
    for cell in stacks:
        for n, lower in enumerate(cell.down):
            if lower.row - cell.row > 1:
                cell.down[n] = _lanes(cell, lower, rows)
    return rows


def _lanes(upper: _Cell, lower: _Cell, rows: list[list[_Cell]]) -> _Cell:
    """Put a lane into every row between two stacks; return the topmost."""
    lanes = [_Cell(row=row) for row in range(upper.row + 1, lower.row)]
    for before, after in zip([upper, *lanes], [*lanes, lower], strict=True):
        if before is not upper:
            before.down = [after]
        if after is not lower:
            after.up = [before]
            rows[after.row].append(after)
    lower.up[lower.up.index(upper)] = lanes[-1]
    return lanes[0]


def _order(rows: list[list[_Cell]], cancelled: Callable[[], bool]) -> None:
    """Put the cells of each row in an order in which few wires cross."""
    cells = [cell for row in rows for cell in row]
    number = {cell: n for n, cell in enumerate(cells)}
    found = crossings.untangle(
        [[number[cell] for cell in row] for row in rows],
        [[number[end] for end in cell.up] for cell in cells],
        [[number[end] for end in cell.down] for cell in cells],
        cancelled,
    )
    rows[:] = [[cells[n] for n in row] for row in found]


def _align(rows: Sequence[Sequence[_Cell]]) -> None:
    """Choose x (of centres): the trunk stands straight, the others as near their neighbours as room allows."""
    for row in rows:
        trunk = next((n for n, cell in enumerate(row) if cell.trunk), 0)
        for n, cell in enumerate(row):
            cell.x = (n - trunk) * (cell.width + _SIDE_GAP)
    for sweep in range(_SWEEPS):
        downward = sweep % 2 == 0
        for row in rows if downward else reversed(rows):
            wants = [_want(cell, downward) for cell in row]
            _settle(row, wants)


def _want(cell: _Cell, downward: bool) -> float:
    if cell.trunk:
        return 0.0
    near = cell.up if downward else cell.down
    if not near:
        return cell.x
    return sum(end.x for end in near) / len(near)


def _settle(row: Sequence[_Cell], wants: Sequence[float]) -> None:
    """Move cells to their wishes, weighted squares, never closer than their widths and a gap allow.

    Source: pool adjacent violators (Ayer et al., 1955), on wishes shifted by the least distances.
    """
    offset, offsets = 0.0, []
    for n, cell in enumerate(row):
        if n:
            offset += (row[n - 1].width + cell.width) / 2 + _SIDE_GAP
        offsets.append(offset)
    pools: list[tuple[float, float, int]] = []
    for cell, want, shift in zip(row, wants, offsets, strict=True):
        weight = 1e6 if cell.trunk else 1.0 if cell.nodes else 0.25
        mean, total, count = want - shift, weight, 1
        while pools and pools[-1][0] > mean:
            before, mass, many = pools.pop()
            mean = (before * mass + mean * total) / (mass + total)
            total, count = total + mass, count + many
        pools.append((mean, total, count))
    n = 0
    for mean, _, count in pools:
        for _ in range(count):
            row[n].x = mean + offsets[n]
            n += 1


def _framed(rows: Sequence[Sequence[_Cell]], frames: Mapping[str, Frame]) -> list[frozenset[str]]:
    """Return the frames that each row has nodes in."""
    members = {key: frozenset(frame.nodes) for key, frame in frames.items()}
    return [
        frozenset(
            key
            for key, inside in members.items()
            if any(node in inside for cell in row for node in cell.nodes)
        )
        for row in rows
    ]


def _place(
    rows: Sequence[Sequence[_Cell]],
    room: Mapping[str, Size],
    column_height: float,
    framed: Sequence[frozenset[str]],
    row_gap: float,
) -> dict[str, Place]:
    places: dict[str, Place] = {}
    gaps = [0.0] + [
        row_gap + FRAME_TOP * bool(below - above) + FRAME_BOTTOM * bool(above - below)
        for above, below in itertools.pairwise(framed)
    ]
    left = 0.0
    for column in _columns(rows, gaps, framed, column_height):
        cells = [cell for n in column for cell in rows[n]]
        first = min(cell.x - cell.width / 2 for cell in cells)
        last = max(cell.x + cell.width / 2 for cell in cells)
        y = FRAME_TOP * bool(framed[column[0]])
        for n in column:
            y += gaps[n] if n != column[0] else 0.0
            for cell in rows[n]:
                down = y
                for key in cell.nodes:
                    width, height = room[key]
                    places[key] = Place(snap(left + cell.x - first - width / 2), snap(down))
                    down += height + DOCK
            y += max(cell.height for cell in rows[n])
        left += last - first + COLUMN_GAP
    return places


def _columns(
    rows: Sequence[Sequence[_Cell]],
    gaps: Sequence[float],
    framed: Sequence[frozenset[str]],
    height: float,
) -> list[range]:
    """Cut the rows into columns no higher than `height`, where what crosses has one producer.

    A frame is not cut.
    """
    tall = [max(cell.height for cell in row) for row in rows]
    columns: list[range] = []
    start, used = 0, 0.0
    cuts: dict[int, int] = {}
    for n, row in enumerate(rows):
        if n > start and not framed[n - 1] & framed[n]:
            above = rows[n - 1]
            if sum(bool(cell.down) for cell in above) == 1:
                cuts[n] = sum(len(cell.down) for cell in above)
        used += gaps[n] * (n > start) + max(cell.height for cell in row)
        if used > height and cuts:
            cut = _best_cut(cuts, start, n)
            columns.append(range(start, cut))
            used = sum(gaps[k] * (k > cut) + tall[k] for k in range(cut, n + 1))
            start, cuts = cut, {k: count for k, count in cuts.items() if k > cut}
    return [*columns, range(start, len(rows))]


def _best_cut(cuts: Mapping[int, int], start: int, end: int) -> int:
    """Return the last row to cut above: one that a single wire enters, unless that wastes half a column."""
    single = [n for n, wires in cuts.items() if wires == 1]
    if single and single[-1] - start >= (end - start) / 2:
        return single[-1]
    return max(cuts)
