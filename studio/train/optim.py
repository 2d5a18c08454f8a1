"""Optimisers: every one of `torch.optim` by introspection, built the fastest way the device allows."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from msgspec.structs import replace
from torch.optim import Optimizer

from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec
from studio.train.groups import Group
from studio.train.options import TrainProblem, checked, option_spec

PREFIX = "torch.optim."
#: How PyTorch computes, not what: chosen here for the device. (A learner says what is minimised.)
_IMPLEMENTATION = ("params", "foreach", "capturable", "differentiable", "fused", "maximize")
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

#: PyTorch's own first sentences hardly say more than the name.
_DOCS = {
    "ASGD": "Stochastic gradient descent that averages its weights over time.",
    "Adadelta": "Steps scaled by running averages of gradients and of earlier steps.",
    "Adafactor": "Adam in little memory: second moments by rows and columns.",
    "Adagrad": "Steps shrink with the sum of all squared gradients; good for rare features.",
    "Adam": "Momentum, and steps scaled by each gradient's running size.",
    "AdamW": "Adam with weight decay kept apart from the gradient; a good first choice.",
    "Adamax": "Adam with the largest recent gradient in place of their mean square.",
    "LBFGS": "Second-order steps from recent gradients; wants whole data sets as batches.",
    "Muon": "Orthogonalised momentum for weight matrices; AdamW takes everything else.",
    "NAdam": "Adam with Nesterov's look ahead.",
    "RAdam": "Adam that begins carefully, while its averages are still unreliable.",
    "RMSprop": "Steps scaled by a running average of squared gradients.",
    "Rprop": "Looks at signs of gradients only; wants whole data sets as batches.",
    "SGD": "Stochastic gradient descent, with momentum if wanted.",
}


def _classes() -> dict[str, type[Optimizer]]:
    found = inspect.getmembers(torch.optim, inspect.isclass)
    return {
        PREFIX + name: cls
        for name, cls in found
        if issubclass(cls, Optimizer) and name not in _LEFT_OUT and not name.startswith("_")
    }


def optimizer_class(kind: str) -> type[Optimizer]:
    """Return PyTorch's class of a kind.

    Raises: KeyError.
    """
    return _classes()[kind]


def optimizers() -> dict[str, OptionSpec]:
    """Return every optimiser that can be chosen, by kind."""
    specs: dict[str, OptionSpec] = {}
    for kind, cls in _classes().items():
        spec = option_spec(kind, cls, _IMPLEMENTATION, _described(cls))
        if spec is not None:
            specs[kind] = replace(spec, doc=_DOCS.get(cls.__name__, spec.doc))
    return specs


def _described(cls: type[Optimizer]) -> dict[str, Param]:
    """Return the parameters whose limits and help are known, with the class's own defaults."""
    given = {
        "line_search_fn": Param(
            "line_search_fn",
            "choice",
            optional=True,
            choices=("strong_wolfe",),
            help="How far to go along a direction; empty: the learning rate",
        ),
        "adjust_lr_fn": Param(
            "adjust_lr_fn",
            "choice",
            optional=True,
            choices=("original", "match_rms_adamw"),
            help="How steps follow a matrix's shape; empty: as its author has it",
        ),
    }
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
    kind: str, values: Mapping[str, Value], groups: Sequence[Group], device: torch.device
) -> tuple[Optimizer, ...]:
    """Return the optimisers that together train the groups' weights: one, but for Muon.

    Muon takes matrices only; as its authors do, AdamW takes what is left, at the same rate.
    Raises: TrainProblem.
    """
    specs = optimizers()
    if kind not in specs:
        raise TrainProblem(
            f"There is no optimiser named {kind!r}. Choose one of {', '.join(sorted(specs))}."
        )
    spec, cls = specs[kind], _classes()[kind]
    settings = checked(spec, values, "optimiser")
    whole = [
        (group, checked(spec, {**values, **group.values}, "optimiser, a node's own settings"))
        for group in groups
    ]
    if kind == PREFIX + "Muon":
        made = []
        parts = [(_only(group, matrices=True), own) for group, own in whole]
        if any(group.parameters for group, _ in parts):
            made.append(_make(cls, parts, settings, device))
        others = [(_only(group, matrices=False), _shared_with_adamw(own)) for group, own in whole]
        if any(group.parameters for group, _ in others):
            shared = _shared_with_adamw(settings)
            made.append(_make(torch.optim.AdamW, others, shared, device))
        return tuple(made)
    return (_make(cls, whole, settings, device),)


def _only(group: Group, *, matrices: bool) -> Group:
    kept = [p for p in group.parameters if (p.ndim == 2) == matrices]
    return Group(kept, group.values)


def _shared_with_adamw(settings: Mapping[str, Value]) -> dict[str, Value]:
    return {name: settings[name] for name in ("lr", "weight_decay")}


def _make(
    cls: type[Optimizer],
    groups: Sequence[tuple[Group, Mapping[str, Value]]],
    settings: Mapping[str, Value],
    device: torch.device,
) -> Optimizer:
    arguments: dict[str, Any] = dict(settings)
    # One kernel for all parameters: a third of the step of a small network (MPS has it for fewer).
    if "fused" in inspect.signature(cls).parameters and device.type in ("cpu", "cuda"):
        arguments["fused"] = True
    held = [
        {
            "params": list(group.parameters),
            **{name: own[name] for name in group.values if name in own},
        }
        for group, own in groups
        if group.parameters
    ]
    try:
        return cls(held, **arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TrainProblem(
            f"{cls.__name__} cannot be used with these settings: {error}. Change them."
        ) from None


def needs_closure(optimizer: Optimizer) -> bool:
    """Tell whether a step has to evaluate the loss again itself, as L-BFGS does."""
    closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty
