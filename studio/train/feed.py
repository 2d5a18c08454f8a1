"""Batches of resident samples: one shuffle an epoch, then slices."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from studio.data import Samples

#: Above this a shuffled copy would cost too much memory; batches are then gathered one by one.
_COPY_LIMIT = 1 << 30


class Feed:
    """The training samples on the device, in an order that (seed, epoch) alone decides.

    A last batch of one sample is left out, as BatchNorm cannot train on it; another sample is left
    out in the next epoch.
    """

    def __init__(
        self,
        samples: Samples,
        batch_size: int,
        seed: int,
        device: torch.device,
        channels_last: bool,
    ) -> None:
        self._size = min(batch_size, len(samples))
        self._seed = seed
        self._channels_last = channels_last and samples.inputs.ndim == 4
        samples = samples.to(device)
        if self._channels_last:
            # Kept as [n, h, w, c], a shuffled copy is channels-last by a view.
            samples = replace(samples, inputs=samples.inputs.permute(0, 2, 3, 1).contiguous())
        self._samples = samples
        count = len(samples)
        alone = count % self._size == 1 and count > 1
        self.steps = count // self._size if alone else -(-count // self._size)
        self.used = count - 1 if alone else count
        self.sizes = [min(self._size, self.used - i * self._size) for i in range(self.steps)]
        self._copies = sum(_bytes(each) for each in _tensors(samples)) <= _COPY_LIMIT
        self._order = torch.empty(0, dtype=torch.long)
        self._shuffled: Samples | None = None

    def begin(self, epoch: int) -> None:
        """Shuffle for an epoch."""
        self._order = self._shuffle(epoch).to(self._samples.targets.device)
        if self._copies:
            self._shuffled = self._as_nchw(self._samples.take(self._order))

    def _shuffle(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed((self._seed * 1_000_003 + epoch) % 2**63)
        return torch.randperm(len(self._samples), generator=generator)[: self.used]

    def batch(self, index: int) -> Samples:
        """Return the batch at `index` of the epoch begun last."""
        start, stop = index * self._size, (index + 1) * self._size
        if self._shuffled is not None:
            return self._shuffled.slice(start, stop)
        return self._as_nchw(self._samples.take(self._order[start:stop]))

    def positions(self, epoch: int, index: int) -> tuple[int, ...]:
        """Return where the samples of a batch are in the training split."""
        order = self._shuffle(epoch)
        return tuple(order[index * self._size : (index + 1) * self._size].tolist())

    def seen(self, batches: int) -> int:
        """Return how many samples the first batches of an epoch hold."""
        return min(batches * self._size, self.used)

    def _as_nchw(self, samples: Samples) -> Samples:
        if not self._channels_last:
            return samples
        return replace(samples, inputs=samples.inputs.permute(0, 3, 1, 2))


def _tensors(samples: Samples) -> tuple[Tensor, ...]:
    return (samples.inputs, samples.targets, *samples.more.values())


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
