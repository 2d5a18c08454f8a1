"""Every layer that is built in, by kind."""

from __future__ import annotations

import inspect

from torch import nn

from studio.graph.spec import LayerSpec
from studio.layers.introspect import describe
from studio.layers.operations import operations
from studio.layers.torch_table import LEFT_OUT


def builtin() -> dict[str, LayerSpec]:
    """Return the specs of `torch.nn`'s layers and of tensor operations, by kind."""
    specs = (*operations(), *(describe(module) for module in _modules()))
    return {spec.kind: spec for spec in specs}


def _modules() -> list[type[nn.Module]]:
    """Return the layers of `torch.nn` by name: no losses, no lazy twins, no containers or bases."""
    found = []
    for name in sorted(vars(nn)):
        module = getattr(nn, name)
        if not (inspect.isclass(module) and issubclass(module, nn.Module)) or name in LEFT_OUT:
            continue
        if name.startswith(("Lazy", "_")) or module.__module__.endswith(".loss"):
            continue
        found.append(module)
    return found
