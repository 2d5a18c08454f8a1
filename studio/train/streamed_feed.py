"""Batches of samples that stay on the disk: read ahead by threads, given in order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import torch
from torch import Tensor

from studio.data import Samples
from studio.data.augmentation import Change
from studio.data.streaming import Streamed
from studio.train.feed import Feed
from studio.train.order import Order

#: Batches read at once, and batches that are ready or being read.
_READERS, _AHEAD = 4, 8


class StreamedFeed(Feed):
    """Reads the next batches while one is learnt from.

    Threads are enough: decoding and reading let go of the interpreter. Where the device has memory of
    its own, batches wait in pinned memory and are copied without anybody waiting.
    """

    def __init__(
        self,
        streamed: Streamed,
        order: Order,
        batch_size: int,
        device: torch.device,
        channels_last: bool,
        change: Change | None = None,
    ) -> None:
        super().__init__(order, batch_size, change)
        self._streamed = streamed
        self._device = device
        self._channels_last = channels_last
        self._order = torch.empty(0, dtype=torch.long)
        self._pool: ThreadPoolExecutor | None = None
        self._ahead: deque[Future[Samples]] = deque()
        #: Numbers of the batch that is given next and of the one that is read next.
        self._next = self._unread = 0

    def begin(self, epoch: int) -> None:
        """Put the samples in the order of an epoch; reading begins with the first batch asked for."""
        self._forget()
        self._order = self._shuffle(epoch)

    def _plain(self, index: int) -> Samples:
        if not self._ahead or index != self._next:
            self._forget()
            self._next = self._unread = index
        self._read_ahead()
        samples = self._ahead.popleft().result()
        self._next += 1
        self._read_ahead()
        return samples.each(lambda tensor: tensor.to(self._device, non_blocking=True))

    def news(self) -> str:
        """Return which samples had to be skipped since the last call, "" for none."""
        return self._streamed.skipped.news()

    def close(self) -> None:
        """End the threads that read."""
        self._forget()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _read_ahead(self) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="samples")
        while len(self._ahead) < _AHEAD and self._unread < self.steps:
            at = self._unread * self._size
            wanted = self._order[: self.used][at : at + self._size]
            self._ahead.append(self._pool.submit(self._read, wanted))
            self._unread += 1

    def _read(self, wanted: Tensor) -> Samples:
        samples = self._streamed.read(wanted)
        if self._channels_last and samples.inputs.ndim == 4:
            inputs = samples.inputs.contiguous(memory_format=torch.channels_last)
            samples = replace(samples, inputs=inputs)
        return samples.each(torch.Tensor.pin_memory) if self._device.type == "cuda" else samples

    def _forget(self) -> None:
        for future in self._ahead:
            future.cancel()
        self._ahead.clear()
