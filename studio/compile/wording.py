"""What is wrong with a node, in words: what is needed, what comes, what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from studio.compile import symbols
from studio.compile.symbols import SAMPLES
from studio.graph.facts import TensorType, dim_text
from studio.graph.graph import Node
from studio.graph.params import Param, Value
from studio.graph.spec import LayerSpec, Port


class Said(NamedTuple):
    """A sentence, the reason by which repairs are chosen, and the parameter that it is about."""

    text: str
    reason: str
    param: str = ""


def sample(kind: TensorType) -> str:
    """Return one sample's shape as text: `64×5×5`, `64 numbers`, `one number`."""
    shape = kind.shape[1:] if kind.shape and kind.shape[0] == "N" else kind.shape
    if not shape:
        return "one number"
    return "×".join(map(dim_text, shape)) if len(shape) > 1 else f"{shape[0]} numbers"


def unconnected(node: Node, spec: LayerSpec, port: Port) -> str:
    """Nothing leads into a required port."""
    if len(spec.inputs) == 1:
        return f"{node.name} gets nothing. Connect a wire to its input."
    return f"{node.name} gets nothing at {port.name}. Connect a wire there."


_FORMS = {
    2: "one flat vector per sample",
    3: "channels × length per sample",
    4: "an image per sample (channels × height × width)",
    5: "a volume per sample (channels × depth × height × width)",
}


def rank(spec: LayerSpec, port: Port, kind: TensorType, given: Mapping[str, Value]) -> Said | None:
    """Too many or too few dimensions: without this check `Conv2d` would take samples for channels,
    and `Linear` would quietly work along the last side of an image."""
    if not port.ranks or len(kind.shape) in port.ranks:
        return None
    chosen = [
        param for param in spec.params if param.inferred and given.get(param.name) is not None
    ]
    if spec.category == "dense" and chosen and len(kind.shape) > max(port.ranks):
        return None
    if spec.category in ("seq", "attn") and port.ranks == (3,):
        needed = "a sequence per sample (steps × features)"
    elif spec.category == "dense":
        needed = _FORMS[2]
    else:
        needed = " or ".join(_FORMS[number] for number in port.ranks)
    return Said(f"{spec.title} needs {needed}, but gets {sample(kind)}.", "rank")


def dtype(spec: LayerSpec, port: Port, kind: TensorType) -> Said | None:
    """Ids where fractions are needed, or the other way round."""
    whole = kind.dtype.startswith(("int", "uint", "bool"))
    if port.type == "int" and not whole:
        text = f"{spec.title} needs whole numbers (ids), but gets {kind.dtype}."
        return Said(text, "dtype")
    if port.type == "mask" and kind.dtype != "bool":
        text = f"{spec.title} needs a mask (bool) at {port.name}, but gets {kind.dtype}. Put a comparison before it."
        return Said(text, "dtype")
    if port.type in ("float", "state") and whole:
        text = f"{spec.title} needs numbers with fractions (float32), but gets {kind.dtype}."
        return Said(text, "dtype")
    return None


#: Parameters that name a dimension, and kinds that may name one more than there is.
_DIMENSIONS = ("dim", "dim0", "dim1", "start_dim", "end_dim")
_ONE_MORE = ("core.unsqueeze", "core.stack")


def dimension(spec: LayerSpec, kind: TensorType, given: Mapping[str, Value]) -> Said | None:
    """A dimension that is not there, which the meta device does not always notice."""
    count = len(kind.shape) + (spec.kind in _ONE_MORE)
    for name in _DIMENSIONS:
        param = spec.param(name)
        value = given.get(name, param.default) if param else None
        for axis in value if isinstance(value, tuple) else (value,):
            if isinstance(axis, int) and not -count <= axis < count:
                text = (
                    f"{spec.title} works along dimension {axis} ({name}), but gets {kind.text}, which "
                    f"has {count}. Choose {name} from {-count} to {count - 1}."
                )
                return Said(text.replace("-", "−"), "dimension", name)
    return None


_NOUNS = {"channels": "channels", "features": "features", "size": "features", "dim": "features"}


