"""Supervised learning: classification and regression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from studio.data import Samples
from studio.graph.facts import DataFacts
from studio.graph.params import Param
from studio.graph.spec import OptionSpec
from studio.train.learner import Evaluation, Learner, Learning, Modes, Setup, Trace
from studio.train.losses import Loss, balanced
from studio.train.options import checked
from studio.train.updates import Computed

#: Samples evaluated at once, where training takes fewer.
_EVALUATED = 256


class Supervised:
    """Outputs are compared with targets; the loss follows the task unless one is chosen."""

    spec = OptionSpec(
        kind="core.supervised",
        title="Supervised",
        doc="Classification and regression: outputs are compared with targets.",
        params=(
            Param(
                "class_weights",
                "choice",
                "equal",
                choices=("equal", "balanced"),
                help="Balanced: rare classes count more",
            ),
        ),
    )
    roles = ("main",)

    def score(self, facts: DataFacts) -> str:
        """Return accuracy where there are classes, else the loss; on validation where there is one."""
        split = "val_" if facts.validation else "train_"
        return split + ("accuracy" if facts.task == "classification" else "loss")

    def start(self, setup: Setup) -> Learning:
        """Begin a run.

        Raises: TrainProblem.
        """
        return _Supervising(setup)


class _Supervising:
    def __init__(self, setup: Setup) -> None:
        recipe, facts = setup.recipe, setup.facts
        settings = checked(Supervised.spec, recipe.learner_params, "learner")
        self._setup = setup
        self._updates = setup.updates("main")
        self.optimizers = self._updates.optimizers
        classes = facts.task == "classification"
        weigh = classes and settings["class_weights"] == "balanced"
        weights = balanced(facts, setup.device) if weigh else None
        self._loss = Loss(recipe.loss, recipe.loss_params, facts, weights)
        self._classes = len(facts.classes)
        self._batch = max(_EVALUATED, recipe.batch_size)
        self._spread = torch.tensor(facts.target_std or (1.0,), dtype=torch.float64)

    def step(self, batch: Samples) -> Trace:
        def compute() -> Computed:
            outputs = self._forward(batch)
            return self._loss(outputs, batch.targets), outputs

        loss, outputs = self._updates.take(compute)
        return self._trace(loss, outputs, batch)

    def _forward(self, batch: Samples) -> Tensor:
        return self._setup.answer("main", batch)

    def _trace(self, loss: Tensor, outputs: Tensor, batch: Samples) -> Trace:
        if self._classes:
            return loss.detach(), outputs.detach(), batch.targets
        return (loss.detach(),)

    def figures(self, traces: Sequence[Trace]) -> dict[str, Tensor]:
        found = {"train_loss": torch.stack([trace[0] for trace in traces]).float()}
        if self._classes:
            targets = [trace[2] for trace in traces]
            right = self._predicted(torch.cat([trace[1] for trace in traces])) == torch.cat(targets)
            sizes = torch.tensor([len(part) for part in targets], device=right.device)
            # Whole numbers, so that an accuracy does not depend on how many steps are read at once.
            ends = right.long().cumsum(0)[sizes.cumsum(0) - 1]
            hits = torch.diff(ends, prepend=ends.new_zeros(1))
            found["train_accuracy"] = hits.float() / sizes
        return found

    def evaluate(self, samples: Samples) -> Evaluation:
        with Modes([self._setup.networks["main"]]), torch.no_grad():
            parts = [(self._forward(part), part.targets) for part in self._batches(samples)]
            losses = [self._loss(out, target).double() * len(target) for out, target in parts]
        outputs = torch.cat([out for out, _ in parts])
        metrics = {"loss": float(torch.stack(losses).sum() / len(samples))}
        if self._classes:
            predicted = self._predicted(outputs)
            metrics["accuracy"] = float((predicted == samples.targets).double().mean())
            pairs = samples.targets * self._classes + predicted
            counts = torch.bincount(pairs, minlength=self._classes**2).cpu().numpy()
            confusion = counts.astype(np.int64).reshape(self._classes, self._classes)
            return Evaluation(metrics, confusion)
        errors = outputs.reshape(samples.targets.shape).cpu().double() - samples.targets.cpu()
        metrics["mae"] = float((errors.abs() * self._spread).mean())
        spread = (samples.targets.cpu().double() - samples.targets.cpu().double().mean(0)).square()
        if float(spread.sum()) > 0:
            metrics["r2"] = float(1 - errors.square().sum() / spread.sum())
        return Evaluation(metrics)

    def _batches(self, samples: Samples) -> Iterator[Samples]:
        for start in range(0, len(samples), self._batch):
            yield samples.slice(start, start + self._batch)

    def _single(self, outputs: Tensor) -> bool:
        """Whether one number a sample tells two classes apart."""
        return self._classes == 2 and outputs[0].numel() == 1

    def _predicted(self, outputs: Tensor) -> Tensor:
        if self._single(outputs):
            return (outputs.reshape(len(outputs)) > 0).long()
        return outputs.argmax(1)

    def present(self, outputs: Tensor) -> Tensor:
        outputs = outputs.float()
        if not self._classes:
            return outputs.reshape(len(outputs), -1)
        if self._single(outputs):
            share = outputs.reshape(-1, 1).sigmoid()
            return torch.cat([1 - share, share], 1)
        return outputs.sigmoid() if "BCE" in self._loss.name else outputs.softmax(1)


def builtin_learners() -> dict[str, Learner]:
    """Return the learners that need no plugin, by kind."""
    return {Supervised.spec.kind: Supervised()}
