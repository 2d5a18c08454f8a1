"""Training beside the open window: one JSON line a case and a question.

The real window is open (offscreen unless a platform is chosen). Train is pressed in Build, so the Train
workspace comes up as the run begins; the job is in an engine process of its own, and every plot is
filled 30 times a second whether it changed or not.

`window_step`: microseconds a step beside a plain PyTorch loop over a DataLoader (target 0.70 on the
MLP, 0.67 on the CNN, in the memory format that the studio picks). `window_beside`: the same run with
the window open beside the same run alone in an engine, unwatched (target 1.05). `window_views`: the
window with every live view beside the window with none (target 1.03). `window_late`: lateness of a
5 ms timer in the window while it trains and plots (p99 at most 10 ms), and the longest stall in the
first two seconds of training (at most 50 ms). `window_begin`: from the press of Train on LeNet-5 to
the first step, and to the first figures on the screen (the first step within 300 ms).

    python benchmarks/window.py [--repeats N] [--seconds S]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess as processes
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from studio import app as studio_app
from studio.engine import protocol as p
from studio.engine import subprocess
from studio.engine.setup import Setup
from studio.graph.builder import Net
from studio.graph.project import DataRef, Project, Recipe, Step
from studio.opening import make_session
from studio.paths import find
from studio.session import events as e
from studio.session.session import Session
from studio.settings import Settings
from studio.ui.preferences import Preferences
from studio.ui.theme import Theme
from studio.ui.window import MainWindow

HERE = Path(__file__).resolve()
TICK_MS, PLOT_MS, START_S, PRESSES = 5, 33, 2.0, 5
P99_MS, STALL_MS, BESIDE, VIEWS, BEGIN_MS = 10.0, 50.0, 1.05, 1.03, 300.0


class Case(NamedTuple):
    """A network of `benchmarks/training.py`, drawn; `rank` is its place there."""

    name: str
    rank: int
    target: float
    guess_us: float


CASES = (
    Case("mlp 64-64-10, digits 8×8", 0, 0.70, 300.0),
    Case("cnn, digits 28×28", 1, 0.67, 12_000.0),
)


def project_of(case: Case, epochs: int) -> Project:
    """Draw the case's network, with its data and recipe."""
    net = Net()
    x = net.input()
    data = DataRef("sklearn.digits")
    if case.rank == 0:
        x = net.add("torch.nn.Flatten", x)
        x = net.add("torch.nn.Linear", x, out_features=64)
        x = net.add("torch.nn.ReLU", x)
    else:
        data = DataRef("sklearn.digits", transforms=(Step("core.resize", {"size": 28}),))
        for channels in (16, 32):
            x = net.add("torch.nn.Conv2d", x, out_channels=channels, kernel_size=3, padding=1)
            x = net.add("torch.nn.ReLU", x)
            x = net.add("torch.nn.MaxPool2d", x, kernel_size=2)
        x = net.add("torch.nn.Flatten", x)
        x = net.add("torch.nn.Linear", x, out_features=64)
        x = net.add("torch.nn.ReLU", x)
    net.output(net.add("torch.nn.Linear", x, out_features=10))
    recipe = Recipe(
        optimizer_params={"lr": 1e-3},
        batch_size=(32, 64)[case.rank],
        epochs=epochs,
        threads=1,
        device="cpu",
    )
    return net.project(data, recipe)


# ------------------------------------------------------------------------- each in its own process


def run_plain(case: Case, epochs: int) -> dict[str, float]:
    """Train as a tutorial does."""
    import torch

    sys.path.insert(0, str(HERE.parent))
    import training

    from studio import data

    torch.set_num_threads(1)
    wanted = training.CASES[case.rank]
    dataset = data.open(wanted.data, Path.cwd())
    training.plain_loop(wanted, dataset, 1)
    return {"step_s": training.plain_loop(wanted, dataset, epochs)}


def run_alone(case: Case, epochs: int) -> dict[str, float]:
    """Train in an engine, without window and without anyone who watches."""
    with tempfile.TemporaryDirectory() as home:
        with subprocess.spawn(Setup(role="job", cache=home)) as engine:
            for count, folder in ((1, "warm"), (epochs, "run")):
                job = p.Job(project_of(case, count), str(Path(home) / folder), live=False)
                summary = engine.call(p.Train(job), 900)
        assert isinstance(summary, p.RunSummary), summary
        return {"step_s": summary.seconds / summary.steps}


