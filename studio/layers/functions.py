"""PyTorch's functions → specs: ports and options are read off; rows say only what cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from studio.graph.params import Param, ParamType, Value
from studio.graph.spec import Code, LayerSpec, Port, PortType
from studio.layers import docstrings
from studio.layers.signatures import REQUIRED, Argument, read


@dataclass(frozen=True)
class Row:
    """A function of PyTorch's, and what its signature does not say.

    `doc` stands where PyTorch's own first sentence says little, `line` where the call is written in
    another way, `ports` other names of inputs, and `types` the ports' types.
    """

    name: str
    title: str
    group: str
    overload: str = ""
    doc: str = ""
    formula: str = ""
    line: str = ""
    category: str = "tensor"
    keeps: bool = False
    hidden: tuple[str, ...] = ()
    starts: Mapping[str, Value] = field(default_factory=dict)
    choices: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    kinds: Mapping[str, ParamType] = field(default_factory=dict)
    ranks: tuple[int, ...] = ()
    ports: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, PortType] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()


#: Arguments that are no option of a node: where results go, which algorithm is used, what is old.
_HIDDEN = frozenset({
    "dtype", "out", "layout", "device", "pin_memory", "memory_format", "sparse_grad", "generator",
    "compute_mode", "path", "sorted", "output_size", "recompute_scale_factor", "left",
})  # fmt: skip

_TYPES: Mapping[str, ParamType] = {
    "int": "int", "float": "float", "bool": "bool", "str": "str",
    "int[]": "ints", "float[]": "float",
}  # fmt: skip

_PORTS: Mapping[str, PortType] = {
    "index": "int", "indices": "int", "mask": "mask", "condition": "mask",
}  # fmt: skip

#: What an option starts with where PyTorch leaves it to the caller, or means all dimensions.
_STARTS: Mapping[str, Value] = {"dim": -1, "k": 1}

_LIMITS: Mapping[str, tuple[float | None, float | None]] = {
    "dim": (-8, 8), "dim1": (-8, 8), "dim2": (-8, 8), "k": (1, None), "n": (1, None),
    "num_classes": (1, None), "repeats": (1, 65_536), "s": (1, None),
}  # fmt: skip

#: A line for each option: PyTorch keeps these words apart from its functions, or repeats itself.
_HELP = {
    "align_corners": "On: the corners' centres stay where they are; off: the corners' edges.",
    "alpha": "What is added is multiplied by it.",
    "antialias": "Smooth before making smaller; for bilinear and bicubic.",
    "base": "The number whose powers are taken.",
    "correction": "Subtracted from the count: 1 for samples of something larger, 0 for all there is.",
    "decimals": "Digits behind the point.",
    "descending": "The largest first.",
    "diagonal": "Which diagonal: 0 the main one, above it where positive, below where negative.",
    "dim": "Which dimension; 0 is the batch, −1 the last.",
    "dim1": "The first of two dimensions.",
    "dim2": "The second of two dimensions.",
    "dims": "Which dimensions.",
    "end_dim": "The last dimension to merge.",
    "eps": "A small number that keeps the result finite.",
    "equation": "Letters for the dimensions of each input, an arrow, and those of the result.",
    "hard": "Give exactly one 1; gradients are those of the soft shares.",
    "include_self": "What is there already counts too.",
    "invert": "Turned round.",
    "keepdim": "Keep the dimension, with size 1.",
    "k": "How many.",
    "largest": "On: the largest; off: the smallest.",
    "mode": "How what lies between, or outside, is worked out.",
    "n": "How many times, or of what length: longer is filled with zeros, shorter is cut.",
    "nan": "Stands for what is not a number.",
    "neginf": "Stands for minus infinity; empty for the smallest number.",
    "norm": "Which way is divided by the length: backward, forward, or both by its root (ortho).",
    "num_classes": "How many classes there are.",
    "offset": "Which diagonal: 0 the main one.",
    "ord": "Which norm: 2 for length, 1 for the sum of absolute values.",
    "p": "The power of the distance: 2 for Euclid's, 1 for the sum of differences.",
    "pad": "How many at each end, the last dimension first: left, right, top, bottom.",
    "padding_mode": "What is seen outside.",
    "posinf": "Stands for infinity; empty for the largest number.",
    "q": "Which share lies below: 0.5 for the median.",
    "reduce": "How values that meet are joined.",
    "repeats": "How many times each entry comes.",
    "rounding_mode": "How the quotient becomes whole.",
    "s": "Lengths of the transformed dimensions; empty keeps them.",
    "scale_factor": "How many times as large.",
    "shifts": "By how many entries.",
    "size": "The size to reach.",
    "stable": "Equal entries keep their order.",
    "tau": "The temperature: small makes it sharp.",
    "unbiased": "Divide by one less than the count.",
    "value": "What is filled in.",
    "weight": "How far from the first towards the second: 0 to 1.",
    "source": "Which dimension is moved.",
    "destination": "Where it is put.",
    "threshold": "Above it, the function is a straight line.",
    "beta": "How sharply it bends.",
    "negative_slope": "What negative values are multiplied by.",
    "hermitian": "The matrix is its own conjugate transpose.",
    "upper": "The upper triangle instead of the lower one.",
}


def function(row: Row) -> LayerSpec:
    """Return the spec of a function.

    Raises: LookupError, where this PyTorch has none of that name.
    """
    signature = read(row.name, row.overload)
    hidden = _HIDDEN | set(row.hidden)
    shown = [one for one in signature.arguments if one.name not in hidden]
    tensors = [one for one in shown if one.type in ("Tensor", "Tensor[]")]
    ports = tuple(_port(row, one, number) for number, one in enumerate(tensors))
    names = {one.name: port.name for one, port in zip(tensors, ports, strict=True)}
    params = tuple(_param(row, one) for one in shown if one.type in _TYPES)
    outputs = tuple(_output(row, name) for name in signature.returns)
    target = ", ".join(f"{{{port.name}}}" for port in outputs)
    call = row.line or f"{_called(row.name)}({_call(signature.arguments, names, params)})"
    short = row.name.rpartition(".")[2]
    return LayerSpec(
        kind=row.name,
        title=row.title,
        doc=row.doc or docstrings.first_sentence(signature.doc),
        params=params,
        category=row.category,
        group=row.group,
        inputs=ports,
        outputs=outputs,
        formula=row.formula or docstrings.formula(signature.doc),
        summary=tuple(param.name for param in params if param.type != "bool")[:3],
        keeps_shape=row.keeps,
        keywords=tuple(dict.fromkeys((short, *row.keywords))),
        reference=row.name,
        code=Code(lines=(call if " = " in call else f"{target} = {call}",)),
    )


def _called(name: str) -> str:
    return name.replace("torch.nn.functional.", "F.")


def _port(row: Row, argument: Argument, number: int) -> Port:
    name = row.ports.get(argument.name, argument.name if number else "x")
    kind = row.types.get(name, _PORTS.get(argument.name, "any"))
    ranks = row.ranks if number == 0 else ()
    return Port(name, kind, argument.optional, argument.type == "Tensor[]", ranks)


def _output(row: Row, name: str) -> Port:
    name = name or "out"
    return Port(name, row.types.get(name, _PORTS.get(name, "any")))


def _param(row: Row, argument: Argument) -> Param:
    name = argument.name
    kind = row.kinds.get(name, _TYPES[argument.type])
    default = None if argument.default is REQUIRED else argument.default
    start = row.starts.get(name, _STARTS.get(name, default) if default is None else default)
    choices = row.choices.get(name, ())
    if kind == "ints" and start is not None:
        start = tuple(start) if isinstance(start, (list, tuple)) else (start,)
    minimum, maximum = _LIMITS.get(name, (None, None)) if kind in ("int", "ints") else (None, None)
    return Param(
        name,
        "choice" if choices else kind,
        float(start) if kind == "float" and start is not None else start,
        optional=argument.optional or start is None,
        minimum=minimum,
        maximum=maximum,
        choices=choices,
        help=_HELP.get(name, ""),
    )


def _call(
    arguments: tuple[Argument, ...], ports: Mapping[str, str], params: tuple[Param, ...]
) -> str:
    """Return the arguments as they are written: what is needed in order, the rest by its name.

    What is off, or not connected, is left out where PyTorch's own default says the same.
    """
    shown = {param.name: param for param in params}
    in_order, text = True, ""
    for one in arguments:
        slot = ports.get(one.name, one.name)
        if slot not in ports.values() and one.name not in shown:
            in_order = False
            continue
        needed = one.default is REQUIRED and not one.optional and not one.by_name
        in_order = in_order and needed
        form = ":single" if one.type == "int[]" and one.name == "dim" else ""
        value = f"[{{{slot}}}]" if one.type == "Tensor[]" else f"{{{slot}{form}}}"
        piece = f", {value}" if in_order else f", {one.name}={value}"
        if one.type == "Tensor[]" and text:
            piece = f", {{{slot}}}"  # `einsum` takes them one by one
        param = shown.get(one.name)
        same = param is None or param.default == one.default
        text += f"<{piece}>" if same and one.default in (None, False) else piece
    return text.removeprefix("<, ").removeprefix(", ")
