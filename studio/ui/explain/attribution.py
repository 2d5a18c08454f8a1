"""The Attribution tab: what is read at the top, the maps below, methods at the right."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QWidget

from studio.engine import protocol as p
from studio.session.session import Session
from studio.ui import controls
from studio.ui.explain.maps import Maps
from studio.ui.explain.methods import Methods, worded
from studio.ui.explain.reading import Reading
from studio.ui.explain.subject import Subject
from studio.ui.theme import Theme


class Attribution(QWidget):
    """Assembles the tab; the sample browser is its neighbour, for the Attention tab shares it."""

    def __init__(
        self, session: Session, theme: Theme, subject: Subject, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._subject = session, subject
        self.reading = Reading(theme, subject)
        self.methods = Methods(theme, subject)
        self.maps = Maps(session, theme, subject, self.methods, self.reading.large)
        self.maps.explained.connect(self._on_explained)
        centre = QWidget()
        column = controls.column(centre)
        column.addWidget(self.reading, 1)
        column.addWidget(controls.rule())
        # The maps take as much height as their width asks for, the sample what is left.
        column.addWidget(self.maps, 8)
        parts = QSplitter(Qt.Orientation.Horizontal)
        parts.setHandleWidth(1)
        parts.setChildrenCollapsible(False)
        parts.addWidget(centre)
        parts.addWidget(self.methods)
        parts.setStretchFactor(0, 1)
        parts.setSizes([992, 312])
        controls.column(self).addWidget(parts)
        subject.changed.connect(self._on_changed)
        self.show_methods()

    def show_methods(self) -> None:
        """List the catalogue's methods anew."""
        self.methods.show_methods(self._session.catalog.methods)

    def _on_changed(self) -> None:
        self.show_methods()
        self.methods.show_outputs()
        self.reading.set_question("")
        self.maps.ask_all()

    def _on_explained(self, found: p.Explanation) -> None:
        self.reading.set_question(worded(self._subject, found))
