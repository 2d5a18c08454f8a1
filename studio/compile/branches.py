"""Changes that may bring two branches together. None is offered before it is tried."""

from __future__ import annotations

import math
from collections.abc import Iterator

from studio.compile.case import SIZES, Case, Remedy
from studio.graph.edits import SetParams
from studio.graph.facts import TensorType
from studio.graph.graph import Link
from studio.graph.params import Value


def same_channels(case: Case) -> Iterator[Remedy]:
    """One branch ends in as many channels (features) as the other."""
    for wire, _, wish in _pairs(case):
        axis = _channel_axis(wish)
        size = wish.shape[axis]
        for node, name in case.producers(wire, SIZES):
            if isinstance(size, int) and node.params.get(name) != size:
                yield Remedy(
                    f"Set {name} of {node.name} to {size}",
                    (SetParams(case.where, node.id, {name: size}),),
                )


def projection(case: Case) -> Iterator[Remedy]:
    """A 1×1 convolution (or a Linear) turns one branch into the other's shape."""
    if case.node is not None and case.node.kind in ("core.concat", "core.stack"):
        return
    for wire, kind, wish in reversed(list(_pairs(case))):
        size = wish.shape[_channel_axis(wish)]
        if len(kind.shape) != len(wish.shape) or not isinstance(size, int):
            continue
        if len(kind.shape) == 4:
            ratios = [
                math.ceil(have / want)
                if isinstance(have, int) and isinstance(want, int) and want
                else 1
                for have, want in zip(kind.shape[2:], wish.shape[2:], strict=True)
            ]
            settings: dict[str, Value] = {"out_channels": size, "kernel_size": 1}
            if ratios[0] > 1:
                settings["stride"] = ratios[0]
            title = "Project with a 1×1 convolution"
            yield case.insert(wire, title, ("torch.nn.Conv2d", settings))
        elif len(kind.shape) in (2, 3):
            yield case.insert(
                wire, "Project with a Linear", ("torch.nn.Linear", {"out_features": size})
            )


def same_size(case: Case) -> Iterator[Remedy]:
    """The branches' heights and widths are made equal: by padding, or by pooling to the smaller."""
    pairs = list(_pairs(case))
    for wire, kind, wish in pairs:
        if kind.shape[2:] == wish.shape[2:]:
            continue
        have, want = kind.shape[-1], wish.shape[-1]
        if not isinstance(have, int) or not isinstance(want, int) or (want - have) % 2:
            continue
        for node, _ in case.producers(wire, ("padding",)):
            now = node.params.get("padding", 0)
            needed = now + (want - have) // 2 if isinstance(now, int) else -1
            if needed >= 0:
                yield Remedy(
                    f"Set padding of {node.name} to {needed}",
                    (SetParams(case.where, node.id, {"padding": needed}),),
                )
    for wire, kind, wish in pairs:
        smaller = _numbers(kind) > _numbers(wish)
        if smaller and len(kind.shape) == len(wish.shape) == 4 and kind.shape[2:] != wish.shape[2:]:
            target = wish.shape[2:]
            size = target[0] if len(set(target)) == 1 else tuple(target)
            title = f"Pool to {'×'.join(map(str, target))}"
            yield case.insert(wire, title, ("torch.nn.AdaptiveAvgPool2d", {"output_size": size}))
    for wire, kind, wish in pairs:
        if len(kind.shape) == 3 and kind.shape[1:] == wish.shape[:0:-1]:
            yield case.insert(wire, "Transpose", ("core.transpose", {"dim0": 1, "dim1": 2}))


def _pairs(case: Case) -> Iterator[tuple[Link, TensorType, TensorType]]:
    """Yield each of the first wires with what it carries and what another one carries."""
    kinds = [(wire, case.kind(wire)) for wire in case.graph.incoming.get(case.trouble.node, ())]
    known = [(wire, kind) for wire, kind in kinds if kind is not None]
    for number, (wire, kind) in enumerate(known[:3]):
        for other, (_, wish) in enumerate(known[:3]):
            if number != other and kind != wish:
                yield wire, kind, wish
                break


def _channel_axis(kind: TensorType) -> int:
    return 1 if len(kind.shape) >= 4 else -1


def _numbers(kind: TensorType) -> int:
    return math.prod(dim for dim in kind.shape[2:] if isinstance(dim, int))
