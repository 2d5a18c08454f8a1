"""Hints about neighbouring layers, and about settings that leave a layer without effect."""

from __future__ import annotations

import math

from studio.compile.advice import Advice, setting, without
from studio.compile.case import Remedy
from studio.compile.memory import count_text
from studio.compile.splice import Splice
from studio.compile.spots import Spot
from studio.graph.graph import End

ACTIVATIONS: frozenset[str] = frozenset(
    f"torch.nn.{name}"
    for name in """
    ReLU ReLU6 LeakyReLU PReLU RReLU ELU SELU CELU GELU SiLU Mish Softplus Sigmoid Hardsigmoid Tanh
    Hardtanh Hardswish LogSigmoid Softsign Tanhshrink
    """.split()  # noqa: SIM905
)
#: A second one of these changes nothing at all.
_IDEMPOTENT: frozenset[str] = frozenset(["torch.nn.ReLU", "torch.nn.ReLU6", "torch.nn.Hardtanh"])
SATURATING: frozenset[str] = frozenset(["torch.nn.Sigmoid", "torch.nn.Tanh"])
SOFTMAX: frozenset[str] = frozenset(
    ["torch.nn.Softmax", "torch.nn.LogSoftmax", "torch.nn.Softmin", "core.softmax"]
)
DROPOUTS: frozenset[str] = frozenset(
    f"torch.nn.{name}"
    for name in "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout".split()  # noqa: SIM905
)
_CONVS: frozenset[str] = frozenset(f"torch.nn.Conv{count}d" for count in (1, 2, 3))
WEIGHTED: frozenset[str] = (
    _CONVS | {f"torch.nn.ConvTranspose{count}d" for count in (1, 2, 3)} | {"torch.nn.Linear"}
)
CENTRING: frozenset[str] = frozenset(
    f"torch.nn.{name}Norm{count}d" for name in ("Batch", "Instance") for count in (1, 2, 3)
)
NORMS: frozenset[str] = CENTRING | {"torch.nn.LayerNorm", "torch.nn.GroupNorm", "torch.nn.RMSNorm"}
JOINS: frozenset[str] = frozenset(
    f"core.{name}" for name in ("add", "sub", "div", "maximum", "minimum", "concat")
)
WINDOWS: frozenset[str] = _CONVS | {
    f"torch.nn.{name}Pool{count}d" for name in ("Max", "Avg") for count in (1, 2, 3)
}
RESHAPES: frozenset[str] = frozenset(
    ["torch.nn.Flatten", "core.flatten", "core.squeeze", "core.cast"]
)
FLATTENING: frozenset[str] = frozenset(["torch.nn.Flatten", "core.flatten"])
OVER_ONE: frozenset[str] = SOFTMAX | {"torch.nn.LayerNorm", "torch.nn.RMSNorm"}

#: Parameters of one Linear from which on a smaller input is worth a thought.
_LARGE = 5_000_000
#: Squashing layers in a row from which on little of a gradient is left.
_DEEP = {"torch.nn.Sigmoid": 5, "torch.nn.Tanh": 12}


def two_activations(spot: Spot) -> Advice | None:
    """A non-linearity right behind another."""
    before = spot.before
    if before is None or before.node.kind not in ACTIVATIONS or not before.only_leads_to(spot):
        return None
    if spot.node.kind == before.node.kind and spot.node.kind in _IDEMPOTENT:
        why = f"a second {spot.spec.title} changes nothing"
    else:
        why = "with no weights between them, they are no more than one non-linearity"
    text = f"{spot.name} comes right behind {before.name}: {why}. Delete one, or put a layer between them."
    return Advice(text, (without(spot), without(before)))


def two_linears(spot: Spot) -> Advice | None:
    """Two Linears that multiply out to one."""
    before = spot.before
    if before is None or before.node.kind != spot.node.kind or not before.only_leads_to(spot):
        return None
    inner, outer = before.value("out_features"), spot.value("out_features")
    first = before.value("in_features")
    if not all(isinstance(size, int) for size in (first, inner, outer)):
        return None
    if inner < min(first, outer):  # a bottleneck, which one Linear could not be
        return None
    text = (
        f"{before.name} and {spot.name} have no non-linearity between them, so together they compute what one "
        f"Linear from {first} to {outer} numbers could. Put an activation between them."
    )
    return Advice(text, _between(spot, "torch.nn.ReLU", "Insert ReLU"))


