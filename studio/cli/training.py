"""`train`: the window's own session, told on standard error."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from studio.cli.ending import FINE, INTERRUPTED, JobFailed, WrongUse
from studio.cli.headless import Headless
from studio.cli.output import metrics, print_json
from studio.cli.progress import Teller
from studio.cli.settings_given import recipe_given
from studio.engine.protocol import RunSummary
from studio.engine.runs import read_job
from studio.graph.edits import SetRecipe
from studio.paths import Paths
from studio.session.events import RunEvent, SessionEvent
from studio.session.history import History


def train(given: argparse.Namespace, here: Paths) -> int:
    """Train a project into a run folder, or go on with a run.

    Raises: WrongUse, JobFailed.
    """
    if given.resume is not None:
        return _go_on(given, here)
    folder = _folder(given.out)
    with Headless(here) as studio:
        studio.open(given.file, given.trust)
        session = studio.session
        changes = recipe_given(session.document.project.recipe, session.catalog, given.set)
        for name in ("epochs", "seed", "device"):
            if getattr(given, name) is not None:
                changes[name] = getattr(given, name)
        _check_device(changes.get("device", "auto"), studio.hello.devices)
        if changes:
            session.do(SetRecipe(changes))
        facts = studio.facts()
        if facts.errors:
            first = facts.errors[0].message
            raise JobFailed(f"{given.file} cannot be trained: {first} neuroloom check says more.")
        summary, stopped = _run(studio, lambda: session.train(folder=folder))
        best = best_epoch(session.history)
    return _told(given, summary, best, stopped)


def _go_on(given: argparse.Namespace, here: Paths) -> int:
    """Go on with a run in its own folder."""
    folder = given.resume.absolute()
    if given.set or given.out or given.seed is not None or given.device is not None:
        raise WrongUse(
            "A run goes on as it was begun: --resume takes --epochs, and no other setting. Train "
            "the project anew to change them."
        )
    job = read_job(folder)
    if job is None:
        raise WrongUse(f"{given.resume} is no run that can be read; name a run's folder.")
    with Headless(here) as studio:
        session = studio.session
        session.new(job.project)
        studio.check_trust(str(given.resume), given.trust)
        summary, stopped = _run(studio, lambda: session.continue_run(folder, given.epochs or 0))
        best = best_epoch(session.history)
    return _told(given, summary, best, stopped)


def _told(
    given: argparse.Namespace, summary: RunSummary, best: dict[str, float], stopped: bool
) -> int:
    if given.json:
        print_json(as_json(summary, best))
    else:
        _print_summary(summary, best)
    if summary.status == "failed":
        raise JobFailed(summary.message or "Training failed.")
    return INTERRUPTED if stopped else FINE


def _folder(out: Path | None) -> Path | None:
    """Return where the run goes, or None for a new folder among the runs.

    Raises: WrongUse, when something is there already.
    """
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise WrongUse(f"{out} is not empty; name a new folder, so that no run is lost.")
    return out.absolute() if out is not None else None


def _check_device(name: str, devices: dict[str, str]) -> None:
    if name != "auto" and name not in devices:
        raise WrongUse(f"There is no device {name!r} here; there is auto, {', '.join(devices)}.")


def _run(studio: Headless, begin: Callable[[], object]) -> tuple[RunSummary, bool]:
    """Train until the end; the first Ctrl-C stops cleanly, a second one at once."""
    session = studio.session
    teller = Teller(sys.stderr)

    def tell(event: SessionEvent) -> None:
        if isinstance(event, RunEvent):
            teller.take(event.event)

    asked_to_stop = False
    with _interrupts() as interrupted:
        unsubscribe = session.subscribe(tell)
        begin()
        studio.raise_errors()
        for _ in studio.events(lambda: session.training in ("idle", "ended")):
            if interrupted and not asked_to_stop:
                asked_to_stop = True
                teller.say("Stopping after this batch…")
                session.stop()
        unsubscribe()
        teller.close()
    if session.history.summary is None:
        studio.raise_errors()
        raise JobFailed("Training ended without a result; the run's folder holds what there is.")
    return session.history.summary, asked_to_stop


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C instead of raising it; the second one raises as usual."""
    caught: list[int] = []

    def catch(number: int, frame: FrameType | None) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    before = signal.signal(signal.SIGINT, catch)
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, before)


def best_epoch(history: History) -> dict[str, float]:
    """Return the metrics of the best epoch and, as `epoch`, which one it was; {} before the first.

    Best by the metric that the way of learning goes by, else by validation loss, else by training loss.
    """
    score = history.started.score if history.started else ""
    for name in (score or "val_accuracy", "val_loss", "train_loss"):
        found = history.best(name)
        if found is not None:
            epoch = found[0]
            done = next(done for done in history.epochs if done.epoch == epoch)
            return {**done.metrics, "epoch": epoch}
    return {}


def as_json(summary: RunSummary, best: dict[str, float]) -> dict[str, Any]:
    """Return what `train --json` prints."""
    return {
        "run": summary.folder,
        "status": summary.status,
        "epochs": summary.epochs,
        "steps": summary.steps,
        "seconds": round(summary.seconds, 3),
        "steps_per_s": round(summary.steps / summary.seconds, 2) if summary.seconds else 0.0,
        "last": summary.last,
        "best": best,
    }


def _print_summary(summary: RunSummary, best: dict[str, float]) -> None:
    ended = {"finished": "Trained", "stopped": "Stopped", "failed": "Failed"}[summary.status]
    noun = "epoch" if summary.epochs == 1 else "epochs"
    print(f"{ended} after {summary.epochs} {noun}, {summary.seconds:.1f} s: {summary.folder}")
    for title, values in (("last", summary.last), ("best", best)):
        if values:
            words = metrics(values)
            epoch = f" (epoch {int(values['epoch'])})" if "epoch" in values else ""
            print(f"  {title}{epoch}: {words}")
