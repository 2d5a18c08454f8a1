"""(b) The generated forward beside the same network written by hand: one JSON line.

Pairs are interleaved, so that both see the same machine. Run: python -m benchmarks.forward
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from studio import compile, layers
from studio.compile.importers.module import import_module
from studio.graph.builder import Net
from studio.graph.facts import DataFacts, TensorType
from studio.graph.project import Project


class Perceptron(nn.Module):
    """64 → 128 → 128 → 10, as a person writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(64, 128)
        self.relu1 = nn.ReLU()
        self.fc2 = nn.Linear(128, 128)
        self.relu2 = nn.ReLU()
        self.head = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu1(self.fc1(x))
        x = self.relu2(self.fc2(x))
        return self.head(x)


class LeNet(nn.Module):
    """LeNet-5 with ReLU and max pooling, as a person writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(400, 120)
        self.relu3 = nn.ReLU()
        self.fc2 = nn.Linear(120, 84)
        self.relu4 = nn.ReLU()
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(self.relu1(self.conv1(x)))
        x = self.pool2(self.relu2(self.conv2(x)))
        x = self.flatten(x)
        x = self.relu3(self.fc1(x))
        x = self.relu4(self.fc2(x))
        return self.fc3(x)


class Residual(nn.Module):
    """One block with a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu2(y + x)


