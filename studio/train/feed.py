"""Batches of samples: in an order that seed and epoch decide, augmented where the data asks for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import torch
from torch import Tensor

from studio.data import Samples
from studio.data.augmentation import Change
from studio.train.order import Order

#: Above this a shuffled copy would cost too much memory; batches are then gathered one by one.
_COPY_LIMIT = 1 << 30


class Feed(ABC):
    """Gives the batches of an epoch by their number, on the device that learns.

    A last batch of one sample is left out, as BatchNorm cannot train on it; another sample is left
    out in the next epoch. `batch` draws augmentation from the run's random numbers: call it within
    the run's stream.
    """

    def __init__(self, order: Order, batch_size: int, change: Change | None) -> None:
        count = order.count
        self._whole_order = order
        self._size = min(batch_size, count)
        self._change = change
        alone = count % self._size == 1 and count > 1
        self.steps = count // self._size if alone else -(-count // self._size)
        self.used = count - 1 if alone else count
        self.sizes = [min(self._size, self.used - i * self._size) for i in range(self.steps)]

    @abstractmethod
    def begin(self, epoch: int) -> None:
        """Put the samples in the order of an epoch."""

    @abstractmethod
    def _plain(self, index: int) -> Samples:
        """Return the batch at `index` of the epoch begun last, as it was before augmentation."""

    def batch(self, index: int) -> Samples:
        """Return the batch at `index` of the epoch begun last.

        Raises: DataProblem, where its samples cannot be read any more.
        """
        plain = self._plain(index)
        return plain if self._change is None else self._change(plain)

    def positions(self, epoch: int, index: int) -> tuple[int, ...]:
        """Return where the samples of a batch are in the training split."""
        order = self._shuffle(epoch)
        return tuple(order[index * self._size : (index + 1) * self._size].tolist())

    def seen(self, batches: int) -> int:
        """Return how many samples the first batches of an epoch hold."""
        return min(batches * self._size, self.used)

    def news(self) -> str:
        """Return what a person should know of the samples read since the last call, "" for nothing."""
        return ""

    @abstractmethod
    def close(self) -> None:
        """End what works in the background."""

    def _shuffle(self, epoch: int) -> Tensor:
        return self._whole_order.of(epoch)[: self.used]


class ResidentFeed(Feed):
    """Samples that lie on the device: one shuffle an epoch, then slices."""

    def __init__(
        self,
        samples: Samples,
        order: Order,
        batch_size: int,
        device: torch.device,
        channels_last: bool,
        change: Change | None = None,
    ) -> None:
        super().__init__(order, batch_size, change)
        self._channels_last = channels_last and samples.inputs.ndim == 4
        samples = samples.to(device)
        if self._channels_last:
            # Kept as [n, h, w, c], a shuffled copy is channels-last by a view.
            samples = replace(samples, inputs=samples.inputs.permute(0, 2, 3, 1).contiguous())
        self._samples = samples
        self._copies = sum(each.nbytes for each in _tensors(samples)) <= _COPY_LIMIT
        self._order = torch.empty(0, dtype=torch.long)
        self._shuffled: Samples | None = None

    def begin(self, epoch: int) -> None:
        """Shuffle for an epoch."""
        self._order = self._shuffle(epoch).to(self._samples.targets.device)
        if self._copies:
            self._shuffled = self._as_nchw(self._samples.take(self._order))

    def _plain(self, index: int) -> Samples:
        start, stop = index * self._size, (index + 1) * self._size
        if self._shuffled is not None:
            return self._shuffled.slice(start, stop)
        return self._as_nchw(self._samples.take(self._order[start:stop]))

    def close(self) -> None:
        """Nothing works in the background of what is in memory."""

    def _as_nchw(self, samples: Samples) -> Samples:
        if not self._channels_last:
            return samples
        return replace(samples, inputs=samples.inputs.permute(0, 3, 1, 2))


def _tensors(samples: Samples) -> tuple[Tensor, ...]:
    return (samples.inputs, samples.targets, *samples.more.values())
