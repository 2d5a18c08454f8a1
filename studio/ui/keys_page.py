"""The page of Settings that lists every action with its keys, and changes them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QHeaderView,
    QKeySequenceEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from studio.ui.controls import SearchField, button, column, label, row
from studio.ui.keymap import EVERYWHERE, Keymap
from studio.ui.theme import Theme

_NAME = Qt.ItemDataRole.UserRole
_FIXED = "Canvas, always the same"
#: What keys and the pointer do together there: gestures, to which no other key can be given.
GESTURES = (
    ("Walk along wires and to neighbours", "Arrows"),
    ("Select what is walked to as well", "Shift+Arrows"),
    ("Move what is selected by 4 px", "Alt+Arrows"),
    ("Move what is selected by 16 px", "Alt+Shift+Arrows"),
    ("Open a block, or a node's settings", "Enter"),
    ("Leave a block, where nothing is selected", "Backspace"),
    ("Stop what is under way, select nothing", "Esc"),
    ("Select with a lasso", "Shift+Drag on the canvas"),
    ("Cut wires", "Ctrl+Drag on the canvas"),
    ("Add to the selection, or take away", "Ctrl+Click, Shift+Click"),
    ("Take a node out of its wire", "Alt+Drag"),
    ("Move a node without guides", "Ctrl while dragging"),
    ("Pan", "Space+Drag, Middle button"),
    ("Zoom", "Ctrl+Wheel, Wheel"),
)


class KeysPage(QWidget):
    """Choose an action, press its new key; what has that key already is said before anything changes.

    `gather` makes the parts of the window whose actions are not known yet.
    """

    def __init__(
        self,
        theme: Theme,
        keymap: Keymap,
        gather: Callable[[], None] = lambda: None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._keymap = keymap
        self._gather = gather
        outer = column(self, spacing=8)
        self.search = SearchField(theme)
        self.search.setPlaceholderText("Find an action or a key")
        self.search.setAccessibleName("Find an action or a key")
        self.search.textChanged.connect(self._filter)
        outer.addWidget(self.search)
        self.list = QTreeWidget()
        self.list.setAccessibleName("Actions and their keys")
        self.list.setColumnCount(2)
        self.list.setHeaderLabels(["Action", "Keys"])
        self.list.setRootIsDecorated(False)
        self.list.setIndentation(12)
        self.list.setUniformRowHeights(True)
        self.list.setMinimumHeight(280)
        head = self.list.header()
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        head.setStretchLastSection(False)
        self.list.currentItemChanged.connect(lambda *_: self._choose())
        outer.addWidget(self.list, 1)
        line = row()
        self.title = label(theme, tone="2")
        self.field = QKeySequenceEdit()
        self.field.setMaximumSequenceLength(1)
        self.field.setClearButtonEnabled(True)
        self.field.setAccessibleName("New key")
        self.field.keySequenceChanged.connect(lambda _: self._tell())
        self.give = button(theme, "Set key", look="primary")
        self.give.clicked.connect(self._on_give)
        self.none = button(theme, "No key")
        self.none.clicked.connect(lambda: self._say(self._keymap.bind(self.chosen, "")))
        self.back = button(theme, "Reset")
        self.back.clicked.connect(lambda: self._say(self._keymap.reset(self.chosen)))
        line.addWidget(self.title, 1)
        for one in (self.field, self.give, self.none, self.back):
            line.addWidget(one)
        outer.addLayout(line)
        below = row()
        self.words = label(theme, tone="2", wrap=True)
        self.words.setMinimumHeight(34)
        self.reset_all = button(theme, "Reset all")
        self.reset_all.clicked.connect(self._on_reset_all)
        below.addWidget(self.words, 1)
        below.addWidget(self.reset_all, 0, Qt.AlignmentFlag.AlignTop)
        outer.addLayout(below)
        keymap.changed.connect(self.refresh)
        self.refresh()

    @property
    def chosen(self) -> str:
        """The name of the action that is chosen, "" for none."""
        item = self.list.currentItem()
        return str(item.data(0, _NAME) or "") if item else ""

    def showEvent(self, event: QShowEvent) -> None:
        self._gather()
        self.refresh()

    def refresh(self) -> None:
        """List the actions by where their keys work."""
        chosen = self.chosen
        self.list.blockSignals(True)
        self.list.clear()
        groups: dict[str, QTreeWidgetItem] = {}
        order = (EVERYWHERE, "Canvas", "Build", "Train", "Explain", "Runs")
        found = sorted(self._keymap.bindings.values(), key=lambda one: one.title.lower())
        for group in order:
            for one in found:
                if one.group != group:
                    continue
                if group not in groups:
                    groups[group] = QTreeWidgetItem(self.list, [group, ""])
                    groups[group].setFlags(Qt.ItemFlag.ItemIsEnabled)
                shown = self._keymap.shown(one.name)
                changed = "" if self._keymap.is_own(one.name) else "  (changed)"
                item = QTreeWidgetItem(groups[group], [one.title, shown + changed])
                item.setData(0, _NAME, one.name)
                item.setToolTip(0, one.actions[0].toolTip())
                if one.name == chosen:
                    self.list.setCurrentItem(item)
        self._list_gestures()
        self.list.expandAll()
        self.list.blockSignals(False)
        self._filter()
        self._choose()

    def _list_gestures(self) -> None:
        """List what cannot be changed below what can: to be read and found, not to be chosen."""
        group = QTreeWidgetItem(self.list, [_FIXED, ""])
        group.setFlags(Qt.ItemFlag.ItemIsEnabled)
        for title, keys in GESTURES:
            item = QTreeWidgetItem(group, [title, keys])
            item.setFlags(Qt.ItemFlag.ItemIsEnabled)
            item.setToolTip(0, "A gesture of the canvas: it keeps its keys.")

    def choose(self, name: str) -> None:
        """Choose an action."""
        for item in self._items():
            if item.data(0, _NAME) == name:
                self.list.setCurrentItem(item)

    def _items(self) -> list[QTreeWidgetItem]:
        return [item for top in self._groups() for item in _children(top)]

    def _groups(self) -> list[QTreeWidgetItem]:
        return _children(self.list.invisibleRootItem())

    def _filter(self) -> None:
        words = self.search.text().lower().split()
        for item in self._items():
            text = f"{item.text(0)} {item.text(1)}".lower()
            item.setHidden(not all(word in text for word in words))
        for top in self._groups():
            top.setHidden(all(item.isHidden() for item in _children(top)))

    def _choose(self) -> None:
        name = self.chosen
        self.title.setText(self._keymap.bindings[name].title if name else "Choose an action")
        first = self._keymap.first(name) if name else ""
        self.field.setKeySequence(QKeySequence(first))
        self._tell()

    def _tell(self) -> None:
        """Say what stands in the way of the key that was pressed, and what can be done."""
        name, key = self.chosen, self.field.keySequence().toString()
        reason = self._keymap.why_not(name, key) if name and key else ""
        same = bool(name) and key == self._keymap.keys(name)
        self.words.setText(reason)
        for widget, ready, why in (
            (self.field, bool(name), "Choose an action first."),
            (self.give, bool(name and key and not reason and not same), reason),
            (self.none, bool(name and self._keymap.keys(name)), "It has no key."),
            (self.back, bool(name) and not self._keymap.is_own(name), "It has its own keys."),
        ):
            widget.setEnabled(ready)
            widget.setToolTip("" if ready else why or "Press another key first.")
        self.reset_all.setEnabled(not all(map(self._keymap.is_own, self._keymap.bindings)))
        self.reset_all.setToolTip(
            "Every action gets the keys that it came with"
            if self.reset_all.isEnabled()
            else "All have the keys that they came with."
        )

    def _say(self, reason: str) -> None:
        self.words.setText(reason)

    def _on_give(self) -> None:
        self._say(self._keymap.bind(self.chosen, self.field.keySequence().toString()))

    def _on_reset_all(self) -> None:
        self._keymap.reset_all()


def _children(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    found = (item.child(n) for n in range(item.childCount()))
    return [one for one in found if one is not None]
