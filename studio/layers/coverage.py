"""How much of `torch.nn` is a node, what is not, and why."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping

from msgspec import Struct
from torch import nn

#: What is no layer of its own, by name, and why.
NOT_LAYERS: Mapping[str, str] = {
    "Module": "the base of all layers",
    "Container": "an old name of the base",
    "Sequential": "a container: wires and blocks say what comes after what",
    "ModuleList": "a container: a block's repeat writes one",
    "ModuleDict": "a container: blocks hold their layers by name",
    "ParameterList": "a container: each Parameter is a node",
    "ParameterDict": "a container: each Parameter is a node",
    "DataParallel": "wraps a whole network: how it runs, not what it is",
    "RNNBase": "the base of RNN, LSTM and GRU",
    "RNNCellBase": "the base of the recurrent cells",
    "NLLLoss2d": "an old name of NLLLoss",
}
_LAZY = "a twin that waits for its sizes: sizes are read off the wires here"


class Coverage(Struct, frozen=True):
    """The public modules of `torch.nn` by name: nodes, what is missing, what is left out and why."""

    covered: tuple[str, ...]
    missing: tuple[str, ...]
    excluded: dict[str, str]

    @property
    def share(self) -> float:
        """The covered share of all that is not left out, from 0 to 1."""
        return len(self.covered) / (len(self.covered) + len(self.missing))


def modules() -> dict[str, type[nn.Module]]:
    """Return every public module of `torch.nn` by name."""
    return {
        name: value
        for name, value in sorted(vars(nn).items())
        if inspect.isclass(value) and issubclass(value, nn.Module) and not name.startswith("_")
    }


def reason(name: str) -> str:
    """Return why a module is no layer of its own, "" where it is one."""
    return _LAZY if name.startswith("Lazy") else NOT_LAYERS.get(name, "")


def coverage(kinds: Collection[str]) -> Coverage:
    """Return how much of `torch.nn` these kinds cover."""
    wanted = [name for name in modules() if not reason(name)]
    return Coverage(
        covered=tuple(name for name in wanted if f"torch.nn.{name}" in kinds),
        missing=tuple(name for name in wanted if f"torch.nn.{name}" not in kinds),
        excluded={name: reason(name) for name in modules() if reason(name)},
    )
