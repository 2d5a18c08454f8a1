"""A PyTorch module's class → its spec: options from the signature, words from the docstring."""

from __future__ import annotations

import inspect
import re
import types
import typing
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import nn

from studio.graph.params import Param, ParamType, Value
from studio.graph.spec import Code, LayerSpec, Port
from studio.layers import docstrings
from studio.layers import torch_table as table
from studio.layers.formulas import FORMULAS
from studio.layers.module_table import MODULES
from studio.layers.torch_table import Layer


def describe(module: type[nn.Module]) -> LayerSpec:
    """Return the spec of a class of `torch.nn`."""
    name = module.__name__
    layer = replace(
        table.FILES.get(module.__module__.rsplit(".", 1)[-1], Layer()), **MODULES.get(name, {})
    )
    doc = module.__doc__ or ""
    told: type[nn.Module] = getattr(nn, layer.inner) if layer.inner else module
    arguments = _arguments(told)
    helps = docstrings.arguments(told.__doc__ or "")
    hidden = table.HIDDEN | set(layer.hidden)
    params = layer.extra + tuple(
        _param(name, argument, layer, helps.get(argument.name, ""))
        for argument in arguments
        if argument.name not in hidden and not argument.name.startswith("_")
    )
    if layer.weighted:
        params = (*params, table.PARAMETRIZATION)
    inputs = layer.inputs or _inputs(module, layer.ranks or _ranks(name))
    calls = ", ".join("{" + port.name + "}" for port in inputs)
    return LayerSpec(
        kind=f"torch.nn.{name}",
        title=name,
        doc=docstrings.first_sentence(doc),
        params=params,
        category=layer.category,
        group=layer.group,
        inputs=inputs,
        outputs=layer.outputs,
        formula=layer.formula or FORMULAS.get(name) or docstrings.formula(doc),
        summary=tuple(known for known in layer.summary if any(p.name == known for p in params)),
        keeps_shape=layer.keeps_shape,
        keywords=layer.keywords,
        reference=f"torch.nn.{name}",
        code=Code(
            make=layer.make or f"nn.{name}",
            positional=_positional(arguments, {param.name for param in params}),
            defaults={a.name: _default(a) for a in arguments if _is_literal(_default(a))},
            lines=layer.lines or (f"{{out}} = {{self}}({calls})",),
            support=layer.support,
            around=table.PARAMETRIZATION.name if layer.weighted else "",
        ),
    )


def _inputs(module: type[nn.Module], ranks: tuple[int, ...]) -> tuple[Port, ...]:
    """Return the tensors that `forward` cannot do without; a single one is `x`."""
    given = list(inspect.signature(module.forward).parameters.values())[1:]
    names = [one.name for one in given if one.default is one.empty]
    if len(names) < 2:
        return (Port("x", ranks=ranks),)
    return tuple(Port(name) for name in names)


def _arguments(module: type[nn.Module]) -> list[inspect.Parameter]:
    """Return the constructor's arguments; recurrent layers hide theirs behind `*args`."""
    given = list(inspect.signature(module).parameters.values())
    if issubclass(module, nn.RNNBase):
        given = [a for a in inspect.signature(nn.RNNBase).parameters.values() if a.name != "mode"]
        if module is nn.RNN:
            kind = inspect.Parameter.KEYWORD_ONLY
            given.append(inspect.Parameter("nonlinearity", kind, default="tanh", annotation=str))
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [argument for argument in given if argument.kind not in variadic]


def _positional(arguments: list[inspect.Parameter], shown: set[str]) -> tuple[str, ...]:
    """Return the arguments that a person writes without their names: required ones, or one number."""
    names = [a.name for a in arguments if a.default is a.empty]
    if not names and arguments:
        first = arguments[0]
        number = isinstance(first.default, (int, float)) and not isinstance(first.default, bool)
        names = [first.name] if number and first.name != "dim" else []
    return tuple(name for name in names if name in shown)


def _param(module: str, argument: inspect.Parameter, layer: Layer, help_text: str) -> Param:
    name = argument.name
    kind, size, optional, choices = _read(argument, _dimensions(module))
    start = layer.starts.get(name, table.STARTS.get(name, _default(argument)))
    if start is inspect.Parameter.empty:
        start = None
    words = layer.choices.get(name, table.CHOICES.get(name, choices))
    if kind == "str" and words:
        kind = "choice"
    reads = layer.reads.get(name, table.READS.get(name, ""))
    limits = layer.limits.get(name, table.LIMITS.get(name, (None, None)))
    minimum, maximum = limits if kind in ("int", "float") else (None, None)
    inferred = name in table.READS
    return Param(
        name=name,
        type=layer.types.get(name, kind),
        default=None if inferred else start if _is_literal(start) else None,
        inferred=inferred,
        reads=reads,
        optional=not inferred and (optional or start is None),
        minimum=minimum,
        maximum=maximum,
        choices=words,
        size=layer.sizes.get(name, size),
        help=table.HELP.get(name, help_text),
    )


def _read(
    argument: inspect.Parameter, dimensions: int
) -> tuple[ParamType, int, bool, tuple[Value, ...]]:
    """Return type, size of a tuple, whether None is a value, and choices, from the annotation."""
    annotation, default = argument.annotation, argument.default
    optional = default is None
    if annotation is argument.empty:
        scalar: Any = type(default) if isinstance(default, (bool, int, float, str)) else int
        return _SCALARS[scalar], 0, optional, ()
    if typing.get_origin(annotation) is Literal:
        return "choice", 0, optional, typing.get_args(annotation)
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    parts = list(typing.get_args(annotation)) if union else [annotation]
    optional = optional or type(None) in parts
    tuples = [part for part in parts if typing.get_origin(part) is tuple]
    if any(part is torch.Size or typing.get_origin(part) is list for part in parts):
        return "ints", 0, optional, ()
    size = 0
    if tuples:
        inner = typing.get_args(tuples[0])
        size = dimensions if Ellipsis in inner or not dimensions else max(len(inner), 1)
        parts += [part for part in inner if part is not Ellipsis]
    for scalar in (bool, float, int, str):
        if scalar in parts:
            return _SCALARS[scalar], size if size > 1 else 0, optional, ()
    return "int", size, optional, ()


_SCALARS: dict[Any, ParamType] = {bool: "bool", int: "int", float: "float", str: "str"}


def _default(argument: inspect.Parameter) -> Any:
    """Return an argument's default; of a function (`F.relu`) its name, which PyTorch takes too."""
    default = argument.default
    return default.__name__ if inspect.isfunction(default) else default


def _dimensions(name: str) -> int:
    found = re.search(r"([123])d\Z", name)
    return int(found.group(1)) if found else 2


def _ranks(name: str) -> tuple[int, ...]:
    """Return the dimensions that a module takes, a batch's included: without it `Conv2d` would take
    the samples of a batch for channels."""
    found = re.search(r"([123])d\Z", name)
    return (int(found.group(1)) + 2,) if found else ()


def _is_literal(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_is_literal(part) for part in value)
    return value is None or isinstance(value, (bool, int, float, str))
