"""ONNX's pooling: windows, and over everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.compile.importers.onnx_layers import bordered, pads_of
from studio.compile.importers.onnx_reading import Op, Reader, Rule, Unlike


def pooled(read: Reader, op: Op) -> None:
    """MaxPool and AveragePool."""
    kernel = [int(size) for size in op.given["kernel_shape"]]
    count = len(kernel)
    largest = op.type == "MaxPool"
    kind = f"torch.nn.{'MaxPool' if largest else 'AvgPool'}{count}d"
    if kind not in read.specs:
        raise Unlike(f"it works in {count} dimensions")
    if any(op.outputs[1:]):
        raise Unlike("it also gives the places, in another order than PyTorch's")
    pads = pads_of(read, op, kernel)
    counted = bool(op.given.get("count_include_pad", 0))
    if not largest and pads[:count] != pads[count:] and not counted:
        raise Unlike("its border is uneven and not counted")
    value, padding = bordered(read, op, pads, -3.4e38 if largest else 0.0)
    params: dict[str, Any] = {
        "kernel_size": tuple(kernel),
        "stride": tuple(op.given.get("strides", [1] * count)),
        "padding": padding,
        "ceil_mode": bool(op.given.get("ceil_mode", 0)),
    }
    wide = tuple(op.given.get("dilations", [1] * count))
    if largest:
        params["dilation"] = wide
    elif set(wide) != {1}:
        raise Unlike("it is dilated")
    elif any(pads):
        params["count_include_pad"] = counted
    read.put(op, kind, {"x": value}, params)


def over_all(read: Reader, op: Op) -> None:
    """GlobalAveragePool and GlobalMaxPool."""
    count = read.values.rank(op.input(0)) - 2
    name = "AdaptiveAvgPool" if op.type == "GlobalAveragePool" else "AdaptiveMaxPool"
    kind = f"torch.nn.{name}{count}d"
    if kind not in read.specs:
        raise Unlike(f"it works in {count} dimensions")
    read.put(op, kind, {"x": op.input(0)}, {"output_size": (1,) * count})


POOLING: Mapping[str, Rule] = {
    **dict.fromkeys(("MaxPool", "AveragePool"), pooled),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), over_all),
}
