"""What became of each part of an import, a line each; a line leads to its node."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from studio.graph.project import Project
from studio.graph.report import ReportLine
from studio.graph.topology import name_path
from studio.ui.controls import column, label
from studio.ui.theme import Theme

_ICONS = {"exact": "check", "approximated": "warning", "missing": "error"}
_COLORS = {"exact": "text.2", "approximated": "warn", "missing": "error"}
_WORDS = {"exact": "exact", "approximated": "approximated", "missing": "missing"}
_PATH = int(Qt.ItemDataRole.UserRole)


class ReportList(QWidget):
    """The lines of a report, what needs an eye first. `revealed` carries the id path of a line's node."""

    revealed = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        layout = column(self, spacing=8)
        self.summary = label(theme, tone="2", wrap=True)
        layout.addWidget(self.summary)
        self.lines = QListWidget()
        self.lines.setAccessibleName("Report")
        self.lines.setWordWrap(True)
        self.lines.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.lines.itemClicked.connect(self._on_chosen)
        self.lines.itemActivated.connect(self._on_chosen)
        layout.addWidget(self.lines, 1)

    def show_report(self, report: Sequence[ReportLine], project: Project) -> None:
        """Show the lines; the project says what the nodes are called."""
        self.lines.clear()
        counts = {fate: sum(line.fate == fate for line in report) for fate in _WORDS}
        parts = [f"{counts[fate]} {_WORDS[fate]}" for fate in _WORDS if counts[fate]]
        self.summary.setText(f"{', '.join(parts)}. Click a line to see its node.")
        for line in report:
            item = QListWidgetItem(line.text)
            item.setIcon(self._theme.icon(_ICONS[line.fate], _COLORS[line.fate]))
            item.setData(_PATH, line.path)
            where = name_path(project, "main", line.path) if line.path else "the whole network"
            item.setToolTip(f"{_WORDS[line.fate].capitalize()}: {where}")
            self.lines.addItem(item)

    def _on_chosen(self, item: QListWidgetItem) -> None:
        path = item.data(_PATH)
        if path:
            self.revealed.emit(path)
