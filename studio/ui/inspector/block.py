"""A block's own page: what it is for, its ports, its parameters, and who uses it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QPlainTextEdit, QWidget

from studio.graph.edits import SetBlock
from studio.graph.edits.instances import users
from studio.graph.graph import BLOCK, STATE
from studio.graph.spec import LayerSpec
from studio.graph.topology import block_spec, runs_over_time
from studio.session.session import Session
from studio.ui.controls import button, column, label, row, surface
from studio.ui.inspector.block_params import BlockParams
from studio.ui.inspector.instance import linked
from studio.ui.inspector.node import scrolled, section
from studio.ui.inspector.sight import Sight
from studio.ui.theme import Theme

_TIME = (
    "Runs over time: dimension 1 of its inputs is the step. Every step reads {names} as the step before "
    "left it, and hands the next value on by Next."
)


class BlockPage(QWidget):
    """Shown inside a block while nothing is selected. `wanted` carries a command of the canvas."""

    wanted = Signal(str)

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        self._name = ""
        outer = column(self)
        inside = surface("panel")
        layout = column(inside, spacing=6)
        layout.setContentsMargins(14, 12, 6, 16)
        head = row(spacing=10)
        self.glyph = label(theme)
        self.title = label(theme, role="heading", weight=600)
        head.addWidget(self.glyph)
        head.addWidget(self.title, 1)
        back = "Back to where it is used (Backspace)"
        self.leave = button(theme, icon="chevron-left", look="ghost", small=True, tip=back)
        self.leave.clicked.connect(lambda: self.wanted.emit("leave"))
        head.addWidget(self.leave)
        layout.addLayout(head)
        self.linked = label(theme, tone="2", wrap=True)
        layout.addWidget(self.linked)
        layout.addLayout(self._make_buttons())
        self.doc = _Words(theme)
        self.doc.left.connect(self._on_doc)
        well = surface("well")
        column(well, margins=2).addWidget(self.doc)
        layout.addWidget(well)
        self.time = label(theme, tone="2", wrap=True)
        layout.addWidget(self.time)
        layout.addWidget(section(theme, "Ports, in the order of the instance"))
        self.ports = Ports(theme)
        layout.addWidget(self.ports)
        layout.addWidget(section(theme, "Parameters"))
        self.params = BlockParams(session, theme)
        layout.addWidget(self.params)
        layout.addStretch(1)
        outer.addWidget(scrolled(inside))

    def _make_buttons(self) -> QHBoxLayout:
        line = row(spacing=6)
        for key, text, icon, tip in (
            ("rename_block", "Rename…", "", "Give the block another name"),
            ("save_block", "Save to Yours", "save", "Keep the block for other projects"),
        ):
            made = button(self._theme, text, icon=icon, small=True, tip=tip)
            made.clicked.connect(lambda _=False, command=key: self.wanted.emit(command))
            line.addWidget(made)
        line.addStretch(1)
        return line

    def show_block(self, sight: Sight) -> None:
        """Show the block whose sheet is in sight."""
        project = self._session.document.project
        name = sight.where.removeprefix(BLOCK)
        block, spec = project.blocks[name], block_spec(project, sight.where)
        if spec is None:
            return
        self._name = name
        graph = block.sheet.graph
        timed = runs_over_time(graph)
        glyph = "loop" if timed else "block"
        self.glyph.setPixmap(self._theme.pixmap(glyph, "text.2", 16, self.devicePixelRatioF()))
        self.title.setText(name)
        used = users(project, name)
        self.leave.setVisible(bool(sight.prefix))
        self.linked.setText(f"{linked(len(used))}\n{_some(used)}".strip())
        self.doc.show_text(block.doc)
        self.time.setVisible(timed)
        self.time.setText(_TIME.format(names=", ".join(n.name for n in graph.of_kind(STATE))))
        self.ports.show_ports(spec, self._types(sight))
        self.params.show_block(name)

    def _types(self, sight: Sight) -> dict[str, str]:
        """Return what is known of the tensors at ports, by the names of the nodes that stand for them."""
        facts = self._session.facts
        network = facts.networks.get(sight.network) if facts else None
        if network is None or not sight.prefix:
            return {}
        found = {}
        for node in self._session.document.project.sheet(sight.where).graph.nodes.values():
            known = network.nodes.get(sight.path(node.id))
            tensors = [*known.outputs.values(), *known.inputs.values()] if known else []
            if tensors:
                found[node.name] = f"{tensors[0].text} {tensors[0].dtype}"
        return found

    def _on_doc(self, text: str) -> None:
        blocks = self._session.document.project.blocks
        if self._name in blocks and blocks[self._name].doc != text:
            self._session.do(SetBlock(self._name, doc=text))


def _some(names: tuple[str, ...], most: int = 4) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


class Ports(QWidget):
    """Inputs and outputs of a block with what passes through them."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setColumnStretch(2, 1)
        self.lines: list[tuple[str, str, str]] = []

    def show_ports(self, spec: LayerSpec, types: dict[str, str]) -> None:
        """Show the ports, in order."""
        lines = [("in", port.name, types.get(port.name, "")) for port in spec.inputs]
        lines += [("out", port.name, types.get(port.name, "")) for port in spec.outputs]
        states = {port.name for port in spec.inputs if port.type == "state"}
        lines = [
            (way, name, f"{kind or 'any shape'}{_state(way) if name in states else ''}")
            for way, name, kind in lines
        ]
        if not lines:
            lines = [("", "No ports yet.", "Add an Input and an Output in here.")]
        if lines == self.lines:
            return
        self.lines = lines
        while (item := self._grid.takeAt(0)) is not None:
            old = item.widget()
            if old is not None:
                old.hide()
                old.deleteLater()
        for at, (way, name, kind) in enumerate(lines):
            self._grid.addWidget(label(self._theme, way, tone="3", role="caption"), at, 0)
            self._grid.addWidget(label(self._theme, name, role="mono"), at, 1)
            self._grid.addWidget(label(self._theme, kind, tone="2", role="mono", wrap=True), at, 2)


def _state(way: str) -> str:
    return " · state, start" if way == "in" else " · state, end"


class _Words(QPlainTextEdit):
    """What the block is for; `left` carries the words when the keyboard goes elsewhere."""

    left = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setFont(theme.font("body"))
        self.setPlaceholderText("What this block is for")
        self.setAccessibleName("What this block is for")
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFixedHeight(4 * self.fontMetrics().lineSpacing() + 14)

    def show_text(self, text: str) -> None:
        """Show words, unless others are being written."""
        if not self.hasFocus() and self.toPlainText() != text:
            self.setPlainText(text)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.left.emit(self.toPlainText().strip())
