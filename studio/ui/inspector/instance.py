"""What a block's instance has beyond other nodes: its linked siblings and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.graph.blocks import instances
from studio.graph.graph import BLOCK, STATE, Node
from studio.graph.project import Project
from studio.graph.topology import runs_over_time
from studio.ui.controls import button, column, label, row
from studio.ui.theme import Theme

#: Commands of the canvas that are offered beside the settings.
_OFFERED = (
    ("open", "Open", "block", "Show what is inside (Enter)"),
    ("select_instances", "Select all", "link", "Select every instance on this sheet"),
    ("detach", "Detach", "scissors", "Give this instance a definition of its own"),
    ("unpack", "Unpack", "expand", "Put its layers in its place (Ctrl+Shift+B)"),
    ("save_block", "Save to Yours", "save", "Keep the block for other projects"),
)


class InstancePart(QWidget):
    """`3 linked instances; editing changes all.` `wanted` carries a command of the canvas."""

    wanted = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        layout = column(self, spacing=8)
        self.words = label(theme, tone="2", wrap=True)
        layout.addWidget(self.words)
        self.buttons = {}
        lines = (row(spacing=6), row(spacing=6))
        for at, (key, text, icon, tip) in enumerate(_OFFERED):
            made = button(theme, text, icon=icon, small=True, tip=tip)
            made.clicked.connect(lambda _=False, command=key: self.wanted.emit(command))
            self.buttons[key] = made
            lines[at // 3].addWidget(made)
        for line in lines:
            line.addStretch(1)
            layout.addLayout(line)

    def show_node(self, project: Project, node: Node) -> None:
        """Show what a block's instance shares with others; nothing for any other node."""
        name = node.kind.removeprefix(BLOCK)
        block = project.blocks.get(name) if node.kind.startswith(BLOCK) else None
        self.setVisible(block is not None)
        if block is None:
            return
        count = len(instances(project, name))
        self.words.setText(linked(count))
        if runs_over_time(block.sheet.graph):
            names = ", ".join(one.name for one in block.sheet.graph.of_kind(STATE))
            self.words.setText(f"{linked(count)}\nRuns over time, step by step; keeps {names}.")
        self.buttons["select_instances"].setEnabled(count > 1)
        self.buttons["detach"].setEnabled(count > 1)
        alone = "" if count > 1 else "It is the only instance."
        for key in ("select_instances", "detach"):
            tip = next(tip for one, _, _, tip in _OFFERED if one == key)
            self.buttons[key].setToolTip(f"{tip}. {alone}".strip() if alone else tip)


def linked(count: int) -> str:
    """Return how many nodes follow a definition, in words."""
    if count == 0:
        return "No instance yet: drag it from the Library."
    if count == 1:
        return "The only instance of its definition."
    return f"{count} linked instances; editing the inside changes all."
