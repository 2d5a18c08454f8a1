"""What a network has learnt to look for: its filters, how it sets samples apart, what it answers where."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from torch import Tensor, nn

from studio.data import Samples
from studio.engine import protocol as p
from studio.graph.facts import DataFacts
from studio.train.learner import Modes
from studio.train.paths import NodePath, Owners
from studio.train.pictured import shrunk
from studio.train.probes import Present

#: Samples of an embedding, at least and at most, and its principal components.
FEW, EMBEDDED, COMPONENTS = 64, 400, 32
#: An embedding has as many samples as pass through the network in this time.
_PASS_S = 0.006
#: Filters of a layer, their longest side, and layers whose filters are shown.
FILTERS, FILTER_SIDE, FILTERED = 64, 64, 64
#: Rows and columns of a decision surface, training samples upon it, and how far it reaches beyond them.
GRID, POINTS, MARGIN = 64, 400, 0.08
#: Samples that pass through the network at once.
_BATCH = 200
#: float16 holds no more; a component that long says nothing any more.
_HALF = 60_000.0


class Insights:
    """Looks deeper into a network than a probe does, at fixed samples; it changes nothing.

    It draws no random numbers and leaves the network's modes and its gradients alone.
    """

    def __init__(
        self,
        network: nn.Module,
        nodes: tuple[NodePath, ...],
        train: Samples,
        watched: Samples,
        split: str,
        facts: DataFacts,
        present: Present,
        inputs: tuple[str, ...] = (),
    ) -> None:
        """`split` is where the `watched` samples are from."""
        self._network, self._present, self._names = network, present, inputs
        self._facts, self._split = facts, split
        self._filtered = _filtered(network, nodes, facts)
        weighted = {owner.path for owner in Owners(network, nodes).of.values() if owner}
        self._last_but_one = self._find_last_but_one(weighted, watched.slice(0, 2))
        count = self._affordable(watched.slice(0, FEW)) if self._last_but_one else FEW
        self._positions = _spread_over(len(watched), count, watched.inputs.device)
        self._samples = watched.take(self._positions)
        planar = facts.sample.shape == (2,) and watched.inputs.shape[1:] == (2,)
        one_answer = facts.task in ("classification", "regression")
        flat = planar and one_answer and not facts.more and len(inputs) <= 1
        self._ground = _Ground(train, watched.inputs.device) if flat else None
        self._axes: Tensor | None = None

    def look(self, step: int) -> p.Insight:
        """Return what the network looks for after a step."""
        filters, limits = {}, {}
        for path, weight in self._filtered:
            filters[path], limits[path] = _pictured(weight.detach())
        with Modes([self._network]), torch.no_grad():
            embedding = self._embedding()
            surface = self._surface(self._ground) if self._ground else None
        return p.Insight(step, filters, limits, embedding, surface)

    # ------------------------------------------------------------------------------ the embedding

    def _affordable(self, few: Samples) -> int:
        """Return how many samples may be looked at, by the time that few of them take."""
        start = time.perf_counter()
        with Modes([self._network]), torch.no_grad():
            self._seen(few)
        took = time.perf_counter() - start
        return max(FEW, min(EMBEDDED, int(len(few) * _PASS_S / max(took, 1e-9))))

    def _find_last_but_one(self, weighted: set[str], few: Samples) -> str:
        """Return the id path of what feeds the last node with weights, by the order of execution."""
        told: list[str] = []

        def tap(path: str, port: str, tensor: Tensor) -> Tensor:
            if tensor.is_floating_point() and tensor.ndim > 1:
                told.append(path)
            return tensor

        with Modes([self._network]), torch.no_grad():
            self._network.forward_tapped(*few.fed(self._names), tap)  # type: ignore[operator]
        last = max((k for k, path in enumerate(told) if path in weighted), default=0)
        before = [path for path in told[:last] if path not in told[last:]]
        return before[-1] if before else ""

    def _embedding(self) -> p.Embedding | None:
        if not self._last_but_one or len(self._samples) < 3:
            return None
        rows: list[Tensor] = []
        read: list[Tensor] = []
        for start in range(0, len(self._samples), _BATCH):
            seen, outputs = self._seen(self._samples.slice(start, start + _BATCH))
            if seen is None:
                return None
            rows.append(seen)
            read.append(_read(self._present(outputs), len(seen)))
        values = torch.cat(rows)
        if not bool(values.isfinite().all()):
            return None
        points, shares = self._components(values)
        targets = self._samples.targets
        single = targets.reshape(len(targets), -1)
        # Where a sample is more than one thing (pixels, tokens, labels) it has no colour of its own.
        told = single[:, 0] if single.shape[1] == 1 else torch.zeros_like(single[:, 0])
        return p.Embedding(
            points.clamp(-_HALF, _HALF).half().cpu().numpy(),
            shares,
            self._split,
            self._positions.cpu().numpy(),
            told.cpu().numpy(),
            torch.cat(read).cpu().numpy(),
            self._last_but_one,
        )

    def _seen(self, samples: Samples) -> tuple[Tensor | None, Tensor]:
        """Return one row a sample of what the last layer but one tells, and the outputs."""
        caught: list[Tensor] = []

        def tap(path: str, port: str, tensor: Tensor) -> Tensor:
            if path == self._last_but_one and tensor.is_floating_point():
                caught.append(tensor)
            return tensor

        outputs = self._network.forward_tapped(*samples.fed(self._names), tap)  # type: ignore[operator]
        if not caught or len(caught[-1]) != len(samples):
            return None, outputs
        values = caught[-1].float()
        if values.ndim == 4:
            values = values.mean((2, 3))  # where in the picture does not matter
        elif values.ndim == 3:
            values = values.mean(1)  # nor at which step of the sequence
        return values.flatten(1), outputs

    def _components(self, values: Tensor) -> tuple[Tensor, tuple[float, ...]]:
        """Return principal components, turned as at the last look so that points stay comparable."""
        centred = values - values.mean(0)
        wide = centred.shape[1] > len(centred)
        square = centred @ centred.T if wide else centred.T @ centred
        found, vectors = torch.linalg.eigh(square.cpu().double())
        count = min(COMPONENTS, len(found), centred.shape[1])
        found, vectors = found.flip(0)[:count].clamp(min=0), vectors.flip(1)[:, :count]
        basis = vectors.to(centred)
        points = basis * found.sqrt().to(centred) if wide else centred @ basis
        if self._axes is not None and self._axes.shape == points.shape:
            turned = (points * self._axes).sum(0) < 0
        else:
            turned = points.sum(0) < 0
        points = torch.where(turned, -points, points)
        self._axes = points
        total = float(square.diagonal().sum())
        shares = (found / total).tolist() if total > 0 else [0.0] * count
        return points, tuple(shares)

    # -------------------------------------------------------------------------------- the surface

    def _surface(self, ground: _Ground) -> p.Surface | None:
        outputs = self._present(self._network(ground.grid))
        if len(outputs) != GRID * GRID or outputs.ndim > 2:
            return None
        values = outputs.float().reshape(GRID, GRID, -1).clamp(-_HALF, _HALF)
        half = values.nan_to_num(0).half().cpu().numpy()
        return p.Surface(half, ground.extent, ground.points, ground.targets)


class _Ground:
    """Where a decision surface is drawn: a grid around the training samples, some of which lie on it."""

    def __init__(self, train: Samples, device: torch.device) -> None:
        inputs = train.inputs.float()
        low, high = inputs.amin(0), inputs.amax(0)
        pad = (high - low).clamp(min=1e-6) * MARGIN
        left, bottom = (low - pad).tolist()
        right, top = (high + pad).tolist()
        self.extent = (left, right, bottom, top)
        y, x = torch.meshgrid(
            torch.linspace(bottom, top, GRID, device=device),
            torch.linspace(left, right, GRID, device=device),
            indexing="ij",
        )
        self.grid = torch.stack([x, y], dim=-1).reshape(-1, 2)
        some = _spread_over(len(train), POINTS, inputs.device)
        self.points = inputs[some].cpu().numpy()
        targets = train.targets[some].reshape(len(some), -1)
        self.targets = targets[:, 0].cpu().numpy()


def _read(presented: Tensor, count: int) -> Tensor:
    """Return what each sample is read as: its likeliest class, its value, or 0 where it is more."""
    if len(presented) != count or presented.ndim > 2:
        return torch.zeros(count, device=presented.device)
    rows = presented.float().reshape(count, -1)
    return rows.argmax(1) if rows.shape[1] > 1 else rows[:, 0]


def _spread_over(length: int, most: int, device: torch.device) -> Tensor:
    """Return up to `most` positions, evenly over all."""
    count = min(length, most)
    return torch.linspace(0, max(0, length - 1), count, device=device).round().long()


def _filtered(
    network: nn.Module, nodes: tuple[NodePath, ...], facts: DataFacts
) -> list[tuple[str, Tensor]]:
    """Return the weights that are filters of pictures: of convolutions, and of what reads a picture first."""
    owners = Owners(network, nodes).of
    modules = dict(network.named_modules())
    shape = tuple(size for size in facts.sample.shape if isinstance(size, int))
    found: list[tuple[str, Tensor]] = []
    first = True
    for name, weight in network.named_parameters():
        owner, module = owners[name], modules.get(name.rpartition(".")[0])
        if owner is None or not name.endswith("weight") or weight.ndim < 2:
            continue
        if isinstance(module, nn.Conv2d) and max(weight.shape[2:]) > 1:
            found.append((owner.path, weight))
        elif (
            first
            and isinstance(module, nn.Linear)
            and len(shape) == 3
            and weight.shape[1] == math.prod(shape)
            and min(shape[1:]) > 1
        ):
            found.append((owner.path, weight.view(len(weight), *shape)))
        first = False
    return found[:FILTERED]


def _pictured(filters_oihw: Tensor) -> tuple[np.ndarray, float]:
    """Return filters as pictures, and the weight that the ends of their scale stand for.

    Of many the strongest, in the order of their channels; of many inputs each one's strongest.
    """
    filters = filters_oihw.float()
    if len(filters) > FILTERS:
        strength = filters.flatten(1).norm(dim=1)
        filters = filters[strength.topk(FILTERS).indices.sort().values]
    filters = shrunk(filters, FILTER_SIDE)
    channels = filters.shape[1]
    if channels == 3:
        planes = filters.permute(0, 2, 3, 1)
    elif channels == 1:
        planes = filters[:, 0]
    else:
        strongest = filters.flatten(2).norm(dim=2).argmax(1)
        planes = filters[torch.arange(len(filters), device=filters.device), strongest]
    limit = planes.abs().amax().clamp(min=1e-12)
    spread = (planes / limit).nan_to_num(0).mul(127).add(128).round()
    return spread.to(torch.uint8).cpu().numpy(), float(limit)
