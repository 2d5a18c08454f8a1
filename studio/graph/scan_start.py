"""The block that a new scan begins as: input, state, next value and output, wired, with a width."""

from __future__ import annotations

from msgspec.structs import replace

from studio.graph.builder import Net
from studio.graph.graph import NEXT, STATE
from studio.graph.params import Param
from studio.graph.project import Block

_DOC = (
    "The plainest recurrent cell: it joins its input with what the step before left. Draw gates between "
    "them for an LSTM or a cell of your own."
)


def scan_start() -> Block:
    """Return the plainest recurrent cell, h' = tanh(W · [x, h] + b), of a width that instances set.

    Source: Elman, Finding structure in time, 1990, equation of the simple recurrent network.
    """
    net = Net()
    with net.block("scan", _DOC) as cell:
        x = cell.input()
        h = cell.add(STATE, name="h", shape="=size")
        joined = cell.add("core.concat", x, h, name="join")
        mixed = cell.add("torch.nn.Linear", joined, name="mix", out_features="=size")
        new = cell.add("torch.nn.Tanh", mixed, name="tanh")
        cell.add(NEXT, new, name="h_next", state="h")
        cell.output(new)
    width = Param("size", "int", 64, minimum=1, maximum=65_536, help="Width of the state")
    return replace(net.project().blocks["scan"], params=(width,))
