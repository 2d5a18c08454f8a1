"""Plots of long runs, and what the window keeps of them: one JSON line a question.

`append_ms`: milliseconds for one more point on a plot of 1,000,000, taken in, given to the plot and
painted (target 4; median and worst of 200). `window_memory`: what the window's process grows by, in MiB,
from step 20,000 to step 100,000 of a run that tells everything: per-step figures, layers, pictures,
insights, epochs and checkpoints, with every view drawn all along (target 8: buckets fill up early).
`moment_ms`: milliseconds from a stored moment's file to its arrays, read beside the window (median), and
`moment_turn_ms`, what the window's own thread takes to show it (median; worst).

    python benchmarks/plots.py [--points N] [--steps N]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from PySide6.QtWidgets import QApplication

from studio import paths
from studio.app import make_application
from studio.engine import protocol as p
from studio.engine.runs import MomentWriter, read_moment
from studio.graph.builder import Net
from studio.graph.project import Project
from studio.session import events as e
from studio.session.history import Curve, History
from studio.session.session import Session
from studio.ui.canvas import Canvas
from studio.ui.theme import Theme
from studio.ui.train import TrainWorkspace
from studio.ui.views.line_plot import LinePlot
from studio.ui.views.plot_painting import Trace

POINT_MS, GROWTH_MIB = 4.0, 8.0
SIZE, CHUNK, EPOCH = (1600, 900), 250, 500


def tell(question: str, **figures: object) -> None:
    """Print one line of JSON."""
    print(json.dumps({"question": question, **figures}), flush=True)


def milliseconds(do: Callable[[], object]) -> float:
    """Return how long `do` takes."""
    start = time.perf_counter()
    do()
    return 1000 * (time.perf_counter() - start)


def append(theme: Theme, points: int) -> None:
    """Take one more point in, give all to the plot, paint it."""
    plot = LinePlot(theme, "Loss", (Trace("train", "train", "series.1", smooth=True),), log=True)
    plot.resize(520, 260)
    plot.show()
    QApplication.processEvents()
    curve, draw = Curve(), np.random.default_rng(0)
    for start in range(0, points, 10_000):
        steps = np.arange(start, min(start + 10_000, points))
        curve.append(steps, np.exp(draw.normal(-1, 0.4, len(steps))))

    def one_more() -> None:
        curve.append(np.array([curve.length]), np.array([0.4]))
        x, y = curve.points()
        plot.set_points("train", x, y, curve.means())
        plot.refresh()
        plot.repaint()

    one_more()
    assert plot.paint_ms > 0, "the plot was expected to be painted"
    took = [milliseconds(one_more) for _ in range(200)]
    median = statistics.median(took)
    tell(
        "append_ms",
        points=points,
        median=round(median, 2),
        worst=round(max(took), 2),
        target=POINT_MS,
        met=median <= POINT_MS,
    )


class Shown:
    """A session that only holds what it is told, as far as the Train workspace asks it."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def take(self, event: p.Event) -> None:
        """Let the window have an event as the bridge would."""
        self.session.history.take(event)
        self.session._tell(e.RunEvent(event))


def network() -> Project:
    """A small CNN."""
    net = Net()
    x = net.add("torch.nn.Conv2d", net.input(), name="conv1", out_channels=8, kernel_size=5)
    x = net.add("torch.nn.Flatten", net.add("torch.nn.ReLU", x, name="relu1"))
    x = net.add("torch.nn.ReLU", net.add("torch.nn.Linear", x, name="fc1", out_features=64))
    net.output(net.add("torch.nn.Linear", x, name="fc2", out_features=10))
    return net.project()


def insides(
    nodes: tuple[str, ...], step: int, draw: np.random.Generator
) -> tuple[p.LayerStats, p.Pictures, p.Insight]:
    """Return what a probe tells."""
    counts = tuple(int(n) for n in draw.integers(0, 500, 32))
    stats = {
        node: p.LayerStat(
            0.1, 1.0, 0.2, float(draw.random()), 0.0, 8, -3.0, 3.0, counts, 1.0, 0.0, 1e-3
        )
        for node in nodes
    }
    maps = {node: draw.integers(0, 255, (8, 24, 24), dtype=np.uint8) for node in nodes[:2]}
    pictures = p.Pictures(
        step,
        maps,
        draw.integers(0, 255, (24, 28, 28), dtype=np.uint8),
        draw.random((24, 10)).astype(np.float32),
        np.arange(24) % 10,
    )
    embedding = p.Embedding(
        draw.normal(size=(400, 32)).astype(np.float16),
        (0.5, 0.2),
        "validation",
        np.arange(400),
        np.arange(400) % 10,
        np.arange(400) % 10,
        nodes[-2],
    )
    filters = {nodes[0]: draw.integers(0, 255, (8, 5, 5), dtype=np.uint8)}
    return (
        p.LayerStats(step, stats, {f"{node}:out": 1.0 for node in nodes}),
        pictures,
        p.Insight(step, filters, {nodes[0]: 0.3}, embedding, None, (step,)),
    )


