"""A part of a panel that opens at its title, and says closed how much of it is not as usual."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.ui.controls import button, column, label, row
from studio.ui.theme import Theme


class Fold(QWidget):
    """`body` takes what is inside; closed at first."""

    def __init__(self, theme: Theme, title: str, tip: str = "") -> None:
        super().__init__()
        self._theme = theme
        self._title = title
        outer = column(self, spacing=2)
        line = row(spacing=6)
        self.head = button(theme, title, icon="chevron-right", look="ghost", small=True, tip=tip)
        self.head.setCheckable(True)
        self.head.clicked.connect(self.open)
        self.remark = label(theme, tone="accent", role="caption")
        line.addWidget(self.head)
        line.addWidget(self.remark, 1)
        outer.addLayout(line)
        self._inside = QWidget()
        self.body: QVBoxLayout = column(self._inside, spacing=2)
        self.body.setContentsMargins(0, 0, 0, 4)
        outer.addWidget(self._inside)
        self.open(False)

    def open(self, wanted: bool) -> None:
        """Show what is inside, or hide it."""
        self.head.setChecked(wanted)
        self._theme.put_icon(self.head, "chevron-down" if wanted else "chevron-right", "text.2")
        self._inside.setVisible(wanted)

    @property
    def is_open(self) -> bool:
        """Whether its inside is shown."""
        return self.head.isChecked()

    def show_changed(self, names: list[str]) -> None:
        """Say which settings inside are not as usual."""
        self.remark.setText(", ".join(name.replace("_", " ") for name in names))
        state = "open" if self.is_open else "closed"
        self.head.setAccessibleName(f"{self._title}, {state}")
        self.head.setAccessibleDescription(self.remark.text())
