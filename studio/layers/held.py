"""Tensors that a network holds under a name: learned, kept beside the weights, or counted up."""

from __future__ import annotations

from studio.graph.params import Param
from studio.graph.spec import Code, LayerSpec

_SHAPE = Param(
    "shape", "ints", (64,), optional=True, minimum=0, help="All of it; empty for a single number."
)
_DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool")

HELD = (
    LayerSpec(
        kind="core.tensor",
        title="Learned tensor",
        doc="A learned tensor of exactly this shape, the same for every sample.",
        category="dense",
        inputs=(),
        params=(
            _SHAPE,
            Param("std", "float", 0.02, minimum=0.0, help="Spread of the random start; 0 for zeros."),
        ),
        summary=("shape",),
        keywords=("learnable", "weight", "parameter", "scale"),
        reference="torch.nn.Parameter",
        code=Code(make="nn.Parameter(torch.randn({shape:sizes}) * {std})", lines=("{out} = {self}",)),
    ),
    LayerSpec(
        kind="core.buffer",
        title="Kept tensor",
        doc="A tensor that is saved with the weights and not learned; it starts as zeros.",
        category="tensor",
        inputs=(),
        params=(
            _SHAPE,
            Param("dtype", "choice", "float32", choices=_DTYPES, help="The type of its numbers."),
        ),
        summary=("shape",),
        keywords=("constant", "mask", "state"),
        reference="torch.nn.Buffer",
        code=Code(
            make="nn.Buffer(torch.zeros({shape:sizes}, dtype=torch.{dtype:bare}))",
            lines=("{out} = {self}",),
        ),
    ),
    LayerSpec(
        kind="core.range",
        title="Range",
        doc="Whole numbers in a row, such as the positions of a sequence's tokens.",
        category="tensor",
        inputs=(),
        params=(
            Param("start", "int", 0, help="The first number."),
            Param("stop", "int", 64, help="Up to, not including."),
            Param("step", "int", 1, help="From one number to the next."),
        ),
        summary=("stop",),
        keywords=("arange", "positions", "index"),
        reference="torch.arange",
        code=Code(
            make="nn.Buffer(torch.arange({start}, {stop}, {step}), persistent=False)",
            lines=("{out} = {self}",),
        ),
    ),
)  # fmt: skip
