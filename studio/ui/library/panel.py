"""The Library panel: four tabs, one search field, and a card that says what is under the mouse."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QStackedWidget, QTabBar, QVBoxLayout, QWidget

from studio.graph.blocks import sighting
from studio.graph.edits.instances import sheets, users
from studio.graph.graph import BLOCK
from studio.graph.project import Project
from studio.graph.spec import LayerSpec
from studio.graph.topology import block_spec
from studio.session import events as e
from studio.session.session import Session
from studio.ui.controls import SearchField, column, label, row, rule, surface
from studio.ui.data_panel import DataPanel
from studio.ui.library.architectures import ArchitectureList
from studio.ui.library.blocks import BlockEntry, BlockList
from studio.ui.library.tree import LayerTree
from studio.ui.theme import Theme

TABS = ("Layers", "Blocks", "Architectures", "Data")
#: Icons of the tabs where the Library is only a rail.
TAB_ICONS = ("conv", "block", "network", "data")

LOADING = "The layers are loading: PyTorch is asked what it has. The canvas can be used meanwhile."


class Library(QWidget):
    """Layers, blocks, architectures and data. `add_layer(kind)` puts a layer on the canvas.

    `block_wanted` carries what shall be done with a block (`open`, `rename`, `keep`, `delete`; `put` and
    `forget` for the person's own), and its name; or `new_scan`, and none.
    """

    block_wanted = Signal(str, str)

    def __init__(self, session: Session, theme: Theme, add_layer: Callable[[str], object]) -> None:
        super().__init__()
        self._session = session
        self._add_layer = add_layer
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
        self.blocks = BlockList(theme)
        self.blocks.wanted.connect(self._on_block)
        self.architectures = ArchitectureList(theme)
        self.data = DataPanel(session, theme)
        self.stack = QStackedWidget()
        self.loading = label(theme, LOADING, tone="2", wrap=True)
        layers_page = QWidget()
        self.loading.setContentsMargins(16, 8, 16, 8)
        inside: QVBoxLayout = column(layers_page)
        inside.addWidget(self.loading)
        inside.addWidget(self.layers, 1)
        for page in (layers_page, self.blocks, self.architectures, self.data):
            self.stack.addWidget(page)
        outer.addWidget(self.stack, 1)

        self.footer = _Footer(theme)
        outer.addWidget(self.footer)
        self.layers.added.connect(add_layer)
        self.layers.hovered.connect(self._on_hovered)
        self.architectures.drawn.connect(session.draw)
        self._show_catalog()
        self._show_blocks()

    def on_event(self, event: e.SessionEvent) -> None:
        """Follow the catalogue, the project's blocks and its data."""
        match event:
            case e.CatalogChanged():
                self._show_catalog()
                self._show_blocks()
            case e.DocumentOpened() | e.BlocksChanged() | e.FactsChanged():
                self._show_blocks()
            case e.DocumentChanged(before=before, after=after):
                if self.tabs.currentIndex() == 1 and _holds(before) != _holds(after):
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
        if event.key() == Qt.Key.Key_Escape and self.search.text():
            self.search.clear()
            return True
        tab = self.tabs.currentIndex()
        if tab > 1:
            return False
        if event.key() == Qt.Key.Key_Down:
            self.blocks.choose_first() if tab else self.layers.choose_first()
            if not tab:
                self.layers.setFocus()
            return True
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.search.text():
                self.blocks.add_first() if tab else self.layers.add_first()
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
        if self.tabs.currentIndex() != 1:
            return  # shown when it is looked at
        project, shelf = self._session.document.project, self._session.shelf.stored()
        entries = [self._entry(project, name) for name in project.blocks]
        for one in shelf:
            if one.fragment is not None and one.block is not None:
                spec = block_spec(Project(blocks=one.fragment.blocks), BLOCK + one.name)
                assert spec is not None
                entries.append(BlockEntry(one.name, one.block, spec, kept=True))
        faults = [one.fault.message for one in shelf if one.fault is not None]
        self.blocks.show_blocks(entries, self._session.catalog, faults)

    def _entry(self, project: Project, name: str) -> BlockEntry:
        spec = block_spec(project, BLOCK + name)
        assert spec is not None
        facts, found = self._session.facts, sighting(project, name)
        network = facts.networks.get(found.network) if facts and found else None
        parameters = None
        if network is not None and found is not None:
            ids = project.blocks[name].sheet.graph.nodes
            inside = [network.nodes.get(found.prefix + key) for key in ids]
            if any(inside):
                parameters = sum(one.parameters for one in inside if one is not None)
        return BlockEntry(name, project.blocks[name], spec, users(project, name), parameters)

    def _on_block(self, action: str, name: str, kept: bool) -> None:
        if kept:
            self.block_wanted.emit("put" if action == "add" else action, name)
        elif action == "add":
            self._add_layer(BLOCK + name)
        else:
            self.block_wanted.emit(action, name)

    def _on_tab(self, index: int) -> None:
        self.stack.setCurrentIndex(index)
        self._search_row.setVisible(index != 3)
        self.footer.setVisible(index == 0)
        self._show_blocks()
        catalog = self._session.catalog
        noun, count = {
            0: ("layers", len(catalog.layers)),
            1: ("blocks", len(self.blocks.cards)),
        }.get(index, ("architectures", len(catalog.architectures)))
        self.search.setPlaceholderText(f"Search {count} {noun}" if count > 1 else f"Search {noun}")
        self.search.setAccessibleName(f"Search {noun}")

    def _on_search(self, text: str) -> None:
        self.layers.show_layers(self._session.catalog.layers.values(), text)
        self.blocks.search(text)
        self.architectures.search(text)

    def _on_hovered(self, kind: str) -> None:
        self.footer.show_spec(self._session.catalog.layers.get(kind))


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


def _holds(project: Project) -> tuple[object, ...]:
    """Return what the list of blocks depends on: definitions, and who uses them."""
    return (
        *project.blocks.items(),
        *(
            (where, node.name, node.kind)
            for where, sheet in sheets(project)
            for node in sheet.graph.nodes.values()
            if node.kind.startswith(BLOCK)
        ),
    )


def _inset(tabs: QTabBar) -> QWidget:
    holder = QWidget()
    line = row(holder)
    line.setContentsMargins(8, 0, 8, 0)
    line.addWidget(tabs, 1)
    return holder
