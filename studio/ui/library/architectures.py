"""Architectures as cards: what each is, who published it, its options, and a button that draws it."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QMimeData, QPoint, Qt, Signal
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget

from studio.graph.params import Value
from studio.graph.spec import ArchitectureSpec
from studio.ui.controls import button, column, label, row, surface
from studio.ui.form import Form
from studio.ui.library.tree import KIND_MIME, card
from studio.ui.theme import Theme


class ArchitectureCard(QWidget):
    """One architecture; `drawn` carries its kind and the options chosen here."""

    drawn = Signal(str, dict)

    def __init__(self, theme: Theme, spec: ArchitectureSpec) -> None:
        super().__init__()
        self._theme = theme
        self.spec = spec
        self.values: dict[str, Value] = {}
        self._pressed: QPoint | None = None
        self.setProperty("surface", "card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = column(self, margins=12, spacing=6)
        head = row(spacing=6)
        head.addWidget(label(theme, spec.title, role="title", weight=600), 1)
        if spec.published_parameters:
            count = theme.number(spec.published_parameters)
            size = label(theme, count, tone="3", role="caption")
            size.setToolTip(f"{count} parameters as published")
            head.addWidget(size)
        outer.addLayout(head)
        outer.addWidget(label(theme, spec.doc, tone="2", wrap=True))
        if spec.paper:
            year = f" ({spec.year})" if spec.year else ""
            outer.addWidget(label(theme, spec.paper + year, tone="3", role="caption", wrap=True))
        self.form = Form(theme, label_width=60)
        self.form.show_params(spec.params, self.values)
        self.form.edited.connect(self._on_edited)
        self.form.cleared.connect(self._on_cleared)
        self.form.hide()
        outer.addWidget(self.form)
        foot = row(spacing=6)
        self.draw = button(theme, "Draw", small=True)
        self.draw.setToolTip("Draw it in place of the present network; Undo brings that back")
        self.draw.clicked.connect(lambda: self.drawn.emit(spec.kind, dict(self.values)))
        foot.addWidget(self.draw)
        if spec.params:
            self.options = button(theme, "Options", icon="settings", look="ghost", small=True)
            self.options.setCheckable(True)
            self.options.toggled.connect(self.form.setVisible)
            foot.addWidget(self.options)
        foot.addStretch(1)
        outer.addLayout(foot)
        self.setAccessibleName(f"{spec.title}, architecture")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        far = QApplication.startDragDistance()
        if self._pressed is None:
            return
        if (event.position().toPoint() - self._pressed).manhattanLength() < far:
            return
        self._pressed = None
        mime = QMimeData()
        mime.setData(KIND_MIME, self.spec.kind.encode())
        drag = QDrag(self)
        drag.setMimeData(mime)
        drag.setPixmap(card(self._theme, self.spec.title, "block"))
        drag.exec(Qt.DropAction.CopyAction)

    def _on_edited(self, name: str, value: Value) -> None:
        self.values[name] = value
        self.form.show_params(self.spec.params, self.values)

    def _on_cleared(self, name: str) -> None:
        self.values.pop(name, None)
        self.form.show_params(self.spec.params, self.values)


class ArchitectureList(QScrollArea):
    """Every architecture of the catalogue that answers the search."""

    drawn = Signal(str, dict)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._specs: tuple[ArchitectureSpec, ...] = ()
        self.cards: dict[str, ArchitectureCard] = {}
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._inside = surface("panel")
        self._layout = column(self._inside, margins=12, spacing=8)
        self._none = label(theme, tone="3", wrap=True)
        self._layout.addWidget(self._none)
        self._layout.addStretch(1)
        self.setWidget(self._inside)

    def show_architectures(self, specs: Iterable[ArchitectureSpec]) -> None:
        """List these, keeping cards that are there already."""
        self._specs = tuple(specs)
        for old in self.cards.values():
            self._layout.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.cards = {}
        for spec in self._specs:
            made = ArchitectureCard(self._theme, spec)
            made.drawn.connect(self.drawn)
            self.cards[spec.kind] = made
            self._layout.insertWidget(self._layout.count() - 1, made)
        self.search("")

    def search(self, query: str) -> None:
        """Show only cards that mention every word of `query`."""
        words = query.lower().split()
        shown = 0
        for made in self.cards.values():
            spec = made.spec
            text = f"{spec.title} {spec.kind} {spec.doc} {spec.paper} {spec.category}".lower()
            fits = all(word in text for word in words)
            made.setVisible(fits)
            shown += fits
        self._none.setVisible(not shown)
        self._none.setText(
            "No architecture mentions that." if self.cards else "Architectures are loading."
        )
