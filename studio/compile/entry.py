"""What comes in at a network's input: the data's shape, or the shape that a person wrote, names and all."""

from __future__ import annotations

from collections.abc import Mapping

from studio.compile import field as receptive
from studio.compile.symbols import TYPICAL
from studio.compile.visit import Fault, Signal
from studio.graph.facts import DataFacts, TensorType
from studio.graph.params import Value


def entry(
    name: str, params: Mapping[str, Value], data: DataFacts | None, fed: bool
) -> Signal | Fault:
    """Return what the input of a name with these (checked) parameters gives; `fed` with the data's samples.

    A name in the shape (`T, 32`) stays a name in every shape behind it; in costs it counts as what the
    data's samples have there.
    """
    shape = params.get("shape")
    sample = data.more.get(name, data.sample) if data else None
    if shape is not None:
        kind = TensorType(("N", *shape), str(params.get("dtype", "float32")))
    elif sample is not None:
        kind = TensorType(("N", *sample.shape), sample.dtype)
    else:
        text = "There is no data yet, so no shape is known. Choose data, or set the shape here."
        return Fault(text, "data")
    sizes: dict[str, int] = {}
    for axis, dim in enumerate(kind.shape[1:]):
        if not isinstance(dim, str):
            continue
        given = sample.shape[axis] if fed and sample and axis < len(sample.shape) else TYPICAL
        size = given if isinstance(given, int) else TYPICAL
        if sizes.setdefault(dim, size) != size:
            text = f"The input calls two sizes {dim}: {sizes[dim]} and {size} in the data. Use two names."
            return Fault(text, "params", param="shape")
    if sample is not None and fed:
        meant = tuple(
            sizes.get(dim, dim) if isinstance(dim, str) else dim for dim in kind.shape[1:]
        )
        if meant != sample.shape:
            came = TensorType(sample.shape).text
            text = (
                f"The input is set to {TensorType(kind.shape[1:]).text}, but the data gives {came}. "
                "Clear its shape, or choose other data."
            )
            return Fault(text, "params", param="shape")
    first = data is not None and fed and name not in data.more
    reach = data.value_range if data is not None and first else None
    return Signal(kind, receptive.start(kind), tuple(sorted(sizes.items())), reach)
