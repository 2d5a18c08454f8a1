"""The whole project: its cost, its data and its recipe. Here a person sets the hyper-parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.graph.edits import SetRecipe
from studio.graph.facts import NetworkFacts
from studio.graph.params import Param, Value
from studio.graph.project import Recipe
from studio.graph.spec import OptionSpec
from studio.session.session import Session
from studio.ui.canvas.surgery_list import SurgeryList, amend, heal
from studio.ui.controls import button, column, label, row, surface
from studio.ui.editors import Choice
from studio.ui.form import Form
from studio.ui.inspector.constants import ConstantsTable
from studio.ui.inspector.cost import CostTiles
from studio.ui.inspector.memory import MemoryView
from studio.ui.inspector.node import scrolled, section
from studio.ui.theme import Theme
from studio.ui.views.view import plain


def recipe_params(devices: Mapping[str, str]) -> tuple[Param, ...]:
    """Return the recipe's own settings; `devices` are those the engine has."""
    return (
        Param("batch_size", "int", 64, minimum=1, maximum=1_000_000, help="Samples of one step"),
        Param("epochs", "int", 20, minimum=1, maximum=1_000_000, help="Times through the data"),
        Param("seed", "int", 0, minimum=0, maximum=2**31 - 1, help="Same seed, same figures"),
        Param(
            "precision",
            "choice",
            "fp32",
            choices=("fp32", "bf16"),
            help="bf16 pays on recent GPUs; on a CPU it does not",
        ),
        Param("device", "choice", "auto", choices=("auto", *devices)),
        Param(
            "threads",
            "int",
            0,
            minimum=0,
            maximum=1024,
            help="0 leaves one core to the window",
            unit="0: auto",
        ),
    )


class KindForm(QWidget):
    """A kind chosen from a table, with its options below: an optimiser, a schedule, a loss."""

    changed = Signal(str, dict)

    def __init__(self, theme: Theme, title: str) -> None:
        super().__init__()
        self._specs: dict[str, OptionSpec] = {}
        self._kinds: list[str] = []
        self._kind = ""
        self._values: dict[str, Value] = {}
        outer = column(self, spacing=2)
        line = row(spacing=4)
        name = label(theme, title, tone="2")
        name.setFixedWidth(86)
        line.addWidget(name)
        self.choice = Choice()
        self.choice.setAccessibleName(title)
        self.choice.activated.connect(self._on_kind)
        line.addWidget(self.choice, 1)
        outer.addLayout(line)
        self.form = Form(theme)
        self.form.edited.connect(self._on_edited)
        self.form.cleared.connect(self._on_cleared)
        outer.addWidget(self.form)

    def show_kind(
        self,
        specs: Mapping[str, OptionSpec],
        kind: str,
        values: Mapping[str, Value],
        empty: str = "",
    ) -> None:
        """Show the kind chosen and its options; `empty` is what no kind means, where that may be."""
        self._specs, self._kind, self._values = dict(specs), kind, dict(values)
        self._kinds = ([""] if empty else []) + list(specs)
        titles = ([empty] if empty else []) + [spec.title for spec in specs.values()]
        if kind not in self._kinds:
            self._kinds.append(kind)
            titles.append(f"{kind} (missing)" if specs else kind)
        if [self.choice.itemText(at) for at in range(self.choice.count())] != titles:
            self.choice.clear()
            self.choice.addItems(titles)
        self.choice.setCurrentIndex(self._kinds.index(kind))
        spec = specs.get(kind)
        self.choice.setToolTip(plain(spec.doc) if spec else "")
        self.form.show_params(spec.params if spec else (), values)

    def _on_kind(self, index: int) -> None:
        kind = self._kinds[index]
        if kind == self._kind:
            return
        # Options that both kinds have, such as lr, stay.
        spec = self._specs.get(kind)
        names = {param.name for param in spec.params} if spec else set()
        kept = {name: value for name, value in self._values.items() if name in names}
        self.changed.emit(kind, kept)

    def _on_edited(self, name: str, value: Value) -> None:
        self.changed.emit(self._kind, self._values | {name: value})

    def _on_cleared(self, name: str) -> None:
        kept = {key: value for key, value in self._values.items() if key != name}
        self.changed.emit(self._kind, kept)


class ProjectPage(QWidget):
    """Cost, data and recipe of the open project. `data_wanted` asks for the Library's Data tab."""

    data_wanted = Signal()

    #: Recipe field → words and the catalogue's table.
    _KINDS = (
        ("optimizer", "optimiser", "optimizers"),
        ("schedule", "schedule", "schedules"),
        ("loss", "loss", "losses"),
        ("learner", "learner", "learners"),
    )

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
        self.form = Form(theme)
        self.form.edited.connect(lambda name, value: session.do(SetRecipe({name: value})))
        self.form.cleared.connect(
            lambda name: session.do(SetRecipe({name: getattr(Recipe(), name)}))
        )
        layout.addWidget(self.form)
        self.kinds: dict[str, KindForm] = {}
        for field, words, _ in self._KINDS:
            made = KindForm(theme, words)
            made.changed.connect(lambda kind, values, name=field: self._on_kind(name, kind, values))
            self.kinds[field] = made
            layout.addWidget(made)
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
        project, catalog, facts = session.document.project, session.catalog, session.facts
        recipe = project.recipe
        for field, _, table in self._KINDS:
            self.kinds[field].show_kind(
                getattr(catalog, table),
                getattr(recipe, field),
                getattr(recipe, f"{field}_params"),
                empty="as the task needs" if field == "loss" else "",
            )
        devices = dict(session.hello.devices) if session.hello else {"cpu": "CPU"}
        devices.setdefault(recipe.device, "") if recipe.device != "auto" else None
        params = recipe_params(devices)
        values = {param.name: getattr(recipe, param.name) for param in params}
        self.form.show_params(params, values)
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

    def _on_kind(self, field: str, kind: str, values: dict[str, Any]) -> None:
        self._session.do(SetRecipe({field: kind, f"{field}_params": values}))


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
