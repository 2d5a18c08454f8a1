"""Live views: what a network in training looks like inside, on sampled steps only.

A probe runs `forward_tapped` on fixed validation samples in evaluation mode, without gradients and
apart from the run's random numbers: it changes nothing, so a run gives the same figures watched or
not. Between sampled steps nothing is attached and nothing is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from studio.data import Samples
from studio.engine import protocol as p
from studio.graph.bounds import BOUNDS
from studio.graph.breakpoints import CAN_DIE
from studio.graph.facts import DataFacts
from studio.graph.graph import INPUT, STATE
from studio.graph.problems import Problem
from studio.train.learner import Modes
from studio.train.paths import NodePath, Owners
from studio.train.pictured import shrunk, thinned

#: Samples that statistics are taken on, and those of them that are shown.
PROBED = 64
SHOWN = 24
#: Feature maps a node, their longest side, and bins of a histogram.
MAPS, MAP_SIDE, BINS = 8, 64, 32
#: Values of a layer that its figures and its histogram are taken from, spread over all of them.
_MEASURED, _COUNTED = 65_536, 8192
#: The share of the run's time that live views may take, and that part of it which recording has.
_SHARE, _RECORDED = 0.02, 0.008
#: What recording may take beyond its part, once: a short run has moments too. Units: seconds.
_CREDIT_S = 0.05
#: From this share of dead units on, a layer is worth a warning.
_MANY_DEAD = 0.5

#: The port at which attention weights are tapped: beside the output, not an output.
ATTENTION = "weights"

#: Layers whose slope fades near the ends of their outputs, and how near (of the span) is at them.
_SQUASHES = frozenset(f"torch.nn.{name}" for name in ("Sigmoid", "Hardsigmoid", "Tanh", "Softsign"))
_AT_LIMIT = 0.02

Clock = Callable[[], float]
#: What a person reads off raw outputs: probabilities, or values.
Present = Callable[[Tensor], Tensor]


class Records(Protocol):
    """Looks deeper now and then, and keeps what was seen."""

    def wants(self, step: int) -> bool:
        """Tell whether a moment at a step would be kept."""

    def record(self, layers: p.LayerStats, pictures: p.Pictures) -> p.Insight:
        """Look deeper, and keep the moment.

        Raises: OSError.
        """


@dataclass
class _Norms:
    """Norms of what each node learns with, of its gradient at the step just done and of what that
    step changed as a share of it, by id path."""

    grad: dict[str, float] = field(default_factory=dict)
    weight: dict[str, float] = field(default_factory=dict)
    update: dict[str, float] = field(default_factory=dict)


@dataclass
class _Taken:
    """What one tapped pass leaves: statistics by node, in order of execution, pictures, and the root
    mean square by `path:port`."""

    stats: dict[str, p.LayerStat] = field(default_factory=dict)
    maps: dict[str, np.ndarray] = field(default_factory=dict)
    flows: dict[str, float] = field(default_factory=dict)

    def see(self, node: NodePath, port: str, tensor: Tensor, norms: _Norms) -> None:
        """Take in what left an output port; the first of several stands for the node."""
        if not (tensor.is_floating_point() and tensor.numel()):
            return
        path = node.path
        if node.kind == INPUT or path in self.stats:
            flow = float(_spread(tensor.detach(), _COUNTED).float().square().mean().sqrt())
        else:
            stat = self.stats[path] = _stat(tensor, node, norms)
            if tensor.ndim == 4 and min(tensor.shape[2:]) > 1:
                self.maps[path] = _maps(tensor[0])
            flow = math.hypot(stat.mean, stat.std)
        if math.isfinite(flow):
            self.flows[f"{path}:{port}"] = flow


class Probes:
    """Takes statistics and pictures at `rate_hz`, and more seldom where that would cost too much."""

    def __init__(
        self,
        network: nn.Module,
        nodes: tuple[NodePath, ...],
        samples: Samples,
        facts: DataFacts,
        present: Present,
        rate_hz: float,
        clock: Clock,
        inputs: tuple[str, ...] = (),
        records: Records | None = None,
    ) -> None:
        self._network = network
        self._nodes = {node.path: node for node in nodes}
        self._stepped = _inside_loops(nodes)
        self._names = inputs
        self._samples = samples.slice(0, PROBED)
        self._facts = facts
        self._present = present
        self._clock = clock
        self._inputs = _shown(samples.inputs[:SHOWN], facts)
        targets = samples.targets[:SHOWN]
        shown = thinned(targets) if facts.task == "segmentation" else targets
        self._targets = shown.cpu().numpy()
        owners = Owners(network, nodes).of
        self._parameters = [
            (parameter, owner.path)
            for name, parameter in network.named_parameters()
            if parameter.requires_grad and (owner := owners[name]) is not None
        ]
        self._warned: set[str] = set()
        self._records = records
        self._share = _SHARE - _RECORDED if records is not None else _SHARE
        self._credit = _CREDIT_S
        self._before: list[Tensor] = []
        self._noted: int | None = None
        self._known: tuple[int, _Norms] = (0, _Norms())
        self._period = 0.0
        self._next = math.inf
        self._record_next = clock() if records is not None else math.inf
        self._warming = True
        self.seconds = 0.0
        self.watch(rate_hz)
        self.nodes = tuple(self._run(samples.slice(0, 2)).stats)
        if min(self._next, self._record_next) < math.inf:
            self._remember()

    def watch(self, rate_hz: float) -> None:
        """Choose how often a second a probe is taken; 0 turns them off."""
        self._period = 1 / rate_hz if rate_hz > 0 else math.inf
        self._next = self._clock() if rate_hz > 0 else math.inf

    @property
    def on(self) -> bool:
        """Whether anybody watches."""
        return self._period < math.inf

    def due(self, now: float) -> bool:
        """Tell whether a probe is to be taken after the step just done.

        One step earlier the weights are remembered, so that it is known what that step changes.
        """
        # What is recorded is looked at anyway; where nobody watches, recording has its own pace.
        if now < (self._next if self.on else self._record_next):
            return False
        if self._before:
            return True
        self._remember()
        return not self._before

    def take(self, step: int, record: bool = False) -> list[p.Event]:
        """Return statistics, pictures and warnings. Gradients are those of the step just done.

        With `record` the moment is kept even before its time has come.
        Raises: OSError, where a moment cannot be written.
        """
        start = self._clock()
        if self._known[0] != step:
            self._known = (step, self._norms(step))
        taken = self._run(self._samples, self._known[1])
        layers = p.LayerStats(step, taken.stats, taken.flows)
        pictures = p.Pictures(step, taken.maps, self._inputs, self._outputs, self._targets)
        events: list[p.Event] = [layers, pictures, *self._dead(step, taken.stats)]
        now = self._clock()
        # The first pass also warms caches up: the next one will cost much less.
        share, self._warming = (0.3 if self._warming else 1.0), False
        self._next = now + max(self._period, (now - start) * share / self._share)
        self.seconds += now - start
        records = self._records
        if records is not None and (record or now >= self._record_next):
            if record or records.wants(step):
                events.append(records.record(layers, pictures))
            done = self._clock()
            cost = (done - (now if self.on else start)) * share
            lent = min(cost, self._credit)
            self._credit -= lent
            self._record_next = done + (cost - lent) / _RECORDED
            self.seconds += done - now
        if record:
            self._remember(step)  # the next look may come after a single step
        return events

    # ----------------------------------------------------------------------------------- one pass

    def _run(self, samples: Samples, norms: _Norms | None = None) -> _Taken:
        taken, known = _Taken(), norms or _Norms()
        last: dict[tuple[str, str], Tensor] = {}

        def tap(path: str, port: str, tensor: Tensor) -> Tensor:
            node = self._nodes.get(path)
            if node is None or port == ATTENTION:
                return tensor
            if path in self._stepped:
                last[path, port] = tensor  # such a node speaks at every step: the last one counts
            elif f"{path}:{port}" not in taken.flows:  # of shared passes, the first
                taken.see(node, port, tensor, known)
            return tensor

        device = samples.inputs.device
        with (
            torch.random.fork_rng([device] if device.type == "cuda" else []),
            Modes([self._network]),
            torch.no_grad(),
        ):
            outputs = self._network.forward_tapped(*samples.fed(self._names), tap)  # type: ignore[operator]
            for (path, port), tensor in last.items():
                taken.see(self._nodes[path], port, tensor, known)
        self._outputs = self._present(outputs[:SHOWN]).float().cpu().numpy()
        return taken

    def _remember(self, step: int | None = None) -> None:
        """Note the weights as they are, after `step` where that is known, else one step before a probe."""
        start = self._clock()
        self._noted = step
        self._before = [_spread(par.detach(), _MEASURED).clone() for par, _ in self._parameters]
        self.seconds += self._clock() - start

    def _norms(self, step: int) -> _Norms:
        before, self._before = self._before, []
        if self._noted not in (None, step - 1):
            before = []
        known = [k for k, (par, _) in enumerate(self._parameters) if par.grad is not None]
        if not known:
            return _Norms()
        weights = [self._parameters[k][0].detach() for k in known]
        tensors = [grad for k in known if (grad := self._parameters[k][0].grad) is not None]
        tensors += weights
        if before:
            old = [before[k] for k in known]
            tensors += torch._foreach_sub([_spread(weight, _MEASURED) for weight in weights], old)
            tensors += old
        # One call and one copy to the host for all of them.
        norms = torch.stack(torch._foreach_norm(tensors)).tolist()
        paths = [self._parameters[k][1] for k in known]
        count = len(known)
        by = [_by_node(norms[k : k + count], paths) for k in range(0, len(norms), count)]
        if not before or not any(by[2].values()):
            return _Norms(by[0], by[1])  # no step was taken since the weights were noted
        update = {path: norm / (by[3][path] + 1e-12) for path, norm in by[2].items()}
        return _Norms(by[0], by[1], update)

    def _dead(self, step: int, stats: dict[str, p.LayerStat]) -> list[p.Event]:
        found: list[p.Event] = []
        for path, stat in stats.items():
            if stat.dead < _MANY_DEAD or path in self._warned or stat.units < 4:
                continue
            self._warned.add(path)
            message = (
                f"{stat.dead:.0%} of the {stat.units} units of {self._nodes[path].name} are zero for "
                f"all {len(self._samples)} probed samples: they have stopped learning. A lower "
                "learning rate, LeakyReLU or a normalisation before it usually helps."
            )
            problem = Problem(message, node=path, severity="warning", rule="dead units")
            found.append(p.ProblemFound(step, problem))
        return found


def _inside_loops(nodes: tuple[NodePath, ...]) -> frozenset[str]:
    """Return the id paths of what runs once for each step: all that stands beside a state, or deeper."""
    loops = {node.path.rpartition("/")[0] + "/" for node in nodes if node.kind == STATE}
    return frozenset(
        node.path for node in nodes if any(node.path.startswith(loop) for loop in loops)
    )


def _by_node(norms: list[float], paths: list[str]) -> dict[str, float]:
    squares: dict[str, float] = {}
    for path, norm in zip(paths, norms, strict=True):
        squares[path] = squares.get(path, 0.0) + norm * norm
    return {path: math.sqrt(square) for path, square in squares.items()}


def _stat(tensor: Tensor, node: NodePath, norms: _Norms) -> p.LayerStat:
    values = _spread(tensor.detach(), _MEASURED).float()
    low_t, high_t = torch.aminmax(values)
    std_t, mean_t = torch.std_mean(values, correction=0)
    zero_t = (values == 0).float().mean()
    # One copy to the host for all of them.
    mean, std, zero, low, high = torch.stack([mean_t, std_t, zero_t, low_t, high_t]).tolist()
    histogram: tuple[int, ...] = ()
    if math.isfinite(low) and math.isfinite(high):
        if high - low < 1e-30:
            low, high = low - 0.5, high + 0.5
        counts = torch.histc(_spread(values, _COUNTED), BINS, low, high)
        histogram = tuple(int(n) for n in counts.tolist())
    dead = saturated = 0.0
    units = 0
    if node.kind in CAN_DIE:
        dead, units = _still_units(tensor == 0)
    elif node.kind in _SQUASHES:
        bottom, top = BOUNDS[node.kind]
        near = _AT_LIMIT * (top - bottom)
        saturated, units = _still_units((tensor < bottom + near) | (tensor > top - near))
    return p.LayerStat(
        mean,
        std,
        zero,
        norms.grad.get(node.path),
        dead,
        units,
        low,
        high,
        histogram,
        norms.weight.get(node.path),
        saturated,
        norms.update.get(node.path),
    )


def _spread(values: Tensor, most: int) -> Tensor:
    """Return up to about `most` values as one row, evenly from everywhere; a view where it can be."""
    if values.ndim == 4 and not values.is_contiguous():
        values = values.permute(0, 2, 3, 1)
    flat = values.reshape(-1)
    stride = -(-flat.numel() // most)
    # A stride that shares a factor with a dimension would look at some channels or columns only.
    while stride > 1 and math.gcd(stride, flat.numel()) > 1:
        stride += 1
    return flat[::stride]


def _still_units(still: Tensor) -> tuple[float, int]:
    """Return the share of units of which `still` holds throughout, and how many units there are.

    A unit is a channel of `[n, c, h, w]`, and a feature of `[n, f]` and `[n, t, f]`.
    """
    if still.ndim < 2:
        return 0.0, 0
    axis = 1 if still.ndim != 3 else 2
    others = [i for i in range(still.ndim) if i != axis]
    throughout = still.all(dim=others[0]) if len(others) == 1 else still.float().amin(others)
    return float(throughout.float().mean()), still.shape[axis]


def _maps(maps_chw: Tensor) -> np.ndarray:
    """Return the strongest feature maps, in channel order, each spread over 0…255."""
    maps = maps_chw.detach().float()
    if len(maps) > MAPS:
        strength = maps.flatten(1).std(1)
        maps = maps[strength.topk(MAPS).indices.sort().values]
    maps = shrunk(maps, MAP_SIDE)
    flat = maps.flatten(1)
    low, high = flat.amin(1)[:, None, None], flat.amax(1)[:, None, None]
    spread = (maps - low) / (high - low).clamp(min=1e-12)
    return spread.nan_to_num(0).mul(255).round().to(torch.uint8).cpu().numpy()


def _shown(inputs: Tensor, facts: DataFacts) -> np.ndarray:
    """Return the strip's inputs: grey pictures `[n, h, w]`, other samples as they are."""
    if inputs.ndim != 4:
        return inputs.float().cpu().numpy()
    low, high = facts.value_range
    grey = (inputs.float().mean(1) - low) / max(high - low, 1e-12)
    return grey.clamp(0, 1).mul(255).round().to(torch.uint8).cpu().numpy()
