"""Optimisers: every one of `torch.optim` by introspection, built the fastest way the device allows."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec
from studio.train.options import TrainProblem, checked, option_spec

PREFIX = "torch.optim."
#: How PyTorch computes, not what: chosen here for the device, never by the person.
_IMPLEMENTATION = ("params", "foreach", "capturable", "differentiable", "fused")
#: SparseAdam takes nothing but sparse gradients, which no layer of the catalogue makes.
_LEFT_OUT = frozenset(["Optimizer", "SparseAdam"])

_KNOWN: dict[str, tuple[float | None, float | None, str]] = {
    "lr": (0.0, None, "Learning rate: the length of a step"),
    "weight_decay": (0.0, None, "How strongly weights are pulled towards zero"),
    "momentum": (0.0, 1.0, "Share of the last step that is kept"),
    "betas": (0.0, 1.0, "Memory of the gradient's mean and of its square"),
    "eps": (0.0, None, "Keeps the division away from zero"),
    "alpha": (0.0, 1.0, "Memory of the squared gradient"),
    "dampening": (0.0, 1.0, "Share of the gradient that momentum leaves out"),
}


def _classes() -> dict[str, type[Optimizer]]:
    found = inspect.getmembers(torch.optim, inspect.isclass)
    return {
        PREFIX + name: cls
        for name, cls in found
        if issubclass(cls, Optimizer) and name not in _LEFT_OUT and not name.startswith("_")
    }


def optimizers() -> dict[str, OptionSpec]:
    """Return every optimiser that can be chosen, by kind."""
    specs: dict[str, OptionSpec] = {}
    for kind, cls in _classes().items():
        spec = option_spec(kind, cls, _IMPLEMENTATION, _described(cls))
        if spec is not None:
            specs[kind] = spec
    return specs


def _described(cls: type[Optimizer]) -> dict[str, Param]:
    """Return the parameters whose limits and help are known, with the class's own defaults."""
    given: dict[str, Param] = {}
    for name, argument in inspect.signature(cls).parameters.items():
        if name not in _KNOWN:
            continue
        low, high, text = _KNOWN[name]
        default = argument.default
        if isinstance(default, tuple):
            if all(isinstance(part, float) for part in default):
                given[name] = Param(
                    name, "float", default, minimum=low, maximum=high, size=len(default), help=text
                )
        else:
            given[name] = Param(name, "float", float(default), minimum=low, maximum=high, help=text)
    return given


def build_optimizers(
    kind: str, values: Mapping[str, Value], parameters: Sequence[nn.Parameter], device: torch.device
) -> tuple[Optimizer, ...]:
    """Return the optimisers that together train `parameters`: one, but for Muon.

    Muon takes matrices only; as its authors do, AdamW takes what is left, at the same rate.
    Raises: TrainProblem.
    """
    specs = optimizers()
    if kind not in specs:
        raise TrainProblem(
            f"There is no optimiser named {kind!r}. Choose one of {', '.join(sorted(specs))}."
        )
    settings = checked(specs[kind], values, "optimiser")
    cls = _classes()[kind]
    if kind == PREFIX + "Muon":
        matrices = [p for p in parameters if p.ndim == 2]
        others = [p for p in parameters if p.ndim != 2]
        rest = {"lr": settings["lr"], "weight_decay": settings["weight_decay"]}
        made = [_make(cls, matrices, settings, device)] if matrices else []
        made += [_make(torch.optim.AdamW, others, rest, device)] if others else []
        return tuple(made)
    return (_make(cls, parameters, settings, device),)


def _make(
    cls: type[Optimizer],
    parameters: Sequence[nn.Parameter],
    settings: Mapping[str, Value],
    device: torch.device,
) -> Optimizer:
    arguments: dict[str, Any] = dict(settings)
    # One kernel for all parameters: a third of the step of a small network (MPS has it for fewer).
    if "fused" in inspect.signature(cls).parameters and device.type in ("cpu", "cuda"):
        arguments["fused"] = True
    try:
        return cls(list(parameters), **arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TrainProblem(
            f"{cls.__name__} cannot be used with these settings: {error}. Change them."
        ) from None


def needs_closure(optimizer: Optimizer) -> bool:
    """Tell whether a step has to evaluate the loss again itself, as L-BFGS does."""
    closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty
