"""Changes of one layer, or of what leads into it, that may help. None is offered before it is tried."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from msgspec.structs import replace

from studio.compile import symbols
from studio.compile.case import SIZES, Case, Remedy
from studio.graph.edits import AddNodes, RemoveNodes, SetParams
from studio.graph.graph import INPUT
from studio.graph.params import Value

# -------------------------------------------------------------------------------- number of dimensions


def flat(case: Case) -> Iterator[Remedy]:
    """A layer that wants a vector gets a picture or a sequence."""
    if case.spec is None or case.spec.category != "dense":
        return
    for wire in case.wires[:1]:
        kind = case.kind(wire)
        if kind is None or len(kind.shape) < 3:
            continue
        yield case.insert(wire, "Insert Flatten", ("torch.nn.Flatten", {}))
        if len(kind.shape) in (4, 5):
            pool = f"torch.nn.AdaptiveAvgPool{len(kind.shape) - 2}d"
            yield case.insert(
                wire, "Average-pool", (pool, {"output_size": 1}), ("torch.nn.Flatten", {})
            )
        last = kind.shape[-1]
        read = next((p.name for p in case.spec.params if p.reads.endswith("[-1]")), "")
        if read and isinstance(last, int):
            yield case.set("Apply along the last dimension", **{read: last})


def image(case: Case) -> Iterator[Remedy]:
    """A layer that wants pictures gets them without a channel, or as flat vectors."""
    port = case.spec.input(case.trouble.fault.port) if case.spec else None
    if port is None or 4 not in port.ranks:
        return
    for wire in case.wires[:1]:
        kind = case.kind(wire)
        if kind is not None and len(kind.shape) == 3:
            yield case.insert(wire, "Add a channel", ("core.unsqueeze", {"dim": 1}))
        if kind is not None and len(kind.shape) == 2 and isinstance(kind.shape[1], int):
            side = math.isqrt(kind.shape[1])
            if side * side == kind.shape[1]:
                title = f"Arrange as 1×{side}×{side}"
                yield case.insert(wire, title, ("core.reshape", {"shape": (1, side, side)}))


def sequence(case: Case) -> Iterator[Remedy]:
    """A layer that wants a sequence gets a picture or a vector."""
    port = case.spec.input(case.trouble.fault.port) if case.spec else None
    if case.spec is None or port is None or 3 not in port.ranks or case.spec.category == "dense":
        return
    steps_first = case.spec.category in ("seq", "attn")
    for wire in case.wires[:1]:
        kind = case.kind(wire)
        if kind is None:
            continue
        if len(kind.shape) == 4:
            if kind.shape[1] == 1:
                yield case.insert(wire, "Read rows as steps", ("core.squeeze", {"dim": 1}))
            merge: tuple[str, dict[str, Value]] = ("core.flatten", {"start_dim": 2})
            swap: tuple[str, dict[str, Value]] = ("core.transpose", {"dim0": 1, "dim1": 2})
            if steps_first:
                yield case.insert(wire, "Read pixels as steps", merge, swap)
            else:
                yield case.insert(wire, "Merge rows and columns", merge)
        elif len(kind.shape) == 2:
            dim = 2 if steps_first else 1
            title = "Read each number as a step" if steps_first else "Add a channel"
            yield case.insert(wire, title, ("core.unsqueeze", {"dim": dim}))


def kin(case: Case) -> Iterator[Remedy]:
    """The same layer for another number of dimensions: `Conv1d` for `Conv2d`."""
    if case.node is None or not case.node.kind.endswith(("1d", "2d", "3d")) or not case.wires:
        return
    kind = case.kind(case.wires[0])
    if kind is None:
        return
    other = case.node.kind[:-2] + ("1d" if len(kind.shape) == 2 else f"{len(kind.shape) - 2}d")
    spec = case.specs.get(other)
    if spec is None or other == case.node.kind:
        return
    params = {
        name: value
        for name, value in case.node.params.items()
        if spec.param(name) is not None and not isinstance(value, tuple)
    }
    touching = (
        *case.graph.incoming.get(case.node.id, ()),
        *case.graph.outgoing.get(case.node.id, ()),
    )
    places = case.project.sheet(case.where).places
    spot = {case.node.id: places[case.node.id]} if case.node.id in places else {}
    twin = replace(case.node, kind=other, params=params)
    yield Remedy(
        f"Use {spec.title} instead",
        (RemoveNodes(case.where, (twin.id,)), AddNodes(case.where, (twin,), spot, touching)),
    )


def cast(case: Case) -> Iterator[Remedy]:
    """Ids for fractions, or fractions for ids."""
    port = case.spec.input(case.trouble.fault.port) if case.spec else None
    if port is None:
        return
    dtype = "int64" if port.type == "int" else "float32"
    for wire in case.wires[:1]:
        yield case.insert(wire, f"Turn into {dtype}", ("core.cast", {"dtype": dtype}))


# ---------------------------------------------------------------------------------- sizes of one node


def read_again(case: Case) -> Iterator[Remedy]:
    """A size that was set by hand goes back to what the wire says."""
    name = case.trouble.fault.param
    if case.node is not None and name:
        yield Remedy(
            f"Read {name} off the wire", (SetParams(case.where, case.node.id, {}, (name,)),)
        )


def producer_size(case: Case) -> Iterator[Remedy]:
    """The layer upstream gives what this one is set to."""
    value = case.value(case.trouble.fault.param) if case.node else None
    size = value[-1] if isinstance(value, tuple) else value
    for wire in case.wires[:1]:
        for node, name in case.producers(wire, SIZES):
            yield Remedy(
                f"Set {name} of {node.name} to {size}",
                (SetParams(case.where, node.id, {name: size}),),
            )


def smaller_window(case: Case) -> Iterator[Remedy]:
    """A window as large as what comes in."""
    kind = case.kind(case.wires[0]) if case.wires else None
    if kind is None or case.node is None:
        return
    sizes = [dim for dim in kind.shape[2:] if isinstance(dim, int) and dim > 0]
    if sizes:
        side = min(sizes)
        yield case.set(f"Set kernel_size to {side}", kernel_size=side)


def more_padding(case: Case) -> Iterator[Remedy]:
    """Padding that makes the window fit."""
    kind = case.kind(case.wires[0]) if case.wires else None
    if kind is None or case.spec is None or case.spec.param("padding") is None:
        return
    window = case.value("kernel_size")
    sizes = [dim for dim in kind.shape[2:] if isinstance(dim, int)]
    largest = max(window) if isinstance(window, tuple) else window
    if sizes and isinstance(largest, int):
        dilation = case.value("dilation")
        span = (largest - 1) * (dilation if isinstance(dilation, int) else 1) + 1
        needed = max(1, math.ceil((span - min(sizes)) / 2))
        yield case.set(f"Set padding to {needed}", padding=needed)


def heads(case: Case) -> Iterator[Remedy]:
    """The nearest numbers of heads that divide the features."""
    name = "num_heads" if case.spec and case.spec.param("num_heads") else "nhead"
    kind = case.kind(case.wires[0]) if case.wires else None
    count = case.value(name) if case.node else None
    if kind is None or not isinstance(count, int) or not isinstance(kind.shape[-1], int):
        return
    yield from _divisors(case, name, count, kind.shape[-1])


def groups(case: Case) -> Iterator[Remedy]:
    """The nearest numbers of groups that divide the channels."""
    name = "num_groups" if case.spec and case.spec.param("num_groups") else "groups"
    kind = case.kind(case.wires[0]) if case.wires else None
    count = case.value(name) if case.node else None
    if kind is None or not isinstance(count, int) or not isinstance(kind.shape[1], int):
        return
    out = case.value("out_channels")
    yield from _divisors(case, name, count, math.gcd(kind.shape[1], out or kind.shape[1]))


def _divisors(case: Case, name: str, wish: int, total: int) -> Iterator[Remedy]:
    fitting = [number for number in range(1, min(total, 4096) + 1) if total % number == 0]
    for number in sorted(fitting, key=lambda number: (abs(number - wish), number))[:2]:
        yield case.set(f"Set {name} to {number}", **{name: number})


def arrangement(case: Case) -> Iterator[Remedy]:
    """One size of the new shape is worked out from the others."""
    name = "shape" if case.spec and case.spec.param("shape") else "unflattened_size"
    shape = case.value(name) if case.node else None
    if not isinstance(shape, tuple):
        return
    for axis in range(len(shape)):
        free = tuple(-1 if place == axis else max(1, n) for place, n in enumerate(shape))
        yield case.set(
            f"Set {name} to {'×'.join(map(str, free)).replace('-', '−')}", **{name: free}
        )


def pooled(case: Case) -> Iterator[Remedy]:
    """What is flattened is averaged over its places first, however many they are."""
    for wire in case.wires[:1]:
        before = case.graph.nodes.get(wire.source.node)
        if before is None or before.kind not in ("torch.nn.Flatten", "core.flatten"):
            continue
        for upstream in case.graph.incoming.get(before.id, ())[:1]:
            kind = case.kind(upstream)
            if kind is not None and len(kind.shape) in (3, 4, 5) and isinstance(kind.shape[1], int):
                pool = f"torch.nn.AdaptiveAvgPool{len(kind.shape) - 2}d"
                yield case.insert(upstream, "Average-pool first", (pool, {"output_size": 1}))


def number(case: Case) -> Iterator[Remedy]:
    """A name in the shape of an input becomes the number that it counts as."""
    graph = case.project.networks[case.network].graph
    kind = case.kind(case.wires[0]) if case.wires else None
    if kind is None:
        return
    for name in symbols.names_in(kind.shape):
        size = case.outcome.sizes.get(name)
        for node in graph.of_kind(INPUT):
            shape = node.params.get("shape")
            if isinstance(shape, tuple) and name in shape and size is not None:
                whole = tuple(size if dim == name else dim for dim in shape)
                edit = SetParams(case.network, node.id, {"shape": whole})
                yield Remedy(f"Make {name} the number {size}", (edit,))


def more_rows(case: Case) -> Iterator[Remedy]:
    """A table with a row for every id that may come."""
    found = re.search(r"at least (\d+)\.$", case.trouble.fault.message)
    if found:
        rows = int(found[1])
        yield case.set(f"Set num_embeddings to {rows}", num_embeddings=rows)


def more_layers(case: Case) -> Iterator[Remedy]:
    """Two layers, so that there is something between them."""
    yield case.set("Set num_layers to 2", num_layers=2)


def dimension(case: Case) -> Iterator[Remedy]:
    """The last dimension, which is always there."""
    name = case.trouble.fault.param
    param = case.spec.param(name) if case.spec else None
    if param is not None:
        last = (-1,) if param.type == "ints" else -1
        yield case.set(f"Set {name} to −1, the last", **{name: last})


def default(case: Case) -> Iterator[Remedy]:
    """A setting goes back to what it starts with."""
    name = case.trouble.fault.param
    if case.node is None or not name:
        return
    if name == "batch_first":
        yield case.set("Turn batch_first on", batch_first=True)
        return
    verb = "Clear" if case.spec is None or case.spec.param(name) is None else "Reset"
    yield Remedy(f"{verb} {name}", (SetParams(case.where, case.node.id, {}, (name,)),))
