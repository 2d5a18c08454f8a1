"""Supervised learning: outputs are compared with the data's targets, whatever form these have."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from studio.data import Samples
from studio.engine import protocol as p
from studio.graph.answers import SUPERVISED, Wanted, answer_to
from studio.graph.facts import DataFacts
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec
from studio.train.learner import Learning, Setup
from studio.train.losses import Loss, balanced, dice
from studio.train.measures import Measure, OfClasses, OfLabels, OfNumbers, OfPlaces
from studio.train.one_network import OneNetwork
from studio.train.options import checked
from studio.train.pictured import pictured, thinned

#: The metric whose best is kept, by task; the loss elsewhere.
_SCORES = {
    "classification": "accuracy",
    "multi-label": "f1_macro",
    "segmentation": "mean_iou",
    "nodes": "accuracy",
}
#: Samples in a preview.
_SHOWN = 12


class Supervised:
    """The loss follows the task unless one is chosen."""

    spec = OptionSpec(
        kind=SUPERVISED,
        title="Supervised",
        doc="Outputs are compared with targets: classes, labels, numbers, a class for each pixel or "
        "each node.",
        params=(
            Param(
                "class_weights",
                "choice",
                "equal",
                choices=("equal", "balanced"),
                help="Balanced: rare classes count more",
            ),
            Param(
                "dice",
                "float",
                0.0,
                minimum=0,
                help="Segmentation: how much overlap counts beside the loss of each pixel",
            ),
        ),
    )
    roles = ("main",)

    def suits(self, facts: DataFacts) -> str:
        """Return why this data has no targets that outputs could be compared with."""
        if answer_to(facts) is not None:
            return ""
        return (
            f"Supervised learning compares outputs with classes, labels or numbers, but {facts.title} "
            f"has {_OTHERS.get(facts.task, facts.task)} as targets."
        )

    def wanted(self, facts: DataFacts, params: Mapping[str, Value]) -> Wanted:
        """Return the answer that the targets are compared with."""
        answer = answer_to(facts)
        return {} if answer is None else {"main": answer}

    def score(self, facts: DataFacts) -> str:
        """Return the task's own figure, on validation where there is one."""
        split = "val_" if facts.validation else "train_"
        return split + _SCORES.get(facts.task, "loss")

    def start(self, setup: Setup) -> Learning:
        """Begin a run.

        Raises: TrainProblem.
        """
        return _Supervising(setup)


_OTHERS = {"tokens": "tokens of a text", "detection": "boxes"}


class _Supervising(OneNetwork):
    def __init__(self, setup: Setup) -> None:
        recipe, facts = setup.recipe, setup.facts
        super().__init__(setup, _measure(facts))
        settings = checked(Supervised.spec, recipe.learner_params, "learner")
        weigh = bool(facts.classes) and settings["class_weights"] == "balanced"
        weights = balanced(facts, setup.device) if weigh else None
        self._loss = Loss(recipe.loss, recipe.loss_params, facts, weights)
        self._dice = float(settings["dice"]) if facts.task == "segmentation" else 0.0

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        loss = self._loss(outputs, targets)
        return loss + self._dice * dice(outputs, targets) if self._dice else loss

    def present(self, outputs: Tensor) -> Tensor:
        outputs, facts = outputs.float(), self.setup.facts
        match facts.task:
            case "regression":
                return outputs.reshape(len(outputs), -1)
            case "multi-label":
                return outputs.sigmoid()
            case "segmentation":
                return thinned(outputs.argmax(1))
            case "nodes":
                return outputs.argmax(2)
        if len(facts.classes) == 2 and outputs[0].numel() == 1:
            share = outputs.reshape(-1, 1).sigmoid()
            return torch.cat([1 - share, share], 1)
        return outputs.sigmoid() if "BCE" in self._loss.name else outputs.softmax(1)

    def preview(self, samples: Samples) -> p.Preview | None:
        facts = self.setup.facts
        if facts.task != "segmentation":
            return None
        few = samples.slice(0, _SHOWN)
        read = self.setup.answer("main", few).argmax(1)
        return p.Preview(
            0,
            "masks",
            "Read over the picture, true beside it",
            {
                "images": pictured(few.inputs, facts.value_range),
                "masks": thinned(read).cpu().numpy(),
                "targets": thinned(few.targets).cpu().numpy(),
            },
            facts.classes,
        )


def _measure(facts: DataFacts) -> Measure:
    match facts.task:
        case "classification":
            return OfClasses(facts)
        case "multi-label":
            return OfLabels()
        case "segmentation":
            return OfPlaces(len(facts.classes), axis=1, overlaps=True)
        case "nodes":
            return OfPlaces(len(facts.classes), axis=2, overlaps=False)
    return OfNumbers(facts)
