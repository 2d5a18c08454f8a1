"""How a run stands: its newest and best figures, its best weights, and how long nothing got better."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.engine import protocol as p
from studio.engine.runs import better, is_low_best
from studio.graph.project import Recipe
from studio.train.checkpoint import Weights


@dataclass(frozen=True)
class Best:
    """Weights, the step that they are from, and what was measured of them."""

    step: int
    epoch: int
    weights: Weights
    metrics: dict[str, float]


@dataclass
class Standing:
    """`score` names the metric whose best is kept; `recipe` says how long to wait for a better one."""

    score: str
    recipe: Recipe
    last: dict[str, float] = field(default_factory=dict)
    best: dict[str, dict[str, float]] = field(default_factory=dict)
    kept: Best | None = None
    waited: int = 0
    _rank: tuple[float, float] = (-math.inf, -math.inf)
    _mark: float = -math.inf

    def take(self, done: p.EpochDone, loss: float, weights: Callable[[], Weights]) -> None:
        """Take an epoch's figures in; `weights` gives copies of those that were measured."""
        self.last = done.metrics
        self.best = better(self.best, done)
        sign = -1 if is_low_best(self.score) else 1
        value = sign * done.metrics.get(self.score, -sign * loss)
        # Of equal scores the lower loss is better: a small validation set ties often.
        rank = (value, -loss)
        if math.isfinite(loss) and rank > self._rank:
            self._rank = rank
            self.kept = Best(done.step, done.epoch, weights(), done.metrics)
        if value > self._mark + self.recipe.min_delta or self._mark == -math.inf:
            self._mark, self.waited = value, 0
        else:
            self.waited += 1

    @property
    def out_of_patience(self) -> bool:
        """Whether the run is to stop early."""
        return 0 < self.recipe.patience <= self.waited

    @property
    def words(self) -> str:
        """Why the run stopped early, and what is kept of it."""
        kept = f" The weights of epoch {self.kept.epoch} are the best." if self.kept else ""
        epochs = "epoch" if self.waited == 1 else "epochs"
        least = f" by more than {self.recipe.min_delta:g}" if self.recipe.min_delta else ""
        return f"Stopped early: {self.score} got no better{least} for {self.waited} {epochs}.{kept}"

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs, as plain values."""
        rank = [value for value in self._rank if math.isfinite(value)]
        return {
            "last": dict(self.last),
            "best": {name: dict(found) for name, found in self.best.items()},
            "rank": rank if len(rank) == 2 else [],
            "mark": self._mark if math.isfinite(self._mark) else None,
            "waited": self.waited,
            "kept": [self.kept.step, self.kept.epoch, dict(self.kept.metrics)] if self.kept else [],
        }

    def restore(self, state: Mapping[str, Any], weights: Callable[[int], Weights | None]) -> None:
        """Go back to an earlier `state`; `weights` finds those of a step, where they are kept."""
        self.last, self.best = dict(state["last"]), dict(state["best"])
        self.waited = int(state["waited"])
        if state["mark"] is not None:
            self._mark = float(state["mark"])
        if state["kept"]:
            step, epoch, metrics = state["kept"]
            found = weights(int(step))
            if found is not None:  # else the epoch that is as good will be the best again
                self.kept = Best(int(step), int(epoch), found, dict(metrics))
                self._rank = (float(state["rank"][0]), float(state["rank"][1]))
