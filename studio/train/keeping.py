"""What a run leaves on disk, and when: its best and its newest weights, and what somebody asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from studio.engine import protocol as p
from studio.train.checkpoint import Keeper, Weights, is_finite, weights_of
from studio.train.good_states import GoodStates
from studio.train.ledger import NotFinite
from studio.train.standing import Standing
from studio.train.stepper import Stepper

#: Seconds between two checkpoints, and the share of the time that writing them may take.
SAVE_S, SAVE_SHARE = 5.0, 0.03


class Keeping:
    """Writes checkpoints; `course` gives what going on exactly needs beside what steps are made of."""

    def __init__(
        self, job: p.Job, stepper: Stepper, standing: Standing, course: Callable[[], dict[str, Any]]
    ) -> None:
        self._folder, self._seed = job.folder, job.project.recipe.seed
        self._stepper, self._standing, self._course = stepper, standing, course
        self._keeper = Keeper(job.folder)
        self._due = time.perf_counter()

    @property
    def newest(self) -> int | None:
        """The step of the newest weights on disk."""
        return self._keeper.newest

    @property
    def due(self) -> bool:
        """Whether it is time to write; the first step alone is not worth it."""
        return self._stepper.step > 1 and time.perf_counter() >= self._due

    def go_on(self) -> None:
        """Go on with what the run's folder holds, up to the step that the stepper stands at."""
        self._keeper = Keeper(self._folder, since=self._stepper.step)

    def save(self) -> Iterator[p.Event]:
        """Write the best and the newest weights, where they are not on disk yet.

        Raises: OSError, and NotFinite: broken weights are never kept.
        """
        start = time.perf_counter()
        best, step = self._standing.kept, self._stepper.step
        if best is not None and best.step not in (self._keeper.best, step):
            size = self._keeper.save_best(best.step, best.weights, self._about(best.metrics))
            path = str(self._keeper.path(best.step))
            yield p.CheckpointSaved(path, best.step, best.epoch, best=True, size=size)
        if step and step != self._keeper.last:
            yield self.save_newest()
        done = time.perf_counter()
        self._due = done + max(SAVE_S, (done - start) / SAVE_SHARE)

    def save_newest(self, *, keep: bool = False) -> p.CheckpointSaved:
        """Write the newest weights; with `keep` they stay when they are no longer the newest.

        Raises: OSError, and NotFinite.
        """
        state = self._stepper.capture()
        if not is_finite(state.weights):
            raise NotFinite
        state = replace(state, course=self._course())
        best = self._standing.kept is not None and self._standing.kept.step == state.step
        size = self._keeper.save_last(state, self._about(self._standing.last), best, keep)
        path = str(self._keeper.path(state.step))
        return p.CheckpointSaved(path, state.step, state.epoch, best=best, kept=keep, size=size)

    def salvage(self, good: GoodStates) -> list[p.Event]:
        """Write the best and the newest good weights after an error, as far as that can be done."""
        saved: list[p.Event] = []
        try:
            if not is_finite(weights_of(self._stepper.networks)):
                self._stepper.restore(good.newest)
            saved.extend(self.save())
        except (OSError, RuntimeError, MemoryError, NotFinite):
            pass  # the error that ended the run is the one to tell
        return saved

    def answer(self, asked: Future[p.Weights], weights: Callable[[], Weights]) -> None:
        """Write the weights that somebody asked for."""
        if not asked.set_running_or_notify_cancel():
            return
        step, started = self._stepper.step, time.perf_counter()
        try:
            path = self._keeper.snapshot(step, weights())
        except OSError as error:
            reason = error.strerror or str(error)
            asked.set_exception(
                RuntimeError(
                    f"The weights of step {step} could not be written ({reason.lower()}). "
                    "Free some space and ask again; training goes on."
                )
            )
        else:
            asked.set_result(p.Weights(str(path), step, time.perf_counter() - started))

    def _about(self, metrics: dict[str, float]) -> dict[str, Any]:
        return {"seed": self._seed, "metrics": metrics}
