"""ONNX operators by name: which layer each is, and how its attributes are the layer's parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from studio.compile.importers.onnx_layers import LAYERS
from studio.compile.importers.onnx_pooling import POOLING
from studio.compile.importers.onnx_reading import Op, Reader, Rule, Unlike
from studio.compile.importers.onnx_shapes import SHAPES

#: Operators of one input that are a layer, and their attributes: name there, name here, value where left out.
_UNARY: Mapping[str, tuple[str, tuple[tuple[str, str, Any], ...]]] = {
    "Abs": ("core.abs", ()),
    "Acos": ("torch.acos", ()),
    "Acosh": ("torch.acosh", ()),
    "Asin": ("torch.asin", ()),
    "Asinh": ("torch.asinh", ()),
    "Atan": ("torch.atan", ()),
    "Atanh": ("torch.atanh", ()),
    "Ceil": ("torch.ceil", ()),
    "Celu": ("torch.nn.CELU", (("alpha", "alpha", 1.0),)),
    "Cos": ("core.cos", ()),
    "Cosh": ("torch.cosh", ()),
    "Elu": ("torch.nn.ELU", (("alpha", "alpha", 1.0),)),
    "Erf": ("torch.erf", ()),
    "Exp": ("core.exp", ()),
    "Floor": ("torch.floor", ()),
    "HardSwish": ("torch.nn.Hardswish", ()),
    "IsInf": ("torch.isinf", ()),
    "IsNaN": ("torch.isnan", ()),
    "LeakyRelu": ("torch.nn.LeakyReLU", (("alpha", "negative_slope", 0.01),)),
    "Log": ("core.log", ()),
    "Mish": ("torch.nn.Mish", ()),
    "Neg": ("core.neg", ()),
    "Not": ("torch.logical_not", ()),
    "Reciprocal": ("torch.reciprocal", ()),
    "Relu": ("torch.nn.ReLU", ()),
    "Round": ("torch.round", ()),
    "Selu": ("torch.nn.SELU", ()),
    "Sigmoid": ("torch.nn.Sigmoid", ()),
    "Sign": ("torch.sign", ()),
    "Sin": ("core.sin", ()),
    "Sinh": ("torch.sinh", ()),
    "Softplus": ("torch.nn.Softplus", ()),
    "Softsign": ("torch.nn.Softsign", ()),
    "Sqrt": ("core.sqrt", ()),
    "Tan": ("torch.tan", ()),
    "Tanh": ("torch.nn.Tanh", ()),
}

#: Operators of two inputs.
_BINARY: Mapping[str, tuple[str, str, str]] = {
    "And": ("torch.logical_and", "x", "other"),
    "Or": ("torch.logical_or", "x", "other"),
    "Xor": ("torch.logical_xor", "x", "other"),
}

_COMPARED = {
    "Equal": "eq",
    "Greater": "gt",
    "GreaterOrEqual": "ge",
    "Less": "lt",
    "LessOrEqual": "le",
}
_TURNED = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge", "eq": "eq"}


def _unary(read: Reader, op: Op) -> None:
    kind, attributes = _UNARY[op.type]
    params = {ours: _short(op.given.get(name, value)) for name, ours, value in attributes}
    read.put(op, kind, _one(read, op, kind), params)


def _one(read: Reader, op: Op, kind: str) -> dict[str, str]:
    return {read.specs[kind].inputs[0].name: op.input(0)}


def _short(value: Any) -> Any:
    """Return a number as it was written before it was stored in four bytes."""
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _binary(read: Reader, op: Op) -> None:
    kind, one, other = _BINARY[op.type]
    read.put(op, kind, {one: op.input(0), other: op.input(1)})


def _arithmetic(read: Reader, op: Op) -> None:
    """Add, Sub, Mul, Div: with one number it is a scale and a shift."""
    one, other = op.input(0), op.input(1)
    turned = read.scalar(one) is not None
    number = read.scalar(one if turned else other)
    tensor = other if turned else one
    if number is not None and read.values.rank(op.out) == read.values.rank(tensor):
        scale, shift = 1.0, 0.0
        match op.type:
            case "Add":
                shift = number
            case "Sub":
                scale, shift = (-1.0, number) if turned else (1.0, -number)
            case "Mul":
                scale = number
            case _ if not turned and number:
                scale = 1.0 / number
            case _:
                scale = math.inf
        decimals = read.values.known.get(tensor) is None
        if decimals and all(math.isfinite(one) and abs(one) <= 1e30 for one in (scale, shift)):
            params = {"scale": scale, "shift": shift}
            read.put(op, "core.affine", {"x": tensor}, params)
            return
    read.put(op, f"core.{op.type.lower()}", {"a": one, "b": other})


def _compared(read: Reader, op: Op) -> None:
    name = _COMPARED[op.type]
    one, other = op.input(0), op.input(1)
    if read.scalar(one) is not None:
        name, one, other = _TURNED[name], other, one
    number = read.scalar(other)
    if number is not None:
        read.put(op, f"core.{name}", {"a": one}, {"value": number})
    else:
        read.put(op, f"core.{name}", {"a": one, "b": other})


def _extreme(read: Reader, op: Op) -> None:
    """Max and Min of any number of tensors, two by two."""
    kind = "core.maximum" if op.type == "Max" else "core.minimum"
    value = op.input(0)
    for number, other in enumerate(op.inputs[1:]):
        name = op.out if number == len(op.inputs) - 2 else f"{op.out}#{number}"
        read.put(op, kind, {"a": value, "b": other}, {}, {"out": name})
        value = name
    read.same(op.out, value)


def _sum(read: Reader, op: Op) -> None:
    value = op.input(0)
    for number, other in enumerate(op.inputs[1:]):
        name = op.out if number == len(op.inputs) - 2 else f"{op.out}#{number}"
        read.put(op, "core.add", {"a": value, "b": other}, {}, {"out": name})
        value = name


def _power(read: Reader, op: Op) -> None:
    exponent = read.scalar(op.input(1))
    if exponent is None:
        raise Unlike("its exponent is not one number")
    read.put(op, "core.pow", {"x": op.input(0)}, {"exponent": exponent})


def _clip(read: Reader, op: Op) -> None:
    low, high = op.given.get("min", -math.inf), op.given.get("max", math.inf)
    if op.input(1):
        low = read.scalar(op.input(1))
    if op.input(2):
        high = read.scalar(op.input(2))
    if low is None or high is None:
        raise Unlike("its limits are computed")
    if (low, high) == (0.0, 6.0):
        read.put(op, "torch.nn.ReLU6", _one(read, op, "torch.nn.ReLU6"))
        return
    most = 3.4e38
    params = {"low": max(float(low), -most), "high": min(float(high), most)}
    read.put(op, "core.clamp", {"x": op.input(0)}, params)


def _gelu(read: Reader, op: Op) -> None:
    kind = op.given.get("approximate", b"none")
    name = kind.decode() if isinstance(kind, bytes) else str(kind)
    read.put(op, "torch.nn.GELU", _one(read, op, "torch.nn.GELU"), {"approximate": name})


def _hard_sigmoid(read: Reader, op: Op) -> None:
    alpha, beta = op.given.get("alpha", 0.2), op.given.get("beta", 0.5)
    if abs(alpha - 1 / 6) > 1e-6 or beta != 0.5:
        raise Unlike(f"its slope is {alpha:.3g}, and Hardsigmoid's is 1/6")
    read.put(op, "torch.nn.Hardsigmoid", _one(read, op, "torch.nn.Hardsigmoid"))


def _threshold(read: Reader, op: Op) -> None:
    params = {"threshold": _short(op.given.get("alpha", 1.0)), "value": 0.0}
    read.put(op, "torch.nn.Threshold", _one(read, op, "torch.nn.Threshold"), params)


def _dropout(read: Reader, op: Op) -> None:
    """Dropout does nothing while a model answers, and comes in to be trained with."""
    if any(op.outputs[1:]) and read.uses[op.outputs[1]]:
        raise Unlike("its mask is used")
    ratio = read.scalar(op.input(1)) if op.input(1) else op.given.get("ratio", 0.5)
    params = {"p": 0.5 if ratio is None else _short(float(ratio))}
    read.put(op, "torch.nn.Dropout", _one(read, op, "torch.nn.Dropout"), params)


def _identity(read: Reader, op: Op) -> None:
    read.same(op.out, op.input(0))


def _cast(read: Reader, op: Op) -> None:
    import onnx

    wanted = op.given.get("to")
    names = {
        1: "float32",
        10: "float32",
        11: "float32",
        16: "float32",
        6: "int64",
        7: "int64",
        9: "bool",
    }
    name = names.get(int(wanted)) if wanted is not None else None
    if name is None:
        told = onnx.TensorProto.DataType.Name(int(wanted)) if wanted is not None else "another type"
        raise Unlike(f"it converts to {told}")
    read.put(op, "core.cast", {"x": op.input(0)}, {"dtype": name})


def _where(read: Reader, op: Op) -> None:
    mask, one, other = op.inputs
    number = read.scalar(one)
    if number is not None and read.values.sizes[other] == read.values.sizes[op.out]:
        number = max(number, -3.4e38)
        read.put(op, "torch.masked_fill", {"x": other, "mask": mask}, {"value": number})
        return
    read.put(op, "torch.where", {"mask": mask, "a": one, "b": other})


def _softmax(read: Reader, op: Op) -> None:
    rank = read.values.rank(op.input(0))
    axis = int(op.given.get("axis", -1 if op.version >= 13 else 1)) % rank
    if op.version < 13 and axis != rank - 1:
        raise Unlike("before opset 13 it is over several dimensions at once")
    if op.type == "LogSoftmax":
        params = {"dim": axis}
        read.put(op, "torch.nn.LogSoftmax", _one(read, op, "torch.nn.LogSoftmax"), params)
    elif op.module and op.title == "Softmax":
        read.put(op, "torch.nn.Softmax", _one(read, op, "torch.nn.Softmax"), {"dim": axis})
    else:
        read.put(op, "core.softmax", {"x": op.input(0)}, {"dim": -1 if axis == rank - 1 else axis})


def _reduced(read: Reader, op: Op) -> None:
    """ReduceMean and its like over some dimensions, kept or not."""
    rank = read.values.rank(op.input(0))
    axes = read.numbers(op, "axes", 1)
    if axes is None:
        if op.given.get("noop_with_empty_axes", 0):
            read.same(op.out, op.input(0))
            return
        axes = list(range(rank))
    dims = sorted(axis % rank for axis in axes)
    if 0 in dims:
        raise Unlike("it goes over the batch, which here each sample is free of")
    keep = bool(op.given.get("keepdims", 1))
    kind, extra = _REDUCED[op.type]
    value = op.input(0)
    if op.type == "ReduceProd":
        if len(dims) != 1:
            raise Unlike("it multiplies over several dimensions")
        read.put(op, kind, {"x": value}, {"dim": dims[0], "keepdim": keep})
        return
    if op.type == "ReduceSumSquare":
        squared = f"{op.out}#squared"
        read.put(op, "torch.square", {"x": value}, {}, {"out": squared})
        value = squared
    read.put(op, kind, {"x": value}, {"dim": tuple(dims), "keepdim": keep, **extra})


_REDUCED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ReduceL1": ("core.norm", {"ord": 1.0}),
    "ReduceL2": ("core.norm", {}),
    "ReduceLogSumExp": ("torch.logsumexp", {}),
    "ReduceMax": ("core.max", {}),
    "ReduceMean": ("core.mean", {}),
    "ReduceMin": ("core.min", {}),
    "ReduceProd": ("torch.prod", {}),
    "ReduceSum": ("core.sum", {}),
    "ReduceSumSquare": ("core.sum", {}),
}


def _arg(read: Reader, op: Op) -> None:
    axis = int(op.given.get("axis", 0)) % read.values.rank(op.input(0))
    if op.given.get("select_last_index", 0):
        raise Unlike("it takes the last of equal values")
    kind = "core.argmax" if op.type == "ArgMax" else "torch.argmin"
    steps: list[tuple[str, Mapping[str, Any]]] = [(kind, {"dim": axis})]
    if op.given.get("keepdims", 1):
        steps.append(("core.unsqueeze", {"dim": axis}))
    read.chain(op, op.input(0), steps)


def _cumulated(read: Reader, op: Op) -> None:
    axis = read.scalar(op.input(1))
    if axis is None or op.given.get("exclusive", 0) or op.given.get("reverse", 0):
        raise Unlike("it counts backwards, or without the value itself")
    dim = int(axis) % read.values.rank(op.input(0))
    read.put(op, "torch.cumsum", {"x": op.input(0)}, {"dim": dim})


def _top(read: Reader, op: Op) -> None:
    count = read.scalar(op.input(1))
    if count is None:
        raise Unlike("how many it takes depends on the input")
    axis = int(op.given.get("axis", -1)) % read.values.rank(op.input(0))
    params = {"k": int(count), "dim": axis, "largest": bool(op.given.get("largest", 1))}
    gives = {
        port: value for port, value in zip(("values", "indices"), op.outputs, strict=False) if value
    }
    read.put(op, "torch.topk", {"x": op.input(0)}, params, gives)


def _triangle(read: Reader, op: Op) -> None:
    diagonal = read.scalar(op.input(1)) if op.input(1) else 0.0
    if diagonal is None:
        raise Unlike("its diagonal depends on the input")
    kind = "torch.triu" if op.given.get("upper", 1) else "torch.tril"
    read.put(op, kind, {"x": op.input(0)}, {"diagonal": int(diagonal)})


def _normalised(read: Reader, op: Op) -> None:
    if op.given.get("p", 2) != 2:
        raise Unlike("its norm is not the second")
    axis = int(op.given.get("axis", -1)) % read.values.rank(op.input(0))
    read.put(op, "core.normalize", {"x": op.input(0)}, {"dim": axis})


def _modulo(read: Reader, op: Op) -> None:
    kind = "torch.fmod" if op.given.get("fmod", 0) else "torch.remainder"
    read.put(op, kind, {"x": op.input(0), "other": op.input(1)})


RULES: Mapping[str, Rule] = {
    **LAYERS,
    **POOLING,
    **SHAPES,
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BINARY, _binary),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), _arithmetic),
    **dict.fromkeys(_COMPARED, _compared),
    **dict.fromkeys(("Max", "Min"), _extreme),
    **dict.fromkeys(_REDUCED, _reduced),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _softmax),
    "Cast": _cast,
    "Clip": _clip,
    "CumSum": _cumulated,
    "Dropout": _dropout,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "Identity": _identity,
    "LpNormalization": _normalised,
    "Mod": _modulo,
    "Pow": _power,
    "Sum": _sum,
    "ThresholdedRelu": _threshold,
    "TopK": _top,
    "Trilu": _triangle,
    "Where": _where,
}
