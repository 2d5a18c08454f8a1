"""Networks written by hand, with the two forwards that the compiler writes, and projects to match."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from studio import data, train
from studio.engine import protocol as p
from studio.graph.facts import DataFacts
from studio.graph.graph import Graph, Node
from studio.graph.project import DataRef, Project, Recipe, Sheet, Step

Tap = Callable[[str, str, Tensor], Tensor]

DIGITS_28 = DataRef("sklearn.digits", transforms=(Step("core.resize", {"size": 28}),))


def layered(*layers: tuple[str, str]) -> Sheet:
    """A sheet of nodes by (name, kind); a node's id is `n_` and its name."""
    nodes = {f"n_{name}": Node(f"n_{name}", kind, name) for name, kind in layers}
    return Sheet(Graph(nodes))


class Chain(nn.Module):
    """Layers one after the other; taps carry the ids that `layered` gives."""

    def __init__(self, layers: dict[str, nn.Module]) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = layer(x)
        return x

    def forward_tapped(self, x: Tensor, tap: Tap) -> Tensor:
        for name, layer in self.named_children():
            x = tap(f"n_{name}", "out", layer(x))
        return x


def sheet_of(layers: dict[str, nn.Module]) -> Sheet:
    return layered(*((name, f"torch.nn.{type(layer).__name__}") for name, layer in layers.items()))


def lenet() -> dict[str, nn.Module]:
    """LeCun et al. 1998, with ReLU and max pooling."""
    return {
        "conv1": nn.Conv2d(1, 6, 5, padding=2),
        "relu1": nn.ReLU(),
        "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(6, 16, 5),
        "relu2": nn.ReLU(),
        "pool2": nn.MaxPool2d(2),
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(400, 120),
        "relu3": nn.ReLU(),
        "fc2": nn.Linear(120, 84),
        "relu4": nn.ReLU(),
        "fc3": nn.Linear(84, 10),
    }


def mlp(inputs: int = 64, hidden: int = 32, outputs: int = 10) -> dict[str, nn.Module]:
    return {
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(inputs, hidden),
        "norm": nn.BatchNorm1d(hidden),
        "relu": nn.ReLU(),
        "drop": nn.Dropout(0.2),
        "fc2": nn.Linear(hidden, outputs),
    }


class Case:
    """A job with what it needs to run, in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        layers: Callable[[], dict[str, nn.Module]] = mlp,
        ref: DataRef | None = None,
        live: bool = True,
        **recipe: object,
    ) -> None:
        settings = {"epochs": 2, "batch_size": 64, "threads": 1, "device": "cpu"} | recipe
        folder.mkdir(parents=True, exist_ok=True)
        self.layers = layers
        self.dataset = data.open(ref or DataRef("sklearn.digits"), folder)
        torch.manual_seed(0)
        self.project = Project(
            networks={"main": sheet_of(layers())},
            data=ref or DataRef("sklearn.digits"),
            recipe=Recipe(**settings),  # type: ignore[arg-type]
        )
        self.job = p.Job(self.project, str(folder / "run"), name="case", live=live)
        self.controls = train.Controls()
        self.module: Chain | None = None

    def module_for(self, project: Project, role: str, facts: DataFacts) -> nn.Module:
        self.module = Chain(self.layers())
        return self.module

    def events(self):  # type: ignore[no-untyped-def]
        return train.run(self.job, self.module_for, self.dataset, self.controls)

    def run(self) -> list[p.Event]:
        return list(self.events())


def epochs(events: list[p.Event]) -> list[p.EpochDone]:
    return [event for event in events if isinstance(event, p.EpochDone)]


def per_step(events: list[p.Event], name: str = "train_loss") -> Tensor:
    parts = [e.values[name] for e in events if isinstance(e, p.Progress)]
    return torch.cat([torch.from_numpy(part.copy()) for part in parts])
