"""The frame of what brings something in: a heading, pages, progress, a complaint, and the report at the end."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QDialog, QLayout, QProgressBar, QStackedWidget, QWidget

from studio.graph.report import ReportLine
from studio.session import events as e
from studio.session.session import Session
from studio.ui.controls import button, column, label
from studio.ui.importing.report import ReportList
from studio.ui.theme import Theme


class ImportDialog(QDialog):
    """Listens to the session from `listen` on until it is closed. `revealed` carries a node's id path.

    `closed` tells answers that came too late that nobody waits for them.
    """

    revealed = Signal(str)

    def __init__(
        self,
        session: Session,
        theme: Theme,
        title: str,
        size: QSize,
        reading: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._theme = session, theme
        self.closed = False
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(size)
        self.column = column(self, margins=20, spacing=12)
        self.heading = label(theme, title, role="heading", weight=600)
        self.pages = QStackedWidget()
        self.report = ReportList(theme)
        self.report.revealed.connect(self.revealed)
        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(reading)
        self.progress.hide()
        self.message = label(theme, tone="error", wrap=True)
        self.message.hide()
        self.cancel = button(theme, "Cancel")

    def assemble(self, first: QWidget, buttons: QLayout, *above: QWidget) -> None:
        """Lay out the frame: the first page, what stands above it, and the buttons below."""
        self.pages.addWidget(first)
        self.pages.addWidget(self.report)
        for widget in (self.heading, *above):
            self.column.addWidget(widget)
        self.column.addWidget(self.pages, 1)
        self.column.addWidget(self.progress)
        self.column.addWidget(self.message)
        self.column.addLayout(buttons)

    def listen(self) -> None:
        """Follow the session, until the dialog is closed."""
        unsubscribe = self._session.subscribe(self.on_event)
        self.finished.connect(unsubscribe)
        self.finished.connect(self._on_closed)

    def on_event(self, event: e.SessionEvent) -> None:
        """Follow the session."""

    def complain(self, sentence: str) -> None:
        """Say what is wrong; "" for nothing."""
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))

    def conclude(self, heading: str, report: tuple[ReportLine, ...], *done: QWidget) -> None:
        """Show what became of each part; `done` are the buttons that have nothing left to do."""
        self.heading.setText(heading)
        self.report.show_report(report, self._session.document.project)
        self.pages.setCurrentWidget(self.report)
        for widget in done:
            widget.hide()
        self.cancel.setText("Close")

    def _on_closed(self) -> None:
        self.closed = True
