"""ONNX operators that move numbers about: another shape, order, a part, parts together, a border."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from studio.compile.importers.onnx_reading import Op, Reader, Rule, Unlike
from studio.compile.importers.onnx_values import Size, Sizes

Step = tuple[str, Mapping[str, Any]]


def reshape(read: Reader, op: Op) -> None:
    """Reshape, Flatten: dimensions that together stay the same are merged, then taken apart."""
    value = op.input(0)
    before, after = read.sizes(value), read.sizes(op.out)
    if before == after:
        read.same(op.out, value)
        return
    state = read.special.get(value)
    if state is not None and state[0] == "turned" and len(after) == 3:
        _by_time(read, op, state[1])
        return
    groups = _groups(before, after)
    whole = all(size[0] == size[1] for size in after[1:])
    keeps = bool(before) and bool(after) and before[0] == after[0]
    apart = [(old, new) for old, new in groups if old != new]
    if keeps and whole and (len(apart) > 1 or (len(apart[0][0]) > 1 and len(apart[0][1]) > 1)):
        shape = tuple(size[0] for size in after[1:])
        read.put(op, "core.reshape", {"x": value}, {"shape": shape})
        return
    read.chain(op, value, _steps(groups))


def _groups(before: Sizes, after: Sizes) -> list[tuple[Sizes, Sizes]]:
    """Return runs of dimensions that hold as many numbers before as after, as short as can be."""
    found: list[tuple[Sizes, Sizes]] = []
    one = other = 0
    while one < len(before) and other < len(after):
        start, begin = one, other
        left, right = before[one], after[other]
        one, other = one + 1, other + 1
        while left != right:
            if left < right and one < len(before):
                left, one = _times(left, before[one]), one + 1
            elif other < len(after):
                right, other = _times(right, after[other]), other + 1
            else:
                raise Unlike("its sizes do not fit")
        found.append((before[start:one], after[begin:other]))
    if found:  # sizes of one that are left over
        last = found.pop()
        return [*found, (last[0] + before[one:], last[1] + after[other:])]
    return [(before, after)]


def _times(size: Size, other: Size) -> Size:
    return size[0] * other[0], size[1] * other[1]


def _steps(groups: Sequence[tuple[Sizes, Sizes]]) -> list[Step]:
    """Return the layers that reshape run by run, from the last to the first."""
    found: list[Step] = []
    place = sum(len(old) for old, _ in groups)
    for old, new in reversed(groups):
        place -= len(old)
        if old == new:
            continue
        if not old or not new:
            raise Unlike("it makes a number without dimensions of a tensor, or the reverse")
        if len(old) > 1:
            end = place + len(old) - 1
            found.append(("core.flatten", {"start_dim": place, "end_dim": end}))
        if len(new) > 1:
            sizes = tuple(size[0] if size[0] == size[1] else -1 for size in new)
            if sizes.count(-1) > 1:
                raise Unlike("it divides the batch over several dimensions")
            found.append(("torch.nn.Unflatten", {"dim": place, "unflattened_size": sizes}))
    return found


def transpose(read: Reader, op: Op) -> None:
    """Transpose: in each sample as one permutation, else as exchanges of two dimensions."""
    value = op.input(0)
    rank = read.values.rank(value)
    order = [int(dim) for dim in op.given.get("perm", range(rank)[::-1])]
    state = read.special.get(value)
    if state is not None and state[0] == "whole" and order == [0, 2, 1, 3]:
        read.special[op.out] = ("turned", state[1])
    maker = read.makers.get(read.plain(value))
    if order == list(range(rank)):
        read.same(op.out, value)
    elif state is not None and state[0] == "by time" and order == [1, 0, 2]:
        read.same(op.out, state[1])
    elif order[0] == 0 and len([d for n, d in enumerate(order) if n != d]) > 2:
        read.put(op, "core.permute", {"x": value}, {"dims": tuple(order[1:])})
    elif maker is not None and maker.type == "Transpose" and _undoes(maker, order):
        read.same(op.out, maker.input(0))
    else:
        steps: list[Step] = []
        now = list(range(rank))
        for place, dim in enumerate(order):
            other = now.index(dim)
            if other != place:
                now[place], now[other] = now[other], now[place]
                steps.append(("core.transpose", {"dim0": place, "dim1": other}))
        read.chain(op, value, steps)


def _undoes(first: Op, order: Sequence[int]) -> bool:
    before = [int(dim) for dim in first.given.get("perm", range(len(order))[::-1])]
    return [before[dim] for dim in order] == list(range(len(order)))


def squeeze(read: Reader, op: Op) -> None:
    """Squeeze: dimensions of size one go, the last first."""
    value = op.input(0)
    sizes = read.sizes(value)
    axes = read.numbers(op, "axes", 1)
    if axes is None:
        axes = [place for place, size in enumerate(sizes) if size == (1, 1)]
    axes = sorted({axis % len(sizes) for axis in axes}, reverse=True)
    state = read.special.get(value)
    if state is not None and state[0] == "whole" and axes == [1]:
        _by_time(read, op, state[1])
        return
    read.chain(op, value, [("core.squeeze", {"dim": axis}) for axis in axes])


def _by_time(read: Reader, op: Op, whole: str) -> None:
    """Note a recurrent layer's output with the time in front; who turns it back reads the layer itself."""
    read.chain(op, whole, [("core.transpose", {"dim0": 0, "dim1": 1})])
    read.special[op.out] = ("by time", whole)


def unsqueeze(read: Reader, op: Op) -> None:
    """Unsqueeze: dimensions of size one come, the first first."""
    rank = read.values.rank(op.out)
    axes = sorted(axis % rank for axis in read.numbers(op, "axes", 1) or [])
    read.chain(op, op.input(0), [("core.unsqueeze", {"dim": axis}) for axis in axes])


def concat(read: Reader, op: Op) -> None:
    """Concat along a dimension."""
    rank = read.values.rank(op.out)
    read.put(op, "core.concat", {"x": op.inputs}, {"dim": int(op.given["axis"]) % rank})


def split(read: Reader, op: Op) -> None:
    """Split: each part is a slice."""
    value = op.input(0)
    axis = int(op.given.get("axis", 0)) % read.values.rank(value)
    start = 0
    for out in op.outputs:
        size = read.sizes(out)[axis]
        if size[0] != size[1]:
            raise Unlike("it splits the batch")
        params = {"dim": axis, "start": start, "stop": start + size[0]}
        read.chain(op, value, [("core.slice", params)], out)
        start += size[0]


def cut(read: Reader, op: Op) -> None:
    """Slice: one slice a dimension; backwards it is a flip."""
    value = op.input(0)
    sizes = read.sizes(value)
    starts, ends = read.numbers(op, "starts", 1), read.numbers(op, "ends", 2)
    if starts is None or ends is None:
        raise Unlike("it does not say where to begin and to end")
    axes = read.numbers(op, "axes", 3) or list(range(len(starts)))
    steps = read.numbers(op, "steps", 4) or [1] * len(starts)
    found: list[Step] = []
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        axis %= len(sizes)
        size, other = sizes[axis]
        if size != other:
            if (start, step) == (0, 1) and end > max(size, other):
                continue
            raise Unlike("it takes a part of the batch")
        if step == -1 and start in (-1, size - 1) and end < -size:
            found.append(("core.flip", {"dim": axis}))
            continue
        if step != 1:
            raise Unlike(f"it takes every {step}th value, and a slice here takes each")
        begin = max(start + size, 0) if start < 0 else min(start, size)
        stop = max(end + size, 0) if end < 0 else min(end, size)
        if (begin, stop) != (0, size):
            last = None if stop == size else stop
            found.append(("core.slice", {"dim": axis, "start": begin, "stop": last}))
    read.chain(op, value, found)


def gather(read: Reader, op: Op) -> None:
    """Gather: one entry, a run of entries, entries by a list, or the vectors of an embedding."""
    table, index = op.input(0), op.input(1)
    axis = int(op.given.get("axis", 0))
    numbers, places = read.known(table), read.known(index)
    if numbers is not None and places is None and axis == 0 and numbers.ndim == 2:
        if numbers.dtype.kind != "f":
            raise Unlike("its table does not hold decimals")
        path, _ = read.home(op, "torch.nn.Embedding", table)
        read.weigh(path, weight=numbers)
        rows, columns = numbers.shape
        params = {"num_embeddings": rows, "embedding_dim": columns}
        read.put(op, "torch.nn.Embedding", {"x": index}, params, path=path)
        return
    axis %= read.values.rank(table)
    size = read.sizes(table)[axis]
    if places is None:
        if read.values.rank(index) != 1:
            raise Unlike("its places depend on the input and have several dimensions")
        read.put(op, "torch.index_select", {"x": table, "index": index}, {"dim": axis})
        return
    if size[0] != size[1] and not (places.ndim == 0 and int(places) in (0, -1)):
        raise Unlike("it takes samples out of the batch")
    found = [int(place) % size[0] for place in np.ravel(places)]
    if places.ndim == 0:
        last = int(places) < 0
        read.put(op, "core.select", {"x": table},
                 {"dim": axis, "index": int(places) if last else found[0]})  # fmt: skip
    elif places.ndim == 1 and found == list(range(found[0], found[0] + len(found))):
        stop = found[0] + len(found)
        part = {"dim": axis, "start": found[0], "stop": None if stop == size[0] else stop}
        read.chain(op, table, [("core.slice", part)] if len(found) != size[0] else [])
    elif places.ndim == 1:
        read.put(op, "torch.index_select", {"x": table, "index": index}, {"dim": axis})
    else:
        raise Unlike("its places have several dimensions")


def gather_elements(read: Reader, op: Op) -> None:
    """GatherElements along a dimension."""
    feeds = {"x": op.input(0), "index": op.input(1)}
    axis = int(op.given.get("axis", 0)) % read.values.rank(op.input(0))
    read.put(op, "torch.gather", feeds, {"dim": axis})


