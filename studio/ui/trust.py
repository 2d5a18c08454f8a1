"""Asking whether the code that a file brings may be run: a bar that says so, and the code to read first."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QSizePolicy, QWidget

from studio.graph.python_code import CodeError, foreign_imports
from studio.graph.trust import CodePiece
from studio.session.session import Session
from studio.ui.code_view import CodeView
from studio.ui.controls import button, column, label, row, surface
from studio.ui.inspector.node import scrolled
from studio.ui.theme import Theme

_HONEST = (
    "Trust is not a sandbox: code that you trust can do whatever you can, such as read, change or send "
    "your files. Trust it if you have read it, or if you know where the file is from. When somebody "
    "else changes the code, you are asked again."
)
_SAFE = (
    "Safe mode: Python code in projects and plugins of your own are not run. To leave it, close this window "
    "and start Neuroloom without --safe-mode."
)
_LINES = 18


class TrustBar(QWidget):
    """Hidden where there is nothing to ask. `wanted` asks for the way to trust the file."""

    wanted = Signal()

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        line = row(self, spacing=10)
        line.setContentsMargins(12, 6, 12, 6)
        picture = label(theme)
        picture.setPixmap(theme.pixmap("warning", "warn", 16, self.devicePixelRatioF()))
        line.addWidget(picture)
        self.sentence = label(theme, wrap=True)
        line.addWidget(self.sentence, 1)
        self.ask = button(theme, "", look="primary", small=True)
        self.ask.clicked.connect(self.wanted)
        line.addWidget(self.ask)
        self.refresh()

    def refresh(self) -> None:
        """Show what is to be asked now."""
        pieces, held = self._session.code.untrusted, self._session.code.held
        self.setVisible(bool(pieces) or held)
        if pieces:
            count = len(pieces)
            nodes = "a node" if count == 1 else f"{count} nodes"
            self.sentence.setText(
                f"This file brings Python code of its own in {nodes}. It is not run until you trust it."
            )
            self.ask.setText("Trust this file…")
        elif held:
            self.sentence.setText(
                "The engine ended while it ran the Python code of this project. The code is not run "
                "until it changes."
            )
            self.ask.setText("Run it again")


class SafeBar(QWidget):
    """Says, all the time, that no foreign code runs, and how that ends; hidden where it does not hold."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        line = row(self, spacing=10)
        line.setContentsMargins(12, 6, 12, 6)
        self._picture = label(theme)
        line.addWidget(self._picture)
        self.sentence = label(theme, _SAFE, wrap=True)
        line.addWidget(self.sentence, 1)
        theme.changed.connect(self._on_theme)
        self._on_theme()
        self.setVisible(session.safe)

    def _on_theme(self) -> None:
        self._picture.setPixmap(self._theme.pixmap("lock", "accent", 16, self.devicePixelRatioF()))


class TrustPanel(QDialog):
    """The code, node by node, and what it means to agree."""

    def __init__(
        self, theme: Theme, pieces: tuple[CodePiece, ...], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Trust this file")
        self.resize(720, 620)
        outer = column(self, margins=20, spacing=12)
        outer.addWidget(label(theme, "Run the code of this file?", role="heading", weight=600))
        outer.addWidget(label(theme, _HONEST, tone="2", wrap=True))
        inside = surface("panel")
        layout = column(inside, spacing=8)
        self.views: list[CodeView] = []
        for piece in pieces:
            line = row(spacing=8)
            line.addWidget(label(theme, piece.node.name, weight=600))
            line.addWidget(label(theme, f"on {piece.where}", tone="3", role="caption"))
            line.addStretch(1)
            layout.addLayout(line)
            imports = _imports(piece.source)
            if imports:
                words = f"Imports {imports}, beside PyTorch."
                layout.addWidget(label(theme, words, tone="warn", wrap=True))
            view = CodeView(theme)
            view.show_code(piece.source)
            lines = min(_LINES, piece.source.count("\n") + 2)
            view.setMinimumHeight(lines * view.fontMetrics().lineSpacing() + 24)
            layout.addWidget(view)
            self.views.append(view)
        layout.addStretch(1)
        outer.addWidget(scrolled(inside), 1)
        buttons = row(spacing=8)
        buttons.addStretch(1)
        self.later = button(theme, "Not now")
        self.later.clicked.connect(self.reject)
        self.agree = button(theme, "Trust this file", look="primary")
        self.agree.clicked.connect(self.accept)
        for made in (self.later, self.agree):
            made.setAutoDefault(False)
            buttons.addWidget(made)
        outer.addLayout(buttons)
        self.later.setFocus()


def ask_trust(session: Session, theme: Theme, parent: QWidget) -> TrustPanel | None:
    """Open the panel; what was only held is run again without asking. Returns the panel, if there is one."""
    pieces = session.code.untrusted
    if not pieces:
        session.code.trust(())
        return None
    panel = TrustPanel(theme, pieces, parent)
    panel.accepted.connect(lambda: session.code.trust(pieces))
    panel.finished.connect(panel.deleteLater)
    panel.open()
    return panel


def _imports(source: str) -> str:
    try:
        return ", ".join(foreign_imports(source))
    except CodeError:
        return ""
