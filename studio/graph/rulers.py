"""Lines that what is dragged may lie on: the edges and middles of what stands around it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

from studio.graph.alignment import Box


class Guide(NamedTuple):
    """A line that edges or middles share, upright (at x) or level (at y), as long as what it joins."""

    upright: bool
    at: float
    start: float
    end: float


class Pull(NamedTuple):
    """How far to move a box for it to lie on lines, None along axes where none is near, and the lines."""

    dx: float | None
    dy: float | None
    guides: tuple[Guide, ...]


class Rulers:
    """The lines of boxes that stand still, sorted once, so that asking costs little while dragging."""

    def __init__(self, boxes: Iterable[Box]) -> None:
        # By axis and by what lies on them: edges line up with edges, middles with middles.
        self._lines: dict[tuple[int, bool], dict[float, list[Box]]] = {}
        for box in boxes:
            for axis in (0, 1):
                for line, middle in _lines(box, axis):
                    group = self._lines.setdefault((axis, middle), {})
                    group.setdefault(round(line, 2), []).append(box)
        self._sorted = {key: sorted(group) for key, group in self._lines.items()}

    def pull(self, box: Box, reach: float) -> Pull:
        """Return the smallest steps, up to `reach`, that put the box on a line along each axis."""
        dx, dy = (self._step(box, axis, reach) for axis in (0, 1))
        there = box._replace(x=box.x + (dx or 0.0), y=box.y + (dy or 0.0))
        guides: list[Guide] = []
        for axis, step in ((0, dx), (1, dy)):
            if step is not None:
                guides += self._shared(there, axis)
        return Pull(dx, dy, tuple(guides))

    def _step(self, box: Box, axis: int, reach: float) -> float | None:
        best: float | None = None
        for own, middle in _lines(box, axis):
            lines = self._sorted.get((axis, middle), [])
            spot = bisect_left(lines, own)
            for line in lines[max(0, spot - 1) : spot + 1]:
                step = line - own
                if abs(step) <= reach and (best is None or abs(step) < abs(best)):
                    best = step
        return best

    def _shared(self, box: Box, axis: int) -> list[Guide]:
        side = 1 - axis
        guides = []
        for own, middle in _lines(box, axis):
            line = round(own, 2)
            joined = self._lines.get((axis, middle), {}).get(line)
            if joined:
                start = min(one[side] for one in (box, *joined))
                end = max(one[side] + one[side + 2] for one in (box, *joined))
                guides.append(Guide(axis == 0, line, start, end))
        return guides


def _lines(box: Box, axis: int) -> tuple[tuple[float, bool], ...]:
    """Return a box's lines across an axis, and whether each is a middle."""
    start, long = box[axis], box[axis + 2]
    return (start, False), (start + long / 2, True), (start + long, False)