def two_norms(spot: Spot) -> Advice | None:
    """A norm right behind the same norm."""
    before = spot.before
    if before is None or before.node.kind != spot.node.kind or not before.only_leads_to(spot):
        return None
    text = f"{spot.name} normalises what {before.name} has just normalised in the same way. One of them is enough."
    return Advice(text, (without(spot),))


def bias_before_norm(spot: Spot) -> Advice | None:
    """A bias that the norm behind it takes away again."""
    takers = spot.takers
    if not takers or spot.value("bias") is not True or spot.lends or "frozen" in spot.node.flags:
        return None
    if any(node.kind not in CENTRING for node in takers):
        return None
    kind = spot.gives
    if kind is None or (spot.node.kind == "torch.nn.Linear" and len(kind.shape) != 2):
        return None
    channels = kind.shape[1]
    text = (
        f"{takers[0].name} takes away the mean of each channel, and the bias of {spot.name} with it: "
        f"its {channels} numbers are learned for nothing."
    )
    return Advice(text, (setting(spot, f"Turn bias of {spot.name} off", bias=False),))


_SAME = {
    "core.add": "adds {0} to itself, which is only twice {0}: the branch beside the shortcut changes nothing",
    "core.sub": "takes {0} from itself, which is always 0",
    "core.div": "divides {0} by itself, which is always 1",
    "core.maximum": "takes the larger of {0} and {0}, which is {0}",
    "core.minimum": "takes the smaller of {0} and {0}, which is {0}",
    "core.concat": "joins {0} with itself, which tells the next layer nothing new",
}


def same_operands(spot: Spot) -> Advice | None:
    """Two wires that carry the very same numbers."""
    graph = spot.ground.graph
    ends = [_origin(spot, wire.source) for wire in graph.incoming.get(spot.node.id, ())]
    if len(ends) < 2 or len(set(ends)) > 1:
        return None
    source = graph.nodes.get(ends[0].node)
    if source is None:
        return None
    text = f"{spot.name} {_SAME[spot.node.kind].format(source.name)}. Lead another branch to one of its inputs."
    return Advice(text)


def _origin(spot: Spot, end: End) -> End:
    """Return the output that a wire's numbers come from, through everything that hands them on."""
    ground = spot.ground
    for _ in range(len(ground.graph.nodes)):
        before = ground.spot(end.node)
        if before is None:
            return end
        plain = before.node.kind == "torch.nn.Identity" or (
            before.node.kind in DROPOUTS and before.value("p") == 0
        )
        if not (before.idle or plain):
            return end
        source = before.source()
        if source is None:
            return end
        end = source
    return end


def unread_input(spot: Spot) -> Advice | None:
    """A window that steps further than it sees."""
    kernel = spot.each("kernel_size")
    stride = spot.each("stride") or kernel
    if not kernel or len(stride) != len(kernel) or all(size == 1 for size in kernel):
        return None  # a 1×1 projection with a stride is how shortcuts are made smaller
    gaps = [step > size for size, step in zip(kernel, stride, strict=True)]
    if not any(gaps):
        return None
    seen = math.prod(min(1.0, size / step) for size, step in zip(kernel, stride, strict=True))
    shown = "×".join(map(str, kernel))
    text = (
        f"{spot.name} steps by {max(stride)}, but its window is {shown}: {1 - seen:.0%} of what comes in is never "
        "read. Use a smaller stride or a larger kernel_size."
    )
    smaller = tuple(min(size, step) for size, step in zip(kernel, stride, strict=True))
    fitting = smaller[0] if len(set(smaller)) == 1 else smaller
    title = (
        f"Set stride to {'×'.join(map(str, smaller)) if isinstance(fitting, tuple) else fitting}"
    )
    return Advice(text, (setting(spot, title, stride=fitting),))


def large_linear(spot: Spot) -> Advice | None:
    """Most of a network's parameters in one Linear that reads every pixel."""
    before, count = spot.before, spot.facts.parameters
    if before is None or before.node.kind not in FLATTENING:
        return None
    whole, maps = spot.ground.outcome.parameters, before.given
    if count < _LARGE or count < 0.8 * whole or maps is None or len(maps.shape) not in (4, 5):
        return None
    channels, sides = maps.shape[1], maps.shape[2:]
    if not isinstance(channels, int) or all(side == 1 for side in sides):
        return None
    outputs = spot.value("out_features")
    pooled = (channels + 1) * outputs if isinstance(outputs, int) else 0
    shown = "×".join(map(str, maps.shape[1:]))
    text = (
        f"{spot.name} holds {count_text(count)} of the network's {count_text(whole)} parameters, since it reads each number of {shown}. "
        f"Averaged over places first, it would hold {count_text(pooled)}."
    )
    pool = f"torch.nn.AdaptiveAvgPool{len(sides)}d"
    return Advice(text, _between(before, pool, "Average-pool first", output_size=1))


