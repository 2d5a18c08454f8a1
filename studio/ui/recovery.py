"""A bar that offers work which an earlier window left unsaved."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from studio.session.keeping import Recoverable
from studio.session.session import Session
from studio.ui.controls import button, label, row
from studio.ui.theme import Theme


class RecoveryBar(QWidget):
    """Offers the newest unsaved work; hidden where there is none."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._items: list[Recoverable] = []
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        line = row(self, spacing=8)
        line.setContentsMargins(12, 6, 12, 6)
        icon = label(theme)
        icon.setPixmap(theme.pixmap("history", "warn", 16, self.devicePixelRatioF()))
        line.addWidget(icon)
        self.words = label(theme)
        line.addWidget(self.words, 1)
        self.recover = button(theme, "Recover", look="primary", small=True)
        self.recover.clicked.connect(self._on_recover)
        self.discard = button(theme, "Discard", small=True)
        self.discard.clicked.connect(self._on_discard)
        later = button(
            theme, icon="close", look="ghost", small=True, tip="Decide at the next start"
        )
        later.clicked.connect(self.hide)
        for made in (self.recover, self.discard, later):
            line.addWidget(made)
        self.hide()

    def offer(self) -> None:
        """Look for unsaved work and offer it."""
        self._items = list(self._session.recoverable())
        self._show()

    def _show(self) -> None:
        self.setVisible(bool(self._items))
        if not self._items:
            return
        item = self._items[0]
        name = Path(item.document).name if item.document else "an untitled project"
        when = time.strftime("%d %B, %H:%M", time.localtime(item.time))
        more = f" ({len(self._items) - 1} more after it)" if len(self._items) > 1 else ""
        self.words.setText(f"Unsaved work on {name} from {when} was left behind.{more}")

    def _on_recover(self) -> None:
        item = self._items.pop(0)
        self._session.recover(item)
        self._show()

    def _on_discard(self) -> None:
        self._session.discard(self._items.pop(0))
        self._show()
