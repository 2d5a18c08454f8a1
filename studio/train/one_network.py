"""A run in which one network follows one loss: what most learners share, apart from what they compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from studio.data import Samples
from studio.engine import protocol as p
from studio.graph.facts import LEFT_OUT
from studio.train.learner import Evaluation, Modes, Setup, Trace
from studio.train.measures import Measure
from studio.train.updates import Computed

#: Samples evaluated at once where training takes fewer, and numbers that their inputs hold at most.
_EVALUATED, _VALUES = 256, 1 << 20


class OneNetwork:
    """One step, one evaluation, one network named `main`; a learner says how a batch is `compared`."""

    def __init__(self, setup: Setup, measure: Measure) -> None:
        self.setup = setup
        self.measure = measure
        self._updates = setup.updates("main")
        self.optimizers = self._updates.optimizers
        self._batch = max(_EVALUATED, setup.recipe.batch_size)

    # ------------------------------------------------------------------------- what a learner changes

    def prepared(self, batch: Samples, generator: torch.Generator | None = None) -> Samples:
        """Return the batch as the network gets it, with what it is compared with as targets.

        Random numbers come from `generator` where one is given, else from the run's own stream.
        """
        return batch

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        raise NotImplementedError

    def judged(self, outputs: Tensor) -> Tensor:
        """Return outputs as the measure takes them."""
        return outputs

    def weight(self, targets: Tensor) -> Tensor | int:
        """Return how much a batch's mean loss counts among others'."""
        if targets.is_floating_point() or targets.ndim < 2:
            return len(targets)
        return (targets != LEFT_OUT).sum()

    def present(self, outputs: Tensor) -> Tensor:
        """Return what a person reads off outputs."""
        return outputs.float()

    def preview(self, samples: Samples) -> p.Preview | None:
        """Return what the network makes of samples, None where outputs say it."""
        return None

    # -------------------------------------------------------------------------------------- the course

    def step(self, batch: Samples) -> Trace:
        """Learn from one batch."""
        batch = self.prepared(batch)

        def compute() -> Computed:
            outputs = self.setup.answer("main", batch)
            return self.loss(outputs, batch.targets), outputs

        loss, outputs = self._updates.take(compute)
        if not self.measure.quick:
            return (loss.detach(),)
        if self.measure.late:
            return loss.detach(), outputs.detach(), batch.targets
        (share,) = self.measure.shares([outputs.detach()], [batch.targets])
        return loss.detach(), share

    def figures(self, traces: Sequence[Trace]) -> dict[str, Tensor]:
        """Return the steps' losses, and their quick figure where there is one."""
        found = {"train_loss": torch.stack([trace[0] for trace in traces]).float()}
        if self.measure.quick:
            rest = list(zip(*(trace[1:] for trace in traces), strict=True))
            shares = self.measure.shares(*rest) if self.measure.late else torch.stack(rest[0])
            found[f"train_{self.measure.quick}"] = shares[:, 0].float() / shares[:, 1].clamp(min=1)
        return found

    def evaluate(self, samples: Samples) -> Evaluation:
        """Measure on samples; random numbers are the same at every evaluation."""
        setup = self.setup
        generator = torch.Generator(setup.device).manual_seed(setup.recipe.seed)
        losses, weights, tallies = [], [], []
        with Modes([setup.networks["main"]]), torch.no_grad():
            for part in self.parts(samples):
                part = self.prepared(part, generator)
                outputs = setup.answer("main", part)
                weight = self.weight(part.targets)
                losses.append(self.loss(outputs, part.targets).double() * weight)
                weights.append(weight)
                tallies.append(self.measure.tally(self.judged(outputs), part.targets))
        counted = max(1.0, float(sum(weights)))
        found = self.measure.evaluation(tallies, samples)
        metrics = {"loss": float(torch.stack(losses).sum() / counted), **found.metrics}
        return Evaluation(metrics, found.confusion)

    def parts(self, samples: Samples) -> Iterator[Samples]:
        """Yield samples in batches that memory has room for."""
        size = samples.inputs[0].numel() if len(samples) else 1
        most = max(1, min(self._batch, _VALUES // max(1, size)))
        for start in range(0, len(samples), most):
            yield samples.slice(start, start + most)
