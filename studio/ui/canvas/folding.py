"""Where nodes are drawn while a run is watched: folded into columns that fill the room there is.

The document's own places stay what they are.
"""

from __future__ import annotations

from collections.abc import Mapping

from studio.graph.geometry import COLUMN_GAP, Size
from studio.graph.layout import arrange
from studio.graph.project import Place, Sheet
from studio.graph.spec import LayerSpec

#: Between rows: less than while building, and still enough for the words on a wire.
_GAP = 32.0
#: What wires need around the nodes.
_EDGE = 72.0


def folded(
    sheet: Sheet,
    specs: Mapping[str, LayerSpec],
    inside: bool,
    sizes: Mapping[str, Size],
    room: Size,
) -> dict[str, Place]:
    """Return places at which the sheet is drawn largest in `room`; `sizes` are those of its nodes."""
    if not sizes:
        return {}
    total = sum(height + _GAP for _, height in sizes.values())
    width = max(size[0] for size in sizes.values()) + COLUMN_GAP
    guess = round((total * room[0] / (width * room[1])) ** 0.5)
    best: dict[str, Place] = {}
    largest = 0.0
    for columns in range(max(1, guess - 1), guess + 2):
        # Rows cannot be cut: a column that is a little higher often saves the next one.
        for height in (total / columns, 1.15 * total / columns):
            places = arrange(
                sheet.graph, specs, height, sheet.frames, inside, sizes=sizes, row_gap=_GAP
            )
            scale = _scale(places, sizes, room)
            if scale > largest + 0.01:
                best, largest = places, scale
    return best


def _scale(places: Mapping[str, Place], sizes: Mapping[str, Size], room: Size) -> float:
    left = min(at.x for at in places.values())
    top = min(at.y for at in places.values())
    right = max(at.x + sizes[key][0] for key, at in places.items())
    bottom = max(at.y + sizes[key][1] for key, at in places.items())
    return min(1.0, room[0] / (right - left + _EDGE), room[1] / (bottom - top + _EDGE))
