"""Policy gradient: episodes are played, and what came before much reward is done more often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.data import Samples
from studio.data.worlds import World
from studio.engine import protocol as p
from studio.graph.answers import Answer, Wanted
from studio.graph.facts import DataFacts
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec
from studio.train.learner import Evaluation, Learning, Modes, Setup, Trace
from studio.train.options import checked
from studio.train.updates import Computed

_MOST_STEPS, _JUDGED = 500, 10


@dataclass(frozen=True)
class Episodes:
    """What was played: what was seen `[moments, seen]`, done and gained after it `[moments]`; returns `[n]`."""

    seen: Tensor
    actions: Tensor
    gains: Tensor
    returns: Tensor


class Reinforce:
    """Episodes are sampled from the policy; the batch only sets the pace. Source: Williams 1992."""

    spec = OptionSpec(
        kind="core.reinforce",
        title="Policy gradient (REINFORCE)",
        doc="The network sees a world and scores what can be done. Episodes are played by these scores, "
        "and actions that led to more reward than usual become likelier.",
        params=(
            Param("episodes", "int", 8, minimum=2, maximum=256, help="Played for each step"),
            Param(
                "discount",
                "float",
                0.99,
                minimum=0.0,
                maximum=1.0,
                help="What a reward still counts for what was done one moment before",
            ),
            Param(
                "entropy",
                "float",
                0.01,
                minimum=0.0,
                maximum=10.0,
                help="How much undecided scores are rewarded, so that it goes on trying",
            ),
        ),
    )
    roles = ("main",)

    def suits(self, facts: DataFacts) -> str:
        """Return why nothing can be done there."""
        if facts.task == "acting":
            return ""
        return f"Acting needs a world, but {facts.title} holds samples of a {facts.task}."

    def wanted(self, facts: DataFacts, params: Mapping[str, Value]) -> Wanted:
        """Return a score for each action."""
        count = len(facts.classes)
        return {"main": Answer(("N", count), f"{count} things can be done", "classes")}

    def score(self, facts: DataFacts) -> str:
        """Return the mean reward of an episode."""
        return f"{'val' if facts.validation else 'train'}_mean_return"

    def start(self, setup: Setup) -> Learning:
        """Begin a run.

        Raises: TrainProblem, DataProblem.
        """
        return _Acting(setup)


class _Acting:
    def __init__(self, setup: Setup) -> None:
        settings = checked(Reinforce.spec, setup.recipe.learner_params, "learner")
        self._setup = setup
        self._discount, self._entropy = float(settings["discount"]), float(settings["entropy"])
        self._world = World(setup.facts.title, int(settings["episodes"]))
        self._judge = World(setup.facts.title, _JUDGED)
        self._updates = setup.updates("main")
        self.optimizers = self._updates.optimizers

    def _scores(self, seen: Tensor) -> Tensor:
        return self._setup.answer("main", Samples(seen, seen))

    def _play(self, world: World, seed: int, greedy: bool) -> Episodes:
        """Play one episode in each copy of a world."""
        device = self._setup.device
        now, over = world.begin(seed), np.zeros(world.count, dtype=bool)
        seen: list[Tensor] = []
        actions: list[Tensor] = []
        rewards: list[NDArray[np.float32]] = []
        under_way: list[NDArray[np.bool_]] = []
        while not over.all() and len(seen) < _MOST_STEPS:
            view = torch.from_numpy(now).to(device)
            with torch.no_grad():
                scores = self._scores(view)
                if greedy:
                    chosen = scores.argmax(1)
                else:
                    chosen = torch.multinomial(scores.softmax(1), 1)[:, 0]
            moment = world.act(chosen.cpu().numpy())
            seen.append(view)
            actions.append(chosen)
            rewards.append(moment.rewards)
            under_way.append(~over)
            now, over = moment.seen, over | moment.over
        alive = np.stack(under_way)
        gained = np.where(alive, np.stack(rewards), 0)
        returns = torch.from_numpy(gained.sum(0))
        gains = np.zeros_like(gained)
        later = np.zeros(world.count, dtype=np.float32)
        for at in reversed(range(len(gained))):
            later = gained[at] + self._discount * later
            gains[at] = later
        there = torch.from_numpy(alive.ravel()).to(device)
        return Episodes(
            torch.stack(seen).flatten(0, 1)[there],
            torch.stack(actions).flatten()[there],
            torch.from_numpy(gains.ravel()).to(device)[there],
            returns,
        )

    # ---------------------------------------------------------------------------------- the course

    def step(self, batch: Samples) -> Trace:
        """Play, then learn from what was played. Episodes come from the run's own random numbers."""
        seed = int(torch.randint(2**31, (1,)))
        played = self._play(self._world, seed, greedy=False)
        gains = played.gains
        better = (gains - gains.mean()) / gains.std().clamp(min=1e-6)

        def compute() -> Computed:
            log_shares = self._scores(played.seen).log_softmax(1)
            done = log_shares.gather(1, played.actions[:, None])[:, 0]
            loss = -(done * better).mean()
            entropy = -(log_shares.exp() * log_shares).sum(1).mean()
            return loss - self._entropy * entropy, entropy

        loss, entropy = self._updates.take(compute)
        return loss.detach(), played.returns.mean(), entropy.detach()

    def figures(self, traces: Sequence[Trace]) -> dict[str, Tensor]:
        """Return losses, mean returns and how undecided the network is."""
        names = ("train_loss", "train_mean_return", "entropy")
        columns = zip(*traces, strict=True)
        return {
            name: torch.stack([value.cpu() for value in column]).float()
            for name, column in zip(names, columns, strict=True)
        }

    def evaluate(self, samples: Samples) -> Evaluation:
        """Measure the return of episodes in which the best action is always done."""
        returns = self._judged()
        return Evaluation({"loss": -float(returns.mean()), "mean_return": float(returns.mean())})

    def _judged(self) -> Tensor:
        with Modes([self._setup.networks["main"]]):
            return self._play(self._judge, self._setup.recipe.seed, greedy=True).returns

    def present(self, outputs: Tensor) -> Tensor:
        """Return how likely each action is."""
        return outputs.float().softmax(1)

    def preview(self, samples: Samples) -> p.Preview:
        """Return what the network would gain now, an episode each."""
        returns = self._judged()
        title = f"Return of {len(returns)} episodes, the best action each time"
        return p.Preview(0, "returns", title, {"returns": returns.numpy()})
