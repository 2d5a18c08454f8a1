"""The Library panel: four tabs, one search field, and a card that says what is under the mouse."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QStackedWidget, QTabBar, QVBoxLayout, QWidget

from studio.graph.graph import BLOCK
from studio.graph.spec import LayerSpec
from studio.graph.topology import block_spec
from studio.session import events as e
from studio.session.session import Session
from studio.ui.controls import SearchField, column, label, row, rule, surface
from studio.ui.data_panel import DataPanel
from studio.ui.library.architectures import ArchitectureList
from studio.ui.library.tree import LayerTree
from studio.ui.theme import Theme

TABS = ("Layers", "Blocks", "Architectures", "Data")
#: Icons of the tabs where the Library is only a rail.
TAB_ICONS = ("conv", "block", "network", "data")

LOADING = "The layers are loading: PyTorch is asked what it has. The canvas can be used meanwhile."


class Library(QWidget):
    """Layers, blocks, architectures and data. `add_layer(kind)` puts a layer on the canvas."""

    def __init__(self, session: Session, theme: Theme, add_layer: Callable[[str], object]) -> None:
        super().__init__()
        self._session = session
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = column(self)
        self.tabs = QTabBar()
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        self.tabs.setUsesScrollButtons(False)
        self.tabs.setAccessibleName("Library")
        for title in TABS:
            self.tabs.addTab(title)
        self.tabs.currentChanged.connect(self._on_tab)
        outer.addWidget(_inset(self.tabs))
        outer.addWidget(rule())
        self._search_row = QWidget()
        line = row(self._search_row)
        line.setContentsMargins(12, 12, 12, 8)
        self.search = SearchField(theme, "/")
        self.search.textChanged.connect(self._on_search)
        self.search.installEventFilter(self)
        line.addWidget(self.search)
        outer.addWidget(self._search_row)

        self.layers = LayerTree(theme)
        self.blocks = LayerTree(theme)
        self.architectures = ArchitectureList(theme)
        self.data = DataPanel(session, theme)
        self.stack = QStackedWidget()
        self.loading = label(theme, LOADING, tone="2", wrap=True)
        self.no_blocks = label(
            theme,
            "This project has no blocks. Select layers on the canvas and choose Graph → Make block.",
            tone="2",
            wrap=True,
        )
        layers_page, blocks_page = QWidget(), QWidget()
        for page, note, tree in (
            (layers_page, self.loading, self.layers),
            (blocks_page, self.no_blocks, self.blocks),
        ):
            note.setContentsMargins(16, 8, 16, 8)
            inside: QVBoxLayout = column(page)
            inside.addWidget(note)
            inside.addWidget(tree, 1)
        for page in (layers_page, blocks_page, self.architectures, self.data):
            self.stack.addWidget(page)
        outer.addWidget(self.stack, 1)

        self.footer = _Footer(theme)
        outer.addWidget(self.footer)
        for tree in (self.layers, self.blocks):
            tree.added.connect(add_layer)
            tree.hovered.connect(self._on_hovered)
        self.architectures.drawn.connect(session.draw)
        self._show_catalog()
        self._show_blocks()

    def on_event(self, event: e.SessionEvent) -> None:
        """Follow the catalogue, the project's blocks and its data."""
        match event:
            case e.CatalogChanged():
                self._show_catalog()
            case e.DocumentOpened():
                self._show_blocks()
            case e.DocumentChanged(before=before, after=after):
                if before.blocks is not after.blocks:
                    self._show_blocks()
            case _:
                pass
        self.data.on_event(event)

    def focus_search(self) -> None:
        """Put the cursor into the search field."""
        if self.tabs.currentIndex() == 3:
            self.tabs.setCurrentIndex(0)
        self.search.setFocus()
        self.search.selectAll()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        tree = self.blocks if self.tabs.currentIndex() == 1 else self.layers
        if event.key() == Qt.Key.Key_Escape and self.search.text():
            self.search.clear()
            return True
        if self.tabs.currentIndex() > 1:
            return False
        if event.key() == Qt.Key.Key_Down:
            tree.choose_first()
            tree.setFocus()
            return True
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            kinds = tree.shown_kinds
            if self.search.text() and kinds:
                tree.added.emit(kinds[0])
            return True
        return False

    def _show_catalog(self) -> None:
        catalog = self._session.catalog
        self.loading.setVisible(not catalog.layers)
        self.layers.setVisible(bool(catalog.layers))
        self._on_search(self.search.text())
        self.architectures.show_architectures(catalog.architectures.values())
        self._on_tab(self.tabs.currentIndex())

    def _show_blocks(self) -> None:
        specs = self._block_specs()
        self.no_blocks.setVisible(not specs)
        self.blocks.setVisible(bool(specs))
        self.blocks.show_layers(specs, self.search.text())

    def _block_specs(self) -> list[LayerSpec]:
        project = self._session.document.project
        found = [block_spec(project, BLOCK + name) for name in project.blocks]
        return [spec for spec in found if spec is not None]

    def _on_tab(self, index: int) -> None:
        self.stack.setCurrentIndex(index)
        self._search_row.setVisible(index != 3)
        self.footer.setVisible(index < 2)
        catalog = self._session.catalog
        noun, count = {
            0: ("layers", len(catalog.layers)),
            1: ("blocks", len(self._session.document.project.blocks)),
        }.get(index, ("architectures", len(catalog.architectures)))
        self.search.setPlaceholderText(f"Search {count} {noun}" if count else f"Search {noun}")
        self.search.setAccessibleName(f"Search {noun}")

    def _on_search(self, text: str) -> None:
        self.layers.show_layers(self._session.catalog.layers.values(), text)
        self.blocks.show_layers(self._block_specs(), text)
        self.architectures.search(text)

    def _on_hovered(self, kind: str) -> None:
        catalog, project = self._session.catalog, self._session.document.project
        self.footer.show_spec(catalog.layers.get(kind) or block_spec(project, kind))


class _Footer(QWidget):
    """What the layer under the mouse is, and what goes in and out."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        outer = column(self)
        outer.addWidget(rule())
        inside = surface("panel")
        text = column(inside, spacing=4)
        text.setContentsMargins(16, 10, 16, 12)
        head = row()
        self.title = label(theme, weight=600)
        self.ports = label(theme, tone="3", role="mono")
        head.addWidget(self.title, 1)
        head.addWidget(self.ports)
        text.addLayout(head)
        self.doc = label(theme, tone="2", wrap=True)
        self.doc.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.doc.setFixedHeight(3 * self.doc.fontMetrics().lineSpacing())
        text.addWidget(self.doc)
        outer.addWidget(inside)
        self.show_spec(None)

    def show_spec(self, spec: LayerSpec | None) -> None:
        """Show a layer, or how layers get onto the canvas."""
        if spec is None:
            self.title.setText("Add a layer")
            self.ports.setText("")
            self.doc.setText("Drag one onto the canvas or onto a wire, or press Enter to add it.")
            return
        self.title.setText(spec.title)
        inputs = ", ".join(port.name for port in spec.inputs)
        outputs = ", ".join(port.name for port in spec.outputs)
        ports = f"{inputs} → {outputs}"
        self.ports.setText(
            ports if len(ports) <= 20 else f"{len(spec.inputs)} → {len(spec.outputs)}"
        )
        self.doc.setText(spec.doc)
        self.doc.setToolTip("")


def _inset(tabs: QTabBar) -> QWidget:
    holder = QWidget()
    line = row(holder)
    line.setContentsMargins(8, 0, 8, 0)
    line.addWidget(tabs, 1)
    return holder
