"""Find on the canvas: type a name, a kind or a setting; Enter goes from node to node."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from studio.graph.finding import Hit
from studio.ui.canvas.access import announce
from studio.ui.controls import button, label, row
from studio.ui.theme import Theme
from studio.ui.views.view import plain

_MARGIN = 12


class FindBar(QWidget):
    """A line over the canvas. `look` finds, `show_hit` goes to what was found.

    It begins with what is in sight, as `seen` tells: names are the same in a block and in one that was
    made from it.
    """

    def __init__(
        self,
        theme: Theme,
        host: QWidget,
        look: Callable[[str], list[Hit]],
        show_hit: Callable[[Hit], None],
        seen: Callable[[Hit], bool],
    ) -> None:
        super().__init__(host)
        self._host, self._look, self._show_hit, self._seen = host, look, show_hit, seen
        self._hits: list[Hit] = []
        self._at = -1
        self.setProperty("surface", "popup")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(380)
        line = row(self, spacing=4)
        line.setContentsMargins(8, 4, 4, 4)
        self.line = QLineEdit()
        self.line.setProperty("look", "search")
        self.line.setPlaceholderText("Find a name, a kind or a setting")
        self.line.setAccessibleName("Find on the canvas")
        self.line.setToolTip("Enter: next, Shift+Enter: previous, Esc: close")
        self.line.textChanged.connect(self._on_text)
        self.line.installEventFilter(self)
        self._count = label(theme, tone="3", role="caption")
        line.addWidget(self.line, 1)
        line.addWidget(self._count)
        for icon, tip, run in (
            ("chevron-up", "Previous (Shift+Enter)", lambda: self.step(-1)),
            ("chevron-down", "Next (Enter)", lambda: self.step(1)),
            ("close", "Close (Esc)", self.close_bar),
        ):
            made = button(theme, icon=icon, look="ghost", small=True, tip=tip)
            made.clicked.connect(run)
            line.addWidget(made)
        self.hide()

    @property
    def words(self) -> str:
        """What the bar says: how many were found, and at which one it is."""
        return self._count.text()

    def open(self) -> None:
        """Show the bar with the words of last time chosen, ready to be typed over."""
        self.place()
        self.show()
        self.raise_()
        self.line.selectAll()
        self.line.setFocus()
        self._take(self._look(self.line.text()))

    def place(self) -> None:
        """Stand in the upper right corner of the host."""
        self.move(self._host.width() - self.width() - _MARGIN, _MARGIN)

    def close_bar(self) -> None:
        """Hide it; what was found last stays selected."""
        self.hide()
        self._host.setFocus()

    def step(self, by: int) -> None:
        """Go to the next node that was found, or back."""
        # What has been edited since counts.
        hits = self._look(self.line.text())
        before = self._hits[self._at] if 0 <= self._at < len(self._hits) else None
        self._take(hits)
        if not hits:
            return
        if before in hits:
            self._at = (hits.index(before) + by) % len(hits)
        else:
            here = [n for n, hit in enumerate(hits) if self._seen(hit)] or range(len(hits))
            self._at = here[0] if by > 0 else here[-1]
        self._say()
        self._show_hit(hits[self._at])
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            back = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.step(-1 if back else 1)
            return True
        if event.key() == Qt.Key.Key_Escape:
            self.close_bar()
            return True
        return False

    def _on_text(self, text: str) -> None:
        self._take(self._look(text))

    def _take(self, hits: list[Hit]) -> None:
        self._hits, self._at = hits, -1
        self._say()

    def _say(self) -> None:
        total = len(self._hits)
        if not self.line.text().strip():
            words = ""
        elif not total:
            words = "none"
        elif self._at < 0:
            words = f"{total} found"
        else:
            words = f"{self._at + 1} of {total}"
        self._count.setText(words)
        self._count.setToolTip(plain(self._hits[self._at].why) if 0 <= self._at < total else "")
        if self.isVisible():
            announce(self.line, words)
