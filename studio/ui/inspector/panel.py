"""The Inspector shows the selected node, several nodes together, or the project."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from studio.engine import protocol as p
from studio.graph.edits import SetFlag
from studio.graph.graph import BLOCK
from studio.session import events as e
from studio.session.session import Session
from studio.ui.controls import button, column, label, row
from studio.ui.inspector.block import BlockPage
from studio.ui.inspector.node import NodePage
from studio.ui.inspector.project import ProjectPage
from studio.ui.inspector.sight import Sight
from studio.ui.theme import Theme


class Inspector(QWidget):
    """Follows the canvas' selection.

    `wanted` carries a command of the canvas, `node_wanted` the id of a node to go to; `data_wanted` asks
    for the Library's Data tab; `left` says that Escape gives the keyboard back to the canvas. `trust_wanted`
    asks for a way to trust the file, `wide_wanted` carries whether the panel should be wide.
    """

    wanted = Signal(str)
    node_wanted = Signal(str)
    data_wanted = Signal()
    left = Signal()
    trust_wanted = Signal()
    wide_wanted = Signal(bool)

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._sight = Sight()
        self._nodes: tuple[str, ...] = ()
        self._source_of: tuple[object, str] = (None, "")
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = column(self)
        self.stack = QStackedWidget()
        self.project = ProjectPage(session, theme)
        self.node = NodePage(session, theme)
        self.many = _ManyPage(session, theme)
        self.block = BlockPage(session, theme)
        for page in (self.project, self.node, self.many, self.block):
            self.stack.addWidget(page)
        self.project.data_wanted.connect(self.data_wanted)
        self.node.node_wanted.connect(self.node_wanted)
        self.node.trust_wanted.connect(self.trust_wanted)
        self.node.wide_wanted.connect(self.wide_wanted)
        for source in (self.node, self.many, self.block):
            source.wanted.connect(self.wanted)
        outer.addWidget(self.stack)
        theme.changed.connect(self._show)
        self._show()

    def show_selection(self, sight: Sight, nodes: tuple[str, ...]) -> None:
        """Show these nodes of the sheet in sight; none means the project."""
        self._sight, self._nodes = sight, nodes
        self._show()

    def open_settings(self) -> None:
        """Put the keyboard into the first setting of the node that is shown."""
        if self.stack.currentWidget() is self.node:
            self.node.open_settings()

    def open_learning(self) -> None:
        """Put the keyboard into the own learning rate of the node that is shown."""
        if self.stack.currentWidget() is self.node:
            self.node.open_learning()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def on_event(self, event: e.SessionEvent) -> None:
        """Follow the document, the catalogue and the engine's answers."""
        match event:
            case e.DocumentOpened():
                self._sight, self._nodes = Sight(), ()
                self._show()
            case e.FactsChanged():
                self._show()
                self._ask_source()
            case e.DocumentChanged() | e.CatalogChanged() | e.EngineChanged() | e.TrustChanged():
                self._show()
            case e.RunEvent(event=p.LayerStats()) | e.HistoryOpened():
                self.node.refresh_live()
            case _:
                pass

    def _show(self) -> None:
        try:
            known = self._session.document.project.sheet(self._sight.where).graph.nodes
        except KeyError:
            known = {}
        nodes = tuple(key for key in self._nodes if key in known)
        if len(nodes) == 1:
            self.node.show_node(self._sight, nodes[0])
            self.stack.setCurrentWidget(self.node)
            self._ask_source()
        elif nodes:
            self.many.show_nodes(self._sight, nodes)
            self.stack.setCurrentWidget(self.many)
        elif self._sight.where.removeprefix(BLOCK) in self._session.document.project.blocks:
            self.block.show_block(self._sight)
            self.stack.setCurrentWidget(self.block)
        else:
            self.project.refresh()
            self.stack.setCurrentWidget(self.project)

    def _ask_source(self) -> None:
        """Ask for the generated code of what is shown, once a revision, and only if it is looked at."""
        facts = self._session.facts
        if facts is not None and facts.errors:
            self._source_of = (None, "")
            self.node.show_source(p.SourceText(""))
        if self.stack.currentWidget() is not self.node or facts is None or facts.errors:
            return
        wanted = (self._session.document.project, self._sight.network)
        if wanted[0] is self._source_of[0] and wanted[1] == self._source_of[1]:
            return
        self._source_of = wanted

        def take(answer: p.Answer) -> None:
            if isinstance(answer, p.SourceText) and self._source_of is wanted:
                self.node.show_source(answer)

        request = p.GetSource(*wanted)
        # What keeps code from being written is a problem of the graph, and stands in that list.
        self._session.ask(request, take, lambda refused: None)


class _ManyPage(QWidget):
    """Several nodes: what they cost together, and what can be done to all of them.

    `wanted` carries a command of the canvas.
    """

    wanted = Signal(str)

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        self._sight = Sight()
        self._nodes: tuple[str, ...] = ()
        layout = column(self, margins=16, spacing=10)
        self.title = label(theme, role="heading", weight=600)
        layout.addWidget(self.title)
        self.cost = label(theme, tone="2", wrap=True)
        layout.addWidget(self.cost)
        line = row(spacing=6)
        self.flags = {}
        for text, flag, icon in (("Bypass", "bypassed", "bypass"), ("Freeze", "frozen", "freeze")):
            made = button(theme, text, icon=icon, small=True)
            made.setCheckable(True)
            made.clicked.connect(lambda on, name=flag: self._on_flag(name, on))
            self.flags[flag] = made
            line.addWidget(made)
        line.addStretch(1)
        layout.addLayout(line)
        line = row(spacing=6)
        self.offers = {}
        for text, key, icon, tip in (
            ("Make block…", "make_block", "block", "Use them as one node (Ctrl+B)"),
            ("Share weights", "share", "link", "Let all use the weights of the first"),
        ):
            made = button(theme, text, icon=icon, small=True, tip=tip)
            made.clicked.connect(lambda _=False, command=key: self.wanted.emit(command))
            self.offers[key] = made
            line.addWidget(made)
        line.addStretch(1)
        layout.addLayout(line)
        layout.addStretch(1)

    def show_nodes(self, sight: Sight, nodes: tuple[str, ...]) -> None:
        """Show these nodes."""
        self._sight, self._nodes = sight, nodes
        graph = self._session.document.project.sheet(sight.where).graph
        self.title.setText(f"{len(nodes)} nodes")
        facts = self._session.facts
        network = facts.networks.get(sight.network) if facts else None
        known = [network.nodes.get(sight.path(key)) for key in nodes] if network else []
        parameters = sum(one.parameters for one in known if one)
        self.cost.setText(f"{self._theme.number(parameters)} parameters together")
        for flag, made in self.flags.items():
            made.setChecked(all(flag in graph.nodes[key].flags for key in nodes))
        alike = len({graph.nodes[key].kind for key in nodes}) == 1
        self.offers["share"].setEnabled(alike)
        self.offers["share"].setToolTip(
            "Let all use the weights of the first"
            if alike
            else "Only nodes of one kind can share weights."
        )

    def _on_flag(self, flag: str, on: bool) -> None:
        self._session.do(SetFlag(self._sight.where, self._nodes, flag, on))
