"""Worlds to act in: what a network sees of one, and the world itself, many copies side by side.

Gymnasium's own (Towers et al. 2024); an extra, since most people never act.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio.data.source import DataProblem, Loaded, Source
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

KIND = "worlds.gymnasium"
#: Worlds of numbers in and a choice out: what they show, and what can be done.
WORLDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "CartPole-v1": (
        ("position", "velocity", "angle", "angular velocity"),
        ("push left", "push right"),
    ),
    "Acrobot-v1": (
        ("cos θ₁", "sin θ₁", "cos θ₂", "sin θ₂", "angular velocity 1", "angular velocity 2"),
        ("torque −1", "no torque", "torque +1"),
    ),
    "MountainCar-v0": (("position", "velocity"), ("push left", "do nothing", "push right")),
}


@dataclass(frozen=True)
class Moment:
    """What copies of a world answer to one action each: float32 `[n, seen]`, `[n]`, and bool `[n]`."""

    seen: NDArray[np.float32]
    rewards: NDArray[np.float32]
    over: NDArray[np.bool_]


class World:
    """`count` copies of a world side by side. One that is over is to be left out until all begin anew.

    Raises: DataProblem, where Gymnasium is not installed.
    """

    def __init__(self, name: str, count: int) -> None:
        if importlib.util.find_spec("gymnasium") is None:
            raise DataProblem(
                "Acting needs Gymnasium, which is not installed. "
                'Install it with pip install "neuroloom[acting]".'
            )
        import gymnasium  # seldom needed, and slow to import

        fast = name == "CartPole-v1"
        mode: Any = "vector_entry_point" if fast else "sync"
        self._envs = gymnasium.make_vec(name, num_envs=count, vectorization_mode=mode)
        self.count = count

    def begin(self, seed: int) -> NDArray[np.float32]:
        """Begin an episode in every copy; returns what is seen."""
        seen, _ = self._envs.reset(seed=seed)
        return np.asarray(seen, dtype=np.float32)

    def act(self, actions: NDArray[np.int64]) -> Moment:
        """Do one action in every copy."""
        seen, rewards, ended, cut, _ = self._envs.step(actions)
        over = np.asarray(ended) | np.asarray(cut)
        return Moment(np.asarray(seen, np.float32), np.asarray(rewards, np.float32), over)

    def close(self) -> None:
        """Let go of the world."""
        self._envs.close()


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: what is seen `[n, seen]`, and the action that chance chose then `[n]`."""
    name, count = str(params["world"]), int(params["samples"])
    features, actions = WORLDS[name]
    draw = np.random.default_rng(int(params["seed"]))
    copies = 16
    world = World(name, copies)
    seen: list[NDArray[np.float32]] = []
    chosen: list[NDArray[np.int64]] = []
    try:
        now, over = world.begin(int(params["seed"])), np.zeros(copies, dtype=bool)
        while copies * len(seen) < count:
            action = draw.integers(0, len(actions), copies)
            seen.append(now)
            chosen.append(action)
            moment = world.act(action)
            now, over = moment.seen, over | moment.over
            if over.all():
                now, over = world.begin(int(draw.integers(2**31))), np.zeros(copies, dtype=bool)
    finally:
        world.close()
    return Loaded(
        title=name,
        form="table",
        inputs=np.concatenate(seen)[:count],
        targets=np.concatenate(chosen)[:count].astype(np.int64),
        task="acting",
        classes=actions,
        features=features,
        notes=("What is seen while chance acts; a learner that acts plays episodes of its own.",),
    )


GYMNASIUM = Source(
    SourceSpec(
        kind=KIND,
        title="World (Gymnasium)",
        doc="A world to act in: the network sees it and chooses what is done. Nothing is labelled; "
        "what is done well is rewarded.",
        form="table",
        params=(
            Param("world", "choice", "CartPole-v1", choices=tuple(WORLDS)),
            Param(
                "samples",
                "int",
                512,
                minimum=64,
                maximum=100_000,
                help="Moments that are looked at; with the batch size they set the steps of an epoch",
            ),
            Param("seed", "int", 0, minimum=0, maximum=2**31 - 1),
        ),
    ),
    _load,
)
