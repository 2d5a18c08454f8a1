"""Where the nodes of a scene are drawn: at their places, below what has grown above them, or folded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF

from studio.graph.geometry import Size, spread
from studio.graph.project import Place
from studio.ui.canvas.faces import base_size
from studio.ui.canvas.folding import folded

if TYPE_CHECKING:
    from studio.ui.canvas.scene import SheetScene


class Standing:
    """Puts the nodes of a scene where they belong; only those move that have to.

    `places` are the sheet's, with one for every node; `down` is how far below its place each is drawn;
    `room` is how large the window is that a watched run is folded for, in pixels.
    """

    def __init__(self, scene: SheetScene) -> None:
        self._scene = scene
        self.room: Size = (800.0, 480.0)
        self.forget()

    def forget(self) -> None:
        """Begin again; the scene has been cleared."""
        self.places: Mapping[str, Place] = {}
        self.down: dict[str, float] = {}
        #: At their places, or folded while a run is watched.
        self._drawn: Mapping[str, Place] = {}
        #: The sizes that places were made for, and the nodes that are higher.
        self._bases: dict[str, Size] = {}
        self._grown: set[str] = set()
        #: Whether any is drawn elsewhere than at its place, and which a drag has led away.
        self._displaced = False
        self._astray: set[str] = set()

    def drop(self, key: str) -> None:
        """Forget a node."""
        self.down.pop(key, None)
        self._bases.pop(key, None)
        self._grown.discard(key)

    def settle(self, stale: Iterable[str] | None = None) -> set[str]:
        """Put nodes where they belong; return those that moved.

        `stale` are those with another place or size, None all.
        """
        scene, places, told = self._scene, self.places, self._scene.told
        nodes = scene.sheet.graph.nodes
        stale = nodes.keys() if stale is None else self._astray.union(stale) & nodes.keys()
        self._astray.clear()
        for key in stale:
            base = self._bases[key] = base_size(nodes[key], told)
            grows = scene.nodes[key].face.size[1] > base[1] + 0.5
            (self._grown.add if grows else self._grown.discard)(key)
        displaced, self._displaced = self._displaced, bool(self._grown) or told.training
        if self._displaced or displaced:
            shown = {key: scene.nodes[key].face.size for key in nodes}
            stale = nodes.keys()
        if told.training:
            self._drawn = folded(scene.sheet, told.specs, not told.top, shown, self.room)
            self.down = dict.fromkeys(places, 0.0)
        elif self._displaced or displaced:
            self._drawn, self.down = places, spread(places, self._bases, shown)
        else:
            self._drawn = places
            self.down.update(dict.fromkeys(stale, 0.0))
        moved = set()
        for key in stale:
            item, spot = scene.nodes[key], self._spot(key)
            if item.pos() != spot:
                item.clear_place()
                item.setPos(spot)
                moved.add(key)
        return moved

    def lead(self, offsets: Mapping[str, QPointF]) -> None:
        """Show nodes away from where they belong until they settle again."""
        for key, offset in offsets.items():
            self._scene.nodes[key].setPos(self._spot(key) + offset)
        self._astray.update(offsets)

    def place_at(self, pos: QPointF, size: Size) -> Place:
        """Return the place for a node that is to be drawn at `pos`, where grown ones push down."""
        push = 0.0
        for key, item in self._scene.nodes.items():
            grown = item.face.size[1] - base_size(item.node, self._scene.told)[1]
            box = item.rect
            if box.left() < pos.x() + size[0] and pos.x() < box.right() and box.bottom() <= pos.y():
                push = max(push, self.down[key] + max(0.0, grown))
        return Place(pos.x(), pos.y() - push)

    def _spot(self, key: str) -> QPointF:
        place = self._drawn[key]
        return QPointF(place.x, place.y + self.down[key])
