"""Operators that are not one layer word for word: shapes that name the batch, numbers, weights, lists."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from studio.compile.importers.operators import Wire, as_param, is_value
from studio.graph.params import Value
from studio.graph.spec import LayerSpec


@dataclass(frozen=True)
class Held:
    """A tensor of the module's own, by its name in the state_dict."""

    name: str
    value: Tensor
    learned: bool


class Zeros(NamedTuple):
    """Zeros for each sample, such as a recurrent layer's start."""

    shape: tuple[Any, ...]


@dataclass(frozen=True)
class Op:
    """An operator's call: its arguments by PyTorch's names in PyTorch's order, and shapes where known.

    `result` names the value that it gives, `value` is what the tracer says of it; `batch` is the number of
    samples as it stands in shapes, `entry` an input of the network, which has as many.
    """

    name: str
    given: Mapping[str, Any]
    result: str
    value: Any
    shapes: Mapping[str, tuple[Any, ...]]
    batch: Any
    entry: Wire

    def __getitem__(self, name: str) -> Any:
        return self.given[name]

    @property
    def first(self) -> Any:
        """The first argument."""
        return next(iter(self.given.values()))

    @property
    def shape(self) -> tuple[Any, ...]:
        """The shape of the first argument."""
        return self.shapes[next(iter(self.given))]


@dataclass(frozen=True)
class Piece:
    """One layer of what an operator becomes."""

    kind: str
    params: Mapping[str, Value]
    feeds: Mapping[str, tuple[Any, ...]]
    gives: Mapping[str, str]
    path: str = ""
    wish: str = ""
    learned: bool = False


class Made(NamedTuple):
    """The layers that an operator becomes, and what stands for its answer."""

    pieces: list[Piece]
    answer: Any


