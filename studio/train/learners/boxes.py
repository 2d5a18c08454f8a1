"""Boxes: how far they overlap, which of several on one thing stays, and how well they were found.

A box is centre x and y, width and height, as shares of the image.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.data import Samples
from studio.train.learner import Evaluation
from studio.train.measures import OfNothing

#: A found box counts where it overlaps a true one of its class by this much.
HIT = 0.5


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """Return intersection over union of boxes `[…, 4]`, which broadcast."""
    low = torch.maximum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2)
    high = torch.minimum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)
    both = (high - low).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - both
    return both / union.clamp(min=1e-9)


def kept(boxes: Tensor, sureness: Tensor, classes: Tensor, most: int, limit: float) -> Tensor:
    """Return the surest `most` boxes `[n, most, 6]`, without those that a surer one of their class covers.

    Rows are box, sureness and class; a class of −1 fills up. Boxes that overlap by more than `limit` are
    taken for one thing (non-maximum suppression).
    Shapes: `boxes` `[n, m, 4]`, `sureness` and `classes` `[n, m]`.
    """
    most = min(most, boxes.shape[1])
    sureness, order = sureness.topk(most, 1)
    boxes = boxes.gather(1, order[..., None].expand(-1, -1, 4))
    classes = classes.gather(1, order)
    alike = classes[:, :, None] == classes[:, None, :]
    covers = (overlap(boxes[:, :, None], boxes[:, None, :]) > limit) & alike
    stays = torch.ones_like(sureness, dtype=torch.bool)
    for place in range(most - 1):
        stays[:, place + 1 :] &= ~(covers[:, place, place + 1 :] & stays[:, place, None])
    classes = torch.where(stays, classes, -1)
    return torch.cat([boxes, sureness[..., None], classes[..., None].to(boxes.dtype)], 2)


class OfBoxes(OfNothing):
    """Boxes that were found, against true ones: the mean average precision.

    A tally has a row for each box that was found (class, sureness, whether it is right), and one for
    each true box (class, −1, 1).
    """

    def __init__(self, classes: int) -> None:
        self._classes = classes

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        rows = []
        for found, true in zip(outputs.cpu().numpy(), targets.cpu().numpy(), strict=True):
            rows += matches(found, true)
            rows += [(int(box[0]), -1.0, True) for box in true if box[0] >= 0]
        return torch.tensor(rows, dtype=torch.float64).reshape(-1, 3)

    def evaluation(self, tallies: Sequence[Tensor], samples: Samples) -> Evaluation:
        rows = torch.cat(list(tallies)).numpy()
        true, found = rows[rows[:, 1] < 0], rows[rows[:, 1] >= 0]
        counts = np.bincount(true[:, 0].astype(np.int64), minlength=self._classes)
        return Evaluation({"map50": mean_average_precision(found, counts)})


def matches(
    found: NDArray[np.float32], true: NDArray[np.float32], hit: float = HIT
) -> list[tuple[int, float, bool]]:
    """Return class, sureness and whether it is right of each box found in one image `[m, 6]`.

    The surest box takes the true one `[t, 5]` (class first) that it overlaps most; each is taken once.
    """
    found = found[found[:, 5] >= 0]
    true = true[true[:, 0] >= 0]
    taken = np.zeros(len(true), dtype=bool)
    told = []
    for box in found[np.argsort(-found[:, 4], kind="stable")]:
        shares = overlap(torch.from_numpy(box[None, :4]), torch.from_numpy(true[:, 1:])).numpy()
        shares = np.where((true[:, 0] == box[5]) & ~taken, shares, 0.0)
        best = int(shares.argmax()) if len(shares) else -1
        right = best >= 0 and shares[best] >= hit
        if right:
            taken[best] = True
        told.append((int(box[5]), float(box[4]), bool(right)))
    return told


def average_precision(sureness: NDArray[np.float64], right: NDArray[np.bool_], true: int) -> float:
    """Return the area under precision over recall of one class, precision made to fall.

    Source: Everingham et al. 2010, PASCAL VOC, section 4.2 (over all points, as since 2010).
    """
    if not true or not len(right):
        return 0.0
    hits = right[np.argsort(-sureness, kind="stable")].cumsum()
    recall = hits / true
    precision = hits / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.diff(np.concatenate([[0.0], recall]))
    return float((steps * falling).sum())


def mean_average_precision(told: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """Return the mean of the average precision of those classes that are there; 0 where none is.

    `told` `[m, 3]` are class, sureness and whether it is right of each box that was found, `counts`
    `[classes]` the true boxes of each class.
    """
    classes, sureness, right = told[:, 0], told[:, 1], told[:, 2] > 0
    found = [
        average_precision(sureness[classes == k], right[classes == k], int(count))
        for k, count in enumerate(counts)
        if count
    ]
    return float(np.mean(found)) if found else 0.0
