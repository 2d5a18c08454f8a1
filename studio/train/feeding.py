"""Which feed a run gets: from memory or from the disk, shuffled or balanced, augmented or not."""

from __future__ import annotations

from dataclasses import replace

import torch

from studio.data import Dataset, Samples
from studio.data.augmentation import Change, augmenter
from studio.graph.project import Project
from studio.train.feed import Feed, ResidentFeed
from studio.train.options import TrainProblem
from studio.train.order import Order
from studio.train.streamed_feed import StreamedFeed


def make_feed(
    project: Project,
    dataset: Dataset,
    batch_size: int,
    device: torch.device,
    channels_last: bool,
) -> Feed:
    """Return what gives a run its batches.

    Raises: TrainProblem, DataProblem, where sampling or augmentation do not fit the data.
    """
    recipe, streamed = project.recipe, dataset.streamed
    source = dataset.train if streamed is None else streamed
    balanced = recipe.sampling == "balanced"
    if balanced and dataset.facts.task != "classification":
        raise TrainProblem(
            f"Balanced sampling gives every class alike, but {dataset.facts.title} is for "
            f"{dataset.facts.task}. Set sampling to shuffled."
        )
    order = Order(len(source), recipe.seed, source.targets if balanced else None)
    change = augmenter(project.data.augment, dataset.facts)
    if change is not None and channels_last:
        change = _kept_channels_last(change)
    if streamed is not None:
        return StreamedFeed(streamed, order, batch_size, device, channels_last, change)
    return ResidentFeed(dataset.train, order, batch_size, device, channels_last, change)


def _kept_channels_last(change: Change) -> Change:
    def changed(batch: Samples) -> Samples:
        after = change(batch)
        if after.inputs.ndim != 4:
            return after
        inputs = after.inputs.contiguous(memory_format=torch.channels_last)
        return replace(after, inputs=inputs)

    return changed