class ResNet(nn.Module):
    """A stem, two residual blocks, and a linear end."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.res1 = Residual(8)
        self.res2 = Residual(8)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.res2(self.res1(self.stem(x)))
        return self.fc(self.flatten(self.pool(x)))


def perceptron() -> Project:
    net = Net()
    x = net.add("torch.nn.Linear", net.input("x", shape=(64,)), name="fc1", out_features=128)
    x = net.add(
        "torch.nn.Linear", net.add("torch.nn.ReLU", x, name="relu1"), name="fc2", out_features=128
    )
    x = net.add(
        "torch.nn.Linear", net.add("torch.nn.ReLU", x, name="relu2"), name="head", out_features=10
    )
    net.output(x)
    return net.project()


def lenet() -> Project:
    net = Net()
    x = net.input("x", shape=(1, 28, 28))
    for number, (channels, padding) in enumerate(((6, 2), (16, 0)), start=1):
        x = net.add("torch.nn.Conv2d", x, name=f"conv{number}", out_channels=channels, kernel_size=5,
                    padding=padding)  # fmt: skip
        x = net.add("torch.nn.ReLU", x, name=f"relu{number}")
        x = net.add("torch.nn.MaxPool2d", x, name=f"pool{number}", kernel_size=2)
    x = net.add("torch.nn.Flatten", x, name="flatten")
    x = net.add("torch.nn.Linear", x, name="fc1", out_features=120)
    x = net.add(
        "torch.nn.Linear", net.add("torch.nn.ReLU", x, name="relu3"), name="fc2", out_features=84
    )
    x = net.add(
        "torch.nn.Linear", net.add("torch.nn.ReLU", x, name="relu4"), name="fc3", out_features=10
    )
    net.output(x)
    return net.project()


def resnet() -> Project:
    net = Net()
    with net.block("Residual") as block:
        x = y = block.input()
        for number in (1, 2):
            y = block.add("torch.nn.Conv2d", y, name=f"conv{number}", out_channels=8, kernel_size=3,
                          padding=1, bias=False)  # fmt: skip
            y = block.add("torch.nn.BatchNorm2d", y, name=f"bn{number}")
            y = block.add("torch.nn.ReLU", y, name="relu1") if number == 1 else y
        block.output(block.add("torch.nn.ReLU", block.add("core.add", y, x), name="relu2"))
    x = net.add("torch.nn.Conv2d", net.input("x", shape=(1, 28, 28)), name="stem", out_channels=8,
                kernel_size=3, padding=1)  # fmt: skip
    x = net.use("Residual", net.use("Residual", x, name="res1"), name="res2")
    x = net.add(
        "torch.nn.Flatten", net.add("torch.nn.AdaptiveAvgPool2d", x, name="pool"), name="flatten"
    )
    net.output(net.add("torch.nn.Linear", x, name="fc", out_features=10))
    return net.project()


FOREIGN = Path(__file__).resolve().parent.parent / "tests" / "compile" / "foreign"


class Pair(NamedTuple):
    """The generated module, the same one written by hand with the same weights, and what they are fed."""

    ours: nn.Module
    theirs: nn.Module
    x: Tensor


def drawn(draw: Callable[[], Project], hand: type[nn.Module], shape: tuple[int, ...]) -> Pair:
    """Return a network drawn beside a class of this file."""
    facts = DataFacts(
        "", 1, 1, 0, TensorType(shape[1:]), "image", "classification", tuple("0123456789")
    )
    ours, theirs = compile.build(draw(), "main", layers.builtin(), facts), hand()
    return Pair(ours, theirs, torch.rand(shape))


def imported(file: str, title: str, arguments: dict[str, int], one: str, x: Tensor) -> Pair:
    """Return an ordinary PyTorch module as it was imported and written again, beside itself."""
    path = FOREIGN / f"{file}.py"
    options = {"class": title, "input": one, "args": json.dumps(arguments)}
    found = import_module(str(path), options, layers.builtin())
    ours = compile.build(found.project, "main", layers.builtin(), None)
    spec = spec_from_file_location(file, path)
    assert spec is not None
    assert spec.loader is not None
    written = module_from_spec(spec)
    spec.loader.exec_module(written)
    return Pair(ours, getattr(written, title)(**arguments), x)


CASES: dict[str, Callable[[], Pair]] = {
    "mlp": lambda: drawn(perceptron, Perceptron, (32, 64)),
    "lenet": lambda: drawn(lenet, LeNet, (32, 1, 28, 28)),
    "residual": lambda: drawn(resnet, ResNet, (32, 1, 28, 28)),
    "resnet18": lambda: imported(
        "resnet18", "ResNet18", {"width": 16}, "3,64,64", torch.rand(4, 3, 64, 64)
    ),
    "transformer": lambda: imported(
        "gpt", "GPT", {"layers": 6}, "int:16", torch.randint(0, 2, (8, 16))
    ),
}


def compare(name: str, pairs: int) -> dict[str, object]:
    """Return the median ratio of a case's pairs, both medians, and whether outputs are the same."""
    torch.manual_seed(0)
    ours, theirs, x = CASES[name]()
    theirs.load_state_dict(ours.state_dict())
    ours.eval()
    theirs.eval()
    identical = torch.equal(ours(x), theirs(x))
    ours.train()
    theirs.train()
    a, b = [], []
    for number in range(pairs + 20):
        first, second = (ours, theirs) if number % 2 else (theirs, ours)
        one, two = timed(first, x), timed(second, x)
        if number >= 20:
            a.append(one if number % 2 else two)
            b.append(two if number % 2 else one)
    ratios = [mine / other for mine, other in zip(a, b, strict=True)]
    return {
        "ratio": round(statistics.median(ratios), 4),
        "generated_us": round(statistics.median(a) * 1e6, 1),
        "hand_written_us": round(statistics.median(b) * 1e6, 1),
        "identical": identical,
    }


def timed(module: nn.Module, x: Tensor) -> float:
    """Return the seconds of five forwards in a row, divided by five."""
    started = time.perf_counter()
    for _ in range(5):
        module(x)
    return (time.perf_counter() - started) / 5


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=400)
    options = parser.parse_args()
    torch.set_num_threads(1)
    gc.disable()
    found = {name: compare(name, options.pairs) for name in CASES}
    ratios = [float(str(case["ratio"])) for case in found.values()]
    print(
        json.dumps(
            {
                "benchmark": "forward",
                "ratio": round(statistics.median(ratios), 4),
                "worst": max(ratios, key=lambda ratio: abs(ratio - 1)),
                "identical": all(case["identical"] for case in found.values()),
                "target": "0.99 to 1.01",
                "cases": found,
            }
        )
    )


if __name__ == "__main__":
    main()