def saturating_stack(spot: Spot) -> Advice | None:
    """Many squashing layers with nothing that keeps gradients up."""
    deep = _DEEP[spot.node.kind]
    count, first, at = 1, spot, spot.before
    steps = 0
    while at is not None and count <= deep and steps < 8 * deep:
        wires = at.ground.graph.incoming.get(at.node.id, ())
        if len(wires) != 1 or at.spec.category in ("norm", "seq", "attn", "tensor", "io"):
            break
        if at.node.kind == spot.node.kind:
            count, first = count + 1, at
        elif at.node.kind in ACTIVATIONS:
            break
        at, steps = at.before, steps + 1
    if count != deep:
        return None
    why = (
        f"each hands at most a quarter of the gradient on, all of them 1/{4**deep}"
        if spot.node.kind == "torch.nn.Sigmoid"
        else "each takes from the gradient, most where its units are saturated"
    )
    text = (
        f"From {first.name} to {spot.name} there are {count} {spot.spec.title} layers without a norm or a shortcut: "
        f"{why}. The first layers hardly learn; ReLU, a norm or shortcuts mend it."
    )
    return Advice(text)


def no_effect(spot: Spot) -> Advice | None:
    """A layer that hands on what it gets."""
    if spot.given is None or spot.given != spot.gives:
        return None
    before = spot.before
    flat = spot.node.kind in FLATTENING
    if flat and (before is None or before.node.kind not in FLATTENING):
        return None  # at the front it makes a network fit for images too
    text = f"{spot.name} changes nothing: what comes is {spot.given.text} {spot.given.dtype} already. Delete it."
    return Advice(text, (without(spot),))


def over_one_number(spot: Spot) -> Advice | None:
    """A softmax or a norm over a single number."""
    kind = spot.given
    if kind is None:
        return None
    if spot.node.kind in SOFTMAX:
        axis = spot.value("dim")
        sizes = (kind.shape[axis],) if isinstance(axis, int) and _is_axis(axis, kind.shape) else ()
        always = "always 1" if "Log" not in spot.node.kind else "always 0"
    else:
        count = spot.value("normalized_shape")
        sizes = count if isinstance(count, tuple) else (count,)
        always = "always the same" if spot.node.kind == "torch.nn.LayerNorm" else "only a sign"
    if not sizes or any(size != 1 for size in sizes):
        return None
    text = f"{spot.name} works over one number, so what it gives is {always}. Choose a dimension with more."
    return Advice(text, (without(spot),))


def _is_axis(axis: int, shape: tuple[object, ...]) -> bool:
    return -len(shape) <= axis < len(shape)


def mixed_samples(spot: Spot) -> Advice | None:
    """A softmax over the samples of a batch."""
    axis, kind = spot.value("dim"), spot.given
    if kind is None or not isinstance(axis, int) or axis % max(1, len(kind.shape)) != 0:
        return None
    if not _is_axis(axis, kind.shape) or kind.shape[0] != "N":
        return None
    text = (
        f"{spot.name} works along dimension 0, the samples of a batch: each answer would depend on the others "
        "that happen to be in it. Choose another dim."
    )
    return Advice(text, (setting(spot, "Set dim to −1, the last", dim=-1),))


def dropout_share(spot: Spot) -> Advice | None:
    """Dropout of nothing, or of everything."""
    share = spot.value("p")
    if share == 0:
        return Advice(
            f"{spot.name} drops a share of 0, which is nothing. Set p, or delete it.",
            (setting(spot, "Set p to 0.1", p=0.1), without(spot)),
        )
    if share == 1:
        text = f"{spot.name} drops everything: in training nothing passes and nothing before it learns."
        return Advice(text, (setting(spot, "Set p to 0.1", p=0.1), without(spot)))
    return None


def _between(spot: Spot, kind: str, title: str, **values: int) -> tuple[Remedy, ...]:
    """Return the change that puts a layer before a node."""
    wires = spot.ground.graph.incoming.get(spot.node.id, ())
    if not wires:
        return ()
    ground = spot.ground
    edits, last = Splice(ground.project, ground.where, wires[0], ground.specs).edits((kind, values))
    return (Remedy(title, edits, last),)
