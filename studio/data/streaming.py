"""Training samples that stay on the disk: read, transformed and mended when a batch needs them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.data.samples import Samples
from studio.data.source import DataProblem, Listed, Unreadable
from studio.graph.project import Handling

#: Unreadable files that are named one by one; of the rest, the count is told.
_NAMED = 5


@dataclass
class Skipped:
    """Counts samples that were skipped, each once; several threads add to it."""

    seen: set[int] = field(default_factory=set)
    _untold: list[str] = field(default_factory=list)
    _told: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, position: int, reason: str) -> None:
        """Count a sample."""
        with self._lock:
            if position not in self.seen:
                self.seen.add(position)
                if len(self.seen) <= _NAMED:
                    self._untold.append(reason)

    def news(self) -> str:
        """Return what there is to say: the first ones by name, then whenever they have doubled."""
        with self._lock:
            count = len(self.seen)
            if not self._untold and (count == self._told or count < 2 * self._told):
                return ""
            names, self._untold, self._told = " ".join(self._untold), [], count
        what = (
            "1 sample could not be read and is"
            if count == 1
            else (f"{count} samples could not be read and are")
        )
        return f"{what} skipped. {names}".strip()


@dataclass(frozen=True)
class Streamed:
    """Samples of one split, of which all but the inputs are in memory; `len` counts them all.

    `positions` are theirs in the source; `steps` are transforms, fitted already; `fill` stands in for
    missing values, where a person wants that.
    """

    listed: Listed
    positions: NDArray[np.int64]
    targets: Tensor
    more: Mapping[str, Tensor]
    steps: Sequence[Callable[[Tensor], Tensor]]
    handling: Handling
    fill: Tensor | None = None
    skipped: Skipped = field(default_factory=Skipped)

    def __len__(self) -> int:
        return len(self.positions)

    def read(self, wanted: Tensor) -> Samples:
        """Return the samples at `wanted` positions of the split. Any thread may call it.

        In the place of a sample that is skipped stands the next one of the same call, so that a batch
        keeps its size.

        Raises: DataProblem, which names the file that cannot be read.
        """
        raw = self._found(wanted.tolist())
        if not raw:
            raise DataProblem(
                f"None of the {len(wanted)} samples of a batch can be read, of all of "
                f"{self.listed.about.title} {len(self.skipped.seen)} so far. Look at its files."
            )
        whole = wanted.tolist()
        if not all(at in raw for at in whole):
            whole = [
                next(i for i in whole[at:] + whole[:at] if i in raw) for at in range(len(whole))
            ]
        inputs = torch.from_numpy(np.stack([raw[at] for at in whole]))
        if self.fill is not None:
            inputs = torch.where(inputs.isfinite(), inputs, self.fill)
        for apply in self.steps:
            inputs = apply(inputs)
        order = torch.tensor(whole)
        more = {name: tensor[order] for name, tensor in self.more.items()}
        return Samples(inputs.contiguous(), self.targets[order], more)

    def readable(self, wanted: NDArray[np.int64]) -> tuple[Tensor, NDArray[np.int64]]:
        """Return the untransformed inputs of those samples that can be read, and which they are.

        Raises: DataProblem.
        """
        raw = self._found(wanted.tolist())
        if not raw:
            return torch.zeros(0, *self.listed.about.inputs.shape[1:]), wanted[:0]
        return torch.from_numpy(np.stack(list(raw.values()))), np.array(list(raw))

    def _found(self, wanted: list[int]) -> dict[int, NDArray[np.float32]]:
        return {at: found for at in wanted if (found := self._one(at)) is not None}

    def _one(self, at: int) -> NDArray[np.float32] | None:
        """Return a sample's inputs; None where it is skipped. Raises: DataProblem."""
        position = int(self.positions[at])
        try:
            sample = self.listed.read(position)
        except Unreadable as error:
            if self.listed.skip:
                self.skipped.add(position, str(error))
                return None
            raise DataProblem(
                f"{error} To go on without such samples, switch on skip_unreadable."
            ) from None
        if self.handling.missing != "fill" and not np.isfinite(sample).all():
            reason = (
                f"Sample {position} of {self.listed.about.title} holds values that are no numbers."
            )
            if self.handling.missing == "drop":
                self.skipped.add(position, reason)
                return None
            raise DataProblem(
                f"{reason} Repair it, or set missing values to drop such samples, or to fill them."
            )
        return sample
