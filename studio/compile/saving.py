"""What training keeps of a layer for the backward pass: autograd's own account, taken on the meta device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Saved(NamedTuple):
    """Bytes kept by the name of the variable that they are in, "" for what is in none; and whether the
    output is the very memory of an input or a weight."""

    held: dict[str, int]
    view: bool


def watched(
    work: Callable[[], object], scope: Mapping[str, Any], outputs: Iterable[str], least: int = 0
) -> Saved:
    """Run `work` and return what autograd keeps of it: variables in `scope`, and tensors put aside.

    Weights are not counted, nor tensors of fewer than `least` numbers.
    """
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[_memory(tensor)] = tensor  # held on to, or its address could be given away again
        return tensor

    before = {name: value for name, value in scope.items() if isinstance(value, Tensor)}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        work()
    names = {_memory(value): name for name, value in before.items()}
    learned = {_memory(value) for value in _weights(scope.get("module"))}
    results = [(name, scope.get(name)) for name in outputs]
    first = results[0][1] if results else None
    view = isinstance(first, Tensor) and _memory(first) in names.keys() | learned
    for name, value in results:
        if isinstance(value, Tensor):
            names.setdefault(_memory(value), name)
    held: dict[str, int] = {}
    scores = _scores(scope)
    for place, tensor in kept.items():
        own = place in learned or tensor.numel() < least
        if not own and not (place not in names and tuple(tensor.shape[-2:]) == scores):
            name = names.get(place, "")
            held[name] = held.get(name, 0) + tensor.untyped_storage().nbytes()
    return Saved(held, view)


def _memory(tensor: Tensor) -> int:
    """Return what tells a tensor's memory from another's: addresses are all zero on the meta device."""
    return int(tensor.untyped_storage()._cdata)


def _weights(module: Any) -> list[Tensor]:
    if isinstance(module, nn.Module):
        return [*module.parameters(), *module.buffers()]
    return [module] if isinstance(module, Tensor) else []


def _scores(scope: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the sizes of queries × keys, which fused attention never keeps, though the meta device
    writes them out; None where nothing attends, or dropout has to remember its scores."""
    query = scope.get("query_0")
    dropout: float = getattr(scope.get("module"), "dropout", 0.0)
    if not isinstance(query, Tensor) or dropout:
        return None
    return query.shape[-2], scope.get("key_0", query).shape[-2]
