"""Training through the studio beside a plain hand-written PyTorch loop over a DataLoader.

Prints one JSON line a case: seconds a step of both, medians of interleaved runs, and their ratio.
The studio's runs have live views on, validate every epoch and write their run folder; the plain loop
does none of that. On a GPU (`--device cuda:0`) the plain loop moves each batch there from pinned memory.

    python benchmarks/training.py [--repeats N] [--seconds S] [--threads T] [--device D]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from studio import data, train
from studio.engine import protocol as p
from studio.graph.facts import DataFacts
from studio.graph.graph import Graph, Node
from studio.graph.project import DataRef, Project, Recipe, Sheet, Step

Layers = dict[str, nn.Module]


def mlp() -> Layers:
    """64-64-10 on digits."""
    return {
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(64, 64),
        "relu1": nn.ReLU(),
        "fc2": nn.Linear(64, 10),
    }


def cnn() -> Layers:
    """A small convolutional network on 28×28."""
    return {
        "conv1": nn.Conv2d(1, 16, 3, padding=1),
        "relu1": nn.ReLU(),
        "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(16, 32, 3, padding=1),
        "relu2": nn.ReLU(),
        "pool2": nn.MaxPool2d(2),
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(32 * 7 * 7, 64),
        "relu3": nn.ReLU(),
        "fc2": nn.Linear(64, 10),
    }


@dataclass(frozen=True)
class Case:
    """A network, its data, its batch size and the ratio that the studio has to keep to."""

    name: str
    layers: Callable[[], Layers]
    data: DataRef
    batch_size: int
    target: float


CASES = (
    Case("mlp 64-64-10, digits 8×8", mlp, DataRef("sklearn.digits"), 32, 0.70),
    Case(
        "cnn, digits 28×28",
        cnn,
        DataRef("sklearn.digits", transforms=(Step("core.resize", {"size": 28}),)),
        64,
        0.67,
    ),
)


class Network(nn.Module):
    """The layers in a row, with the two forwards that the studio's compiler writes."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self._modules.values():
            assert layer is not None
            x = layer(x)
        return x

    def forward_tapped(self, x: Tensor, tap: Callable[[str, str, Tensor], Tensor]) -> Tensor:
        for name, layer in self.named_children():
            x = tap(name, "out", layer(x))
        return x


def plain_loop(case: Case, dataset: data.Dataset, epochs: int, device: str = "cpu") -> float:
    """Train as a tutorial does and return seconds a step."""
    torch.manual_seed(0)
    network = Network(case.layers()).to(device)
    loader = DataLoader(
        TensorDataset(dataset.train.inputs, dataset.train.targets),
        case.batch_size,
        shuffle=True,
        pin_memory=device != "cpu",
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    steps = 0
    start = time.perf_counter()
    for _ in range(epochs):
        for inputs, targets in loader:
            inputs = inputs.to(device, non_blocking=True)
            targets = targets.to(device, non_blocking=True)
            optimizer.zero_grad()
            loss = criterion(network(inputs), targets)
            loss.backward()
            optimizer.step()
            steps += 1
    loss.item()  # waits for the device
    return (time.perf_counter() - start) / steps


def job_of(case: Case, epochs: int, threads: int, folder: str, device: str) -> p.Job:
    """Return the studio's job for the same training."""
    nodes = {
        name: Node(name, f"torch.nn.{type(layer).__name__}", name)
        for name, layer in case.layers().items()
    }
    recipe = Recipe(
        optimizer_params={"lr": 1e-3},
        schedule="core.constant",
        batch_size=case.batch_size,
        epochs=epochs,
        threads=threads,
        device=device,
    )
    project = Project({"main": Sheet(Graph(nodes))}, case.data, recipe)
    return p.Job(project, folder, "benchmark", live=True)


def studio_loop(case: Case, dataset: data.Dataset, epochs: int, threads: int, device: str) -> float:
    """Train through `train.run`, taking every event, and return seconds a step."""

    def module_for(project: Project, role: str, facts: DataFacts) -> nn.Module:
        return Network(case.layers())

    with tempfile.TemporaryDirectory() as folder:
        job = job_of(case, epochs, threads, str(Path(folder) / "run"), device)
        start = time.perf_counter()
        for event in train.run(job, module_for, dataset, train.Controls()):
            last = event
        seconds = time.perf_counter() - start
    assert isinstance(last, p.Finished), last
    return seconds / last.summary.steps


def compare(
    case: Case, repeats: int, seconds: float, threads: int, device: str
) -> dict[str, object]:
    """Run both, one after the other, `repeats` times, each for about `seconds`."""
    dataset = data.open(case.data, Path.cwd())
    a_step = plain_loop(case, dataset, 2, device)
    epochs = max(2, round(seconds / (a_step * -(-len(dataset.train) // case.batch_size))))
    studio_loop(case, dataset, 2, threads, device)
    plain, studio = [], []
    for _ in range(repeats):
        plain.append(plain_loop(case, dataset, epochs, device))
        studio.append(studio_loop(case, dataset, epochs, threads, device))
    ratio = statistics.median(s / q for s, q in zip(studio, plain, strict=True))
    return {
        "benchmark": "training",
        "case": case.name,
        "threads": threads,
        "device": device,
        "plain_us_a_step": round(statistics.median(plain) * 1e6, 1),
        "studio_us_a_step": round(statistics.median(studio) * 1e6, 1),
        "ratio": round(ratio, 3),
        "target": case.target,
        "ok": ratio <= case.target,
    }


def main() -> None:
    """Print one JSON line a case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one run")
    parser.add_argument("--threads", type=int, default=train.pick_threads(0))
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for case in CASES:
        print(
            json.dumps(compare(case, given.repeats, given.seconds, given.threads, given.device)),
            flush=True,
        )


if __name__ == "__main__":
    main()
