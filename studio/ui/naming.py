"""Asks for a name where it is wanted: a line with its question above and what is wrong below."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QWidget

from studio.ui.controls import button, column, label, row, set_property
from studio.ui.theme import Theme
from studio.ui.views.view import plain

Take = Callable[[str], object]
#: Returns why a name cannot be taken, or "".
Check = Callable[[str], str]


class NameAsk(QFrame):
    """A name being asked for over a panel or the canvas. Enter takes it, Escape leaves it."""

    def __init__(self, theme: Theme, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self._take: Take | None = None
        self._check: Check = lambda name: ""
        self._back: QWidget | None = None
        self.setProperty("surface", "popup")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(264)
        layout = self._layout = column(self, margins=12, spacing=6)
        self.question = label(theme, weight=600)
        layout.addWidget(self.question)
        self.line = _Line(self)
        self.line.textEdited.connect(self._judge)
        layout.addWidget(self.line)
        self.trouble = label(theme, tone="error", role="caption", wrap=True)
        layout.addWidget(self.trouble)
        foot = row(spacing=8)
        self.remark = label(theme, tone="3", role="caption", wrap=True)
        foot.addWidget(self.remark, 1)
        self.ok = button(theme, "Take", look="primary", small=True)
        self.ok.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.ok.clicked.connect(self.finish)
        foot.addWidget(self.ok)
        layout.addLayout(foot)
        # A press in here leaves the keyboard in the line; going elsewhere leaves the question.
        self.setFocusProxy(self.line)
        self.hide()

    def ask(
        self,
        question: str,
        name: str,
        at: QPoint,
        take: Take,
        check: Check = lambda name: "",
        remark: str = "",
    ) -> None:
        """Ask at a point of the host; `take` gets the name once `check` finds nothing wrong."""
        self._take, self._check = take, check
        self._back = self._host.window().focusWidget()
        self.question.setText(question)
        self.line.setAccessibleName(question)
        self.line.setText(name)
        self.remark.setText(f"{remark} Enter takes it, Esc leaves it.".strip())
        self._judge(name)
        self._place(at)
        self.show()
        self.raise_()
        self.line.setFocus()
        self.line.selectAll()

    def finish(self) -> None:
        """Take the name, unless something is wrong with it."""
        name = self.line.text().strip()
        if self._take is None or self._judge(name):
            return
        take = self._take
        self.leave()
        take(name)

    def leave(self) -> None:
        """Ask no more."""
        self._take = None
        self.hide()
        (self._back or self._host).setFocus()

    def dropped(self) -> None:
        """The keyboard went elsewhere: nothing is taken."""
        self._take = None
        self.hide()

    def _judge(self, name: str) -> str:
        sentence = self._check(name.strip())
        self.trouble.setText(sentence)
        self.trouble.setVisible(bool(sentence))
        self.ok.setEnabled(not sentence)
        self.ok.setToolTip(plain(sentence))
        set_property(self.line, "state", "error" if sentence else "")
        self.line.setAccessibleDescription(sentence)
        self._layout.activate()
        self.resize(self.width(), self._layout.heightForWidth(self.width()))
        return sentence

    def _place(self, at: QPoint) -> None:
        room = self._host.rect().adjusted(8, 8, -8, -8)
        x = max(room.left(), min(at.x(), room.right() - self.width()))
        y = max(room.top(), min(at.y(), room.bottom() - self.height()))
        self.move(x, y)


class _Line(QLineEdit):
    """The line: its keys mean take and leave."""

    def __init__(self, ask: NameAsk) -> None:
        super().__init__(ask)
        self._ask = ask

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._ask.finish()
        elif event.key() == Qt.Key.Key_Escape:
            self._ask.leave()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if self._ask.isVisible() and event.reason() != Qt.FocusReason.PopupFocusReason:
            self._ask.dropped()
