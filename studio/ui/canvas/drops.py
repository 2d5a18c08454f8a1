"""Layers and architectures dragged from the Library onto paper or onto a wire."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QPointF, QTimer
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent

from studio.ui.canvas.editor import Editor
from studio.ui.canvas.link_item import LinkItem
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.view import CanvasView

KIND_MIME = "application/x-neuroloom-kind"
#: One of the person's own blocks, by name: the project gets it when it is dropped.
KEPT_MIME = "application/x-neuroloom-kept-block"


class Drafts(Protocol):
    """Who knows of architectures."""

    def is_architecture(self, kind: str) -> bool: ...
    def draw_architecture(self, kind: str) -> None: ...
    def put_kept(self, name: str, at: QPointF) -> None: ...


class Drops:
    """Puts what is dropped where it belongs."""

    def __init__(self, scene: SheetScene, view: CanvasView, editor: Editor, desk: Drafts) -> None:
        self._scene = scene
        self._view = view
        self._editor = editor
        self._desk = desk

    def entered(self, event: QDragEnterEvent) -> bool:
        """Tell whether a layer, a block or an architecture is dragged."""
        mime = event.mimeData()
        return mime.hasFormat(KIND_MIME) or mime.hasFormat(KEPT_MIME)

    def moved(self, event: QDragMoveEvent, pos: QPointF) -> bool:
        """Show the wire that the layer would go into."""
        if event.mimeData().hasFormat(KEPT_MIME):
            wire = None if self._scene.node_at(pos) else self._scene.link_at(pos, 14.0)
            self._scene.hover(wire.link if wire else None)
            return True
        if not event.mimeData().hasFormat(KIND_MIME):
            return False
        link = self._wire_for(_kind(event), pos)
        self._scene.hover(link.link if link else None)
        return True

    def dropped(self, event: QDropEvent, pos: QPointF) -> bool:
        """Take what was dropped."""
        if event.mimeData().hasFormat(KEPT_MIME):
            name = bytes(event.mimeData().data(KEPT_MIME).data()).decode("utf-8", "replace")
            self._scene.hover(None)
            QTimer.singleShot(0, self._view, lambda: self._desk.put_kept(name, pos))
            event.acceptProposedAction()
            return True
        if not event.mimeData().hasFormat(KIND_MIME):
            return False
        kind = _kind(event)
        self._scene.hover(None)
        # What the drop leads to may open a dialog: the drag must be over by then.
        QTimer.singleShot(0, self._view, lambda: self.drop(kind, pos))
        event.acceptProposedAction()
        return True

    def drop(self, kind: str, pos: QPointF) -> None:
        """Put what was dragged at a point of the scene, or into the wire there."""
        if self._desk.is_architecture(kind):
            self._desk.draw_architecture(kind)
            return
        link = self._wire_for(kind, pos)
        if link is not None:
            added = self._editor.splice(kind, link.link)
        else:
            size = self._editor.room.size_of(kind)
            corner = QPointF(pos.x() - size[0] / 2, pos.y() - size[1] / 2)
            added = self._editor.add(kind, self._scene.place_at(corner, size))
        if added:
            self._scene.select((added,))
            self._view.setFocus()

    def _wire_for(self, kind: str, pos: QPointF) -> LinkItem | None:
        spec = self._editor.specs.get(kind)
        if spec is None or not spec.inputs or not spec.outputs or self._scene.node_at(pos):
            return None
        return self._scene.link_at(pos, 14.0)


def _kind(event: QDropEvent) -> str:
    return bytes(event.mimeData().data(KIND_MIME).data()).decode("utf-8", "replace")
