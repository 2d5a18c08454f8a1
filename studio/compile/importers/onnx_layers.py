"""ONNX operators with weights: convolution, Linear, normalisation, recurrent layers, PReLU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from studio.compile.importers.onnx_reading import Op, Reader, Rule, Unlike
from studio.compile.importers.onnx_shapes import border


def pads_of(read: Reader, op: Op, kernel: Sequence[int]) -> list[int]:
    """Return the border of a convolution or pooling, before each dimension and behind it."""
    count = len(kernel)
    auto = op.given.get("auto_pad", b"NOTSET")
    auto = auto.decode() if isinstance(auto, bytes) else str(auto)
    if auto in ("NOTSET", ""):
        return [int(pad) for pad in op.given.get("pads", [0] * (2 * count))]
    if auto == "VALID":
        return [0] * (2 * count)
    steps = op.given.get("strides", [1] * count)
    wide = op.given.get("dilations", [1] * count)
    first, last = [], []
    for axis, size in enumerate(size[0] for size in read.sizes(op.input(0))[2:]):
        reach = (kernel[axis] - 1) * wide[axis] + 1
        total = max((-(-size // steps[axis]) - 1) * steps[axis] + reach - size, 0)
        small, large = total // 2, total - total // 2
        first.append(small if auto == "SAME_UPPER" else large)
        last.append(large if auto == "SAME_UPPER" else small)
    return first + last


def bordered(read: Reader, op: Op, pads: Sequence[int], number: float = 0.0) -> tuple[str, Any]:
    """Return what a layer reads and its `padding`; an uneven border becomes a layer of its own."""
    count = len(pads) // 2
    value = op.input(0)
    if list(pads[:count]) == list(pads[count:]):
        return value, tuple(pads[:count])
    rank = count + 2
    full = [0, 0, *pads[:count], 0, 0, *pads[count:]]
    steps = border(full, rank, "constant", number)
    padded = f"{op.out}#padded"
    read.chain(op, value, steps, padded)
    return padded, (0,) * count


def _numbers(read: Reader, op: Op, place: int, what: str) -> np.ndarray:
    found = read.known(op.input(place))
    if found is None:
        raise Unlike(f"its {what} is computed, and a layer's is learned")
    return found


def conv(read: Reader, op: Op) -> None:
    """Conv and ConvTranspose in one, two or three dimensions."""
    weight = _numbers(read, op, 1, "weight")
    bias = read.known(op.input(2))
    if op.input(2) and bias is None:
        raise Unlike("its bias is computed, and a layer's is learned")
    count = weight.ndim - 2
    turned = op.type == "ConvTranspose"
    kind = f"torch.nn.{op.type}{count}d"
    if kind not in read.specs:
        raise Unlike(f"it works in {count} dimensions")
    groups = int(op.given.get("group", 1))
    params: dict[str, Any] = {
        "out_channels": weight.shape[1] * groups if turned else weight.shape[0],
        "kernel_size": tuple(weight.shape[2:]),
        "stride": tuple(op.given.get("strides", [1] * count)),
        "dilation": tuple(op.given.get("dilations", [1] * count)),
        "groups": groups,
        "bias": bias is not None,
    }
    pads = pads_of(read, op, weight.shape[2:])
    value = op.input(0)
    if turned:
        if "output_shape" in op.given or pads[:count] != pads[count:]:
            raise Unlike("its border is not the same on both sides")
        params["padding"] = tuple(pads[:count])
        params["output_padding"] = tuple(op.given.get("output_padding", [0] * count))
    else:
        value, params["padding"] = bordered(read, op, pads)
    path, _ = read.home(op, kind, op.input(1), op.input(2))
    read.weigh(path, weight=weight, bias=bias)
    read.put(op, kind, {"x": value}, params, path=path)


def linear(
    read: Reader,
    op: Op,
    weight: np.ndarray,
    bias: np.ndarray | None,
    names: Sequence[str],
    out: str,
) -> None:
    """Note a Linear of a weight `[out, in]`."""
    kind = "torch.nn.Linear"
    path, _ = read.home(op, kind, *names)
    read.weigh(path, weight=weight, bias=bias)
    params = {"out_features": weight.shape[0], "bias": bias is not None}
    read.put(op, kind, {"x": op.input(0)}, params, {"out": out}, path)


def gemm(read: Reader, op: Op) -> None:
    """Gemm with a learned matrix is a Linear, its factors in the weights."""
    weight = read.known(op.input(1))
    bias = read.known(op.input(2)) if op.input(2) else None
    if weight is None or op.given.get("transA", 0) or (op.input(2) and bias is None):
        raise Unlike("only inputs × learned weights + learned bias make a Linear")
    if not op.given.get("transB", 0):
        weight = weight.T
    weight = weight * np.float32(op.given.get("alpha", 1.0))
    if bias is not None:
        bias = np.broadcast_to(bias * np.float32(op.given.get("beta", 1.0)), (1, weight.shape[0]))
        bias = bias.reshape(-1) if bias.size == weight.shape[0] else None
        if bias is None:
            raise Unlike("its bias is not one number a feature")
    linear(read, op, weight, bias, (op.input(1), op.input(2)), op.out)


def matmul(read: Reader, op: Op) -> None:
    """MatMul with a learned matrix is a Linear, with the bias that is added behind it."""
    weight = read.known(op.input(1))
    if (
        weight is None
        or weight.ndim != 2
        or weight.dtype.kind != "f"
        or read.known(op.input(0)) is not None
    ):
        read.put(op, "core.matmul", {"a": op.input(0), "b": op.input(1)})
        return
    after = read.readers.get(op.out, ())
    add = (
        after[0] if len(after) == 1 and after[0].type == "Add" and read.uses[op.out] == 1 else None
    )
    if add is not None:
        other = add.input(1) if add.input(0) == op.out else add.input(0)
        bias = read.known(other)
        if bias is not None and bias.shape == (weight.shape[1],):
            names = (
                (f"{other.removesuffix('.bias')}.weight", other)
                if other.endswith(".bias")
                else (op.input(1), other)
            )
            linear(read, op, weight.T, bias, names, add.out)
            read.done.add(add.out)
            return
    linear(read, op, weight.T, None, (op.input(1),), op.out)


def batch_norm(read: Reader, op: Op) -> None:
    """BatchNormalization with its running figures."""
    if op.given.get("training_mode", 0) or any(op.outputs[1:]):
        raise Unlike("it is in training mode; export the model in evaluation mode")
    weight, bias, mean, var = (_numbers(read, op, place, "statistics") for place in range(1, 5))
    rank = read.values.rank(op.input(0))
    kind = f"torch.nn.BatchNorm{max(1, rank - 2)}d"
    if kind not in read.specs:
        raise Unlike(f"it works on {rank} dimensions")
    path, _ = read.home(op, kind, op.input(1), op.input(2), op.input(3))
    read.weigh(path, weight=weight, bias=bias, running_mean=mean, running_var=var)
    read.state[f"{path}.num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
    params = {"eps": _eps(op), "momentum": _short(1 - float(op.given.get("momentum", 0.9)))}
    read.put(op, kind, {"x": op.input(0)}, params, path=path)


def _eps(op: Op) -> float:
    return _short(float(op.given.get("epsilon", 1e-5)))


def _short(value: float) -> float:
    """Return a number as it was written before it was stored in four bytes."""
    return float(f"{value:.6g}")


def instance_norm(read: Reader, op: Op) -> None:
    """InstanceNormalization: each channel of each sample by itself, as a GroupNorm computes it."""
    weight, bias = _numbers(read, op, 1, "scale"), _numbers(read, op, 2, "bias")
    kind = f"torch.nn.InstanceNorm{max(1, read.values.rank(op.input(0)) - 2)}d"
    path, _ = read.home(op, kind, op.input(1), op.input(2))
    read.weigh(path, weight=weight, bias=bias)
    read.put(op, kind, {"x": op.input(0)}, {"affine": True, "eps": _eps(op)}, path=path)


def layer_norm(read: Reader, op: Op) -> None:
    """LayerNormalization and RMSNormalization over the last dimensions."""
    weight = _numbers(read, op, 1, "scale")
    bias = read.known(op.input(2)) if op.input(2) else None
    rank = read.values.rank(op.input(0))
    axis = int(op.given.get("axis", -1)) % rank
    if axis != rank - 1 or weight.ndim != 1:
        raise Unlike("it normalises over several dimensions, and LayerNorm here over the last")
    plain = op.type == "LayerNormalization"
    kind = "torch.nn.LayerNorm" if plain else "torch.nn.RMSNorm"
    path, _ = read.home(op, kind, op.input(1), op.input(2))
    read.weigh(path, weight=weight, bias=bias)
    params: dict[str, Any] = {"eps": _eps(op)}
    if plain:
        params["bias"] = bias is not None
    read.put(op, kind, {"x": op.input(0)}, params, path=path)


def group_norm(read: Reader, op: Op) -> None:
    """GroupNormalization with a scale for each channel."""
    weight, bias = _numbers(read, op, 1, "scale"), _numbers(read, op, 2, "bias")
    channels, groups = read.sizes(op.input(0))[1][0], int(op.given["num_groups"])
    if weight.size == groups != channels:  # before opset 21: one a group
        weight, bias = (np.repeat(one, channels // groups) for one in (weight, bias))
    path, _ = read.home(op, "torch.nn.GroupNorm", op.input(1), op.input(2))
    read.weigh(path, weight=weight, bias=bias)
    params = {"num_groups": groups, "eps": _eps(op)}
    read.put(op, "torch.nn.GroupNorm", {"x": op.input(0)}, params, path=path)


def prelu(read: Reader, op: Op) -> None:
    """PRelu with one slope, or one a channel."""
    slope = _numbers(read, op, 1, "slope")
    sizes = read.sizes(op.input(0))
    channels = sizes[1][0]
    if slope.size not in (1, channels) or (
        slope.size > 1 and slope.ndim not in (1, len(sizes) - 1)
    ):
        raise Unlike("its slope is neither one number nor one a channel")
    path, _ = read.home(op, "torch.nn.PReLU", op.input(1))
    read.weigh(path, weight=slope.reshape(-1))
    params = {"num_parameters": slope.size}
    read.put(op, "torch.nn.PReLU", {"x": op.input(0)}, params, path=path)


# --------------------------------------------------------------------------------- recurrent layers

#: Where ONNX's gates are in PyTorch's order.
_GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}


def recurrent(read: Reader, op: Op) -> None:
    """LSTM, GRU and RNN of one layer, forward or in both directions."""
    title, size = op.type, int(op.given["hidden_size"])
    way = _text(op.given.get("direction", b"forward"))
    _plain(read, op, title, way)
    into, back = _numbers(read, op, 1, "weight"), _numbers(read, op, 2, "weight")
    biases = read.known(op.input(3)) if op.input(3) else None
    ways, gates = into.shape[0], _GATES[title]
    kind = f"torch.nn.{title}"
    path, _ = read.home(op, kind, op.input(1), op.input(2), op.input(3))
    for number, ending in enumerate(["", "_reverse"][:ways]):
        parts = {"weight_ih_l0": into[number], "weight_hh_l0": back[number]}
        if biases is not None:
            half = len(gates) * size
            parts |= {"bias_ih_l0": biases[number, :half], "bias_hh_l0": biases[number, half:]}
        read.weigh(path, **{
            name + ending: np.concatenate([numbers[g * size : (g + 1) * size] for g in gates])
            for name, numbers in parts.items()
        })  # fmt: skip
    whole, ends = f"{op.out or op.outputs[1]}#rows", op.outputs[1:]
    rows = f"{whole}#in"
    read.chain(op, op.input(0), [("core.transpose", {"dim0": 0, "dim1": 1})], rows)
    source = read.makers.get(read.plain(op.input(0)))
    if (
        source is not None
        and source.type == "Transpose"
        and list(source.given.get("perm", [])) == [1, 0, 2]
    ):
        rows = source.input(0)
    feeds = {"x": rows}
    for port, place in (("h0", 5), ("c0", 6)):
        start = op.input(place)
        if start and not read.is_zero(start):
            feeds[port] = start
    params: dict[str, Any] = {
        "hidden_size": size, "batch_first": True, "bidirectional": ways == 2,
        "bias": biases is not None,
    }  # fmt: skip
    if title == "RNN":
        params["nonlinearity"] = _text(op.given.get("activations", [b"Tanh"])[0]).lower()
    gives = {"out": whole}
    for port, value in zip(("hn", "cn"), ends, strict=False):
        if value:
            gives[port] = value
    read.put(op, kind, feeds, params, gives, path)
    if op.out:
        read.special[op.out] = ("whole", whole)
        _rows(read, op, whole, ways, size)


def _rows(read: Reader, op: Op, whole: str, ways: int, size: int) -> None:
    """Note ONNX's own order of the outputs, `[time, direction, batch, hidden]`, for who reads just that."""
    steps: list[tuple[str, dict[str, Any]]] = [
        ("torch.nn.Unflatten", {"dim": 2, "unflattened_size": (ways, size)}),
        ("core.transpose", {"dim0": 0, "dim1": 1}),
        ("core.transpose", {"dim0": 1, "dim1": 2}),
    ]
    read.chain(op, whole, steps)


