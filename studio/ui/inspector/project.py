"""The whole project: its cost, its data and its recipe. Here a person sets the hyper-parameters."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.graph.facts import NetworkFacts
from studio.session.session import Session
from studio.ui.canvas.surgery_list import SurgeryList, amend, heal
from studio.ui.controls import button, column, label, surface
from studio.ui.inspector.constants import ConstantsTable
from studio.ui.inspector.cost import CostTiles
from studio.ui.inspector.memory import MemoryView
from studio.ui.inspector.node import scrolled, section
from studio.ui.inspector.recipe import RecipePart
from studio.ui.theme import Theme


class ProjectPage(QWidget):
    """Cost, data and recipe of the open project. `data_wanted` asks for the Library's Data tab."""

    data_wanted = Signal()

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        outer = column(self)
        inside = surface("panel")
        layout = column(inside, spacing=6)
        layout.setContentsMargins(14, 12, 6, 16)
        layout.addWidget(label(theme, "Project", role="heading", weight=600))
        self.summary = label(theme, tone="2", wrap=True)
        layout.addWidget(self.summary)
        layout.addWidget(section(theme, "Recipe"))
        self.recipe = RecipePart(session, theme)
        layout.addWidget(self.recipe)
        layout.addWidget(section(theme, "Data"))
        self.data = label(theme, tone="1", wrap=True)
        layout.addWidget(self.data)
        choose = button(theme, "Choose data", icon="data", small=True)
        choose.clicked.connect(self.data_wanted)
        layout.addWidget(choose)
        layout.addWidget(section(theme, "Constants"))
        self.constants = ConstantsTable(session, theme)
        layout.addWidget(self.constants)
        self.surgery_title = section(theme, "Surgery")
        layout.addWidget(self.surgery_title)
        self.surgery = SurgeryList(theme)
        self.surgery.amended.connect(lambda old, new: amend(session, old, new))
        self.surgery.healed.connect(lambda ended: heal(session, ended))
        layout.addWidget(self.surgery)
        layout.addWidget(section(theme, "Cost"))
        self.cost = CostTiles(theme, last="Weights")
        layout.addWidget(self.cost)
        layout.addWidget(section(theme, "Training memory"))
        self.memory = MemoryView(theme)
        layout.addWidget(self.memory)
        layout.addStretch(1)
        outer.addWidget(scrolled(inside))

    def refresh(self) -> None:
        """Show the present project."""
        session = self._session
        project, facts = session.document.project, session.facts
        recipe = project.recipe
        self.recipe.refresh()
        nodes = sum(len(sheet.graph.nodes) for sheet in project.networks.values())
        parts = [f"{nodes} node{'' if nodes == 1 else 's'} on {', '.join(project.networks)}"]
        if project.blocks:
            count = len(project.blocks)
            parts.append(f"{count} block{'' if count == 1 else 's'}")
        self.summary.setText(" · ".join(parts) + ". Select a node to see its settings.")
        self._show_data()
        self.constants.refresh()
        self.surgery.show_surgery(project, project.surgery)
        self.surgery.setVisible(bool(project.surgery))
        self.surgery_title.setVisible(bool(project.surgery))
        self.cost.show_network(_total(facts.networks if facts else {}), recipe.batch_size)
        self.memory.show_memory(facts.memory if facts else None, recipe.batch_size)

    def _show_data(self) -> None:
        facts = self._session.facts
        data = facts.data if facts else None
        if data is None:
            problems = [one.message for one in facts.problems] if facts else []
            self.data.setText("\n".join(problems) or "The data is being read.")
            return
        shape = "×".join(str(dim) for dim in data.sample.shape)
        number = self._theme.number
        outputs = f"{len(data.classes)} classes" if data.classes else data.task
        parts = [f"{number(data.train)} training", f"{number(data.validation)} validation"]
        if data.test:
            parts.append(f"{number(data.test)} test")
        self.data.setText(f"{data.title}: {shape}, {outputs}\n{', '.join(parts)} samples")


def _total(networks: Mapping[str, NetworkFacts]) -> NetworkFacts:
    every = list(networks.values())
    return NetworkFacts(
        nodes={
            f"{name}/{key}": one for name, net in networks.items() for key, one in net.nodes.items()
        },
        parameters=sum(net.parameters for net in every),
        flops=sum(net.flops for net in every),
        activation_bytes=sum(net.activation_bytes for net in every),
        saved_bytes=sum(net.saved_bytes for net in every),
        sizes={name: size for net in every for name, size in net.sizes.items()},
    )
