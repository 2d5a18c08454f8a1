"""Operators that are not one layer word for word: shapes that name the batch, numbers, lists."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from studio.compile.importers.operators import Wire, as_param, is_value
from studio.compile.importers.pieces import Held, Made, Op, Piece, Rule
from studio.compile.importers.weighted import WEIGHTED
from studio.graph.params import Value
from studio.graph.spec import LayerSpec


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


_EQUAL_PARTS = {2: "core.split", 3: "core.split3", 4: "core.split4"}


def _parts(op: Op, specs: Mapping[str, LayerSpec]) -> Made | None:
    """Split, chunk and unbind: a few equal parts are one layer, else each is a slice or an entry."""
    axis = op.given.get("dim", 0) % len(op.shape)
    kind = _EQUAL_PARTS.get(len(op.value), "")
    sizes = {part.shape[axis] for part in op.value} if op.name != "unbind" else set()
    if kind and len(sizes) == 1 and _whole(tuple(sizes)):
        names = [f"{op.result}.{number}" for number in range(len(op.value))]
        gives = {port.name: name for port, name in zip(specs[kind].outputs, names, strict=True)}
        params: dict[str, Value] = {"dim": axis} if axis != 1 else {}
        return Made([Piece(kind, params, {"x": (op.first,)}, gives)], [*map(Wire, names)])
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


_RULES: Mapping[str, Rule] = {
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
    **WEIGHTED,
}  # fmt: skip
