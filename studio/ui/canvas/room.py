"""Where on a sheet there is room: below a node, in a wire, beside what stands there."""

from __future__ import annotations

from collections.abc import Collection

from studio.graph.geometry import DOCK, ROW_GAP, WIDTH, Size, keeps_shape, node_size, snap
from studio.graph.graph import End, Link, Node
from studio.graph.kinds import spec_of
from studio.graph.project import Place
from studio.ui.canvas.faces import base_size
from studio.ui.canvas.scene import SheetScene


class Room:
    """Finds places on the sheet that a scene shows; moves nothing itself."""

    def __init__(self, scene: SheetScene) -> None:
        self._scene = scene

    def size_of(self, kind: str) -> Size:
        """Return how large a new node of this kind is."""
        told = self._scene.told
        return node_size(Node("", kind, ""), told.specs.get(kind), not told.top)

    def below(self, end: End, kind: str) -> Place:
        """Return where a node of `kind` behind this port belongs: docked, or a row below, where it
        is free."""
        scene = self._scene
        width, height = self.size_of(kind)
        at = scene.places[end.node]
        spec = scene.told.specs.get(kind)
        first = not scene.sheet.graph.outgoing.get(end.node)
        gap = DOCK if spec and spec.keeps_shape and first else ROW_GAP
        x, y = at.x, at.y + self._height(end.node) + gap
        while self._taken(x, y, (width, height), {end.node}):
            x += width + ROW_GAP
        return Place(x, y)

    def in_wire(
        self, link: Link, node: Node, but: Collection[str] = ()
    ) -> tuple[Place, dict[str, Place]]:
        """Return where a node in this wire belongs, and the new places of those that make room.

        `but` are nodes that make no room: the one that is put there, where it is on the sheet already.
        """
        scene = self._scene
        places = {key: at for key, at in scene.places.items() if key not in but}
        spec = spec_of(node, scene.told.specs)
        _, height = node_size(node, spec, not scene.told.top)
        above, below = link.source.node, link.target.node
        top = places[above].y + self._height(above)
        docks = spec is not None and keeps_shape(node, spec)
        gap = DOCK if docks and len(scene.sheet.graph.outgoing[above]) == 1 else ROW_GAP
        x, y = places[above].x, top + gap
        same = abs(places[below].x - x) < WIDTH and places[below].y >= top
        after = DOCK if same and places[below].y - top <= DOCK else ROW_GAP
        column = [
            key
            for key, at in places.items()
            if key != above and abs(at.x - x) < WIDTH and at.y >= top - 1
        ]
        push = y + height + after - min((places[key].y for key in column), default=float("inf"))
        if push <= 0:
            return Place(snap(x), snap(y)), {}
        moved = {key: Place(places[key].x, snap(places[key].y + push)) for key in column}
        return Place(snap(x), snap(y)), moved

    def _height(self, key: str) -> float:
        return base_size(self._scene.nodes[key].node, self._scene.told)[1]

    def _taken(self, x: float, y: float, size: Size, but: set[str]) -> bool:
        return any(
            at.x < x + size[0]
            and x < at.x + WIDTH
            and at.y < y + size[1]
            and y < at.y + self._height(key)
            for key, at in self._scene.places.items()
            if key not in but
        )
