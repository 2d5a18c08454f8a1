"""Where wires run: right angles, around nodes, each source in a lane of its own."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, pairwise

from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainterPath

RADIUS = 10.0
GUTTER = 40.0
LANE = 12.0
_CELL = 256.0
_TRIES = 12
#: How many ways are looked at before a wire runs through something.
MOST_TRIES = 120
#: How close a wire may run along a node.
_CLEAR = 6.0

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Cell = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Route:
    """The corners of a wire, and where its label stands."""

    points: tuple[Point, ...]
    label: Point

    @property
    def length(self) -> float:
        """How long the wire is."""
        return sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in pairwise(self.points))

    def is_near(self, pos: Point, reach: float) -> bool:
        """Tell whether a point lies within reach of the wire."""
        return any(
            min(a[0], b[0]) - reach <= pos[0] <= max(a[0], b[0]) + reach
            and min(a[1], b[1]) - reach <= pos[1] <= max(a[1], b[1]) + reach
            for a, b in pairwise(self.points)
        )


class Obstacles:
    """What wires run around, by owner: boxes of nodes, and lanes that other wires have taken."""

    def __init__(self) -> None:
        #: By cell and number: a box, and the source whose wires may pass it.
        self._cells: dict[Cell, dict[int, tuple[float, float, float, float, Hashable]]] = {}
        self._owned: dict[Hashable, list[tuple[int, Box]]] = {}
        self._count = 0

    def put(self, owner: Hashable, *boxes: Box) -> None:
        """Give an owner these boxes (left, top, right, bottom) instead of those that it had.

        An owner that is a pair owns for its first: a source, which its own wires do not block.
        """
        self.drop(owner)
        if not boxes:
            return
        source = owner[0] if isinstance(owner, tuple) else None
        held = self._owned[owner] = []
        for box in boxes:
            self._count += 1
            held.append((self._count, box))
            for cell in _cells(box):
                self._cells.setdefault(cell, {})[self._count] = (*box, source)

    def drop(self, owner: Hashable) -> None:
        """Take away what an owner has."""
        for number, box in self._owned.pop(owner, ()):
            for cell in _cells(box):
                self._cells[cell].pop(number, None)

    def blocks(self, a: Point, b: Point, source: Hashable = None) -> bool:
        """Tell whether the straight line a–b runs into, or close along, what is not `source`'s own."""
        (ax, ay), (bx, by) = a, b
        left, right = (ax, bx) if ax < bx else (bx, ax)
        top, bottom = (ay, by) if ay < by else (by, ay)
        if left == right:
            left, right = left - _CLEAR, right + _CLEAR
        else:
            top, bottom = top - _CLEAR, bottom + _CLEAR
        known = self._cells
        rows = range(int(top // _CELL), int(bottom // _CELL) + 1)
        for column in range(int(left // _CELL), int(right // _CELL) + 1):
            for row in rows:
                for x0, y0, x1, y1, own in known.get((column, row), _NOTHING).values():
                    over = x0 < right and left < x1 and y0 < bottom and top < y1
                    if over and (own is None or own != source):
                        return True
        return False

    def clear_run(
        self, points: tuple[Point, ...], source: Hashable, known: dict[tuple[Point, Point], bool]
    ) -> bool:
        """Tell whether a wire through these corners runs into nothing; `known` are runs looked at before."""
        for run in pairwise(points):
            blocked = known.get(run)
            if blocked is None:
                blocked = known[run] = self.blocks(*run, source)
            if blocked:
                return False
        return True


_NOTHING: dict[int, tuple[float, float, float, float, Hashable]] = {}


def _cells(box: Box) -> list[Cell]:
    left, top, right, bottom = box
    columns = range(int(left // _CELL), int(right // _CELL) + 1)
    rows = range(int(top // _CELL), int(bottom // _CELL) + 1)
    if len(columns) == 1 and len(rows) == 1:
        return [(columns.start, rows.start)]
    return [(column, row) for column in columns for row in rows]


@dataclass(frozen=True)
class Ends:
    """Where a wire begins and ends, what it passes on its way, and what it must not touch.

    `floor` and `ceiling` are the edges of frames that it leaves and enters: it turns outside of them.
    `free_start` and `free_end` are dots, which it leaves and enters from any side.
    """

    start: Point
    end: Point
    source: Hashable = None
    #: The side at which it ends: 0 above the node, 1 at its right, −1 at its left.
    side: int = 0
    floor: float | None = None
    ceiling: float | None = None
    free_start: bool = False
    free_end: bool = False

    @property
    def low(self) -> float:
        """Below this the wire may turn."""
        return self.start[1] if self.floor is None else self.floor

    @property
    def high(self) -> float:
        """Above this the wire may turn."""
        return self.end[1] if self.ceiling is None else self.ceiling


def find_route(ends: Ends, obstacles: Obstacles, tries: int = MOST_TRIES) -> Route:
    """Return the way from an output (below a node) to an input (above a node, or at its side).

    It is the first of `tries` that runs into nothing, else the plainest.
    """
    ways = islice(chain(_free_ways(ends), _sides[ends.side](ends)), max(1, tries))
    first = next(ways)
    known: dict[tuple[Point, Point], bool] = {}
    for points, label in chain((first,), ways):
        if obstacles.clear_run(points, ends.source, known):
            return Route(points, _middle(points, label, ends))
    return Route(first[0], _middle(*first, ends))


def _free_ways(ends: Ends) -> Iterator[tuple[tuple[Point, ...], int]]:
    """Propose straight lines and single corners to and from dots."""
    (sx, sy), (tx, ty) = ends.start, ends.end
    if not (ends.free_start or ends.free_end) or ends.floor or ends.ceiling:
        return
    # Which ways the end can be come to: from above or below, and from a side.
    beside = ends.free_end or (ends.side and (tx - sx) * ends.side < 0)
    above = (ends.free_end or ends.side == 0) and (ends.free_end or ty > sy)
    if (abs(sy - ty) < 1 and ends.free_start and beside) or (
        abs(sx - tx) < 1 and above and (ends.free_start or ty > sy)
    ):
        yield ((sx, sy), (tx, ty)), 0
    else:
        if ends.free_start and above:
            yield _corner(ends.start, (tx, sy), ends.end)
        if beside and (ends.free_start or ty > sy):
            yield _corner(ends.start, (sx, ty), ends.end)


def _corner(start: Point, turn: Point, end: Point) -> tuple[tuple[Point, ...], int]:
    points = (start, turn, end)
    return points, _longest(points)


def _ways(ends: Ends) -> Iterator[tuple[tuple[Point, ...], int]]:
    """Propose ways to an input above a node, the plainest first, each with the segment to label."""
    (sx, sy), (tx, ty) = ends.start, ends.end
    down = ends.high - ends.low
    if abs(sx - tx) < 1 and ty > sy:
        yield ((sx, sy), (tx, ty)), 0
    elif down >= 16:
        reach = min(20.0, down / 2)
        for bend in (ends.high - reach, ends.low + reach, ends.low + down / 2):
            points = ((sx, sy), (sx, bend), (tx, bend), (tx, ty))
            yield points, 1 if abs(tx - sx) > 96 else _longest(points)
    back = ty <= sy
    low = ends.low + (24.0 if back else 9.0)
    high = ends.high - (24.0 if back else 12.0)
    near = tx - 108 - GUTTER if tx > sx + 1 else max(sx, tx) + 108 + GUTTER
    for gutter in _outwards(near):
        label = 3 if back and abs(gutter - tx) > 96 else 2
        yield ((sx, sy), (sx, low), (gutter, low), (gutter, high), (tx, high), (tx, ty)), label


def _right_ways(ends: Ends) -> Iterator[tuple[tuple[Point, ...], int]]:
    """Propose ways to an input at the right side of a node: past it, or over what stands between."""
    (sx, sy), (tx, ty) = ends.start, ends.end
    low = ends.low + 9
    for n in range(_TRIES):
        gutter = max(tx, sx) + GUTTER + n * LANE if abs(tx - sx) < 300 else tx + GUTTER + n * LANE
        yield ((sx, sy), (sx, low), (gutter, low), (gutter, ty), (tx, ty)), 2
    low = ends.low + 24
    for lane in (0, 2, 4):
        left, gutter = tx - 216 - GUTTER - lane * LANE / 2, tx + GUTTER + lane * LANE
        for step in range(3 * _TRIES):
            top = ends.high - 12 - step * 20
            across = ((left, low), (left, top), (gutter, top), (gutter, ty))
            yield ((sx, sy), (sx, low), *across, (tx, ty)), 3


def _left_ways(ends: Ends) -> Iterator[tuple[tuple[Point, ...], int]]:
    """Propose ways to an input at the left side of a node, from a column further left."""
    (sx, sy), (tx, ty) = ends.start, ends.end
    for low in (ends.low + 24, ends.low + 9):
        for n in range(_TRIES):
            gutter = tx - GUTTER - n * LANE
            points = ((sx, sy), (sx, low), (gutter, low), (gutter, ty), (tx, ty))
            yield points, 2 if abs(ty - low) > 48 else 1


_sides = {0: _ways, 1: _right_ways, -1: _left_ways}


def _outwards(near: float) -> Iterator[float]:
    yield near
    for n in range(1, _TRIES):
        yield near + n * LANE
        yield near - n * LANE


def _longest(points: tuple[Point, ...]) -> int:
    lengths = [abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in pairwise(points)]
    return lengths.index(max(lengths))


def _middle(points: tuple[Point, ...], labelled: int, ends: Ends) -> Point:
    """Return the middle of a segment, or of the part of it that lies outside of frames."""
    a, b = points[labelled], points[labelled + 1]
    if len(points) == 2:
        return a[0], (min(ends.low, b[1]) + max(ends.high, a[1])) / 2
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


def lanes(route: Route) -> tuple[Box, ...]:
    """Return the room that a wire's long upright runs keep free of other sources' wires."""
    boxes = []
    for a, b in pairwise(route.points):
        if a[0] == b[0] and abs(a[1] - b[1]) > 40 and len(route.points) > 2:
            top, bottom = min(a[1], b[1]), max(a[1], b[1])
            boxes.append((a[0] - LANE / 2, top + 4, a[0] + LANE / 2, bottom - 4))
    return tuple(boxes)


def path_of(points: tuple[Point, ...], radius: float = RADIUS) -> QPainterPath:
    """Return the line through these corners, rounded."""
    path = QPainterPath(QPointF(*points[0]))
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        into = max(abs(corner[0] - before[0]), abs(corner[1] - before[1]))
        out = max(abs(after[0] - corner[0]), abs(after[1] - corner[1]))
        reach = min(radius, into / 2, out / 2)
        if reach <= 0:
            continue
        path.lineTo(*_towards(corner, before, reach / into))
        path.quadTo(QPointF(*corner), QPointF(*_towards(corner, after, reach / out)))
    path.lineTo(*points[-1])
    return path


def _towards(a: Point, b: Point, share: float) -> Point:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share