def rewritten(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    """Return what an operator becomes, None where no rule is about it."""
    rule = _RULES.get(op.name)
    made = rule(op, specs) if rule else None
    if made is None or any(piece.kind not in specs for piece in made.pieces):
        return None
    return made


def _one(op: Op, kind: str, params: Mapping[str, Value] | None = None, **feeds: Any) -> Made:
    """Return one layer whose first output is the operator's; without `feeds`, of its first argument."""
    fed = feeds or {"x": op.first}
    given = {port: (value,) for port, value in fed.items()}
    return Made([Piece(kind, params or {}, given, {"out": op.result})], Wire(op.result))


def _chain(op: Op, steps: Sequence[tuple[str, Mapping[str, Value]]]) -> Made:
    """Return layers one behind the other."""
    if not steps:
        return Made([], op.first)
    pieces, value = [], op.first
    for number, (kind, params) in enumerate(steps):
        name = op.result if number == len(steps) - 1 else f"{op.result}.{number}"
        pieces.append(Piece(kind, params, {"x": (value,)}, {"out": name}))
        value = Wire(name)
    return Made(pieces, value)


# ------------------------------------------------------------------------------------------ numbers


def _scaled(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    """A tensor and a number: one multiplication and one addition."""
    one, other = list(op.given.values())[:2]
    alpha = op.given.get("alpha", 1)
    if _is_number(one) and isinstance(other, (Wire, Held)):
        one, other, turned = other, one, True
    elif isinstance(one, (Wire, Held)) and _is_number(other):
        turned = False
    else:
        return None
    number = float(other)
    match op.name, turned:
        case "add", _:
            scale, shift = 1.0, number * alpha
        case "sub", False:
            scale, shift = 1.0, -number * alpha
        case ("sub", True) | ("rsub", _):
            scale, shift = -1.0, number
        case "mul", _:
            scale, shift = number, 0.0
        case "div", False if op.given.get("rounding_mode") is None:
            scale, shift = 1.0 / number if number else math.inf, 0.0
        case _:
            return None
    if not math.isfinite(scale) or not math.isfinite(shift):
        return None
    params = {"scale": scale} if scale != 1 else {}
    params |= {"shift": shift} if shift != 0 else {}
    return _one(op, "core.affine", params, x=one)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# ------------------------------------------------------------------------------------------- shapes


def _reshaped(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    """Another shape of the same numbers: in each sample, merging dimensions, or taking one apart."""
    before, after = op.shape, tuple(op.value.shape)
    if before == after:
        return Made([], op.first)
    for start in range(len(before)):
        for stop in range(start + 2, len(before) + 1):
            merged = math.prod(before[start:stop])
            if (*before[:start], merged, *before[stop:]) == after:
                last = None if stop == len(before) else stop - 1
                params = {"start_dim": start} if start != 1 else {}
                return _one(op, "core.flatten", params | ({"end_dim": last} if last else {}))
    if before[0] == op.batch == after[0] and _whole(after[1:]):
        return _one(op, "core.reshape", {"shape": after[1:]})
    for axis in range(len(before)):
        for stop in range(axis + 2, len(after) + 1):
            parts = after[axis:stop]
            if (*before[:axis], *before[axis + 1 :]) != (*after[:axis], *after[stop:]):
                continue
            sizes = tuple(size if isinstance(size, int) else -1 for size in parts)
            if sizes.count(-1) <= 1:
                return _one(op, "torch.nn.Unflatten", {"dim": axis, "unflattened_size": sizes})
    return None


def _whole(sizes: Sequence[Any]) -> bool:
    return all(isinstance(size, int) for size in sizes)


def _permuted(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    order = [dim % len(op.shape) for dim in op["dims"]]
    if order[0] == 0:
        return _one(op, "core.permute", {"dims": tuple(order[1:])})
    steps, now = [], list(range(len(order)))
    for place, dim in enumerate(order):
        other = now.index(dim)
        if other != place:
            now[place], now[other] = now[other], now[place]
            steps.append(("core.transpose", {"dim0": place, "dim1": other}))
    return _chain(op, steps)


def _turned(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    if len(op.shape) < 2:
        return Made([], op.first)
    return _one(op, "core.transpose", {"dim0": 0, "dim1": 1})


def _expanded(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    """A learned tensor for each sample; sizes that stay need nothing."""
    before, after = op.shape, tuple(op.value.shape)
    if before == after:
        return Made([], op.first)
    if isinstance(op.first, Held) and before[0] == 1 and (op.batch, *before[1:]) == after:
        params = {"shape": before[1:]}
        feeds, gives = {"x": (op.entry,)}, {"out": op.result}
        piece = Piece("core.parameter", params, feeds, gives, op.first.name, "", True)
        return Made([piece], Wire(op.result))
    return None


def _sliced(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    axis, size = op["dim"] % len(op.shape), op.shape[op["dim"]]
    start, stop = op.given.get("start") or 0, op.given.get("end")
    if stop is None or (isinstance(stop, int) and isinstance(size, int) and stop >= size):
        stop = None
    if op.given.get("step", 1) != 1 or not isinstance(start, int):
        return None
    if start == 0 and (stop is None or stop == size):
        return Made([], op.first)
    if stop is not None and not isinstance(stop, int):
        return None
    return _one(op, "core.slice", _part(axis, start, stop))


def _part(axis: int, start: int, stop: int | None) -> dict[str, Value]:
    found: dict[str, Value] = {"dim": axis} if axis != 1 else {}
    return found | ({"start": start} if start else {}) | ({"stop": stop} if stop else {})


def _selected(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    return _one(op, "core.select", _entry(op["dim"] % len(op.shape), op["index"]))


def _entry(axis: int, index: int) -> dict[str, Value]:
    return ({"dim": axis} if axis != 1 else {}) | ({"index": index} if index != -1 else {})


def _parts(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    """Split, chunk and unbind: each part is a slice or an entry."""
    axis = op.given.get("dim", 0) % len(op.shape)
    pieces, answer, start = [], [], 0
    for number, part in enumerate(op.value):
        name = f"{op.result}.{number}"
        answer.append(Wire(name))
        if op.name == "unbind":
            kind, params = "core.select", _entry(axis, number)
        else:
            size = part.shape[axis]
            if not isinstance(size, int):
                return None
            kind, params = "core.slice", _part(axis, start, start + size)
            start += size
        pieces.append(Piece(kind, params, {"x": (op.first,)}, {"out": name}))
    return Made(pieces, answer)


def _largest(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    """`x.max(dim)`: the values, and where they are."""
    if "dim" not in op.given or not isinstance(op["dim"], int):
        return None
    values, places = f"{op.result}.0", f"{op.result}.1"
    keep: dict[str, Value] = {"keepdim": True} if op.given.get("keepdim") else {}
    feeds = {"x": (op.first,)}
    pieces = [Piece(f"core.{op.name}", {"dim": (op["dim"],), **keep}, feeds, {"out": values})]
    if op.name == "max" and not keep:
        pieces.append(Piece("core.argmax", {"dim": op["dim"]}, feeds, {"out": places}))
    return Made(pieces, [Wire(values), Wire(places)])


def _averaged(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    """A reduction, with its dimensions as they are kept: none of them means all but the batch's."""
    dims = op.given.get("dim")
    if dims is None or isinstance(dims, int) or op.given.get("dtype") is not None:
        return None
    keep: dict[str, Value] = {"keepdim": True} if op.given.get("keepdim") else {}
    return _one(op, f"core.{op.name}", {"dim": tuple(dims), **keep})


def _cast(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    dtype = str(op.value.dtype).removeprefix("torch.")
    if str(op.given.get("dtype") or "") == "" and op.name != "type_as":
        return None
    param = specs["core.cast"].param("dtype")
    assert param is not None
    if not is_value(as_param(param, dtype)):
        return None
    return _one(op, "core.cast", {"dtype": dtype} if dtype != param.default else {})


# ------------------------------------------------------------------------------------ size and border


def _resized(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    mode = op.name.removeprefix("upsample_")[:-2].rstrip("1234567890")
    size, scales = op.given.get("output_size"), op.given.get("scale_factors")
    params: dict[str, Value] = {"mode": mode} if mode != "nearest" else {}
    if scales:
        given = tuple(map(float, scales))
        params["scale_factor"] = given[0] if len(set(given)) == 1 else given
    elif size and _whole(size):
        params |= {"size": size[0] if len(set(size)) == 1 else tuple(size), "scale_factor": None}
    else:
        return None
    if op.given.get("align_corners"):
        params["align_corners"] = True
    return _one(op, "torch.nn.Upsample", params)


def _padded(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    pad, mode = tuple(op["pad"]), op.given.get("mode", "constant")
    if len(pad) % 2 or not _whole(pad):
        return None
    kind = {"constant": "Constant", "reflect": "Reflection", "replicate": "Replication"}
    kind["circular"] = "Circular"
    params: dict[str, Value] = {"padding": pad[0] if len(set(pad)) == 1 else pad}
    if mode == "constant":
        params["value"] = float(op.given.get("value") or 0.0)
    name = f"torch.nn.{kind.get(mode, mode)}Pad{len(pad) // 2}d"
    spec = specs.get(name)
    param = spec.param("padding") if spec else None
    if param is None or not is_value(as_param(param, pad)):
        return None
    return _one(op, name, params)


# ------------------------------------------------------------------------------------------- weights


def _weighted(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    """A layer with weights, where they have the names that the layer gives them."""
    held = {key: value for key, value in op.given.items() if isinstance(value, Held)}
    weight = held.get("weight")
    wires = [value for value in op.given.values() if isinstance(value, Wire)]
    if weight is None or len(wires) != 1:
        return None
    path = weight.name.removesuffix("weight").removesuffix(".")
    usual = {key: f"{path}.{key}" if path else key for key in held}
    if any(value.name != usual[key] for key, value in held.items()) or not path:
        return None
    made = _LAYERS[op.name](op, weight.value.shape, len(op.shapes.get("input", ())))
    if made is None:
        return None
    title, params = made
    spec = specs.get(f"torch.nn.{title}")
    if spec is None:
        return None
    found: dict[str, Value] = {}
    for key, value in {**{k: op.given[k] for k in op.given if spec.param(k)}, **params}.items():
        param = spec.param(key)
        if param is None or isinstance(value, (Held, Wire)) or param.inferred:
            continue
        stored = as_param(param, value)
        if not is_value(stored):
            return None
        if stored != param.default or type(stored) is not type(param.default):
            found[key] = stored
    piece = Piece(spec.kind, found, {"x": (wires[0],)}, {"out": op.result}, path, "", True)
    return Made([piece], Wire(op.result))


def filled(op: Op) -> Made | None:
    """Return the same operator with a number in the shape of the tensor beside it; None without one."""
    tensors = [value for value in op.given.values() if isinstance(value, (Wire, Held))]
    numbers = [key for key in ("self", "other", "value") if _is_number(op.given.get(key))]
    if len(tensors) != 1 or len(numbers) != 1:
        return None
    name = f"{op.result}.number"
    params = {"value": float(op.given[numbers[0]])}
    piece = Piece("core.constant", params, {"x": (tensors[0],)}, {"out": name}, wish="number")
    return Made([piece], {**op.given, numbers[0]: Wire(name)})


_Layer = tuple[str, dict[str, Any]]


def _conv(op: Op, weight: Sequence[int], rank: int) -> _Layer:
    count = len(weight) - 2
    bias = {"bias": op.given.get("bias") is not None}
    return f"Conv{count}d", {
        "out_channels": weight[0], "kernel_size": tuple(weight[2:]), "padding": op["padding"], **bias,
    }  # fmt: skip


def _conv_transpose(op: Op, weight: Sequence[int], rank: int) -> _Layer:
    count, groups = len(weight) - 2, op["groups"]
    return f"ConvTranspose{count}d", {
        "out_channels": weight[1] * groups, "kernel_size": tuple(weight[2:]),
        "bias": op.given.get("bias") is not None,
    }  # fmt: skip


def _linear(op: Op, weight: Sequence[int], rank: int) -> _Layer:
    return "Linear", {"out_features": weight[0], "bias": op.given.get("bias") is not None}


def _embedding(op: Op, weight: Sequence[int], rank: int) -> _Layer:
    padding = op.given.get("padding_idx", -1)
    return "Embedding", {
        "num_embeddings": weight[0], "embedding_dim": weight[1],
        "padding_idx": None if padding == -1 else padding,
    }  # fmt: skip


def _batch_norm(op: Op, weight: Sequence[int], rank: int) -> _Layer:
    return f"BatchNorm{max(1, rank - 2)}d", {"eps": op["eps"], "momentum": op["momentum"]}


def _layer_norm(op: Op, weight: Sequence[int], rank: int) -> _Layer | None:
    if len(weight) != 1:
        return None
    return "LayerNorm", {"eps": op["eps"], "bias": op.given.get("bias") is not None}


def _rms_norm(op: Op, weight: Sequence[int], rank: int) -> _Layer | None:
    return ("RMSNorm", {"eps": op["eps"]}) if len(weight) == 1 else None


def _group_norm(op: Op, weight: Sequence[int], rank: int) -> _Layer:
    return "GroupNorm", {"num_groups": op["num_groups"], "eps": op["eps"]}


def _prelu(op: Op, weight: Sequence[int], rank: int) -> _Layer:
    return "PReLU", {"num_parameters": weight[0]}


_LAYERS: Mapping[str, Callable[[Op, Sequence[int], int], _Layer | None]] = {
    **{f"conv{count}d": _conv for count in (1, 2, 3)},
    **{f"conv_transpose{count}d": _conv_transpose for count in (1, 2, 3)},
    "linear": _linear,
    "embedding": _embedding,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "prelu": _prelu,
}


def _projected(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    """A Linear, or what it computes with a weight that comes from elsewhere."""
    whole = _weighted(op, specs)
    if whole is not None:
        return whole
    turned, product = f"{op.result}.t", f"{op.result}.p"
    last = op.result if op.given.get("bias") is None else product
    pieces = [
        Piece("core.transpose", {"dim0": 0, "dim1": 1}, {"x": (op["weight"],)}, {"out": turned}),
        Piece("core.matmul", {}, {"a": (op["input"],), "b": (Wire(turned),)}, {"out": last}),
    ]
    if last == product:
        feeds = {"a": (Wire(product),), "b": (op["bias"],)}
        pieces.append(Piece("core.add", {}, feeds, {"out": op.result}))
    return Made(pieces, Wire(op.result))


_RECURRENT = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN", "rnn_relu": "RNN"}


def _recurrent(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    """A recurrent layer from its weights in order."""
    weights = op.given.get("params")
    if not isinstance(weights, list) or not all(isinstance(one, Held) for one in weights):
        return None
    path = weights[0].name.rpartition(".")[0]
    spec = specs[f"torch.nn.{_RECURRENT[op.name]}"]
    starts = op.given.get("hx")
    starts = starts if isinstance(starts, list) else [starts]
    feeds: dict[str, tuple[Any, ...]] = {"x": (op["input"],)}
    for port, start in zip(spec.inputs[1:], starts, strict=False):
        if isinstance(start, Wire):
            feeds[port.name] = (start,)
    wanted: dict[str, Any] = {
        "hidden_size": weights[1].value.shape[1], "num_layers": op["num_layers"],
        "bias": bool(op["has_biases"]), "dropout": op["dropout"],
        "bidirectional": bool(op["bidirectional"]), "batch_first": bool(op["batch_first"]),
    }  # fmt: skip
    if op.name == "rnn_relu":
        wanted["nonlinearity"] = "relu"
    params = {}
    for key, value in wanted.items():
        param = spec.param(key)
        if param is not None and value != param.default:
            params[key] = value
    names = [f"{op.result}.{number}" for number in range(len(spec.outputs))]
    gives = {port.name: name for port, name in zip(spec.outputs, names, strict=True)}
    piece = Piece(spec.kind, params, feeds, gives, path, "", True)
    return Made([piece], [Wire(name) for name in names])


_RULES: Mapping[str, Callable[[Op, Mapping[str, LayerSpec]], Made | None]] = {
    **dict.fromkeys(["add", "sub", "rsub", "mul", "div"], _scaled),
    **dict.fromkeys(["view", "reshape", "_unsafe_view", "unflatten"], _reshaped),
    "permute": _permuted,
    "t": _turned,
    "expand": _expanded,
    "slice": _sliced,
    "select": _selected,
    **dict.fromkeys(["split", "chunk", "unbind", "split_with_sizes"], _parts),
    **dict.fromkeys(["max", "min"], _largest),
    **dict.fromkeys(["mean", "sum"], _averaged),
    **dict.fromkeys(["to", "_to_copy", "type_as"], _cast),
    **dict.fromkeys(
        ["upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d", "upsample_nearest1d",
         "upsample_linear1d", "upsample_nearest3d", "upsample_trilinear3d"], _resized,
    ),
    **dict.fromkeys(["pad", "constant_pad_nd"], _padded),
    **{name: _weighted for name in _LAYERS if name != "linear"},
    "linear": _projected,
    **dict.fromkeys(_RECURRENT, _recurrent),
}  # fmt: skip

__all__ = ["Held", "Made", "Op", "Piece", "Zeros", "filled", "rewritten"]
