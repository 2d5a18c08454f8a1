"""What gestures draw over the sheet while they last."""

from __future__ import annotations

from PySide6.QtWidgets import QGraphicsPathItem

from studio.ui.canvas.scene import SheetScene

#: What gestures show lies above this.
OVERLAY_Z = 50.0


def overlay_on(scene: SheetScene) -> QGraphicsPathItem:
    """Return an empty shape over everything on the sheet."""
    item = QGraphicsPathItem()
    item.setZValue(OVERLAY_Z)
    scene.addItem(item)
    return item
