"""Weights with several names: one tensor that modules have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor, nn


class Tied:
    """What a module calls each of its tensors: every name of it, the first one first."""

    def __init__(self, module: nn.Module | None) -> None:
        self._module = module
        self._names: dict[str, tuple[str, ...]] = {}
        for names in _names(module) if module is not None else ():
            self._names |= dict.fromkeys(names, names)

    def within(self, name: str, path: str) -> str:
        """Return the name of the same tensor in the module at a path, "" where it has none there."""
        names = self._names.get(name, (name,))
        return next((other for other in names if other.startswith(f"{path}.")), "")

    def owner(self, path: str) -> str:
        """Return the path of the first module of the same class with exactly these weights, "" for its own."""
        assert self._module is not None
        module = self._module.get_submodule(path)
        owners = {
            self._names.get(f"{path}.{name}", (f"{path}.{name}",))[0].removesuffix(f".{name}")
            for name in module.state_dict()
        }
        owner = owners.pop() if len(owners) == 1 else path
        if owner == path:
            return ""
        try:
            other = self._module.get_submodule(owner)
        except AttributeError:  # only a part of its name is the same
            return ""
        same = type(other) is type(module) and len(other.state_dict()) == len(module.state_dict())
        return owner if same else ""


def _names(module: nn.Module) -> Iterator[tuple[str, ...]]:
    """Yield the names of each tensor."""
    found: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        found.setdefault(id(parameter), []).append(name)
    for name, buffer in module.named_buffers(remove_duplicate=False):
        found.setdefault(id(buffer), []).append(name)
    return map(tuple, found.values())


def untied(state: Mapping[str, Tensor], kept: Mapping[str, Tensor]) -> list[tuple[str, ...]]:
    """Return the names of each tensor of a state that several of the kept weights are copies of."""
    found: dict[object, list[str]] = {}
    for name in kept:
        if name in state and state[name].numel():
            found.setdefault(lies_at(state[name]), []).append(name)
    return [tuple(names) for names in found.values() if len(names) > 1]


def lies_at(value: Tensor) -> object:
    """Return where a tensor's numbers are: equal for two names of one tensor."""
    return value.data_ptr(), tuple(value.shape), value.stride()
