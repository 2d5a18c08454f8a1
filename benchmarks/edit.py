"""One edit until its shapes are known again, through the engine in its own process: a JSON line a shape.

`chain` is a line of convolutions, norms and activations; `blocks` a line of instances of one residual
block (eight nodes each, opened) with a convolution between every two. `warm_ms`: the median over edits
in the last tenth, each with a value never seen before, from applying the edit to its facts in the
window's hands. `head_ms`: an edit at the very front, where everything downstream is new. `cold_ms`: the
first time that the engine sees the project, `cold_node_ms` for each of its nodes. `start_ms`: from
spawning the engine to its first answer. `pack_ms` and `unpack_ms` are the window's share of `warm_ms`.
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
from studio.graph.params import Value
from studio.graph.project import Project
from studio.session.workbench import PROOFS_S

#: Units: ms; `cold_node_ms` for one node.
TARGETS = {"warm_ms": 16.0, "head_ms": 120.0, "cold_node_ms": 2.0}


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


def blocks(nodes: int) -> Project:
    """Draw instances of one residual block in a line, a 1×1 convolution behind each."""
    net = Net()
    with net.block("Residual") as block:
        shortcut = block.input()
        x = block.add("torch.nn.Conv2d", shortcut, out_channels=16, kernel_size=3, padding=1)
        x = block.chain(x, "torch.nn.BatchNorm2d", "torch.nn.ReLU")
        x = block.add("torch.nn.Conv2d", x, out_channels=16, kernel_size=3, padding=1)
        x = block.add("torch.nn.BatchNorm2d", x)
        x = block.add("core.add", x, shortcut)
        block.output(block.add("torch.nn.ReLU", x))
    x = net.add("torch.nn.Conv2d", net.input(), out_channels=16, kernel_size=3, padding=1)
    for _ in range((nodes - 5) // 11):
        x = net.use("Residual", x)
        x = net.add("torch.nn.Conv2d", x, out_channels=16, kernel_size=1)
    x = net.add("torch.nn.Flatten", x)
    net.output(net.add("torch.nn.Linear", x, out_features=10))
    return net.project()


SHAPES = {"chain": chain, "blocks": blocks}


def timed_infer(client: Client, project: Project, revision: int) -> tuple[float, ProjectFacts]:
    """Return how many milliseconds the facts took, and the facts.

    Raises: RuntimeError for a project with problems: its time would say nothing.
    """
    start = time.perf_counter()
    answer = client.call(p.Infer(revision, project, PROOFS_S))
    spent = 1000 * (time.perf_counter() - start)
    assert isinstance(answer, p.FactsAnswer)
    if answer.facts.errors:
        raise RuntimeError(answer.facts.errors[0].message)
    return spent, answer.facts


def measure(shape: str, nodes: int, edits: int) -> dict[str, object]:
    """Return the figures."""
    project = SHAPES[shape](nodes)
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
        known = len(facts.networks["main"].nodes)
        warm: list[float] = []
        head: list[float] = []
        for number in range(edits):
            for times, key in ((warm, late[number % len(late)]), (head, convolutions[0])):
                if times is head and number % 5:
                    continue
                begin = time.perf_counter()
                project = SetParams("main", key, never_seen(shape, number)).apply(project)
                applied = 1000 * (time.perf_counter() - begin)
                spent, facts = timed_infer(client, project, number + 1)
                times.append(applied + spent)
    answer = pack(p.Reply(1, p.FactsAnswer(facts)))
    request = pack(p.Ask(1, p.Infer(1, project)))
    figures: dict[str, float] = {
        "warm_ms": round(statistics.median(warm), 2),
        "warm_p90_ms": round(sorted(warm)[int(0.9 * len(warm))], 2),
        "warm_max_ms": round(max(warm), 2),
        "head_ms": round(statistics.median(head), 2),
        "cold_ms": round(cold_ms, 2),
        "cold_node_ms": round(cold_ms / known, 3),
    }
    return {
        "benchmark": "edit",
        "shape": shape,
        "nodes": known,
        "edits": edits,
        **figures,
        "start_ms": round(start_ms, 1),
        "pack_ms": round(milliseconds(lambda: pack(p.Ask(1, p.Infer(1, project)))), 3),
        "unpack_ms": round(unpacking(answer), 3),
        "request_bytes": len(request.body),
        "answer_bytes": len(answer.body),
        "cores": os.cpu_count(),
        "targets": TARGETS,
        "missed": [name for name, most in TARGETS.items() if figures[name] > most],
    }


def never_seen(shape: str, number: int) -> dict[str, Value]:
    """Return settings that no edit before has given, and that the network still works with."""
    if shape == "chain":
        return {"out_channels": 17 + number}
    # The block adds what it got to what it made of it, so channels stay; padding changes every map.
    return {"padding": 1 + number, "kernel_size": 3}


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
    arguments.add_argument("--nodes", type=int, default=1000)
    arguments.add_argument("--edits", type=int, default=60)
    arguments.add_argument("--shapes", nargs="*", choices=SHAPES, default=list(SHAPES))
    given = arguments.parse_args()
    missed = False
    for shape in given.shapes:
        figures = measure(shape, given.nodes, given.edits)
        print(json.dumps(figures), flush=True)
        missed |= bool(figures["missed"])
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
