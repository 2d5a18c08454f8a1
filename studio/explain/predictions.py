"""`predict`: a network's outputs for a whole split."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from studio.data import Dataset
from studio.engine.protocol import Predict, Predictions
from studio.explain.outputs import in_own_units, readable
from studio.explain.question import Cancelled, ExplainProblem, run, samples

_BATCH = 256


def predict(
    request: Predict,
    module: nn.Module,
    dataset: Dataset,
    cancelled: Callable[[], bool] = lambda: False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Predictions:
    """Return probabilities (or outputs) of every sample of a split; `module` is a replica.

    Raises: `ExplainProblem` with a sentence; `Cancelled`.
    """
    split = samples(dataset, request.split)
    total = len(split.inputs)
    parts: list[Tensor] = []
    with torch.no_grad():
        for start in range(0, total, _BATCH):
            if cancelled():
                raise Cancelled
            x = split.inputs[start : start + _BATCH].to("cpu")
            parts.append(run(module, x.float() if x.is_floating_point() else x))
            report(min(start + _BATCH, total), total)
    raw = torch.cat(parts)
    if not bool(raw.isfinite().all()):
        bad = int((~raw.isfinite().all(1)).nonzero()[0])
        raise ExplainProblem(
            f"The network answers sample {bad} with something that is not a finite number. "
            "Choose weights from an earlier step."
        )
    return Predictions(
        split=request.split,
        outputs=readable(raw, dataset.facts).numpy(),
        targets=in_own_units(split.targets.detach().cpu(), dataset.facts).numpy(),
        weights=request.weights,
    )