def unreadable(spec: LayerSpec, param: Param, kind: TensorType | None) -> str:
    """A parameter that the wire does not tell."""
    came = sample(kind) if kind else "nothing"
    axis = int(param.reads.partition("[")[2].removesuffix("]") or 0)
    named = kind.shape[axis] if kind and -len(kind.shape) <= axis < len(kind.shape) else 0
    if isinstance(named, str):
        noun = next((noun for end, noun in _NOUNS.items() if param.name.endswith(end)), "numbers")
        letters = " and ".join(symbols.names_in((named,))) or "N"
        return (
            f"{spec.title} needs a fixed number of {noun} for its weights, but gets {dim_text(named)}, which "
            f"changes with {letters}. Pool or average over it first, or give the input a number for it."
        )
    return (
        f"{param.name} of {spec.title} cannot be read off {came}. Set {param.name}, or change what "
        "comes in."
    )


def contradicts(spec: LayerSpec, param: Param, value: Value, arrives: int) -> str:
    """A size that was set by hand, against the wire."""
    noun = next((noun for end, noun in _NOUNS.items() if param.name.endswith(end)), "numbers")
    shown = "×".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"{spec.title} is set to {param.name} {shown}, but gets {arrives} {noun}."


def torch_said(
    spec: LayerSpec,
    values: Mapping[str, Value],
    inputs: Mapping[str, tuple[TensorType, ...]],
    error: str,
) -> Said:
    """Return PyTorch's refusal in words: a rule where one fits, else its first sentence."""
    kinds = [kind for kinds in inputs.values() for kind in kinds]
    came = " and ".join(sample(kind) for kind in kinds) or "nothing"
    low = error.lower()
    heads = values.get("num_heads", values.get("nhead"))
    if heads and "divisible" in low:
        features = values.get("embed_dim", values.get("d_model"))
        return Said(
            f"{spec.title} shares {features} features among {heads} heads, which does not come out "
            f"even. Choose a number of heads that divides {features}.",
            "heads",
        )
    if "divisible" in low:
        name = next((n for n in ("groups", "num_groups") if n in values), "")
        if name:
            return Said(
                f"{spec.title} cannot divide {came} into {values[name]} groups evenly. "
                f"Choose {name} so that it divides the channels.",
                "groups",
            )
    if re.search(r"kernel size can't be greater|output size is too small|too small|should be at most",
                 low) and "kernel_size" in values:  # fmt: skip
        window = values["kernel_size"]
        shown = "×".join(map(str, window)) if isinstance(window, tuple) else str(window)
        return Said(
            f"{spec.title} has a window of {shown}, which does not fit into {came}. "
            "Choose a smaller kernel_size or more padding.",
            "window",
        )
    if "invalid for input of size" in low or "unflatten" in low:
        target = values.get("shape", values.get("unflattened_size", ()))
        shown = "×".join(map(str, target)) if isinstance(target, tuple) else str(target)
        return Said(f"{spec.title} cannot arrange {came} as {shown}: the counts differ.", "reshape")
    if spec.kind in ("core.concat", "core.stack"):
        dim = values.get("dim", 1)
        rest = f"the same sizes except in dimension {dim}" if "concat" in spec.kind else "one shape"
        return Said(f"{spec.title} needs tensors of {rest}, but gets {came}.", "combine")
    if len(kinds) == 2 and set(inputs) == {"a", "b"}:
        if spec.kind == "core.matmul":
            text = f"{spec.title} needs as many columns in a as rows in b, but gets {came}."
        else:
            text = f"{spec.title} needs two tensors of one shape, but gets {came}."
        return Said(text, "combine")
    return Said(f"{spec.title} cannot work with {came}: {clean(error)}", "torch")


def clean(error: str) -> str:
    """Return the first sentence of an error of PyTorch's, with `N` for the samples of a probe."""
    line = re.split(r"\n|Exception raised from", error.strip())[0]
    line = re.sub(r"^\w*(?:Error|Exception):\s*", "", line)
    line = re.split(r"(?<=[a-z\])])\.\s", line)[0]

    def batch(found: re.Match[str]) -> str:
        number = int(found.group())
        times = number // SAMPLES
        if number == 0 or number % SAMPLES:
            return found.group()
        return "N" if times == 1 else f"{times}N"

    return re.sub(r"\d+", batch, line).strip(" .") + "."
