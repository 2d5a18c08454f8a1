"""Words to the person: notices that ask nothing, and questions with named answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from studio.ui.controls import button, column, label, row
from studio.ui.theme import Theme

Severity = Literal["info", "warning", "error"]

SEVERITY_ICONS: dict[Severity, tuple[str, str]] = {
    "info": ("info", "text.2"),
    "warning": ("warning", "warn"),
    "error": ("error", "error"),
}

_SHOWN_MS = 6_000
_MOST = 3


class Choice(NamedTuple):
    """An answer to a question: its key, its button's words, and whether it is the primary one."""

    key: str
    text: str
    primary: bool = False


#: Shows a question and returns the key of the chosen answer, "" when it was closed.
Ask = Callable[[str, str, tuple[Choice, ...]], str]


class Notice(QWidget):
    """One sentence with a way to its details."""

    closed = Signal(object)

    def __init__(self, theme: Theme, text: str, severity: Severity, details: str) -> None:
        super().__init__()
        self.text = text
        self.severity = severity
        self.setProperty("surface", "popup")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(304)
        outer = self._layout = column(self, margins=10, spacing=8)
        line = row(spacing=8)
        outer.addLayout(line)
        icon, token = SEVERITY_ICONS[severity]
        picture = label(theme)
        picture.setPixmap(theme.pixmap(icon, token, 16, self.devicePixelRatioF()))
        line.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        self.sentence = label(theme, text, wrap=True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        line.addWidget(self.sentence, 1)
        close = button(theme, icon="close", look="ghost", small=True, tip="Close this notice")
        close.clicked.connect(lambda: self.closed.emit(self))
        line.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.close_button = close
        self.more: QPushButton | None = None
        self.details: QPlainTextEdit | None = None
        if details:
            self.more = button(theme, "Details", look="link")
            line.insertWidget(2, self.more, 0, Qt.AlignmentFlag.AlignTop)
            self.details = _code(theme, details)
            self.details.setFixedHeight(160)
            self.details.hide()
            outer.addWidget(self.details)
            self.more.clicked.connect(self._on_details)
        self.setAccessibleName(f"{severity}: {text}")

    def height_needed(self) -> int:
        """Return the height at which every wrapped line shows."""
        return self._layout.totalHeightForWidth(self.width())

    def _on_details(self) -> None:
        if self.details is not None:
            self.details.setVisible(self.details.isHidden())
        self.adjustSize()
        self.closed.emit(None)


class Notices(QObject):
    """Shows notices over the window's lower right corner; good news leaves by itself."""

    def __init__(self, theme: Theme, host: QWidget, bottom: int = 36) -> None:
        super().__init__(host)
        self._theme = theme
        self._host = host
        self._bottom = bottom
        self.shown: list[Notice] = []
        host.installEventFilter(self)

    def show(self, text: str, severity: Severity = "info", details: str = "") -> None:
        """Show a sentence; the same one twice is shown once."""
        for old in self.shown:
            if old.text == text:
                old.raise_()
                return
        notice = Notice(self._theme, text, severity, details)
        notice.setParent(self._host)
        notice.closed.connect(self._on_closed)
        self.shown.append(notice)
        if len(self.shown) > _MOST:
            self._remove(self.shown[0])
        notice.show()
        self._place()
        if severity != "error":
            timer = QTimer(notice)
            timer.setSingleShot(True)
            timer.timeout.connect(lambda: self._remove(notice))
            timer.start(_SHOWN_MS if severity == "info" else 2 * _SHOWN_MS)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def _on_closed(self, notice: Notice | None) -> None:
        if notice is None:
            self._place()
        else:
            self._remove(notice)

    def _remove(self, notice: Notice) -> None:
        if notice in self.shown:
            self.shown.remove(notice)
            notice.hide()
            notice.deleteLater()
            self._place()

    def _place(self) -> None:
        bottom = self._host.height() - self._bottom
        for notice in reversed(self.shown):
            notice.adjustSize()
            # A wrapped label's hint does not know its width; ask for the height that it needs here.
            height = max(notice.height_needed(), 40)
            notice.resize(notice.width(), height)
            bottom -= height
            notice.move(self._host.width() - notice.width() - 12, bottom)
            notice.raise_()
            bottom -= 8


class Question(QDialog):
    """A sentence with named answers; Escape and closing answer nothing."""

    def __init__(
        self,
        theme: Theme,
        title: str,
        text: str,
        choices: tuple[Choice, ...],
        details: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(420)
        self.answer = ""
        self.buttons: dict[str, QPushButton] = {}
        outer = column(self, margins=20, spacing=12)
        outer.addWidget(label(theme, title, role="heading", weight=600))
        sentence = label(theme, text, tone="2", wrap=True)
        sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        outer.addWidget(sentence)
        if details:
            outer.addWidget(_code(theme, details))
            self.resize(640, 420)
        buttons: QHBoxLayout = row(spacing=8)
        buttons.addStretch(1)
        outer.addSpacing(4)
        outer.addLayout(buttons)
        for choice in choices:
            made = button(theme, choice.text, look="primary" if choice.primary else "")
            self.buttons[choice.key] = made
            made.setDefault(choice.primary)
            made.setAutoDefault(choice.primary)
            made.clicked.connect(lambda _=False, key=choice.key: self._on_chosen(key))
            buttons.addWidget(made)

    def _on_chosen(self, key: str) -> None:
        self.answer = key
        self.accept()


class Prompts:
    """Questions of one window. A test gives its own `ask`."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        self._theme = theme
        self._parent = parent

    def ask(self, title: str, text: str, choices: tuple[Choice, ...], details: str = "") -> str:
        """Return the key of the chosen answer, "" when the question was closed."""
        question = Question(self._theme, title, text, choices, details, self._parent)
        question.exec()
        question.deleteLater()
        return question.answer


def _code(theme: Theme, text: str) -> QPlainTextEdit:
    field = QPlainTextEdit()
    field.setPlainText(text)
    field.setReadOnly(True)
    field.setFont(theme.font("mono"))
    field.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
    field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    return field
