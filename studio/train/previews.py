"""Previews: what a learner shows of itself now and then, at a price that a run does not feel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from msgspec.structs import replace
from torch import nn

from studio.data import Samples
from studio.engine import protocol as p
from studio.train.learner import Learning, Modes

#: The share of the run's time that previews may take.
_SHARE = 0.01


class Previews:
    """Asks a learner for its preview of some samples, the more seldom the longer it takes.

    A learner that has none is asked once.
    """

    def __init__(
        self,
        learning: Learning,
        networks: Sequence[nn.Module],
        samples: Samples,
        clock: Callable[[], float],
    ) -> None:
        self._learning, self._networks, self._samples = learning, networks, samples
        self._clock = clock
        self._due = -math.inf
        self.last: p.Preview | None = None
        self.seconds = 0.0

    def take(self, step: int, now: bool = False) -> list[p.Event]:
        """Return the preview where its time has come; with `now` also before."""
        start = self._clock()
        if self._due == math.inf or (start < self._due and not now):
            return []
        device = self._samples.inputs.device
        with (
            torch.random.fork_rng([device] if device.type == "cuda" else []),
            Modes(self._networks),
            torch.no_grad(),
        ):
            preview = self._learning.preview(self._samples)
        end = self._clock()
        self._due = math.inf if preview is None else end + (end - start) / _SHARE
        self.seconds += end - start
        if preview is None:
            return []
        self.last = replace(preview, step=step)
        return [self.last]