def resident_mib() -> float:
    """Return what this process holds in memory now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20
    except OSError:  # elsewhere than on Linux only the peak is told
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def long_run(
    app: QApplication, workspace: TrainWorkspace, session: Session, steps: int
) -> tuple[float, tuple[str, ...]]:
    """Let the window live through a long run; return its growth and the nodes that were told of."""
    project = session.document.project
    nodes = tuple(n.id for n in project.networks["main"].graph.nodes.values() if "." in n.kind)
    nodes = tuple(node for node in nodes if not node.startswith(("input", "output")))
    session._training.history = History("none")
    session._tell(e.HistoryOpened("none"))
    shown, draw = Shown(session), np.random.default_rng(0)
    shown.take(
        p.Started("none", "long", "cpu", 1, steps // EPOCH, EPOCH, 64, 32_000, 1000,
                  "classification", tuple("0123456789"), nodes)
    )  # fmt: skip
    before = 0.0
    for last in range(CHUNK, steps + 1, CHUNK):
        at = np.arange(last - CHUNK + 1, last + 1)
        loss = np.exp(draw.normal(-1, 0.3, CHUNK)).astype(np.float32)
        rates = np.full(CHUNK, 1e-3, np.float32)
        values = {"train_loss": loss, "train_accuracy": 1 - loss / 9, "lr": rates}
        shown.take(p.Progress(last, last // EPOCH, at, values, 40_000.0, 30.0, 0.013))
        for event in insides(nodes, last, draw):
            shown.take(event)
        if last % EPOCH == 0:
            metrics = {"val_loss": 0.3, "val_accuracy": 0.9}
            counts = draw.integers(0, 40, (10, 10))
            shown.take(p.EpochDone(last // EPOCH, last, metrics, 1.0, counts))
        workspace.redraw.flush()
        app.processEvents()
        if last == steps // 5:
            gc.collect()
            before = resident_mib()
    gc.collect()
    return resident_mib() - before, nodes


def looking_back(app: QApplication, session: Session, nodes: tuple[str, ...], root: Path) -> None:
    """Read stored moments, and show each."""
    writer, draw = MomentWriter(root), np.random.default_rng(1)
    for step in range(1, 41):
        layers, pictures, insight = insides(nodes, step, draw)
        writer.keep(p.Moment(step, layers, pictures, insight))
    reads, turns = [], []
    for step in writer.steps:
        start = time.perf_counter()
        session.history.moment = read_moment(root, step)
        reads.append(1000 * (time.perf_counter() - start))

        def show(at: int = step) -> None:
            session._tell(e.MomentChanged(at))
            app.processEvents()

        turns.append(milliseconds(show))
    tell("moment_ms", median=round(statistics.median(reads), 2))
    tell("moment_turn_ms", median=round(statistics.median(turns), 2), worst=round(max(turns), 2))


def main() -> None:
    """Ask everything."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        app = make_application()
        here = paths.find({"NEUROLOOM_HOME": home})
        theme = Theme(here.assets)
        append(theme, given.points)

        def nobody(role: str) -> object:
            raise AssertionError("no engine is asked here")

        session = Session(nobody, here)  # type: ignore[arg-type]
        session.new(network())
        workspace = TrainWorkspace(session, theme, lambda: Canvas(session, theme))
        session.subscribe(workspace.on_event)
        workspace.resize(*SIZE)
        workspace.show()
        grown, nodes = long_run(app, workspace, session, given.steps)
        tell(
            "window_memory",
            steps=given.steps,
            grown_mib=round(grown, 1),
            target=GROWTH_MIB,
            met=grown <= GROWTH_MIB,
        )
        looking_back(app, session, nodes, Path(home))
        session.close()
        workspace.hide()


if __name__ == "__main__":
    main()
