"""The order in which an epoch goes through its samples: a function of seed and epoch alone."""

from __future__ import annotations

import torch
from torch import Tensor


class Order:
    """Shuffles `count` samples; with the samples' classes, every class comes as often as another.

    A rare class' samples then come several times an epoch, and not all of a frequent one's come.
    """

    def __init__(self, count: int, seed: int, classes: Tensor | None = None) -> None:
        """Shapes: `classes` int64 `[count]`."""
        self.count = count
        self._seed = seed
        self._members: list[Tensor] = []
        if classes is not None:
            self._members = [torch.where(classes == one)[0] for one in torch.unique(classes)]

    def of(self, epoch: int) -> Tensor:
        """Return the positions of an epoch's samples. Shapes: int64 `[count]`."""
        draw = torch.Generator().manual_seed((self._seed * 1_000_003 + epoch) % 2**63)
        if not self._members:
            return torch.randperm(self.count, generator=draw)
        each = -(-self.count // len(self._members))
        drawn = torch.stack([_drawn(members, each, draw) for members in self._members], 1)
        # One of each class in turn, cut to size, then shuffled: counts differ by one at most.
        whole = drawn.flatten()[: self.count]
        return whole[torch.randperm(self.count, generator=draw)]


def _drawn(members: Tensor, count: int, draw: torch.Generator) -> Tensor:
    """Return `count` of a class' samples, all of them once before any comes again."""
    rounds = -(-count // len(members))
    shuffled = torch.rand(rounds, len(members), generator=draw).argsort(1)
    return members[shuffled.flatten()[:count]]
