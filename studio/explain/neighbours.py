"""A map of samples in which neighbours stay neighbours: t-SNE."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from studio.engine import protocol as p
from studio.explain.question import Cancelled, ExplainProblem

#: Points that a map can have: the time it takes grows with their number.
MOST = 5000
#: Rounds of the descent, the first of them with the clusters pulled together, and the slice between
#: two looks at whether the map is still wanted.
_ROUNDS, _SLICE = 1000, 250


def neighbours(
    request: p.Embed, cancelled: Callable[[], bool], report: Callable[[int, int, str], None]
) -> p.Embedded:
    """Return a plane in which points that are near each other lie near each other.

    Shapes: points float `[n, d]` → float32 `[n, 2]`.
    Raises: ExplainProblem, Cancelled.
    Source: van der Maaten and Hinton, Visualizing Data using t-SNE, 2008.
    """
    points = np.asarray(request.points, np.float32)
    count = len(points)
    if points.ndim != 2 or not 4 <= count <= MOST or not np.isfinite(points).all():
        raise ExplainProblem(
            f"t-SNE needs 4 to {MOST} rows of finite numbers, but got an array of shape "
            f"{list(points.shape)}. Choose a split with more samples."
        )
    # scikit-learn takes a second to import, and few ask for this.
    from sklearn.manifold import TSNE

    place = points[:, :2] if points.shape[1] > 1 else np.repeat(points, 2, axis=1)
    place = (place - place.mean(0)) / max(float(place.std(0).max()), 1e-12) * 1e-4
    # Points that begin on a line, or upon each other, would stay so.
    place = place + np.random.default_rng(0).normal(0.0, 1e-6, place.shape)
    for start in range(0, _ROUNDS, _SLICE):
        if cancelled():
            raise Cancelled
        report(start, _ROUNDS, "t-SNE")
        tsne = TSNE(
            perplexity=min(request.perplexity, (count - 1) / 3),
            early_exaggeration=12.0 if start == 0 else 1.0,
            learning_rate=max(count / 12, 50.0),
            max_iter=_SLICE,
            init=place.astype(np.float32),
            random_state=0,
            n_jobs=1,
        )
        place = tsne.fit_transform(points)
    report(_ROUNDS, _ROUNDS, "t-SNE")
    return p.Embedded(place.astype(np.float32))
