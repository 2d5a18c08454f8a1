"""A run's own stream of random numbers, so that nothing else in the process can shift its figures."""

from __future__ import annotations

import torch
from torch import Tensor


class Stream:
    """`with stream:` swaps the run's random state in, and the one that was there back afterwards."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._device = device
        outer = self._read()
        torch.manual_seed(seed)
        self.state = self._read()
        self._write(outer)
        self._outer = outer

    def __enter__(self) -> Stream:
        self._outer = self._read()
        self._write(self.state)
        return self

    def __exit__(self, *exception: object) -> None:
        self.state = self._read()
        self._write(self._outer)

    def _read(self) -> dict[str, Tensor]:
        state = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            state["device"] = torch.cuda.get_rng_state(self._device)
        elif self._device.type == "mps":
            state["device"] = torch.mps.get_rng_state()
        return state

    def _write(self, state: dict[str, Tensor]) -> None:
        torch.set_rng_state(state["cpu"])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(state["device"], self._device)
        elif self._device.type == "mps":
            torch.mps.set_rng_state(state["device"])
