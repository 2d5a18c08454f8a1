"""Samples as pictures that travel to a window: bytes, small enough, grey or in colour."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

#: The longest side of a picture that is shown.
SIDE = 128


def pictured(samples: Tensor, value_range: tuple[float, float]) -> NDArray[np.uint8]:
    """Return samples as uint8 `[n, h, w]`, or `[n, h, w, 3]` where they have three channels or more.

    A table's row is a picture of one line, a sequence one with a line a step.
    """
    values = samples.detach().float()
    low, high = value_range
    values = ((values - low) / max(high - low, 1e-12)).clamp(0, 1)
    if values.ndim != 4:
        lines = values.reshape(len(values), -1, values.shape[-1])
        return _bytes(lines)
    values = shrunk(values, SIDE)
    if values.shape[1] >= 3:
        return _bytes(values[:, :3].permute(0, 2, 3, 1))
    return _bytes(values.mean(1))


def shrunk(planes: Tensor, side: int) -> Tensor:
    """Return planes `[…, h, w]` averaged down until no side is longer than `side`."""
    height, width = planes.shape[-2:]
    share = side / max(height, width)
    if share >= 1:
        return planes
    return adaptive_avg_pool2d(
        planes, (max(1, round(height * share)), max(1, round(width * share)))
    )


def thinned(classes: Tensor) -> Tensor:
    """Return classes of pixels `[n, h, w]` as int16, every so many of them where sides are too long."""
    stride = max(1, -(-max(classes.shape[1:]) // SIDE))
    return classes[:, ::stride, ::stride].to(torch.int16)


def _bytes(shares: Tensor) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = (shares * 255).round().byte().cpu().numpy()
    return found
