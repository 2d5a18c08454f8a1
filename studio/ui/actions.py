"""Actions: one table for menus, toolbar, keys and the command palette."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu

from studio.ui.theme import Theme


def always() -> str:
    """Return no reason: the action can always be done."""
    return ""


class Entry(NamedTuple):
    """One action. `why_not` returns the sentence that forbids it now, or nothing.

    `group` starts a new part of its menu where it changes.
    """

    key: str
    menu: str
    text: str
    run: Callable[[], object]
    shortcut: str = ""
    tip: str = ""
    icon: str = ""
    group: str = ""
    why_not: Callable[[], str] = always
    checked: Callable[[], bool] | None = None


class Actions(QObject):
    """QActions made from the table; `refresh` brings their state up to date."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme
        self._entries: dict[str, Entry] = {}
        self._made: dict[str, QAction] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Make actions of more entries."""
        for entry in entries:
            action = QAction(entry.text, self)
            action.setObjectName(entry.key)
            action.setIconVisibleInMenu(False)
            if entry.shortcut:
                keys = [QKeySequence(part) for part in entry.shortcut.split(" | ")]
                action.setShortcuts(keys)
            if entry.icon:
                self._theme.put_icon(action, entry.icon)
            action.setCheckable(entry.checked is not None)
            action.triggered.connect(lambda _=False, run=entry.run: run())
            self._entries[entry.key] = entry
            self._made[entry.key] = action
        self.refresh()

    def __getitem__(self, key: str) -> QAction:
        return self._made[key]

    def all(self) -> list[QAction]:
        """Return every action, in the table's order."""
        return list(self._made.values())

    def menu_of(self, action: QAction) -> str:
        """Return the menu that an action is in, "" for none."""
        entry = self._entries.get(action.objectName())
        return entry.menu if entry else ""

    def rename(self, key: str, text: str) -> None:
        """Give an action other words ("Undo Rename to conv2")."""
        self._made[key].setText(text)

    def refresh(self) -> None:
        """Bring enabled, checked and tool tips up to date; a disabled action says why."""
        for key, entry in self._entries.items():
            action = self._made[key]
            reason = entry.why_not()
            action.setEnabled(not reason)
            if entry.checked is not None:
                action.setChecked(entry.checked())
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            words = entry.tip or entry.text.rstrip("…")
            tip = f"{words} ({keys})" if keys else words
            action.setToolTip(f"{tip}\n{reason}" if reason else tip)
            action.setStatusTip(reason)

    def fill(self, menu: QMenu, title: str) -> None:
        """Put the actions of the menu `title` into `menu`, with a line between groups."""
        previous: str | None = None
        for key, entry in self._entries.items():
            if entry.menu != title:
                continue
            if previous is not None and entry.group != previous:
                menu.addSeparator()
            previous = entry.group
            menu.addAction(self._made[key])
