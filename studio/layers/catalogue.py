"""Every layer that is built in, by kind."""

from __future__ import annotations

from studio.graph.python_code import STARTER, python_spec
from studio.graph.spec import LayerSpec
from studio.layers.coverage import modules, reason
from studio.layers.function_table import function_specs
from studio.layers.introspect import describe
from studio.layers.operations import operations


def builtin() -> dict[str, LayerSpec]:
    """Return the specs of `torch.nn`'s layers, of PyTorch's functions and of tensor operations, by kind."""
    layers = (describe(module) for name, module in modules().items() if not reason(name))
    own = (python_spec(STARTER),)
    return {spec.kind: spec for spec in (*operations(), *function_specs(), *own, *layers)}
