"""One item a node, painted from its own picture for each zoom."""

from __future__ import annotations

from collections.abc import Hashable

from PySide6.QtCore import QPointF, QRectF, QSizeF
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from studio.graph.graph import Node
from studio.ui.canvas.faces import Face, repair_top
from studio.ui.canvas.node_paint import MARGIN, Detail, NodePainter
from studio.ui.canvas.spots import Spot
from studio.ui.canvas.sprites import Sprites
from studio.ui.reporting import reported

NODE_Z = 10.0
PORT_REACH = 11.0


class NodeItem(QGraphicsItem):
    """Shows a face. It knows nothing of the document and changes nothing."""

    def __init__(self, node: Node, face: Face, painter: NodePainter, sprites: Sprites) -> None:
        super().__init__()
        self.node = node
        self.face = face
        self.selected = False
        #: A dot is lit with the wire that is hovered.
        self.lit = False
        self.bare: frozenset[str] = frozenset()
        self.faded: frozenset[str] = frozenset()
        self._painter = painter
        self._sprites = sprites
        #: What was drawn last, and in which detail.
        self._drawn: tuple[Hashable, Detail] | None = None
        self.setZValue(NODE_Z)

    def set_face(self, face: Face) -> bool:
        """Show another face; tells whether the size or a port moved."""
        before = self.face
        if before.has_previews and self._drawn is not None:
            self._sprites.forget(*self._drawn)
            self._drawn = None
        if before.size != face.size:
            self.clear_place()
            self.prepareGeometryChange()
        self.face = face
        self.update()
        return (before.size, before.inputs, before.outputs) != (
            face.size,
            face.inputs,
            face.outputs,
        )

    def clear_place(self) -> None:
        """Let what is drawn here be painted over: Qt forgets where a grown node was seen last."""
        scene = self.scene()
        if scene is not None:
            scene.update(self.sceneBoundingRect())

    def set_selected(self, selected: bool) -> None:
        """Draw the ring, or not."""
        if selected != self.selected:
            self.selected = selected
            self.setZValue(NODE_Z + selected)
            self.update()

    def set_lit(self, lit: bool) -> None:
        """Show a dot together with the wire that is hovered, or no longer."""
        if lit != self.lit:
            self.lit = lit
            self.update()

    def set_ports(self, bare: frozenset[str], faded: frozenset[str]) -> None:
        """Choose which ports are not drawn and which only faintly (`in x`, `out y`)."""
        if (bare, faded) != (self.bare, self.faded):
            self.bare, self.faded = bare, faded
            self.update()

    @property
    def rect(self) -> QRectF:
        """The card, in the scene."""
        return QRectF(self.pos(), QSizeF(*self.face.size))

    def spot(self, port: str, gives: bool) -> Spot | None:
        """Return a port by name."""
        spots = self.face.outputs if gives else self.face.inputs
        return next((spot for spot in spots if spot.port == port), None)

    def spot_at(self, pos: QPointF, reach: float = PORT_REACH) -> tuple[Spot, bool] | None:
        """Return the port near a point of the scene, and whether it gives."""
        x, y = pos.x() - self.pos().x(), pos.y() - self.pos().y()
        if self.face.dot and reach <= PORT_REACH and self.rect.contains(pos):
            return None  # the dot itself is taken hold of; its output is the ring around it
        near: list[tuple[float, Spot, bool]] = []
        for gives, spots in ((True, self.face.outputs), (False, self.face.inputs)):
            for spot in spots:
                key = f"{'out' if gives else 'in'} {spot.port}"
                distance = max(abs(spot.x - x), abs(spot.y - y))
                if distance <= reach and key not in self.bare:
                    near.append((distance, spot, gives))
        if not near:
            return None
        _, spot, gives = min(near, key=lambda one: one[0])
        return spot, gives

    def repair_at(self, pos: QPointF) -> int | None:
        """Return which repair's button is at a point of the scene."""
        x, y = pos.x() - self.pos().x(), pos.y() - self.pos().y()
        for n in range(len(self.face.repairs)):
            top = repair_top(self.face, n)
            if 14 <= x <= self.face.size[0] - 12 and top <= y < top + 22:
                return n
        return None

    def boundingRect(self) -> QRectF:
        width, height = self.face.size
        return QRectF(-MARGIN, -MARGIN, width + 2 * MARGIN, height + 2 * MARGIN)

    @reported
    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        detail = Detail.at(painter.worldTransform().m11())
        face, selected, bare, faded, lit = (
            self.face,
            self.selected,
            self.bare,
            self.faded,
            self.lit,
        )
        if detail is Detail.GLYPHS and face.has_previews:
            detail = Detail.TITLES  # maps and histograms can be read where words cannot
        key = (face, selected, bare, faded, lit)
        self._drawn = (key, detail)
        self._sprites.draw(
            painter,
            key,
            self.boundingRect(),
            lambda inner: self._painter.paint(inner, face, detail, selected, bare, faded, lit),
            detail,
        )
