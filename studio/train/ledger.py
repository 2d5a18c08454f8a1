"""Per-step figures: kept on the device, read many at a time, handed on as arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.engine import protocol as p
from studio.train.learner import Learning, Trace
from studio.train.watch import Hit

#: Bytes of traces that may wait on the device, and their number at most.
_WAITING_BYTES, _WAITING = 64 << 20, 4096
#: Seconds over which throughput is averaged.
_MEMORY_S = 2.0

Column = NDArray[np.float32]
#: Looks through the figures of steps, the first of which is given; returns the first hit among them.
Check = Callable[[int, Mapping[str, Column]], Hit | None]


class NotFinite(Exception):
    """A step's loss, or a weight, is no finite number."""


class Ledger:
    """Takes a trace a step and gives Progress events and an epoch's means."""

    def __init__(self, learning: Learning, sizes: Sequence[int], check: Check) -> None:
        """`sizes` are the numbers of samples of an epoch's batches; `check` sees every step's figures."""
        self._learning = learning
        self._check = check
        self._sizes = np.asarray(sizes, dtype=np.float64)
        self._traces: list[Trace] = []
        #: Of steps that take several batches: how many, and how many samples each has.
        self._parts: list[int] = []
        self._weights: list[int] = []
        self._rates: list[float] = []
        self._limit = _WAITING
        self._read_steps = self._sent_steps = 0
        self._epoch: dict[str, list[Column]] = {}
        self._epoch_before: dict[str, list[Column]] = {}
        self._unsent: dict[str, list[Column]] = {}
        self._rate = self._seconds_a_step = 0.0
        self._weight = 0.0

    def add(self, parts: Sequence[Trace], lr: float, sizes: Sequence[int] = ()) -> None:
        """Take a step's traces in, without waiting for the device.

        There is one a batch of the step; where these are several, `sizes` are their samples.
        """
        if not self._traces:
            size = sum(tensor.numel() * tensor.element_size() for tensor in parts[0])
            self._limit = max(16, min(_WAITING, _WAITING_BYTES // max(1, size)))
        self._traces += parts
        self._rates.append(lr)
        if sizes:
            self._parts.append(len(parts))
            self._weights += sizes

    def resize(self, sizes: Sequence[int]) -> None:
        """Take in that epochs have steps of other sizes from now on."""
        self._sizes = np.asarray(sizes, dtype=np.float64)

    def _together(self, table: Column) -> Column:
        """Return each step's mean of its batches, by samples. Shapes: `[figures, n]`."""
        if not self._parts:
            return table
        starts = np.concatenate([[0], np.cumsum(self._parts)[:-1]])
        weights = np.asarray(self._weights, dtype=np.float64)
        self._parts.clear()
        self._weights.clear()
        sums = np.add.reduceat(table * weights, starts, axis=1)
        return (sums / np.add.reduceat(weights, starts)).astype(np.float32)

    @property
    def full(self) -> bool:
        """Whether what waits should be read now."""
        return len(self._traces) >= self._limit

    def read(self) -> None:
        """Copy what waits to the host.

        Raises: NotFinite, when a loss among it is none; the figures before it are kept. Hit, at a
        breakpoint; the figures up to it are kept.
        """
        if not self._traces:
            return
        figures = self._learning.figures(self._traces)
        table = torch.stack([values.float() for values in figures.values()]).cpu().numpy()
        columns = dict(zip(figures, self._together(table), strict=True))
        columns["lr"] = np.asarray(self._rates, dtype=np.float32)
        self._traces.clear()
        self._rates.clear()
        broken = ~np.isfinite(columns["train_loss"])
        good = int(broken.argmax()) if broken.any() else len(broken)
        hit = None
        if good:
            fine = {name: values[:good] for name, values in columns.items()}
            hit = self._check(self._read_steps + 1, fine)
        if hit is not None:
            good = hit.step - self._read_steps
        self._read_steps += good
        for name, values in columns.items():
            self._unsent.setdefault(name, []).append(values[:good])
            self._epoch.setdefault(name, []).append(values[:good])
        if hit is not None:
            raise hit
        if good < len(broken):
            raise NotFinite

    def reaches(self, step: int) -> bool:
        """Tell whether the figures can go back to those of the steps up to `step`."""
        held = _length(self._epoch) + _length(self._epoch_before)
        return self._read_steps - held <= step <= self._read_steps

    def back_to(self, step: int) -> None:
        """Forget the figures of the steps after `step`, which `reaches`; all were told."""
        beyond = self._read_steps - step
        if beyond > _length(self._epoch):
            beyond -= _length(self._epoch)
            self._epoch, self._epoch_before = self._epoch_before, {}
        for name, parts in self._epoch.items():
            values = np.concatenate(parts)
            self._epoch[name] = [values[: len(values) - beyond]]
        self._read_steps = self._sent_steps = step

    def state(self) -> dict[str, Tensor]:
        """Return the figures of the epoch under way, as `restore` takes them."""
        return {
            name: torch.from_numpy(np.concatenate(parts)) for name, parts in self._epoch.items()
        }

    def restore(self, step: int, state: Mapping[str, Tensor]) -> None:
        """Go on after `step` with the figures of the epoch under way."""
        self._read_steps = self._sent_steps = step
        self._epoch = {name: [values.numpy().copy()] for name, values in state.items()}
        self._epoch_before = {}

    def end_epoch(self) -> dict[str, float]:
        """Return the epoch's mean of each figure, by samples, and begin another epoch."""
        means = {}
        for name, parts in self._epoch.items():
            if name == "lr":
                means[name] = float(parts[-1][-1])  # the one that the last step took
                continue
            # All of an epoch at once: the mean does not depend on when its parts were read.
            values = np.concatenate(parts).astype(np.float64)
            means[name] = float(np.average(values, weights=self._sizes))
        self._epoch, self._epoch_before = {}, self._epoch
        return means

    def progress(
        self, epoch: int, seconds: float, samples: int, steps_left: int, overhead: float
    ) -> p.Progress | None:
        """Return what is new since the last call, `seconds` ago, or None."""
        count = self._read_steps - self._sent_steps
        if not count:
            return None
        fade = math.exp(-seconds / _MEMORY_S)
        self._weight = self._weight * fade + (1 - fade)
        share = (1 - fade) / self._weight  # the first values count in full
        self._rate += share * (samples / max(seconds, 1e-9) - self._rate)
        self._seconds_a_step += share * (seconds / count - self._seconds_a_step)
        values = {name: np.concatenate(parts) for name, parts in self._unsent.items()}
        self._unsent.clear()
        first, self._sent_steps = self._sent_steps + 1, self._read_steps
        return p.Progress(
            step=self._read_steps,
            epoch=epoch,
            steps=np.arange(first, self._read_steps + 1, dtype=np.int64),
            values=values,
            samples_per_s=self._rate,
            eta_s=steps_left * self._seconds_a_step,
            overhead=overhead,
        )


def _length(columns: Mapping[str, Sequence[Column]]) -> int:
    return sum(len(part) for part in columns.get("train_loss", ()))
