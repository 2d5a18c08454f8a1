"""Schedules of the learning rate: two simple ones, and those of `torch.optim.lr_scheduler`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch.optim import Optimizer, lr_scheduler

from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec
from studio.train.options import TrainProblem, checked, option_spec

PREFIX = "torch.optim.lr_scheduler."
#: These move at every step; PyTorch's others are made to move once an epoch.
_BY_STEP = frozenset(["OneCycleLR", "CyclicLR"])
_RATES = ("lr", "initial_lr", "max_lr", "min_lr")


@dataclass(frozen=True)
class Span:
    """How long a run is; None as a parameter is read off it."""

    epochs: int
    steps: int


class Schedule(Protocol):
    """Moves the learning rate of the run's optimisers."""

    def after_step(self) -> None:
        """Move on by one step."""

    def after_epoch(self, loss: float) -> None:
        """Move on by one epoch, whose validation (else training) loss was `loss`."""

    def rescale(self, factor: float) -> None:
        """Multiply every rate, now and to come: a person has changed the learning rate."""

    def check_respan(self) -> None:
        """Raises: TrainProblem, where the number of steps cannot change any more."""

    def respan(self, span: Span, epoch: int) -> None:
        """Go on as if the run had had this span from its start; `epoch` epochs of it are done."""

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs, as plain values."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to an earlier `state`."""


def schedules() -> dict[str, OptionSpec]:
    """Return every schedule that can be chosen, by kind; the simple ones first."""
    rises = "Share of the run in which the rate rises from zero"
    specs = {
        "core.constant": OptionSpec(
            kind="core.constant",
            title="Constant",
            doc="The learning rate stays as it is, after a warm-up if wanted.",
            params=(Param("warmup", "float", 0.0, minimum=0, maximum=1, help=rises),),
        ),
        "core.cosine": OptionSpec(
            kind="core.cosine",
            title="Cosine",
            doc="Falls along half a cosine over the whole run, after a warm-up.",
            params=(
                Param("warmup", "float", 0.1, minimum=0, maximum=1, help=rises),
                Param(
                    "floor", "float", 0.0, minimum=0, maximum=1, help="Share of the rate at the end"
                ),
            ),
        ),
    }
    for kind, cls in _classes().items():
        spec = option_spec(kind, cls, ("optimizer", "last_epoch", *_LEFT_OUT), _given(cls))
        if spec is not None:
            specs[kind] = spec
    return specs


_LEFT_OUT = ("epochs", "steps_per_epoch", "scale_fn", "scale_mode", "min_lr")


def _classes() -> dict[str, type[Any]]:
    found = inspect.getmembers(lr_scheduler, inspect.isclass)
    return {
        PREFIX + name: cls
        for name, cls in found
        if issubclass(cls, lr_scheduler.LRScheduler)
        and cls is not lr_scheduler.LRScheduler
        and not name.startswith("_")
    }


def _given(cls: type[Any]) -> dict[str, Param]:
    """Return the parameters that a run's length or its learning rate answers, or that need a form."""
    table = {
        "T_max": Param(
            "T_max", "int", inferred=True, minimum=1, help="Epochs; empty: the whole run"
        ),
        "T_0": Param(
            "T_0",
            "int",
            inferred=True,
            minimum=1,
            help="Epochs to the first restart; empty: a quarter",
        ),
        "step_size": Param(
            "step_size", "int", inferred=True, minimum=1, help="Epochs; empty: a third of the run"
        ),
        "total_steps": Param(
            "total_steps", "int", inferred=True, minimum=1, help="Empty: the whole run"
        ),
        "step_size_up": Param(
            "step_size_up",
            "int",
            inferred=True,
            minimum=1,
            help="Steps; empty: an eighth of the run",
        ),
        "max_lr": Param(
            "max_lr", "float", inferred=True, minimum=0, help="Empty: the optimiser's learning rate"
        ),
        "base_lr": Param(
            "base_lr", "float", inferred=True, minimum=0, help="Empty: a tenth of the learning rate"
        ),
        "milestones": Param(
            "milestones", "str", "", help="Epochs, such as 10, 20; empty: half and three quarters"
        ),
    }
    if cls is lr_scheduler.ExponentialLR:
        table["gamma"] = Param("gamma", "float", 0.95, minimum=0, help="Factor an epoch")
    if cls is lr_scheduler.PolynomialLR:
        table["total_iters"] = Param(
            "total_iters", "int", inferred=True, minimum=1, help="Epochs; empty: the whole run"
        )
    return table


def schedule_class(kind: str) -> type[Any] | None:
    """Return PyTorch's class of a kind; None for the two that are ours."""
    return _classes().get(kind)


def build_schedule(
    kind: str, values: Mapping[str, Value], optimizers: Sequence[Optimizer], span: Span
) -> Schedule:
    """Return the schedule of a run.

    Raises: TrainProblem.
    """
    specs = schedules()
    if kind not in specs:
        raise TrainProblem(
            f"There is no schedule named {kind!r}. Choose one of {', '.join(sorted(specs))}."
        )
    settings = checked(specs[kind], values, "schedule")
    if kind == "core.constant":
        return _Curve(optimizers, span, float(settings["warmup"]), floor=1.0)
    if kind == "core.cosine":
        return _Curve(optimizers, span, float(settings["warmup"]), float(settings["floor"]))
    cls = _classes()[kind]
    try:
        made = [
            cls(opt, **scheduler_arguments(settings, opt.param_groups[0], span))
            for opt in optimizers
        ]
    except (TypeError, ValueError, KeyError) as error:
        raise TrainProblem(
            f"{cls.__name__} cannot be used with these settings: {error}. Change them."
        ) from None
    return _Torch(made, optimizers, by_step=cls.__name__ in _BY_STEP)


