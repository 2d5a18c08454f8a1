"""Samples: the tensors that a network is fed and compared with, one row a sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Samples:
    """Inputs `[n, …]`, targets `[n, …]` in the form of the task (`DataFacts`), and further inputs by name.

    `more` feeds the network's inputs of those names; its tensors have the samples in front as well.
    """

    inputs: Tensor
    targets: Tensor
    more: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.targets)

    def each(self, change: Callable[[Tensor], Tensor]) -> Samples:
        """Return the samples with every tensor changed alike."""
        more = {name: change(tensor) for name, tensor in self.more.items()}
        return Samples(change(self.inputs), change(self.targets), more)

    def slice(self, start: int, stop: int) -> Samples:
        """Return the samples from `start` up to, not including, `stop`; views, not copies."""
        return self.each(lambda tensor: tensor[start:stop])

    def take(self, positions: Tensor) -> Samples:
        """Return copies of the samples at `positions`, in that order."""
        return self.each(lambda tensor: tensor.index_select(0, positions))

    def fed(self, names: Sequence[str]) -> tuple[Tensor, ...]:
        """Return what a network's inputs of these names get: `more` by name, `inputs` for any other.

        Without names it is `inputs` alone.
        """
        return tuple(self.more.get(name, self.inputs) for name in names) or (self.inputs,)

    def to(self, device: torch.device) -> Samples:
        """Return the samples on `device`."""
        return self.each(lambda tensor: tensor.to(device))