def _plain(read: Reader, op: Op, title: str, way: str) -> None:
    usual = {"LSTM": ["sigmoid", "tanh", "tanh"], "GRU": ["sigmoid", "tanh"], "RNN": ["tanh"]}[
        title
    ]
    given = [_text(one).lower() for one in op.given.get("activations", [])]
    ways = 2 if way == "bidirectional" else 1
    same = not given or given == usual * ways or (title == "RNN" and given == ["relu"] * ways)
    if way == "reverse":
        raise Unlike("it reads backwards only")
    if not same:
        raise Unlike(f"its activations are {', '.join(given)}")
    if op.given.get("layout", 0) or op.given.get("clip") or op.given.get("input_forget", 0):
        raise Unlike("it uses layout, clip or input_forget")
    if op.input(4) or op.input(7):
        raise Unlike("it has lengths or peepholes")
    if title == "GRU" and not op.given.get("linear_before_reset", 0):
        raise Unlike(
            "its reset gate comes before the product (linear_before_reset=0), unlike PyTorch's"
        )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


LAYERS: Mapping[str, Rule] = {
    "BatchNormalization": batch_norm,
    "Conv": conv,
    "ConvTranspose": conv,
    "GRU": recurrent,
    "Gemm": gemm,
    "GroupNormalization": group_norm,
    "InstanceNormalization": instance_norm,
    "LSTM": recurrent,
    "LayerNormalization": layer_norm,
    "MatMul": matmul,
    "PRelu": prelu,
    "RMSNormalization": layer_norm,
    "RNN": recurrent,
}
