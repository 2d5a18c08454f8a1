"""A module of `torch.nn` → the parameters of its layer, read back off its attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from studio.compile.importers.operators import as_param, is_value
from studio.graph.params import Value
from studio.graph.spec import LayerSpec, Port

#: Where an argument of the constructor is kept under another name, or must be worked out.
_ELSEWHERE: Mapping[str, Callable[[Any], Any]] = {
    "bias": lambda module: _has_bias(module),
    "nhead": lambda module: module.self_attn.num_heads,
    "d_model": lambda module: module.self_attn.embed_dim,
    "dim_feedforward": lambda module: module.linear1.out_features,
    "batch_first": lambda module: getattr(module, "self_attn", module).batch_first,
    "layer_norm_eps": lambda module: module.norm1.eps,
    "activation": lambda module: module.activation.__name__,
    "kdim": lambda module: None if module._qkv_same_embed_dim else module.kdim,
    "vdim": lambda module: None if module._qkv_same_embed_dim else module.vdim,
}


def layer_of(module: nn.Module, specs: Mapping[str, LayerSpec]) -> LayerSpec | None:
    """Return the layer that a module is, None where it is a person's own class or a container."""
    kind = type(module)
    if not kind.__module__.startswith("torch.nn."):
        return None
    return specs.get(f"torch.nn.{kind.__name__}")


def read(module: nn.Module, spec: LayerSpec) -> dict[str, Value] | None:
    """Return a layer's parameters as a module has them; None where the layer cannot be the same.

    What has its default is left out, and so is what is read off the wire. A module of the same
    parameters is made on the meta device, and has to hold weights of the same names and shapes.
    """
    params: dict[str, Value] = {}
    given: dict[str, Any] = {}
    for param in spec.params:
        try:
            held = _held(module, param.name)
        except AttributeError:
            continue
        value = as_param(param, held)
        if not is_value(value):
            return None
        given[param.name] = value
        if not param.inferred and (
            value != param.default or type(value) is not type(param.default)
        ):
            params[param.name] = value
    return params if _same(module, given) else None


def _held(module: nn.Module, name: str) -> Any:
    if name == "dropout" and isinstance(getattr(module, name, None), nn.Dropout):
        return module.dropout.p  # type: ignore[union-attr]
    if name in _ELSEWHERE and not isinstance(module, nn.RNNBase):
        return _ELSEWHERE[name](module)
    return getattr(module, name)


def _has_bias(module: nn.Module) -> bool:
    for name in ("bias", "in_proj_bias"):
        if name in module._parameters:
            return module._parameters[name] is not None
    inner = getattr(module, "linear1", None)
    if isinstance(inner, nn.Linear):
        return inner.bias is not None
    raise AttributeError("bias")


def _same(module: nn.Module, given: Mapping[str, Any]) -> bool:
    """Tell whether the class makes a module like this one of these arguments."""
    try:
        with torch.device("meta"):
            twin = type(module)(**given)
    except Exception:  # a constructor may raise anything: then it is not the same
        return False
    one = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    other = {name: tuple(value.shape) for name, value in twin.state_dict().items()}
    return one == other and repr(module).replace(", inplace=True", "").replace(
        "inplace=True", ""
    ) == repr(twin)


def ports_of(
    spec: LayerSpec, shapes: Sequence[tuple[Any, ...]], batch: Any
) -> tuple[Port, ...] | None:
    """Return the inputs of a layer that tensors of these shapes arrive at; None where that cannot be told.

    They are in the order in which they are used. What an attention layer gets with two dimensions is a mask:
    for the samples' positions where its first size is the batch's, else for pairs of positions.
    """
    if spec.category != "attn":
        return spec.inputs[: len(shapes)]
    plain = [port for port in spec.inputs if port.type != "mask"]
    masks = [port for port in spec.inputs if port.type == "mask"]
    found: list[Port] = []
    for shape in shapes:
        fitting = plain[:1]
        if len(shape) == 2:
            fitting = [
                port for port in masks if ("padding" in port.name) == (str(shape[0]) == str(batch))
            ]
        if len(fitting) != 1 or len(shape) not in (2, 3) or fitting[0] in found:
            return None
        found.append(fitting[0])
        plain = [port for port in plain if port not in found]
    return tuple(found)
