"""Chips on the wires that surgery changes."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget
from shiboken6 import isValid

from studio.graph.surgery import Intervention
from studio.ui.canvas.knowledge import Sight
from studio.ui.canvas.node_paint import Detail
from studio.ui.canvas.scene import SheetScene
from studio.ui.reporting import reported
from studio.ui.theme import Theme

_HEIGHT = 17.0
_LONGEST = 28
_INSIDE = "surgery inside"


class MarkItem(QGraphicsItem):
    """A chip at the port that a changed wire leaves; it moves with its node."""

    def __init__(self, theme: Theme, node: QGraphicsItem, text: str) -> None:
        super().__init__(node)
        self._theme = theme
        self.text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
        self._font = theme.font("caption", 600)
        self._width = QFontMetricsF(self._font).horizontalAdvance(self.text) + 14
        self.setToolTip(text)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.setZValue(10)

    def boundingRect(self) -> QRectF:
        return QRectF(-1, -_HEIGHT / 2 - 1, self._width + 2, _HEIGHT + 2)

    @reported
    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        if Detail.at(painter.worldTransform().m11()) < Detail.TITLES:
            return
        colour = self._theme.color
        box = QRectF(0, -_HEIGHT / 2, self._width, _HEIGHT)
        painter.setPen(QPen(colour("warn"), 1.5))
        painter.setBrush(colour("warn.soft"))
        painter.drawRoundedRect(box, _HEIGHT / 2, _HEIGHT / 2)
        painter.setFont(self._font)
        painter.setPen(colour("text.1"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.text)


class Marks:
    """Keeps the chips of a scene as the project's surgery has them."""

    def __init__(self, scene: SheetScene, theme: Theme) -> None:
        self._scene = scene
        self._theme = theme
        self._items: dict[tuple[str, str], MarkItem] = {}

    @property
    def texts(self) -> dict[tuple[str, str], str]:
        """What the chips say, by node and port; the port of what lies inside a block is ""."""
        return {key: item.text for key, item in self._items.items() if isValid(item)}

    def show_surgery(self, surgery: tuple[Intervention, ...], sight: Sight) -> None:
        """Show what is done on this sheet."""
        wanted = _texts(surgery, sight)
        for key, item in list(self._items.items()):
            node = self._scene.nodes.get(key[0])
            alive = isValid(item) and node is not None and item.parentItem() is node
            if not alive or wanted.get(key) != item.toolTip():
                if isValid(item) and item.scene() is not None:
                    self._scene.removeItem(item)
                del self._items[key]
        for (owner, port), text in wanted.items():
            found = self._scene.nodes.get(owner)
            if found is None:
                continue
            if (owner, port) not in self._items:
                self._items[owner, port] = MarkItem(self._theme, found, text)
            spot = found.spot(port, True) if port else None
            width, height = found.face.size
            at = (spot.x, spot.y) if spot is not None else (width / 2, height)
            # Beside the wire, so that both can be seen, and off the node that may be docked below.
            self._items[owner, port].setPos(at[0] + 12, at[1] - 1)


def _texts(surgery: tuple[Intervention, ...], sight: Sight) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for one in surgery:
        if one.network != sight.network:
            continue
        own, inside = sight.own(one.path), sight.key(one.path)
        if own is not None:
            before = found.get((own, one.port), "")
            found[own, one.port] = f"{before} · {one.text}" if before else one.text
        elif inside is not None:
            found[inside, ""] = _INSIDE
    return found
