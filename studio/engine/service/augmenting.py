"""Samples as a training step would see them, for a person who tries out augmentations."""

from __future__ import annotations

import torch

from studio.data import Dataset, Samples, augmenter
from studio.engine.protocol import GetSamples

#: Other samples beside those asked for: augmentations that mix need somebody to mix with.
_OTHERS = 16


def augmented(dataset: Dataset, request: GetSamples) -> Samples:
    """Return the samples asked for, changed as the seed `request.augmented` decides.

    Raises: DataProblem.
    """
    asked = request.indices
    whole = min(_OTHERS, len(dataset.split(request.split)))
    samples = dataset.at(request.split, (*asked, *range(whole)))
    change = augmenter(request.data.augment, dataset.facts)
    if change is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(request.augmented)
            samples = change(samples)
    return samples.slice(0, len(asked))
