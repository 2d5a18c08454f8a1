"""Reconstruction: samples are given back, whole or out of noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from studio.data import Samples
from studio.engine import protocol as p
from studio.graph.answers import Answer, Wanted
from studio.graph.facts import DataFacts
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec
from studio.train.learner import Learning, Setup
from studio.train.losses import Loss
from studio.train.measures import OfCopies
from studio.train.one_network import OneNetwork
from studio.train.options import checked
from studio.train.pictured import pictured

_SHOWN = 12


class Reconstruction:
    """The targets are the inputs themselves; with noise, as they were before it came over them.

    Source: Vincent et al. 2008 (denoising).
    """

    spec = OptionSpec(
        kind="core.reconstruction",
        title="Reconstruction",
        doc="Autoencoders: samples are given back through whatever narrow place the network has, whole "
        "or out of noise. Labels are not looked at.",
        params=(
            Param("noise", "float", 0.0, minimum=0, help="Of inputs: standard deviation as a share of their range"),
        ),
    )  # fmt: skip
    roles = ("main",)

    def suits(self, facts: DataFacts) -> str:
        """Return why samples cannot be given back."""
        if facts.sample.dtype.startswith("float") and not facts.more:
            return ""
        return (
            f"Reconstruction gives back numbers, but {facts.title} gives "
            f"{'tokens' if facts.vocabulary else facts.sample.dtype}. Choose Masked token for texts."
        )

    def wanted(self, facts: DataFacts, params: Mapping[str, Value]) -> Wanted:
        """Return the shape of the samples."""
        shape = "×".join(map(str, facts.sample.shape))
        return {
            "main": Answer(("N", *facts.sample.shape), f"Samples of {shape} are to be given back")
        }

    def score(self, facts: DataFacts) -> str:
        """Return the loss, on validation where there is one."""
        return "val_loss" if facts.validation else "train_loss"

    def start(self, setup: Setup) -> Learning:
        """Begin a run.

        Raises: TrainProblem.
        """
        return _GivingBack(setup)


class _GivingBack(OneNetwork):
    def __init__(self, setup: Setup) -> None:
        facts, recipe = setup.facts, setup.recipe
        super().__init__(setup, OfCopies(facts))
        settings = checked(Reconstruction.spec, recipe.learner_params, "learner")
        low, high = facts.value_range
        self._noise = float(settings["noise"]) * max(high - low, 1e-12)
        self._loss = Loss(recipe.loss, recipe.loss_params, facts, compared="copies")

    def prepared(self, batch: Samples, generator: torch.Generator | None = None) -> Samples:
        clean = batch.inputs
        if not self._noise:
            return replace(batch, targets=clean)
        noise = torch.randn(clean.shape, device=clean.device, generator=generator)
        return replace(batch, inputs=clean + self._noise * noise, targets=clean)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._loss(outputs, targets)

    def judged(self, outputs: Tensor) -> Tensor:
        return self.present(outputs)

    def present(self, outputs: Tensor) -> Tensor:
        outputs = outputs.float()
        return outputs.sigmoid() if "BCE" in self._loss.name else outputs

    def preview(self, samples: Samples) -> p.Preview:
        few, facts = samples.slice(0, _SHOWN), self.setup.facts
        generator = torch.Generator(self.setup.device).manual_seed(self.setup.recipe.seed)
        seen = self.prepared(few, generator)
        back = self.present(self.setup.answer("main", seen)).reshape(few.inputs.shape)
        arrays = {
            "images": pictured(seen.inputs, facts.value_range),
            "outputs": pictured(back, facts.value_range),
        }
        return p.Preview(0, "images", "Above what came in, below what came back", arrays)
