"""Where values come in, go out, wait for the next step or turn a corner: nodes without code of their own."""

from __future__ import annotations

from studio.graph.graph import INPUT, NEXT, OUTPUT, REROUTE, STATE
from studio.graph.params import Param
from studio.graph.spec import LayerSpec, Port

DTYPES = ("float32", "int64", "bool")

_X = (Port("x", "any"),)
_OUT = (Port("out", "any"),)

ENDS = (
    LayerSpec(
        kind=INPUT,
        title="Input",
        doc="Where samples come in; in a block, an input port of that name.",
        category="io",
        inputs=(),
        outputs=_OUT,
        params=(
            Param(
                "shape",
                "ints",
                optional=True,
                minimum=1,
                named=True,
                help="One sample's shape, without the batch: 3×32×32, or T×32 where T may be any "
                "length. Left open: what the data gives.",
            ),
            Param("dtype", "choice", "float32", choices=DTYPES, help="Used with a shape."),
            Param(
                "whole",
                "bool",
                False,
                help="In a block that runs over time: every step gets all of it, not its own slice.",
            ),
        ),
        keywords=("data", "source"),
    ),
    LayerSpec(
        kind=OUTPUT,
        title="Output",
        doc="What the network answers; in a block, an output port of that name.",
        category="io",
        inputs=_X,
        outputs=(),
        keywords=("result", "target"),
    ),
    LayerSpec(
        kind=STATE,
        title="State",
        doc="What the step before left. A block with a state runs over time, one step after the other "
        "along dimension 1 of its inputs.",
        category="seq",
        inputs=(),
        outputs=_OUT,
        params=(
            Param("shape", "ints", (64,), minimum=1, help="One sample's shape, without the batch."),
            Param(
                "init",
                "choice",
                "zeros",
                choices=("zeros", "learned"),
                help="What the first step finds where no start is wired: zeros, or learned numbers.",
            ),
        ),
        summary=("shape",),
        formula="h_0 = 0",
        keywords=("memory", "hidden", "recurrent", "scan", "time", "lstm", "gru", "rnn"),
    ),
    LayerSpec(
        kind=NEXT,
        title="Next",
        doc="What this step leaves for the next one: the new value of a State of the same block.",
        category="seq",
        inputs=_X,
        outputs=(),
        params=(Param("state", "str", "", help="The name of the State that it sets."),),
        summary=("state",),
        formula="h_(t+1) = x_t",
        keywords=("memory", "hidden", "recurrent", "scan", "time", "update"),
    ),
    LayerSpec(
        kind=REROUTE,
        title="Reroute",
        doc="A point that a wire is led through; it changes nothing and is nowhere in the code.",
        category="tensor",
        inputs=_X,
        outputs=_OUT,
        formula="y = x",
        keywords=("dot", "corner", "wire", "knot"),
    ),
)