def scheduler_arguments(
    settings: Mapping[str, Value], group: Mapping[str, Any], span: Span
) -> dict[str, Any]:
    """Return a scheduler's arguments: what was left open follows the run's length and the rate."""
    lr = group["lr"]
    answers = {
        "T_max": span.epochs,
        "T_0": max(1, span.epochs // 4),
        "step_size": max(1, span.epochs // 3),
        "total_iters": span.epochs,
        "total_steps": span.steps,
        "step_size_up": max(1, span.steps // 8),
        "max_lr": lr,
        "base_lr": lr / 10,
    }
    arguments = {
        name: answers.get(name) if value is None else value for name, value in settings.items()
    }
    if "milestones" in arguments:
        arguments["milestones"] = _milestones(str(arguments["milestones"]), span)
    if "cycle_momentum" in arguments:
        has = {"momentum", "betas"} & group.keys()
        arguments["cycle_momentum"] = bool(arguments["cycle_momentum"] and has)
    return arguments


def _milestones(text: str, span: Span) -> list[int]:
    if not text.strip():
        return sorted({max(1, span.epochs // 2), max(1, span.epochs * 3 // 4)})
    try:
        return sorted(int(part) for part in text.replace(";", ",").split(",") if part.strip())
    except ValueError:
        raise TrainProblem(
            f"milestones needs whole numbers of epochs, such as 10, 20, but got {text!r}."
        ) from None


class _Curve:
    """Warm-up, then half a cosine down to `floor` (1: constant), in closed form.

    Set by hand rather than by a LambdaLR, whose step costs more than ten times as much.
    """

    def __init__(
        self, optimizers: Sequence[Optimizer], span: Span, warmup: float, floor: float
    ) -> None:
        self._optimizers = optimizers
        self._base = [float(group["lr"]) for group in _groups(optimizers)]
        self._steps = max(1, span.steps)
        self._warmup = warmup
        self._warm = round(warmup * self._steps)
        self._floor = floor
        self._done = 0
        self._still = self._warm == 0 and floor == 1
        self._apply()

    def after_step(self) -> None:
        self._done += 1
        if not self._still:
            self._apply()

    def after_epoch(self, loss: float) -> None:
        """Nothing: the curve moves by steps."""

    def rescale(self, factor: float) -> None:
        self._base = [base * factor for base in self._base]
        self._apply()

    def check_respan(self) -> None:
        """Nothing: the curve is a function of the share of the run that is done."""

    def respan(self, span: Span, epoch: int) -> None:
        self._steps = max(1, span.steps)
        self._warm = round(self._warmup * self._steps)
        self._done = epoch * self._steps // max(1, span.epochs)
        self._apply()

    def state(self) -> dict[str, Any]:
        return {"done": self._done, "base": list(self._base)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._done, self._base = int(state["done"]), [float(base) for base in state["base"]]
        self._apply()

    def _apply(self) -> None:
        if self._done < self._warm:
            share = (self._done + 1) / self._warm
        else:
            way = min(1.0, (self._done - self._warm) / max(1, self._steps - self._warm))
            share = self._floor + (1 - self._floor) * (1 + math.cos(math.pi * way)) / 2
        for group, base in zip(_groups(self._optimizers), self._base, strict=True):
            group["lr"] = base * share


class _Torch:
    """PyTorch's own schedulers, one an optimiser."""

    def __init__(
        self, schedulers: Sequence[Any], optimizers: Sequence[Optimizer], by_step: bool
    ) -> None:
        self._schedulers = schedulers
        self._optimizers = optimizers
        self._by_step = by_step

    def after_step(self) -> None:
        if self._by_step:
            for scheduler in self._schedulers:
                # OneCycleLR refuses to go past its end, where a last short epoch can lead.
                if scheduler.last_epoch < getattr(scheduler, "total_steps", math.inf) - 1:
                    scheduler.step()

    def after_epoch(self, loss: float) -> None:
        if self._by_step:
            return
        for scheduler in self._schedulers:
            if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
                scheduler.step(loss)
            else:
                scheduler.step()

    def rescale(self, factor: float) -> None:
        for group in _groups(self._optimizers):
            for key in _RATES:
                if key in group:
                    group[key] *= factor
        for scheduler in self._schedulers:
            for name in ("base_lrs", "max_lrs"):
                rates = getattr(scheduler, name, None)
                if rates is not None:
                    setattr(scheduler, name, [rate * factor for rate in rates])

    def check_respan(self) -> None:
        if any(hasattr(scheduler, "total_steps") for scheduler in self._schedulers):
            raise TrainProblem(
                "OneCycleLR was laid out over the steps of the run, so batches keep their size. "
                "Choose another schedule to change it while running."
            )

    def respan(self, span: Span, epoch: int) -> None:
        """Nothing: these move by epochs, or go round and round."""

    def state(self) -> dict[str, Any]:
        # Functions are rebuilt with the schedule; only plain values are state.
        return {
            str(i): {k: v for k, v in scheduler.state_dict().items() if _plain(v)}
            for i, scheduler in enumerate(self._schedulers)
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        for i, scheduler in enumerate(self._schedulers):
            scheduler.load_state_dict(dict(state[str(i)]))


def _groups(optimizers: Sequence[Optimizer]) -> list[dict[str, Any]]:
    """Return all parameter groups. Not to be kept: going back to a state replaces them."""
    return [group for optimizer in optimizers for group in optimizer.param_groups]


def _plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_plain(part) for part in value)
    return value is None or isinstance(value, (bool, int, float, str))
