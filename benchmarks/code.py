"""Code of a large network, through the engine in its own process: one JSON line.

`written_ms`: the median time from asking for the code after an edit, with its facts known, to the text in
the window's hands. `engine_ms` is what of it the writing alone takes. `read_ms`: the same for a text in
which one number was changed, read back to the edit that it asks for.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time

from edit import chain

from studio import compile, layers
from studio.engine import protocol as p
from studio.engine.setup import Setup
from studio.engine.subprocess import spawn
from studio.graph.edits import SetParams
from studio.graph.project import Project

#: Units: ms.
TARGETS = {"written_ms": 30.0}


def edits(project: Project, count: int) -> list[Project]:
    """Return the project after each of several edits of its last convolution."""
    nodes = project.networks["main"].graph.of_kind("torch.nn.Conv2d")
    found = []
    for number in range(count):
        project = SetParams("main", nodes[-1].id, {"out_channels": 17 + number}).apply(project)
        found.append(project)
    return found


def measure(nodes: int, rounds: int) -> dict[str, float]:
    """Return the medians."""
    written, read, alone = [], [], []
    specs, cache = layers.builtin(), compile.Cache()
    with spawn(Setup("workbench")) as engine:
        for number, project in enumerate(edits(chain(nodes), rounds)):
            known = engine.call(p.Infer(number, project, 0.0))
            start = time.perf_counter()
            source = engine.call(p.GetSource(project, tapped=False))
            written.append(time.perf_counter() - start)
            assert isinstance(source, p.SourceText)
            text = re.sub(r"Linear\((\d+), \d+\)", rf"Linear(\1, {20 + number})", source.text)
            start = time.perf_counter()
            answer = engine.call(p.ReadSource(project, text))
            read.append(time.perf_counter() - start)
            assert isinstance(answer, p.SourceRead)
            assert answer.edit is not None, answer.message
            assert isinstance(known, p.FactsAnswer)
            facts = compile.infer(project, specs, known.facts.data, cache=cache)
            start = time.perf_counter()
            compile.source(project, "main", specs, facts, tapped=False)
            alone.append(time.perf_counter() - start)
    names = {"written_ms": written, "engine_ms": alone, "read_ms": read}
    return {name: round(1000 * statistics.median(times[2:]), 1) for name, times in names.items()}


def main() -> int:
    """Measure, print, and say with the exit code whether the targets hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=12)
    given = parser.parse_args()
    found = measure(given.nodes, given.rounds)
    print(json.dumps({"nodes": given.nodes, **found, "targets": TARGETS}))
    return 0 if all(found[name] <= most for name, most in TARGETS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
