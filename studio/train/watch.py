"""Breakpoints while a run trains: looked at where figures are read anyway, never by waiting for the device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from studio.engine import protocol as p
from studio.graph.breakpoints import (
    DEAD,
    GRADIENT,
    NOT_FINITE,
    WHEN,
    Breakpoint,
    fault,
    words,
)
from studio.graph.conditions import Condition, of_layer
from studio.graph.problems import Problem
from studio.train.paths import NodePath, Owners

#: Losses that a spike is measured against, and how many there have to be.
_REMEMBERED, _ENOUGH = 64, 16
#: How often a second layers are looked at where a breakpoint asks it and nobody else does.
RATE_HZ = 1.0
#: The norm of the whole gradient, as a condition reads it; what else changes at every step.
GRAD_NORM = "grad_norm"

Columns = Mapping[str, NDArray[np.float32]]
Holds = NDArray[np.bool_]


class Hit(Exception):
    """A breakpoint's condition came to hold at `step`; `node` is the layer to look at, "" for none."""

    def __init__(
        self, step: int, breakpoint: Breakpoint, what: str, value: float, node: str = ""
    ) -> None:
        super().__init__(what)
        self.step, self.breakpoint, self.what = step, breakpoint, what
        self.value, self.node = value, node


class Watch:
    """Tells when a breakpoint is hit: when its condition comes to hold, not while it goes on holding.

    `finite` is the breakpoint at numbers that broke, which the loop itself notices.
    """

    def __init__(
        self, breakpoints: Sequence[Breakpoint], network: nn.Module, nodes: Sequence[NodePath]
    ) -> None:
        owners = Owners(network, tuple(nodes)).of
        owned = [
            (parameter, owner.path)
            for name, parameter in network.named_parameters()
            if parameter.requires_grad and (owner := owners[name]) is not None
        ]
        self._parameters = [parameter for parameter, _ in owned]
        self._paths = list(dict.fromkeys(path for _, path in owned))
        #: Which parameter belongs to which node: `[parameters, nodes]`.
        self._belongs = np.array(
            [[path == other for other in self._paths] for _, path in owned], dtype=np.float64
        ).reshape(len(owned), len(self._paths))
        self._dotted = {node.path: node.dotted for node in nodes}
        self._norms: list[Tensor] = []
        self._losses: NDArray[np.float64] = np.zeros(0)
        #: The newest value of what is not recorded at every step: of layers and of epochs.
        self._known: dict[str, float] = {}
        self._recorded: set[str] = {"step", "epoch"}
        #: What was looked for last time, and whether it held.
        self._held: dict[Breakpoint, bool] = {}
        self.set(breakpoints)

    def set(self, breakpoints: Sequence[Breakpoint]) -> None:
        """Watch for other things from now on; those that cannot be watched for are left out."""
        enabled = [each for each in breakpoints if each.enabled and not fault(each)]
        self._held = {each: self._held.get(each, False) for each in enabled}
        self.finite = next((each for each in enabled if each.kind == NOT_FINITE), None)
        self._conditions = {each: Condition(each.text) for each in enabled if each.kind == WHEN}
        reads = {name for condition in self._conditions.values() for name in condition.reads}
        #: Whether every step's gradient is to be measured.
        self.each_step = any(each.kind == GRADIENT for each in enabled) or any(
            name == GRAD_NORM or name.startswith("grad[") for name in reads
        )
        if not self.each_step:
            self._norms.clear()
        sampled = any(each.kind == DEAD for each in enabled) or any(
            "[" in name and not name.startswith("grad[") for name in reads
        )
        #: How often a second layers have to be looked at.
        self.rate_hz = RATE_HZ if sampled else 0.0
        self._complained = False

    # ----------------------------------------------------------------------------------- every step

    def after_step(self) -> None:
        """Measure the gradient of the step just done, on the device."""
        zero = torch.zeros((), device=self._parameters[0].device)
        grads = [zero if each.grad is None else each.grad for each in self._parameters]
        self._norms.append(torch.stack(torch._foreach_norm(grads)))

    def steps(self, first: int, epoch: int, columns: Columns) -> Hit | None:
        """Look through the figures of the steps from `first` on, and return the first hit."""
        count = len(columns["train_loss"])
        grads = self._gradients(count)
        asked = {each: self._holding(each, first, epoch, columns, grads) for each in self._held}
        found = {each: holds for each, holds in asked.items() if holds is not None}
        hits = [
            (int(rises.argmax()), each)
            for each, holds in found.items()
            if (rises := holds & ~np.concatenate([[self._held[each]], holds[:-1]])).any()
        ]
        at, hit = min(hits, key=lambda pair: pair[0], default=(count - 1, None))
        losses = columns["train_loss"][: at + 1].astype(np.float64)
        self._losses = np.concatenate([self._losses, losses])[-_REMEMBERED:]
        for each, holds in found.items():
            self._held[each] = bool(holds[at])
        if hit is None:
            return None
        node, value = hit.node, float(columns["train_loss"][at])
        if hit.kind == GRADIENT:
            at_step = grads[at]
            node = node or self._paths[int(np.nanargmax(at_step))]
            value = float(np.linalg.norm(at_step))
            if hit.node:
                value = float(at_step[self._paths.index(hit.node)])
        return Hit(first + at, hit, self._told(hit, value), value, node)

    def _gradients(self, count: int) -> NDArray[np.float64]:
        """Return the norms of the waiting steps by node, `[count, nodes]`."""
        if not self._norms:
            return np.zeros((count, len(self._paths)))
        norms = torch.stack(self._norms).double().cpu().numpy()
        self._norms.clear()
        # What was switched on between two readings has measured the later steps only.
        missing = np.zeros((max(0, count - len(norms)), norms.shape[1]))
        squares = np.concatenate([missing, norms])[-count:] ** 2
        by_node: NDArray[np.float64] = np.sqrt(squares @ self._belongs)
        return by_node

    def _holding(
        self,
        breakpoint: Breakpoint,
        first: int,
        epoch: int,
        columns: Columns,
        grads: NDArray[np.float64],
    ) -> Holds | None:
        """Return at which of the steps a breakpoint holds; None where steps do not decide it."""
        match breakpoint.kind:
            case "gradient":
                if not breakpoint.node:
                    return np.asarray(np.linalg.norm(grads, axis=1) > breakpoint.limit)
                if breakpoint.node in self._paths:
                    column = grads[:, self._paths.index(breakpoint.node)]
                    return np.asarray(column > breakpoint.limit)
            case "spike":
                return self._spikes(breakpoint.limit, columns["train_loss"])
            case "when":
                condition = self._conditions[breakpoint]
                told = {"step", GRAD_NORM, *columns, *self._of_layers("grad")}
                self._recorded |= told
                if condition.reads & told:
                    rows = self._rows(first, epoch, columns, grads)
                    return np.array([condition.holds(row) for row in rows])
        return None

    def _spikes(self, limit: float, losses: NDArray[np.float32]) -> Holds:
        known = np.concatenate([self._losses, losses.astype(np.float64)])
        before = len(self._losses)
        medians = np.full(len(losses), np.inf)
        for k in range(max(0, _ENOUGH - before), min(len(losses), _REMEMBERED - before)):
            medians[k] = np.median(known[: before + k])
        full = max(0, _REMEMBERED - before)
        if full < len(losses):
            pasts = np.lib.stride_tricks.sliding_window_view(known[:-1], _REMEMBERED)
            medians[full:] = np.median(pasts[-(len(losses) - full) :], axis=1)
        return np.asarray(losses > limit * medians)

    def _rows(
        self, first: int, epoch: int, columns: Columns, grads: NDArray[np.float64]
    ) -> list[dict[str, float]]:
        names = self._of_layers("grad")
        rows = []
        for k in range(len(columns["train_loss"])):
            row = self._known | {name: float(values[k]) for name, values in columns.items()}
            row |= {"step": float(first + k), "epoch": float(epoch)}
            if self.each_step:
                row[GRAD_NORM] = float(np.linalg.norm(grads[k]))
                row |= dict(zip(names, grads[k].tolist(), strict=True))
            rows.append(row)
        return rows

    def _of_layers(self, quantity: str) -> list[str]:
        return [of_layer(quantity, self._dotted[path]) for path in self._paths]

    # ---------------------------------------------------------------------- layers, and ends of epochs

    def layers(self, seen: p.LayerStats) -> Hit | None:
        """Look at how the layers stand."""
        for path, stat in seen.nodes.items():
            name = self._dotted.get(path, path)
            figures = {"dead": stat.dead, "zero": stat.zero, "mean": stat.mean, "std": stat.std}
            if stat.weight is not None:
                figures["weight"] = stat.weight
            self._known |= {of_layer(key, name): value for key, value in figures.items()}
        hits = []
        for each in self._held:
            if each.kind != DEAD:
                continue
            dead = {path: stat.dead for path, stat in seen.nodes.items() if stat.units}
            watched = {each.node: dead[each.node]} if each.node in dead else dead
            if (each.node and each.node not in dead) or not watched:
                continue
            worst = max(watched, key=lambda path: watched[path])
            if self._rises(each, watched[worst] > each.limit):
                units = round(watched[worst] * seen.nodes[worst].units)
                what = (
                    f"{units} of {seen.nodes[worst].units} units of {self._dotted[worst]} are zero for "
                    "all probed samples"
                )
                hits.append(Hit(seen.step, each, what, watched[worst], worst))
        return next(iter(hits), None) or self._asked(seen.step)

    def epoch(self, done: p.EpochDone) -> Hit | None:
        """Look at what an epoch's end has measured."""
        self._known |= done.metrics | {"epoch": float(done.epoch)}
        return self._asked(done.step)

    def missing(self, metrics: Iterable[str]) -> list[Problem]:
        """Return, once, which conditions read what this run does not record, nor measures of epochs."""
        if self._complained:
            return []
        self._complained = True
        known = self._recorded | self._known.keys() | set(metrics)
        found = []
        for each, condition in self._conditions.items():
            unknown = sorted(name for name in condition.reads - known if not self._comes(name))
            if unknown:
                plain = ", ".join(sorted(name for name in known if "[" not in name))
                found.append(
                    Problem(
                        f"The breakpoint {each.text!r} reads {', '.join(unknown)}, which this run does "
                        f'not record. Recorded are {plain}, and of layers such as dead["relu1"].',
                        severity="warning",
                    )
                )
        return found

    def _comes(self, name: str) -> bool:
        """Whether a layer's quantity is only waiting for the first look at the layers."""
        return any(name.endswith(f'["{dotted}"]') for dotted in self._dotted.values())

    def _asked(self, step: int) -> Hit | None:
        """Ask the conditions that steps do not decide."""
        row = self._known | {"step": float(step)}
        for each, condition in self._conditions.items():
            if not condition.reads - self._known.keys() and self._rises(each, condition.holds(row)):
                name = sorted(condition.reads)[0]
                return Hit(step, each, self._told(each, self._known[name]), self._known[name])
        return None

    def _rises(self, breakpoint: Breakpoint, holds: bool) -> bool:
        before, self._held[breakpoint] = self._held[breakpoint], holds
        return holds and not before

    def _told(self, breakpoint: Breakpoint, value: float) -> str:
        match breakpoint.kind:
            case "gradient":
                of = f" of {self._dotted[breakpoint.node]}" if breakpoint.node else ""
                return f"The gradient norm{of} was {value:.4g}, above {breakpoint.limit:g}"
            case "spike":
                median = float(np.median(self._losses[:-1])) if len(self._losses) > 1 else value
                return f"The loss was {value:.4g}, {value / max(median, 1e-12):.1f} × its median"
        return f"{words(breakpoint)} came to hold"
