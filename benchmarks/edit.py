"""One edit until its shapes are known again, through the engine in its own process: one JSON line.

`warm_ms`: the median over edits in the last tenth of a chain of 200 nodes, each with a value never
seen before, from applying the edit to its facts in the window's hands. `first_ms`: an edit at the
very front, where everything downstream is new. `cold_ms`: the first time that the engine sees the
project. `start_ms`: from spawning the engine to its first answer. `pack_ms` and `unpack_ms` are the
window's share of `warm_ms`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time

from studio.engine import protocol as p
from studio.engine.arrays import Frame, Unpacker, pack
from studio.engine.client import Client
from studio.engine.setup import Setup
from studio.engine.subprocess import spawn
from studio.graph.builder import Net
from studio.graph.edits import SetParams
from studio.graph.facts import ProjectFacts
from studio.graph.project import Project

TARGET_MS = 16.0


def chain(nodes: int) -> Project:
    """Draw convolutions, norms and activations in one long line, with a head that classifies."""
    net = Net()
    x = net.input()
    while len(net.graph().nodes) + 6 <= nodes:
        x = net.add("torch.nn.Conv2d", x, out_channels=16, kernel_size=3, padding=1)
        x = net.chain(x, "torch.nn.BatchNorm2d", "torch.nn.ReLU")
    while len(net.graph().nodes) + 3 < nodes:
        x = net.add("torch.nn.ReLU", x)
    x = net.add("torch.nn.Flatten", x)
    x = net.add("torch.nn.Linear", x, out_features=10)
    net.output(x)
    return net.project()


def timed_infer(client: Client, project: Project, revision: int) -> tuple[float, ProjectFacts]:
    """Return how many milliseconds the facts took, and the facts.

    Raises: RuntimeError for a project with problems: its time would say nothing.
    """
    start = time.perf_counter()
    answer = client.call(p.Infer(revision, project))
    spent = 1000 * (time.perf_counter() - start)
    assert isinstance(answer, p.FactsAnswer)
    if answer.facts.errors:
        raise RuntimeError(answer.facts.errors[0].message)
    return spent, answer.facts


def measure(nodes: int, edits: int) -> dict[str, object]:
    """Return the figures."""
    project = chain(nodes)
    graph = project.networks["main"].graph
    convolutions = [key for key, node in graph.nodes.items() if node.kind == "torch.nn.Conv2d"]
    order = list(graph.nodes)
    late = [key for key in convolutions if order.index(key) >= 0.9 * len(order)]
    start = time.perf_counter()
    with spawn(Setup("workbench")) as client:
        client.call(p.Ping())
        start_ms = 1000 * (time.perf_counter() - start)
        # Data and catalogue are there before a person edits; only the shapes are cold.
        client.call(p.GetData(project.data))
        client.call(p.GetCatalogue())
        cold_ms, facts = timed_infer(client, project, 0)
        assert len(facts.networks["main"].nodes) == len(order)
        warm: list[float] = []
        front: list[float] = []
        for number in range(edits):
            for times, key in ((warm, late[number % len(late)]), (front, convolutions[0])):
                if times is front and number % 5:
                    continue
                begin = time.perf_counter()
                project = SetParams("main", key, {"out_channels": 17 + number}).apply(project)
                applied = 1000 * (time.perf_counter() - begin)
                spent, facts = timed_infer(client, project, number + 1)
                times.append(applied + spent)
    answer = pack(p.Reply(1, p.FactsAnswer(facts)))
    request = pack(p.Ask(1, p.Infer(1, project)))
    median = statistics.median(warm)
    return {
        "benchmark": "edit",
        "nodes": len(order),
        "edits": edits,
        "warm_ms": round(median, 2),
        "warm_p90_ms": round(sorted(warm)[int(0.9 * len(warm))], 2),
        "first_ms": round(statistics.median(front), 2),
        "cold_ms": round(cold_ms, 2),
        "start_ms": round(start_ms, 1),
        "pack_ms": round(milliseconds(lambda: pack(p.Ask(1, p.Infer(1, project)))), 3),
        "unpack_ms": round(unpacking(answer), 3),
        "request_bytes": len(request.body),
        "answer_bytes": len(answer.body),
        "cores": os.cpu_count(),
        "target_ms": TARGET_MS,
        "ok": median <= TARGET_MS,
    }


def unpacking(frame: Frame) -> float:
    """Return the median time to read one answer."""
    unpacker: Unpacker[p.Reply] = Unpacker(p.Reply)
    return milliseconds(lambda: unpacker.unpack(frame))


def milliseconds(case: object, repeats: int = 50) -> float:
    """Return the median time of a call."""
    assert callable(case)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        case()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def main() -> int:
    """Print the figures; a missed target is exit code 1."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--nodes", type=int, default=200)
    arguments.add_argument("--edits", type=int, default=60)
    given = arguments.parse_args()
    figures = measure(given.nodes, given.edits)
    print(json.dumps(figures))
    return 0 if figures["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
