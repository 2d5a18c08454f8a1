"""The canvas' actions: for the window's menus, the context menu and the keys, from one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from studio.ui.theme import Theme


class Command(NamedTuple):
    """One action. `why_not` returns the sentence that forbids it now, or ""."""

    key: str
    text: str
    shortcut: str
    tip: str
    icon: str
    run: Callable[[], object]
    why_not: Callable[[], str]


class Commands(QObject):
    """QActions made from commands; their keys work while the keyboard is on `widget`."""

    def __init__(self, theme: Theme, widget: QWidget, commands: list[Command]) -> None:
        super().__init__(widget)
        self._why = {command.key: command.why_not for command in commands}
        self._tips = {command.key: command.tip for command in commands}
        self.actions: dict[str, QAction] = {}
        for command in commands:
            action = QAction(command.text, self)
            action.setObjectName(f"canvas.{command.key}")
            if command.shortcut:
                action.setShortcuts([QKeySequence(part) for part in command.shortcut.split(" | ")])
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.setIconVisibleInMenu(False)
            if command.icon:
                theme.put_icon(action, command.icon)
            action.triggered.connect(lambda _=False, run=command.run: run())
            widget.addAction(action)
            self.actions[command.key] = action
        self.refresh()

    def __getitem__(self, key: str) -> QAction:
        return self.actions[key]

    def refresh(self) -> None:
        """Enable what can be done now; what cannot be says why."""
        for key, action in self.actions.items():
            reason = self._why[key]()
            action.setEnabled(not reason)
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            tip = f"{self._tips[key].rstrip('.')} ({keys})." if keys else self._tips[key]
            action.setToolTip(f"{tip} {reason}".strip())
            action.setStatusTip(reason)