def expand(read: Reader, op: Op) -> None:
    """Expand: sizes of one become larger, the same in each sample."""
    value = op.input(0)
    before, after = read.sizes(value), read.sizes(op.out)
    if before == after:
        read.same(op.out, value)
        return
    if len(before) != len(after) or before[0] != after[0]:
        raise Unlike("it makes samples, or dimensions in front")
    if any(size[0] != size[1] for size in after[1:]):
        raise Unlike("it repeats as often as there are samples")
    shape = tuple(
        -1 if old == new else new[0] for old, new in zip(before[1:], after[1:], strict=True)
    )
    read.put(op, "core.expand", {"x": value}, {"shape": shape})


def tile(read: Reader, op: Op) -> None:
    """Tile: each dimension several times."""
    times = read.numbers(op, "repeats", 1)
    if times is None:
        raise Unlike("it does not say how often")
    read.put(op, "torch.tile", {"x": op.input(0)}, {"dims": tuple(times)})


def pad(read: Reader, op: Op) -> None:
    """Pad: a border of zeros, a number, or what is there."""
    pads = read.numbers(op, "pads", 1) or []
    rank = read.values.rank(op.input(0))
    axes = read.numbers(op, "axes", 3)
    if axes is not None:
        full = [0] * (2 * rank)
        for place, axis in enumerate(axes):
            full[axis % rank] = pads[place]
            full[axis % rank + rank] = pads[place + len(axes)]
        pads = full
    mode = op.given.get("mode", b"constant")
    mode = mode.decode() if isinstance(mode, bytes) else str(mode)
    number = read.scalar(op.input(2)) if op.input(2) else op.given.get("value", 0.0)
    read.chain(op, op.input(0), border(pads, rank, mode, number))


def border(pads: Sequence[int], rank: int, mode: str = "constant", number: Any = 0.0) -> list[Step]:
    """Return the layer that puts a border around the last dimensions of samples with channels.

    Raises: Unlike.
    """
    if not any(pads):
        return []
    kind = {"constant": "Constant", "reflect": "Reflection", "edge": "Replication"}.get(mode)
    spatial = rank - 2
    outside = any(pads[axis] or pads[axis + rank] for axis in range(2))
    if kind is None or not 1 <= spatial <= 3 or outside or min(pads) < 0 or number is None:
        raise Unlike(
            f"it pads {list(pads)} ({mode}), and borders here go around the last dimensions"
        )
    pairs = [(pads[axis], pads[axis + rank]) for axis in reversed(range(2, rank))]
    padding: Any = tuple(one for pair in pairs for one in pair)
    params: dict[str, Any] = {"padding": padding}
    if kind == "Constant" and float(number) == 0.0:
        kind = "Zero"
    elif kind == "Constant":
        params["value"] = float(number)
    return [(f"torch.nn.{kind}Pad{spatial}d", params)]


def resize(read: Reader, op: Op) -> None:
    """Resize, Upsample: by a factor or to a size; the answers decide whether it is the same."""
    value = op.input(0)
    before, after = read.sizes(value), read.sizes(op.out)
    spatial = len(before) - 2
    if before[:2] != after[:2] or not 1 <= spatial <= 3:
        raise Unlike("it changes the channels or the batch")
    if before == after:
        read.same(op.out, value)
        return
    mode = _text(op.given.get("mode", b"nearest"))
    how = _text(op.given.get("coordinate_transformation_mode", b"half_pixel"))
    names = {"nearest": "nearest", "cubic": "bicubic"}
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}[spatial]
    ours = linear if mode == "linear" else names.get(mode, mode)
    factors = [new[0] / old[0] for old, new in zip(before[2:], after[2:], strict=True)]
    params: dict[str, Any] = {"mode": ours}
    if all(factor == factors[0] and factor.is_integer() for factor in factors):
        params["scale_factor"] = factors[0]
    else:
        params |= {"size": tuple(new[0] for new in after[2:]), "scale_factor": None}
    if how == "align_corners":
        params["align_corners"] = True
    read.put(op, "torch.nn.Upsample", {"x": value}, params)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def depth_to_space(read: Reader, op: Op) -> None:
    """DepthToSpace in PyTorch's order of channels is PixelShuffle."""
    if _text(op.given.get("mode", b"DCR")) != "CRD":
        raise Unlike("its channels are in the order DCR, and PixelShuffle has CRD")
    params = {"upscale_factor": int(op.given["blocksize"])}
    read.put(op, "torch.nn.PixelShuffle", {"x": op.input(0)}, params)


def einsum(read: Reader, op: Op) -> None:
    """Einsum by its equation."""
    params = {"equation": _text(op.given["equation"]).replace(" ", "")}
    read.put(op, "torch.einsum", {"x": op.inputs}, params)


SHAPES: Mapping[str, Rule] = {
    "Concat": concat,
    "DepthToSpace": depth_to_space,
    "Einsum": einsum,
    "Expand": expand,
    "Flatten": reshape,
    "Gather": gather,
    "GatherElements": gather_elements,
    "Pad": pad,
    "Reshape": reshape,
    "Resize": resize,
    "Slice": cut,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": tile,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
    "Upsample": resize,
}
