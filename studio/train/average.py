"""A running average of the weights, which often answers better than the weights that learn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Follows the networks' parameters: `average ← d·average + (1 − d)·weights` after every step.

    `d` rises to `decay` as `(1 + t) / (10 + t)`, so that the first weights are soon forgotten.
    Buffers, such as running means, are averages already and stay the networks' own.
    Source: Polyak & Juditsky 1992; the rise is that of TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, networks: Mapping[str, nn.Module], decay: float) -> None:
        self._decay = decay
        self._names: list[str] = []
        self._weights: list[Tensor] = []
        for role, network in networks.items():
            prefix = "" if role == "main" else f"{role}/"
            for name, parameter in network.named_parameters():
                self._names.append(prefix + name)
                self._weights.append(parameter.detach())
        self._average = [weight.clone() for weight in self._weights]

    def follow(self, step: int) -> None:
        """Take the weights in, as they are after `step` steps. Never waits for the device."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._average, self._weights, 1 - decay)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Let the networks answer with the averaged weights for a while."""
        learning = [weight.clone() for weight in self._weights]
        torch._foreach_copy_(self._weights, self._average)
        try:
            yield
        finally:
            torch._foreach_copy_(self._weights, learning)

    def state(self) -> dict[str, Tensor]:
        """Return copies of the averaged weights on the CPU, by their names in a checkpoint."""
        return {
            name: tensor.to("cpu", copy=True).contiguous()
            for name, tensor in zip(self._names, self._average, strict=True)
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to an earlier `state`."""
        for name, tensor in zip(self._names, self._average, strict=True):
            tensor.copy_(state[name])
