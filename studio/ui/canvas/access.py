"""What a screen reader hears of the canvas: a list whose items are the nodes, by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QAccessibleEvent,
    QAccessibleInterface,
)
from PySide6.QtWidgets import QAccessibleWidget, QWidget

from studio.ui.canvas.words import frame_spoken, spoken, wire_spoken

if TYPE_CHECKING:
    from studio.ui.canvas.canvas import Canvas


def announce(widget: QWidget, words: str) -> None:
    """Let a screen reader say something that happened, without moving the keyboard."""
    if words and QAccessible.isActive():
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, words))


class Narrator:
    """Names the canvas after what is selected, and moves a reader's focus to the node walked to."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._list: SheetList | None = None

    def words(self) -> str:
        """Return the accessible name of the canvas: what is selected on it."""
        scene, prefix = self._canvas.scene, self._canvas.prefix
        chosen = [scene.nodes[key] for key in scene.selection if key in scene.nodes]
        if len(chosen) == 1:
            return spoken(chosen[0], scene, prefix) + frame_spoken(chosen[0].node.id, scene)
        if chosen:
            return f"{len(chosen)} nodes selected"
        if scene.selected_links:
            return wire_spoken(scene.selected_links, scene)
        if scene.selected_note:
            return f"Note: {scene.notes[scene.selected_note].note.text}"
        return f"Canvas {self._canvas.where}, {len(scene.nodes)} nodes"

    def tell(self) -> None:
        """Say what is selected now."""
        view, words = self._canvas.view, self.words()
        if words == view.accessibleName():
            return
        view.setAccessibleName(words)
        QAccessible.updateAccessibility(QAccessibleEvent(view, QAccessible.Event.NameChanged))
        chosen = self._canvas.scene.selection
        if not QAccessible.isActive():
            return
        if chosen:
            item = self.sheet.item(chosen[-1])
            QAccessible.updateAccessibility(QAccessibleEvent(item, QAccessible.Event.Focus))
        else:
            announce(view, words)

    @property
    def sheet(self) -> SheetList:
        """The canvas as a reader sees it; made when first asked for, as few people need it."""
        if self._list is None:
            self._list = SheetList(self._canvas)
            self._canvas.destroyed.connect(self.close)
            QAccessible.registerAccessibleInterface(self._list)
        return self._list

    def close(self) -> None:
        """Take the items back: Qt keeps what it has once been told of until then."""
        if self._list is not None:
            self._list.forget()


class SheetList(QAccessibleWidget):
    """The canvas as a list of nodes, in the order in which they were added.

    Qt takes None for *there is none*, which its stubs do not say.
    """

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas.view, QAccessible.Role.List)
        self._canvas = canvas
        self._items: dict[str, NodeAccess] = {}
        self._told: dict[str, int] = {}

    def item(self, key: str) -> NodeAccess:
        """Return what speaks for a node."""
        if key not in self._items:
            made = self._items[key] = NodeAccess(self._canvas, self, key)
            self._told[key] = QAccessible.uniqueId(made)
        return self._items[key]

    def forget(self) -> None:
        """Let go of every item."""
        for number in self._told.values():
            QAccessible.deleteAccessibleInterface(number)
        self._items, self._told = {}, {}

    def text(self, kind: QAccessible.Text) -> str:
        return self._canvas.view.accessibleName() if kind == QAccessible.Text.Name else ""

    def childCount(self) -> int:
        return len(self._canvas.scene.nodes)

    def child(self, index: int) -> QAccessibleInterface | None:  # type: ignore[override]
        keys = list(self._canvas.scene.nodes)
        return self.item(keys[index]) if 0 <= index < len(keys) else None

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        keys = list(self._canvas.scene.nodes)
        key = child.key if isinstance(child, NodeAccess) else ""
        return keys.index(key) if key in keys else -1

    def childAt(self, x: int, y: int) -> QAccessibleInterface | None:  # type: ignore[override]
        view = self._canvas.view
        at = view.viewport().mapFromGlobal(QPoint(x, y))
        found = self._canvas.scene.node_at(view.mapToScene(at))
        return self.item(found.node.id) if found else None

    def focusChild(self) -> QAccessibleInterface | None:  # type: ignore[override]
        chosen = self._canvas.scene.selection
        return self.item(chosen[-1]) if chosen else None


class NodeAccess(QAccessibleInterface):
    """One node, as a reader sees it. A node that is gone says nothing."""

    def __init__(self, canvas: Canvas, sheet: SheetList, key: str) -> None:
        super().__init__()
        self._canvas, self._sheet = canvas, sheet
        self.key = key

    def isValid(self) -> bool:
        return self.key in self._canvas.scene.nodes

    def object(self) -> None:  # type: ignore[override]
        return None

    def parent(self) -> QAccessibleInterface:
        return self._sheet

    def child(self, index: int) -> None:  # type: ignore[override]
        return None

    def childCount(self) -> int:
        return 0

    def childAt(self, x: int, y: int) -> None:  # type: ignore[override]
        return None

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        return -1

    def role(self) -> QAccessible.Role:
        return QAccessible.Role.ListItem

    def state(self) -> QAccessible.State:
        state = QAccessible.State()
        chosen = self._canvas.scene.selection
        state.focusable = state.selectable = True
        state.selected = self.key in chosen
        state.focused = chosen[-1:] == (self.key,)
        state.invalid = not self.isValid()
        return state

    def text(self, kind: QAccessible.Text) -> str:
        item = self._canvas.scene.nodes.get(self.key)
        if item is None or kind != QAccessible.Text.Name:
            return ""
        return spoken(item, self._canvas.scene, self._canvas.prefix)

    def setText(self, kind: QAccessible.Text, words: str) -> None:
        """Names are changed by F2, not by a reader."""

    def rect(self) -> QRect:
        item = self._canvas.scene.nodes.get(self.key)
        if item is None:
            return QRect()
        view = self._canvas.view
        box = view.mapFromScene(item.rect).boundingRect()
        return QRect(view.viewport().mapToGlobal(box.topLeft()), box.size())
