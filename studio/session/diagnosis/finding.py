"""What a rule looks at, and what it says where it finds something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from studio.engine import protocol as p
from studio.graph.edits import SetRecipe, SimpleEdit, Swap
from studio.graph.facts import DataFacts
from studio.graph.graph import BLOCK, OUTPUT, Graph, Node
from studio.graph.project import Project
from studio.graph.topology import name_path
from studio.session.history import History

Row = NDArray[np.float64]
#: The network that layers' figures are of.
NETWORK = "main"
_PLAYERS = ("core.adversarial", "core.reinforce")


@dataclass(frozen=True)
class Figure:
    """A figure of the run that a finding rests on: what it is, and its value as it is read."""

    name: str
    value: str


@dataclass(frozen=True)
class Change:
    """What may help, as edits of the document; `trial` is why it cannot be tried for some steps, or ""."""

    title: str
    edits: tuple[SimpleEdit, ...]
    no_trial: str = ""


@dataclass(frozen=True)
class Finding:
    """What deserves a look: what was seen and why it matters in `words`, the figures, what to change.

    `rule` names the rule, `node` the id path of the layer it is about ("": none), and `curve` the figure
    whose curve shows it.
    """

    rule: str
    title: str
    words: str
    figures: tuple[Figure, ...]
    change: Change | None = None
    node: str = ""
    curve: str = ""
    severity: Literal["error", "warning", "hint"] = "warning"


@dataclass(frozen=True)
class Case:
    """A run, live or stored, of a project, and what is known of its data."""

    project: Project
    history: History
    data: DataFacts | None = None

    # ------------------------------------------------------------------------------------- figures

    @property
    def losses(self) -> Row:
        """The training loss, step by step, or the mean of some steps each in a long run."""
        curve = self.history.curves.get("train_loss")
        return curve.means()[1] if curve is not None else np.zeros(0)

    @property
    def plays(self) -> bool:
        """Whether its loss need not fall while it learns: against another network, or for a reward."""
        return self.project.recipe.learner in _PLAYERS

    def stretches(self, count: int) -> Row:
        """Return the median loss of each of `count` equally long stretches of the run."""
        losses = self.losses
        if len(losses) < count:
            return np.zeros(0)
        return np.array([np.median(part) for part in np.array_split(losses, count)])

    def metric(self, name: str) -> Row:
        """Return a metric's value at the end of each epoch."""
        return self.history.metric(name)[1]

    @property
    def chance(self) -> float | None:
        """The loss of an answer that knows nothing: equal scores for all classes, or the targets' mean."""
        started, recipe = self.history.started, self.project.recipe
        if started is None:
            return None
        if started.task == "classification" and recipe.loss in ("", "torch.nn.CrossEntropyLoss"):
            return float(np.log(len(started.classes))) if len(started.classes) > 1 else None
        standard = self.data is not None and self.data.target_std
        if started.task == "regression" and standard and recipe.loss in ("", "torch.nn.MSELoss"):
            return 1.0
        return None

    def lately(self, path: str, figure: str, count: int = 2) -> Row:
        """Return the newest values of a layer's figure, where it has been seen often enough."""
        row = self.history.layer_series.get(path, [])
        values = [getattr(stat, figure) for stat in row[-count:]]
        known = [value for value in values if value is not None]
        return np.array(known if len(known) == count else [], dtype=np.float64)

    # ------------------------------------------------------------------------------------- the graph

    @property
    def graph(self) -> Graph:
        """The network that learns alone; empty where several learn, of which none is meant."""
        network = self.project.networks.get(NETWORK)
        return network.graph if network is not None else Graph()

    def name(self, path: str) -> str:
        """Return a layer's dotted name."""
        return name_path(self.project, NETWORK, path)

    def place(self, path: str) -> tuple[str, Node] | None:
        """Return the sheet that a layer is drawn on and the layer, by its id path."""
        where, graph = NETWORK, self.graph
        node: Node | None = None
        for key in path.split("/"):
            if node is not None and key.isdigit() and key not in graph.nodes:
                continue  # a repeated block counts its turns
            node = graph.nodes.get(key)
            if node is None:
                return None
            if node.kind.startswith(BLOCK):
                found = self.project.blocks.get(node.kind.removeprefix(BLOCK))
                if found is None:
                    return None
                inside = where, node
                where, graph = node.kind, found.sheet.graph
                if key == path.rpartition("/")[2]:
                    return inside
        return (where, node) if node is not None else None

    def ending(self) -> Node | None:
        """Return the layer whose output is the network's answer."""
        outputs = self.graph.of_kind(OUTPUT)
        wires = self.graph.incoming.get(outputs[0].id, ()) if outputs else ()
        return self.graph.nodes.get(wires[0].source.node) if wires else None

    def swapped(self, path: str, kind: str) -> tuple[SimpleEdit, ...]:
        """Return the edit that makes a layer one of another kind; none where it is drawn nowhere."""
        found = self.place(path)
        return (Swap(found[0], found[1].id, kind),) if found is not None else ()

    # ------------------------------------------------------------------------------------ the recipe

    @property
    def lr(self) -> float:
        """The learning rate that the recipe begins with."""
        value = self.project.recipe.optimizer_params.get("lr", 1e-3)
        return float(value) if isinstance(value, int | float) else 1e-3

    def with_lr(self, lr: float) -> Change:
        """Return the change to another learning rate."""
        params = self.project.recipe.optimizer_params | {"lr": lr}
        return Change(f"Learning rate {lr:g}", (SetRecipe({"optimizer_params": params}),))


def figure(name: str, value: float | str) -> Figure:
    """Return a figure, numbers as they are read."""
    return Figure(name, value if isinstance(value, str) else f"{value:.4g}")


def stats(case: Case) -> Sequence[tuple[str, p.LayerStat]]:
    """Return the newest figures of every layer, in the order in which they are run."""
    return list(case.history.layers.items())
