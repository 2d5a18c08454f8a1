"""How weights follow a loss: gradients from nothing, clipped where asked, then the optimiser's step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from studio.graph.params import Value
from studio.train.optim import build_optimizers, needs_closure
from studio.train.options import TrainProblem

#: What a step works out: the loss first, then whatever the learner wants back.
Computed = tuple[Tensor, ...]


class Updates:
    """The optimisers of some weights, and everything between a loss and a changed weight.

    A learner makes one for each set of weights that follows a loss of its own.
    """

    def __init__(
        self,
        kind: str,
        values: Mapping[str, Value],
        parameters: Sequence[nn.Parameter],
        device: torch.device,
        clip_norm: float | None = None,
    ) -> None:
        """Raises: TrainProblem, where nothing can learn or the optimiser does not take these settings."""
        self._parameters = [p for p in parameters if p.requires_grad]
        if not self._parameters:
            raise TrainProblem(
                "The network has nothing that can learn: no layer has parameters, or all are "
                "frozen. Add a layer such as Linear or Conv2d, or unfreeze one."
            )
        self._clip = clip_norm
        self.optimizers: tuple[Optimizer, ...] = build_optimizers(
            kind, values, self._parameters, device
        )
        self._closure = any(needs_closure(optimizer) for optimizer in self.optimizers)

    def take(self, compute: Callable[[], Computed]) -> Computed:
        """Take a step down the loss that `compute` returns first; returns what it returned first time.

        `compute` is called again by optimisers that look at the loss several times a step (L-BFGS).
        """
        if self._closure:
            return self._take_with_closure(compute)
        computed = self._backward(compute)
        for optimizer in self.optimizers:
            optimizer.step()
        return computed

    def _backward(self, compute: Callable[[], Computed]) -> Computed:
        for parameter in self._parameters:
            parameter.grad = None
        computed = compute()
        computed[0].backward()  # type: ignore[no-untyped-call]
        if self._clip is not None:
            clip_grad_norm_(self._parameters, self._clip)
        return computed

    def _take_with_closure(self, compute: Callable[[], Computed]) -> Computed:
        first: list[Computed] = []

        def closure() -> Tensor:
            computed = self._backward(compute)
            first.append(computed)
            return computed[0]

        for optimizer in self.optimizers:
            optimizer.step(closure)  # type: ignore[arg-type]
        return first[0]
