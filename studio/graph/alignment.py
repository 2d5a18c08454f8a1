"""Putting chosen boxes in line: edges or middles aligned, gaps made even, wires made straight."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from studio.graph.geometry import snap
from studio.graph.graph import Graph, Link
from studio.graph.project import Place

Edge = Literal["left", "centre", "right", "top", "middle", "bottom"]
Axis = Literal["across", "down"]


class Box(NamedTuple):
    """A rectangle on a sheet."""

    x: float
    y: float
    width: float
    height: float


def align(boxes: Mapping[str, Box], edge: Edge) -> dict[str, Place]:
    """Return places at which one edge, or the middles, of all boxes lie on a line.

    Edges go to the outermost one, middles to the middle of all, at the nearest line of the grid.
    """
    if not boxes:
        return {}
    left = min(box.x for box in boxes.values())
    right = max(box.x + box.width for box in boxes.values())
    top = min(box.y for box in boxes.values())
    bottom = max(box.y + box.height for box in boxes.values())

    centre, middle = snap((left + right) / 2), snap((top + bottom) / 2)

    def put(box: Box) -> Place:
        match edge:
            case "left":
                return Place(left, box.y)
            case "right":
                return Place(right - box.width, box.y)
            case "centre":
                return Place(centre - box.width / 2, box.y)
            case "top":
                return Place(box.x, top)
            case "bottom":
                return Place(box.x, bottom - box.height)
            case "middle":
                return Place(box.x, middle - box.height / 2)

    return {key: put(box) for key, box in boxes.items()}


def distribute(boxes: Mapping[str, Box], axis: Axis) -> dict[str, Place]:
    """Return places with even gaps between boxes; the first and the last stay where they are."""
    if len(boxes) < 3:
        return {key: Place(box.x, box.y) for key, box in boxes.items()}
    at, long = (0, 2) if axis == "across" else (1, 3)
    row = sorted(boxes, key=lambda key: boxes[key][at])
    first, last = boxes[row[0]], boxes[row[-1]]
    inner = sum(boxes[key][long] for key in row)
    gap = (last[at] + last[long] - first[at] - inner) / (len(row) - 1)
    places = {}
    spot = first[at]
    for key in row:
        box = boxes[key]
        here = spot if key in (row[0], row[-1]) else snap(spot)
        places[key] = Place(here, box.y) if axis == "across" else Place(box.x, here)
        spot += box[long] + gap
    places[row[-1]] = Place(last.x, last.y)
    return places


def straighten(
    graph: Graph,
    boxes: Mapping[str, Box],
    order: Iterable[str],
    kink: Callable[[Link], float | None],
) -> dict[str, Place]:
    """Return places at which each box stands straight below what feeds it.

    `order` names the boxes upstream first; `kink` says how far to the left of its target's input a
    wire begins, None for wires that enter at a side.
    """
    moved: dict[str, float] = {}
    for key in order:
        if key not in boxes:
            continue
        for link in graph.incoming.get(key, ()):
            step = kink(link)
            if step is not None and link.source.node in boxes:
                moved[key] = moved.get(link.source.node, 0.0) - step
                break
    return {key: Place(snap(box.x + moved.get(key, 0.0)), box.y) for key, box in boxes.items()}
