"""Operators with weights → the layers of `torch.nn` that hold them, where their names allow it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from studio.compile.importers.operators import Wire, as_param, is_value
from studio.compile.importers.pieces import Held, Made, Op, Piece, Rule
from studio.graph.params import Value
from studio.graph.spec import LayerSpec

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


WEIGHTED: Mapping[str, Rule] = {
    **{name: _weighted for name in _LAYERS if name != "linear"},
    "linear": _projected,
    **dict.fromkeys(_RECURRENT, _recurrent),
}
