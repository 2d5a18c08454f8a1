"""The project's blocks and the person's own ones, as cards that can be dragged onto the canvas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from PySide6.QtCore import QMimeData, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDrag,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QApplication, QMenu, QScrollArea, QWidget

from studio.graph.catalog import Catalog
from studio.graph.geometry import node_size
from studio.graph.graph import Node
from studio.graph.kinds import spec_of
from studio.graph.project import Block, Sheet
from studio.graph.spec import LayerSpec
from studio.ui.canvas.drops import KEPT_MIME, KIND_MIME
from studio.ui.controls import button, column, label, row, surface
from studio.ui.library.tree import card, token_of
from studio.ui.reporting import reported
from studio.ui.theme import Theme
from studio.ui.views.panel import Remark


class BlockEntry(NamedTuple):
    """One block as the Library shows it; `kept` ones are the person's own.

    `users` are the nodes that stand for it, in words; `parameters` is None where no instance tells.
    """

    name: str
    block: Block
    spec: LayerSpec
    users: tuple[str, ...] = ()
    parameters: int | None = None
    kept: bool = False


class Miniature(QWidget):
    """A block's graph, very small: one bar a layer, in its category's colour."""

    def __init__(self, theme: Theme, sheet: Sheet, catalog: Catalog) -> None:
        super().__init__()
        self._theme = theme
        self._sheet = sheet
        self._catalog = catalog
        self.setFixedSize(48, 48)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    @reported
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color = self._theme.color
        painter.setPen(QPen(color("line"), 1))
        painter.setBrush(color("bg.canvas"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        boxes = {
            key: QRectF(place.x, place.y, *self._size(self._sheet.graph.nodes[key]))
            for key, place in self._sheet.places.items()
            if key in self._sheet.graph.nodes
        }
        whole = QRectF()
        for box in boxes.values():
            whole = whole.united(box)
        if whole.isEmpty():
            painter.end()
            return
        room = QRectF(self.rect()).adjusted(5, 5, -5, -5)
        scale = min(room.width() / whole.width(), room.height() / whole.height(), 0.16)
        painter.translate(room.center())
        painter.scale(scale, scale)
        painter.translate(-whole.center())
        painter.setPen(QPen(color("wire"), 1 / scale))
        for link in self._sheet.graph.links:
            start, end = boxes.get(link.source.node), boxes.get(link.target.node)
            if start is not None and end is not None:
                bottom, top = (
                    QPointF(start.center().x(), start.bottom()),
                    QPointF(end.center().x(), end.top()),
                )
                painter.drawLine(bottom, top)
        painter.setPen(Qt.PenStyle.NoPen)
        for key, box in boxes.items():
            spec = spec_of(self._sheet.graph.nodes[key], self._catalog.layers)
            painter.setBrush(color(token_of(spec.category if spec else "tensor")))
            painter.drawRoundedRect(box.adjusted(0, 4, 0, -4), 8, 8)
        painter.end()

    def _size(self, node: Node) -> tuple[float, float]:
        return node_size(node, spec_of(node, self._catalog.layers), True)


class BlockCard(QWidget):
    """One block. `wanted` carries what is asked for and the block's name."""

    wanted = Signal(str, str)

    def __init__(self, theme: Theme, entry: BlockEntry, catalog: Catalog) -> None:
        super().__init__()
        self._theme = theme
        self.entry = entry
        self._pressed: QPoint | None = None
        self.setProperty("surface", "card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        line = row(self, spacing=10)
        line.setContentsMargins(8, 8, 4, 8)
        line.addWidget(Miniature(theme, entry.block.sheet, catalog))
        words = column(spacing=1)
        head = row(spacing=4)
        self.title = label(theme, entry.name, role="title", weight=600)
        head.addWidget(self.title)
        self.uses = Remark(theme, uses_text(entry))
        self.uses.setFont(theme.font("caption"))
        head.addWidget(self.uses, 1)
        self.more = button(theme, icon="more", look="ghost", small=True, tip="More")
        self.more.setAccessibleName(f"What can be done with {entry.name}")
        self.more.clicked.connect(
            lambda: self._show_menu(self.more.mapToGlobal(self.more.rect().bottomLeft()))
        )
        head.addWidget(self.more)
        words.addLayout(head)
        self.ports = Remark(theme, ports_text(entry.spec))
        self.ports.setFont(theme.font("mono"))
        words.addWidget(self.ports)
        self.facts = Remark(theme, facts_text(entry))
        self.facts.setFont(theme.font("caption"))
        words.addWidget(self.facts)
        line.addLayout(words, 1)
        doc = entry.block.doc or entry.spec.doc
        used = f"Used by {', '.join(entry.users)}." if entry.users else ""
        self.setToolTip("\n".join(part for part in (ports_text(entry.spec), doc, used) if part))
        told = ", ".join(part for part in (facts_text(entry), uses_text(entry)) if part)
        self.setAccessibleName(f"{entry.name}, block, {told}")

    def menu(self) -> QMenu:
        """Return what can be done with the block; what cannot be says why."""
        entry = self.entry
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        menu.addAction("Add to the canvas", lambda: self._want("add"))
        if entry.kept:
            menu.addAction("Delete from Yours", lambda: self._want("forget"))
            return menu
        menu.addAction("Open", lambda: self._want("open"))
        menu.addAction("Rename…", lambda: self._want("rename"))
        menu.addAction("Save to Yours", lambda: self._want("keep"))
        delete = menu.addAction("Delete", lambda: self._want("delete"))
        delete.setEnabled(not entry.users)
        users = ", ".join(entry.users)
        delete.setToolTip(f"In use: {users}. Delete or unpack these first." if users else "")
        return menu

    def _show_menu(self, at: QPoint) -> None:
        self.menu().popup(at)

    def _want(self, action: str) -> None:
        self.wanted.emit(action, self.entry.name)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self._show_menu(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._want("add")
        else:
            super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._want("add")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pressed = None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        far = QApplication.startDragDistance()
        if self._pressed is None:
            return
        if (event.position().toPoint() - self._pressed).manhattanLength() < far:
            return
        self._pressed = None
        drag = QDrag(self)
        drag.setMimeData(self.mime())
        drag.setPixmap(card(self._theme, self.entry.name, "block"))
        drag.setHotSpot(drag.pixmap().rect().center() / int(drag.pixmap().devicePixelRatio()))
        drag.exec(Qt.DropAction.CopyAction)

    def mime(self) -> QMimeData:
        """Return what a drag of this card carries."""
        mime = QMimeData()
        if self.entry.kept:
            mime.setData(KEPT_MIME, self.entry.name.encode())
        else:
            mime.setData(KIND_MIME, self.entry.spec.kind.encode())
        return mime


class BlockList(QScrollArea):
    """This project's blocks, and the person's own. `wanted` carries (`add`, `open`, …) and a name,
    and whether the block is one of the person's own."""

    wanted = Signal(str, str, bool)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._query = ""
        self._shown: tuple[BlockEntry, ...] = ()
        self.cards: dict[tuple[bool, str], BlockCard] = {}
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = surface("panel")
        self._layout = column(inside, spacing=8)
        self._layout.setContentsMargins(12, 4, 12, 12)
        self.setWidget(inside)
        self._groups = {}
        for kept, title, empty in (
            (False, "This project", _NO_BLOCKS),
            (True, "Yours", _NO_KEPT),
        ):
            self._layout.addWidget(label(theme, title, tone="2", weight=600))
            note = label(theme, empty, tone="3", wrap=True)
            self._layout.addWidget(note)
            cards = column(spacing=8)
            self._layout.addLayout(cards)
            self._groups[kept] = (note, cards)
            if not kept:
                self.scan = button(theme, "New scan block…", icon="loop", small=True)
                self.scan.setToolTip(_SCAN)
                self.scan.clicked.connect(lambda: self.wanted.emit("new_scan", "", False))
                self._layout.addWidget(self.scan)
        self.none = label(theme, "No block has a name or description like that.", tone="3")
        self.none.hide()
        self._layout.addWidget(self.none)
        self.faults = label(theme, tone="warn", role="caption", wrap=True)
        self._layout.addWidget(self.faults)
        self._layout.addStretch(1)

    def show_blocks(
        self, entries: Iterable[BlockEntry], catalog: Catalog, faults: Iterable[str] = ()
    ) -> None:
        """List these, and what is wrong with others; nothing is made anew while they are the same."""
        self.faults.setText("\n".join(faults))
        self.faults.setVisible(bool(self.faults.text()))
        shown = tuple(entries)
        if shown != self._shown or not self.cards:
            self._shown = shown
            self._build(catalog)
        self.search(self._query)

    def search(self, query: str) -> None:
        """Show only blocks that mention every word of `query`."""
        self._query = query
        words = query.lower().split()
        found = 0
        for made in self.cards.values():
            text = f"{made.entry.name} {made.entry.spec.doc}".lower()
            fits = all(word in text for word in words)
            made.setVisible(fits)
            found += fits
        self.scan.setVisible(not words)
        for kept, (note, _) in self._groups.items():
            note.setVisible(not words and not any(key[0] is kept for key in self.cards))
        self.none.setVisible(bool(words) and not found)

    def choose_first(self) -> None:
        """Give the keyboard to the first block."""
        for key in self.shown_names[:1]:
            self.cards[key].setFocus()

    def add_first(self) -> None:
        """Add the first block that is listed."""
        for kept, name in self.shown_names[:1]:
            self.wanted.emit("add", name, kept)

    @property
    def shown_names(self) -> list[tuple[bool, str]]:
        """The blocks that are listed now, from the top: whether it is one's own, and its name."""
        return [key for key, made in self.cards.items() if not made.isHidden()]

    def _build(self, catalog: Catalog) -> None:
        for (kept, _), old in self.cards.items():
            self._groups[kept][1].removeWidget(old)
            old.hide()
            old.deleteLater()
        self.cards = {}
        for entry in sorted(self._shown, key=lambda one: one.kept):
            made = BlockCard(self._theme, entry, catalog)
            made.wanted.connect(
                lambda action, name, kept=entry.kept: self.wanted.emit(action, name, kept)
            )
            self.cards[entry.kept, entry.name] = made
            self._groups[entry.kept][1].addWidget(made)


def ports_text(spec: LayerSpec) -> str:
    """Return what goes in and out: `x, [h] → out, h`; what may be left open stands in brackets."""
    inputs = ", ".join(f"[{one.name}]" if one.optional else one.name for one in spec.inputs)
    outputs = ", ".join(one.name for one in spec.outputs)
    return f"{inputs or 'nothing'} → {outputs or 'nothing'}"


def facts_text(entry: BlockEntry) -> str:
    """Return how large a block is: `4 layers · 18 560 parameters`."""
    ends = ("core.input", "core.output", "core.state", "core.next", "core.reroute")
    layers = sum(node.kind not in ends for node in entry.block.sheet.graph.nodes.values())
    parts = [f"{layers} layer{'' if layers == 1 else 's'}"]
    if entry.parameters is not None:
        parts.append(f"{Theme.number(entry.parameters)} parameters")
    return " · ".join(parts)


def uses_text(entry: BlockEntry) -> str:
    """Return how many nodes stand for a block of this project: `2 instances`."""
    count = len(entry.users)
    if entry.kept:
        return ""
    return f"{count} instance{'' if count == 1 else 's'}" if count else "not used"


_SCAN = (
    "A block that runs over time, step by step: input, state, next value and output, wired as the "
    "plainest recurrent cell. Draw an LSTM's gates between them."
)
_NO_BLOCKS = "None yet. Select layers on the canvas and press Ctrl+B to use them as one node."
_NO_KEPT = "None yet. Save to Yours keeps a block for other projects."
