"""How far made-up samples are from real ones, as two clouds of points."""

from __future__ import annotations

import torch
from torch import Tensor

#: Directions that are compared: those in which real samples differ most.
_DIRECTIONS = 32


def frechet_distance(real: Tensor, made: Tensor) -> float:
    """Return the squared Fréchet distance of two clouds, each taken as a normal distribution.

    They are compared in the directions of the real samples' largest spread, in its units: 0 is alike.
    Shapes: `[n, …]` and `[m, …]`, of the same samples.
    Source: Dowson and Landau 1982; Heusel et al. 2017, equation 6, there on a network's features.
    """
    x = real.detach().flatten(1).double().cpu()
    y = made.detach().flatten(1).double().cpu()
    if len(x) < 3 or not bool(y.isfinite().all()):
        return float("nan")
    mean = x.mean(0)
    _, spread, directions = torch.linalg.svd(x - mean, full_matrices=False)
    count = min(_DIRECTIONS, int((spread > spread[0] * 1e-6).sum()), len(x) - 1)
    scale = (spread.square().mean() / (len(x) - 1)).sqrt().clamp(min=1e-12)
    x, y = ((part - mean) @ directions[:count].T / scale for part in (x, y))
    cov_x, cov_y = torch.cov(x.T).reshape(count, count), torch.cov(y.T).reshape(count, count)
    # tr √(ΣxΣy) = tr √(√Σx Σy √Σx), which is symmetric.
    root = _root(cov_x)
    cross = torch.linalg.eigvalsh(root @ cov_y @ root).clamp(min=0).sqrt().sum()
    apart = (x.mean(0) - y.mean(0)).square().sum()
    return max(0.0, float(apart + cov_x.trace() + cov_y.trace() - 2 * cross))


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
    return root
