"""How long an explanation takes: LeNet-5 on digits of 28×28, one JSON line a case.

`ms` is the median of interleaved repetitions. References: one bare forward and backward pass for
Saliency; as many bare passes in the same batches for Integrated Gradients.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from studio import compile, data, explain, layers
from studio.engine.protocol import Explain
from studio.graph.builder import Net
from studio.graph.project import DataRef, Project, Step

STEPS = 128
BATCH = 64


def lenet() -> Project:
    """Draw LeNet-5 for the digits, resized as its architecture does."""
    net = Net()
    x = net.input()
    for number, (channels, padding) in enumerate(((6, 2), (16, 0)), 1):
        x = net.add(
            "torch.nn.Conv2d",
            x,
            name=f"conv{number}",
            out_channels=channels,
            kernel_size=5,
            padding=padding,
        )
        x = net.add("torch.nn.ReLU", x)
        x = net.add("torch.nn.MaxPool2d", x, kernel_size=2)
    x = net.add("torch.nn.Flatten", x)
    for number, features in enumerate((120, 84), 1):
        x = net.add("torch.nn.Linear", x, name=f"fc{number}", out_features=features)
        x = net.add("torch.nn.ReLU", x)
    net.output(net.add("torch.nn.Linear", x, name="fc3", out_features=10))
    return net.project(data=DataRef(transforms=(Step("core.resize", {"size": 28}),)))


def milliseconds(*cases: Callable[[], object], repeats: int) -> list[float]:
    """Return the median time of each case; they take turns, so that all meet the same machine."""
    times: list[list[float]] = [[] for _ in cases]
    for _ in range(repeats):
        for case, spent in zip(cases, times, strict=True):
            start = time.perf_counter()
            case()
            spent.append(1000 * (time.perf_counter() - start))
    return [statistics.median(spent) for spent in times]


def main() -> None:
    """Print a JSON line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    project = lenet()
    dataset = data.open(project.data, Path.cwd())
    torch.manual_seed(0)
    module = explain.replica(compile.build(project, "main", layers.builtin(), dataset.facts))
    x = dataset.validation.inputs[:1]

    def ask(method: str, **params: object) -> None:
        explain.explain(Explain(project, method, 0, params=params), module, dataset)

    def passes(count: int) -> None:
        line = torch.linspace(0, 1, count).view(-1, 1, 1, 1)
        for start in range(0, count, BATCH):
            points = (line[start : start + BATCH] * x).requires_grad_(True)
            scores: Tensor = module(points)[:, 3]
            torch.autograd.grad(scores.sum(), points)

    def show(case: str, spent: float, bare: float | None = None, **more: object) -> None:
        line = {"benchmark": "explain", "case": case, "ms": round(spent, 3)}
        if bare is not None:
            line |= {"reference_ms": round(bare, 3), "ratio": round(spent / bare, 3)}
        print(json.dumps(line | more | {"threads": options.threads}), flush=True)

    first = time.perf_counter()
    ask("core.saliency")
    show("first saliency, imports of captum included", 1000 * (time.perf_counter() - first))

    ours, bare = milliseconds(
        lambda: ask("core.saliency"), lambda: passes(1), repeats=options.repeats
    )
    show("saliency", ours, bare)

    ours, bare = milliseconds(
        lambda: ask("core.integrated_gradients", steps=STEPS, most_steps=STEPS),
        lambda: passes(STEPS),
        repeats=options.repeats,
    )
    show("integrated gradients", ours, bare, steps=STEPS)

    (page,) = milliseconds(
        lambda: [ask(method) for method in explain.methods()], repeats=options.repeats
    )
    show("page of five maps", page)


if __name__ == "__main__":
    main()