class Opened(NamedTuple):
    """The window as a person has it, its engines ready."""

    application: QApplication
    session: Session
    window: MainWindow

    def until(self, done: Callable[[], object], seconds: float = 900.0) -> None:
        """Let the window live until something is so."""
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            self.application.processEvents()
            time.sleep(0.001)

    def ready(self, project: Project) -> None:
        """Open a project and wait until it can be trained."""
        self.session.new(project)
        self.until(lambda: self.session.facts is not None and not self.session.can_train())


@contextmanager
def opened() -> Iterator[Opened]:
    """Open the real window, off screen unless a platform is chosen."""
    with tempfile.TemporaryDirectory() as home:
        here = find({"NEUROLOOM_HOME": home})
        application = studio_app.make_application()
        theme = Theme(here.assets)
        theme.dress(application)
        session = make_session(here)
        session.new(project_of(CASES[0], 1))
        window = MainWindow(session, theme, Preferences(here.settings, Settings()))
        window.resize(1600, 1000)
        window.show()
        window.bridge.start()
        session.start()
        yield Opened(application, session, window)
        window.bridge.stop()
        session.close()
        window.close()


def run_window(case: Case, epochs: int, watched: bool = True) -> dict[str, float]:
    """Train in the window's own way, with the window open and plotting."""
    with opened() as place:
        application, session, window = place
        place.ready(project_of(case, 1))
        session.train("warm", False)
        place.until(lambda: session.training == "ended")
        place.ready(project_of(case, epochs))

        late: list[tuple[float, float]] = []
        clock = {"due": time.perf_counter() + TICK_MS / 1000}

        def tick() -> None:
            now = time.perf_counter()
            late.append((now, 1000 * max(0.0, now - clock["due"])))
            clock["due"] = now + TICK_MS / 1000

        place.until(lambda: False, 1.0)
        ticker, plotter = QTimer(), QTimer()
        ticker.setTimerType(Qt.TimerType.PreciseTimer)
        ticker.timeout.connect(tick)
        plotter.timeout.connect(window.workspace(1).redraw.mark_all)  # type: ignore[attr-defined]

        def follow(event: e.SessionEvent) -> None:
            if isinstance(event, e.TrainingChanged) and event.state == "ended":
                application.quit()
            if isinstance(event, e.TrainingChanged) and event.state == "running" and not watched:
                session.watch(0.0)

        session.subscribe(follow)
        plotter.start(PLOT_MS)
        ticker.start(TICK_MS)
        began = time.perf_counter()
        clock["due"] = began + TICK_MS / 1000
        QTimer.singleShot(0, window, window.train)
        application.exec()
        ticker.stop()
        plotter.stop()
        summary = session.history.summary
        assert summary is not None
        assert summary.status == "finished", summary
        delays = sorted(ms for _, ms in late)
        return {
            "step_s": summary.seconds / summary.steps,
            "p50_ms": delays[len(delays) // 2],
            "p99_ms": delays[int(len(delays) * 0.99)],
            "max_ms": delays[-1],
            "start_ms": max(ms for when, ms in late if when - began < START_S),
            "ticks": len(delays),
        }


def run_unwatched(case: Case, epochs: int) -> dict[str, float]:
    """The same with the live views turned off."""
    return run_window(case, epochs, watched=False)


def run_begin(case: Case, epochs: int) -> dict[str, float]:
    """Press Train on LeNet-5: milliseconds to the first step and to the first figures, medians."""
    steps, figures = [], []
    with opened() as place:
        session = place.session
        for _ in range(PRESSES):
            drawn: list[Project] = []
            session.ask(
                p.BuildArchitecture("vision.lenet5"),
                lambda answer, drawn=drawn: drawn.append(answer.project),  # type: ignore[union-attr, misc]
            )
            place.until(lambda drawn=drawn: drawn)  # type: ignore[misc]
            place.ready(drawn[0])
            place.until(lambda: session.hello is not None)
            place.until(lambda: False, 2.0)  # a person looks before pressing
            pressed = time.time()
            place.window.train()
            place.until(lambda: session.history.progress is not None)
            figures.append(1000 * (time.time() - pressed))
            started = session.history.started
            assert started is not None
            steps.append(1000 * (started.time - pressed))
            session.stop()
            place.until(lambda: session.training == "ended")
    return {"first_step_ms": statistics.median(steps), "figures_ms": statistics.median(figures)}


ROLES = {
    "plain": run_plain,
    "alone": run_alone,
    "window": run_window,
    "unwatched": run_unwatched,
}


# ------------------------------------------------------------------------------------- comparing


def measure(role: str, case: Case, epochs: int) -> dict[str, float]:
    """Run one role in a fresh process."""
    command = [sys.executable, str(HERE), "--role", role, "--case", str(case.rank)]
    found = processes.run(
        [*command, "--epochs", str(epochs)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    if found.returncode:
        raise RuntimeError(f"{role} of {case.name} failed:\n{found.stderr}")
    return dict(json.loads(found.stdout.splitlines()[-1]))


def compare(case: Case, repeats: int, seconds: float) -> list[dict[str, object]]:
    """Interleave the three roles `repeats` times; medians of ratios within a round."""
    steps_an_epoch = -(-1437 // (32, 64)[case.rank])
    epochs = max(3, round(seconds / (steps_an_epoch * case.guess_us * 1e-6)))
    rounds = [{role: measure(role, case, epochs) for role in ROLES} for _ in range(repeats)]

    def ratio(role: str, other: str) -> float:
        return statistics.median(r[role]["step_s"] / r[other]["step_s"] for r in rounds)

    def middle(role: str, name: str) -> float:
        return statistics.median(r[role][name] for r in rounds)

    step, beside = ratio("window", "plain"), ratio("window", "alone")
    views = ratio("window", "unwatched")
    late = {name: round(middle("window", name), 2) for name in ("p50_ms", "p99_ms", "max_ms")}
    stall = middle("window", "start_ms")
    common = {"case": case.name, "threads": 1, "repeats": repeats}
    return [
        {
            "benchmark": "window_step",
            **common,
            "plain_us_a_step": round(middle("plain", "step_s") * 1e6, 1),
            "window_us_a_step": round(middle("window", "step_s") * 1e6, 1),
            "ratio": round(step, 3),
            "target": case.target,
            "ok": step <= case.target,
        },
        {
            "benchmark": "window_beside",
            **common,
            "alone_us_a_step": round(middle("alone", "step_s") * 1e6, 1),
            "ratio": round(beside, 3),
            "target": BESIDE,
            "ok": beside <= BESIDE,
        },
        {
            "benchmark": "window_views",
            **common,
            "unwatched_us_a_step": round(middle("unwatched", "step_s") * 1e6, 1),
            "ratio": round(views, 3),
            "target": VIEWS,
            "ok": views <= VIEWS,
        },
        {
            "benchmark": "window_late",
            **common,
            **late,
            "start_stall_ms": round(stall, 2),
            "target": {"p99_ms": P99_MS, "start_stall_ms": STALL_MS},
            "ok": late["p99_ms"] <= P99_MS and stall <= STALL_MS,
        },
    ]


def begin() -> dict[str, object]:
    """Return how long the first step takes to come after the press."""
    found = measure("begin", CASES[0], 1)
    return {
        "benchmark": "window_begin",
        "case": "vision.lenet5",
        "repeats": PRESSES,
        **{name: round(value, 1) for name, value in found.items()},
        "target": BEGIN_MS,
        "ok": found["first_step_ms"] <= BEGIN_MS,
    }


def main() -> None:
    """Print one JSON line a case and a question."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of one run, about")
    parser.add_argument("--role", choices=[*ROLES, "begin"], help=argparse.SUPPRESS)
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--epochs", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        print(
            json.dumps((ROLES | {"begin": run_begin})[given.role](CASES[given.case], given.epochs))
        )
        return
    for case in CASES if given.case is None else [CASES[given.case]]:
        for line in compare(case, given.repeats, given.seconds):
            print(json.dumps(line, ensure_ascii=False), flush=True)
    print(json.dumps(begin()), flush=True)


if __name__ == "__main__":
    main()
