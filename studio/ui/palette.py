"""The command palette: type a few letters, press Enter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QLineEdit,
    QListWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from studio.ui.controls import column, label
from studio.ui.theme import Theme

ModelIndex = QModelIndex | QPersistentModelIndex


class Command(NamedTuple):
    """What the palette offers: a title with the menu before it, and what to do."""

    title: str
    keys: str
    reason: str
    run: Callable[[], object]


def commands_of(actions: Sequence[tuple[str, QAction]]) -> list[Command]:
    """Return commands for actions, each with the name of its menu."""
    found = []
    for menu, action in actions:
        text = action.text().replace("&", "")
        if not text or action.isSeparator() or not action.isVisible():
            continue
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        reason = "" if action.isEnabled() else action.statusTip() or "not possible now"
        found.append(Command(f"{menu}: {text}" if menu else text, keys, reason, action.trigger))
    return found


def score(query: str, title: str) -> int:
    """Return how well `title` answers `query`: 0 not at all, more is better.

    Letters must come in order; whole words and beginnings of words count most.
    """
    query, text = query.lower().strip(), title.lower()
    if not query:
        return 1
    at = text.find(query)
    if at >= 0:
        starts_word = at == 0 or not text[at - 1].isalnum()
        return 1000 + (500 if starts_word else 0) - len(text)
    position, gaps = 0, 0
    for letter in query.replace(" ", ""):
        found = text.find(letter, position)
        if found < 0:
            return 0
        gaps += found - position
        position = found + 1
    return max(1, 400 - 10 * gaps - len(text))


class CommandPalette(QWidget):
    """A popup over the window with every action; arrows choose, Enter does, Escape leaves."""

    def __init__(self, theme: Theme, host: QWidget) -> None:
        super().__init__(host)
        self._theme = theme
        self._host = host
        self._commands: list[Command] = []
        self._found: list[Command] = []
        self._back: QWidget | None = None
        self.setProperty("surface", "popup")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(520)
        outer = column(self, margins=6, spacing=4)
        self.line = QLineEdit()
        self.line.setPlaceholderText("Find any command")
        self.line.setAccessibleName("Find any command")
        self.line.textChanged.connect(self._on_text)
        self.line.installEventFilter(self)
        outer.addWidget(self.line)
        self.list = QListWidget()
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.itemClicked.connect(lambda item: self._run())
        self.list.setFixedHeight(322)
        self.list.setItemDelegate(_CommandLine(theme, lambda index: self._found[index], self.list))
        outer.addWidget(self.list)
        self.hint = label(theme, tone="3", role="caption")
        self.hint.setContentsMargins(6, 0, 6, 2)
        outer.addWidget(self.hint)
        self.hide()

    @property
    def found(self) -> tuple[Command, ...]:
        """The commands that are listed now, best first."""
        return tuple(self._found)

    def open(self, commands: Sequence[Command]) -> None:
        """Show the palette with these commands; where the keyboard is now, it goes back to."""
        if not self.isVisible():
            self._back = self._host.window().focusWidget()
        self._commands = list(commands)
        self.line.clear()
        self._on_text("")
        self.adjustSize()
        host = self._host
        self.move((host.width() - self.width()) // 2, 60)
        self.show()
        self.raise_()
        self.line.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut:
            self.hide()
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        moves = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 10}
        moves[Qt.Key.Key_PageUp] = -10
        key = Qt.Key(event.key())
        if key in moves:
            last = self.list.count() - 1
            self.list.setCurrentRow(max(0, min(last, self.list.currentRow() + moves[key])))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._run()
        elif key == Qt.Key.Key_Escape:
            self._leave()
        else:
            return False
        return True

    def _on_text(self, text: str) -> None:
        ranked = [(score(text, command.title), command) for command in self._commands]
        found = [pair for pair in ranked if pair[0] > 0]
        if text.strip():
            found.sort(key=lambda pair: -pair[0])
        self._found = [command for _, command in found]
        self.list.clear()
        self.list.addItems([command.title for command in self._found])
        self.list.setCurrentRow(0)
        self.hint.setText(f"{len(found)} of {len(self._commands)} · ↑↓ choose · Enter · Esc")

    def _run(self) -> None:
        index = self.list.currentRow()
        if not 0 <= index < len(self._found):
            return
        command = self._found[index]
        if command.reason:
            self.hint.setText(command.reason)
            return
        self._leave()
        command.run()

    def _leave(self) -> None:
        # Taken first: hiding moves the keyboard on.
        back = self._back or self._host
        self.hide()
        back.setFocus()


class _CommandLine(QStyledItemDelegate):
    """Draws a command: its words, why it cannot be done now, and its keys at the right."""

    def __init__(self, theme: Theme, command_at: Callable[[int], Command], parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme
        self._command_at = command_at

    def sizeHint(self, option: QStyleOptionViewItem, index: ModelIndex) -> QSize:
        return QSize(100, 28)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: ModelIndex) -> None:
        command = self._command_at(index.row())
        color, area = self._theme.color, option.rect.adjusted(8, 0, -8, 0)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, color("accent.soft"))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(self._theme.font("caption"))
        painter.setPen(color("text.3"))
        painter.drawText(area, middle | Qt.AlignmentFlag.AlignRight, command.keys or command.reason)
        taken = painter.fontMetrics().horizontalAdvance(command.keys or command.reason)
        painter.setFont(self._theme.font("body"))
        painter.setPen(color("text.3" if command.reason else "text.1"))
        words = painter.fontMetrics().elidedText(
            command.title, Qt.TextElideMode.ElideRight, area.width() - taken - 12
        )
        painter.drawText(area, middle, words)
