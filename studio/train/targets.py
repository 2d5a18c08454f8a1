"""Whether targets are what the task says, looked at once before training: a device tells it too late."""

from __future__ import annotations

import torch
from torch import Tensor

from studio.data import Dataset
from studio.graph.facts import LEFT_OUT, DataFacts
from studio.train.options import TrainProblem


def check_targets(dataset: Dataset) -> None:
    """Look at every target of every split.

    Raises: TrainProblem, where a class is none of the data's, a share is no share, a box lies outside
    its image, or nothing is to be learned at all.
    """
    facts = dataset.facts
    for name in ("train", "validation", "test"):
        targets = dataset.split(name).targets
        if not targets.numel():
            continue
        if facts.task in _INDICES:
            _check_indices(targets, facts, name)
        elif facts.task == "multi-label":
            _check_labels(targets, facts, name)
        elif facts.task == "detection":
            _check_boxes(targets, facts, name)


_INDICES = ("classification", "segmentation", "tokens", "nodes")


def _check_indices(targets: Tensor, facts: DataFacts, split: str) -> None:
    count = len(facts.classes or facts.vocabulary)
    wrong = (targets < 0) & (targets != LEFT_OUT) | (targets >= count)
    if facts.task == "classification":
        wrong |= targets == LEFT_OUT
    if bool(wrong.any()):
        sample = int(wrong.nonzero()[0, 0])
        value = int(targets[wrong][0])
        raise TrainProblem(
            f"Targets of {facts.title} should be classes from 0 to {count - 1}, but sample {sample} of "
            f"the {split} split has {value}. Mend the data, or name all of its classes."
        )
    if split == "train" and bool((targets == LEFT_OUT).all()):
        raise TrainProblem(
            f"Every target of {facts.title}'s training samples is left out, so there is nothing to learn. "
            "Choose other data, or another split."
        )


def _check_labels(targets: Tensor, facts: DataFacts, split: str) -> None:
    wrong = ~((targets >= 0) & (targets <= 1))
    if bool(wrong.any()):
        sample = int(wrong.nonzero()[0, 0])
        raise TrainProblem(
            f"Labels of {facts.title} should be 0 or 1 each, but sample {sample} of the {split} split has "
            f"{float(targets[wrong][0]):g}. Mend the data."
        )


def _check_boxes(targets: Tensor, facts: DataFacts, split: str) -> None:
    there = targets[..., 0] >= 0
    inside = ((targets[..., 1:] >= 0) & (targets[..., 1:] <= 1)).all(-1)
    known = targets[..., 0] < len(facts.classes)
    wrong = there & ~(inside & known & torch.isfinite(targets).all(-1))
    if bool(wrong.any()):
        sample, place = (int(part) for part in wrong.nonzero()[0])
        box = ", ".join(f"{value:g}" for value in targets[sample, place].tolist())
        raise TrainProblem(
            f"Boxes of {facts.title} should be a class from 0 to {len(facts.classes) - 1} and four shares "
            f"from 0 to 1, but sample {sample} of the {split} split has ({box}). Mend the data."
        )
