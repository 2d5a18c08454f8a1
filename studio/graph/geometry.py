"""Sizes and spots on a sheet, in scene pixels: what layout and canvas must agree on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from studio.graph.graph import BLOCK, INPUT, OUTPUT, REROUTE, Node
from studio.graph.project import Place
from studio.graph.spec import LayerSpec, Port

#: Width and height of a node.
Size = tuple[float, float]

WIDTH = 216.0
CARD = (WIDTH, 56.0)
PILL = (WIDTH, 32.0)
DATA = (WIDTH, 64.0)
#: A point that a wire is led through; both of its ports are in its middle.
DOT = (12.0, 12.0)

SNAP = 4.0
DOCK = 8.0
ROW_GAP = 40.0
COLUMN_GAP = 96.0
COLUMN_HEIGHT = 700.0
PORT_STEP = 36.0
#: Room that a frame needs above (its header) and below its nodes.
FRAME_TOP = 72.0
FRAME_BOTTOM = 16.0

#: Endings of kinds that keep a shape, for when no catalogue has come yet.
_KEEPERS = ("relu", "elu", "gelu", "silu", "sigmoid", "tanh", "mish", "softplus", "softmax")
_BARE = ("flatten", "add", "sub", "mul", "div", "matmul", "identity", "class_token", "positions")
_NORMS = ("batchnorm", "layernorm", "groupnorm", "instancenorm", "rmsnorm", "dropout")


def keeps_shape(node: Node, spec: LayerSpec | None) -> bool:
    """Tell whether the node hands on the shape that it gets (guessed where there is no spec)."""
    if spec is not None:
        return spec.keeps_shape
    ending = node.kind.rsplit(".", 1)[-1].lower()
    return ending.endswith(_KEEPERS) or ending.startswith(_NORMS)


def is_pill(node: Node, spec: LayerSpec | None, inside: bool = False) -> bool:
    """Tell whether the node has no settings worth a line of their own.

    `inside` a block, an input is only a port; elsewhere it shows the data.
    """
    if node.kind == OUTPUT or (inside and node.kind == INPUT):
        return True
    if node.kind.startswith(BLOCK) or node.kind == INPUT:
        return False
    if spec is not None:
        return not spec.summary or (spec.keeps_shape and len(spec.summary) < 2)
    ending = node.kind.rsplit(".", 1)[-1].lower()
    return keeps_shape(node, None) or ending in _BARE


def node_size(node: Node, spec: LayerSpec | None, inside: bool = False) -> Size:
    """Return how large the node is drawn where nothing more has to be said on it."""
    if node.kind == REROUTE:
        return DOT
    if is_pill(node, spec, inside):
        return PILL
    return DATA if node.kind == INPUT else CARD


def snap(value: float) -> float:
    """Return the nearest multiple of the snap distance."""
    return round(value / SNAP) * SNAP


def input_spots(
    ports: Iterable[Port], size: Size, first: str = ""
) -> dict[str, tuple[float, float]]:
    """Return where inputs are: the first (or the one named) above the middle, others at the side.

    Three and more that are all needed stand above; options are always at the side.
    """
    if size == DOT:
        return {port.name: (DOT[0] / 2, DOT[1] / 2) for port in ports}
    ports = sorted(ports, key=lambda port: port.name != first) if first else tuple(ports)
    needed = [port for port in ports if not port.optional] or list(ports[:1])
    above = needed if len(needed) > 2 else needed[:1]
    beside = [port for port in ports if port not in above]
    spots = {port.name: (_across(n, len(above), size[0]), 0.0) for n, port in enumerate(above)}
    for n, port in enumerate(beside):
        spots[port.name] = (size[0], size[1] * (n + 1) / (len(beside) + 1))
    return spots


def output_spots(ports: Iterable[Port], size: Size) -> dict[str, tuple[float, float]]:
    """Return where outputs are: the first below the middle, the others to its right."""
    ports = tuple(ports)
    if size == DOT:
        return {port.name: (DOT[0] / 2, DOT[1] / 2) for port in ports}
    return {port.name: (_across(n, len(ports), size[0]), size[1]) for n, port in enumerate(ports)}


def _across(n: int, count: int, width: float) -> float:
    step = min(PORT_STEP, (width / 2 - 12) / max(1, count - 1))
    return width / 2 + n * step


def is_docked(upper: Place, upper_size: Size, lower: Place, lower_size: Size) -> bool:
    """Tell whether one node sits so close below another that the wire between needs no words."""
    gap = lower.y - (upper.y + upper_size[1])
    middle = upper.x + upper_size[0] / 2 - (lower.x + lower_size[0] / 2)
    return -0.5 <= gap <= DOCK + SNAP and abs(middle) < 1


def spread(
    places: Mapping[str, Place], sizes: Mapping[str, Size], shown: Mapping[str, Size]
) -> dict[str, float]:
    """Return how far down each node must be drawn so that grown ones cover nothing below them.

    `sizes` are those that the places were made for, `shown` those that are drawn.
    """
    down: dict[str, float] = {}
    grown = {key for key in places if shown[key][1] > sizes[key][1] + 0.5}
    if not grown:
        return dict.fromkeys(places, 0.0)
    above: list[tuple[float, float, float, float]] = []
    for key in sorted(places, key=lambda key: (places[key].y, places[key].x)):
        place, (width, height) = places[key], sizes[key]
        push = 0.0
        for left, right, bottom, pushed in above:
            if left < place.x + width and place.x < right and bottom <= place.y + 1:
                push = max(push, pushed)
        down[key] = push
        extra = max(0.0, shown[key][1] - height)
        if push or extra:
            above.append((place.x, place.x + width, place.y + height, push + extra))
    return down
