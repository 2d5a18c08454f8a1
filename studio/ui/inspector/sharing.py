"""Who uses whose weights, in words with a way there."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.graph.graph import Graph, Node
from studio.ui.controls import button, column, label, row
from studio.ui.theme import Theme

#: As many nodes are named; more are counted.
_NAMED = 3


class SharingPart(QWidget):
    """`Uses the weights of fc1`, or `Its weights are also used by fc2, fc3`.

    `node_wanted` carries the id of a node to go to, `ended` that the weights shall be its own again.
    """

    node_wanted = Signal(str)
    ended = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        layout = column(self, spacing=4)
        line = row(spacing=4)
        self.words = label(theme, tone="2")
        line.addWidget(self.words)
        self._names = row(spacing=2)
        line.addLayout(self._names)
        self.more = label(theme, tone="2")
        line.addWidget(self.more)
        line.addStretch(1)
        layout.addLayout(line)
        self.own = button(theme, "Own weights again", icon="scissors", small=True)
        self.own.setToolTip("Let it learn weights of its own")
        self.own.clicked.connect(self.ended)
        layout.addWidget(self.own)
        self.links: dict[str, QWidget] = {}
        self.hide()

    def show_node(self, graph: Graph, node: Node) -> None:
        """Show whom a node shares its weights with; nothing where it shares none."""
        owner = graph.nodes.get(node.shares) if node.shares else None
        users = [other for other in graph.nodes.values() if other.shares == node.id]
        self.setVisible(owner is not None or bool(users))
        self.own.setVisible(owner is not None)
        self.words.setText("Uses the weights of" if owner else "Its weights are also used by")
        self._show_links([owner] if owner else users[:_NAMED])
        rest = 0 if owner else len(users) - _NAMED
        self.more.setText(f"and {rest} more" if rest > 0 else "")

    def _show_links(self, others: list[Node]) -> None:
        for old in self.links.values():
            self._names.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.links = {}
        for other in others:
            made = button(self._theme, other.name, look="link", small=True)
            made.setToolTip(f"Go to {other.name}")
            made.clicked.connect(lambda _=False, key=other.id: self.node_wanted.emit(key))
            self.links[other.id] = made
            self._names.addWidget(made)
