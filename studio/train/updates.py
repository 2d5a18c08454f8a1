"""How weights follow a loss: gradients from nothing, clipped where asked, then the optimiser's step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from studio.graph.params import Value
from studio.train.conduct import Conduct
from studio.train.groups import Group
from studio.train.optim import build_optimizers, needs_closure
from studio.train.options import TrainProblem

#: What a step works out: the loss first, then whatever the learner wants back.
Computed = tuple[Tensor, ...]


class Updates:
    """The optimisers of some weights, and everything between a loss and a changed weight.

    A learner makes one for each set of weights that follows a loss of its own. With a `scaler`
    the loss is scaled up before it goes backwards, so that half precision does not lose small
    gradients; a step whose gradients overflow is left out.
    """

    def __init__(
        self,
        kind: str,
        values: Mapping[str, Value],
        groups: Sequence[Group],
        device: torch.device,
        clip_norm: float | None = None,
        conduct: Conduct | None = None,
        scaler: torch.amp.GradScaler | None = None,
    ) -> None:
        """Raises: TrainProblem, where nothing can learn or the optimiser does not take these settings."""
        # Frozen weights are among them: without a gradient they stay, and they can be set free later.
        self._parameters = [p for group in groups for p in group.parameters]
        if not any(p.requires_grad for p in self._parameters):
            raise TrainProblem(
                "The network has nothing that can learn: no layer has parameters, or all are "
                "frozen. Add a layer such as Linear or Conv2d, or unfreeze one."
            )
        self._clip = clip_norm
        self._conduct = conduct or Conduct()
        self.scaler = scaler
        self.optimizers: tuple[Optimizer, ...] = build_optimizers(kind, values, groups, device)
        self._closure = any(needs_closure(optimizer) for optimizer in self.optimizers)

    def take(self, compute: Callable[[], Computed]) -> Computed:
        """Take a step down the loss that `compute` returns first; returns what it returned first time.

        Where several batches make a step together, the weights change with the last of them.
        `compute` is called again by optimisers that look at the loss several times a step (L-BFGS).
        """
        if self._closure:
            return self._take_with_closure(compute)
        if self._conduct.first:
            self._forget()
        computed = compute()
        loss = computed[0]
        if self._conduct.share != 1.0:
            loss = loss * self._conduct.share
        if self.scaler is not None:
            self._follow_scaled(self.scaler, loss)
            return computed
        loss.backward()  # type: ignore[no-untyped-call]
        if self._conduct.last:
            self._clip_gradients()
            for optimizer in self.optimizers:
                optimizer.step()
        return computed

    def _forget(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None

    def _clip_gradients(self) -> None:
        if self._clip is not None:
            clip_grad_norm_(self._parameters, self._clip)

    def _follow_scaled(self, scaler: torch.amp.GradScaler, loss: Tensor) -> None:
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if not self._conduct.last:
            return
        for optimizer in self.optimizers:
            scaler.unscale_(optimizer)  # what is looked at afterwards has its true length
        self._clip_gradients()
        for optimizer in self.optimizers:
            scaler.step(optimizer)
        scaler.update()

    def _take_with_closure(self, compute: Callable[[], Computed]) -> Computed:
        first: list[Computed] = []

        def closure() -> Tensor:
            self._forget()
            computed = compute()
            computed[0].backward()  # type: ignore[no-untyped-call]
            self._clip_gradients()
            first.append(computed)
            return computed[0]

        for optimizer in self.optimizers:
            optimizer.step(closure)  # type: ignore[arg-type]
        return first[0]
