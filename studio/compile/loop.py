"""The methods of a block that runs over time: one step, and the loop around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.compile.classes import Line, signature
from studio.compile.scan import is_whole
from studio.compile.template import CALLED
from studio.graph.graph import Node

if TYPE_CHECKING:
    from studio.compile.body import Body


def time_methods(body: Body) -> list[Line]:
    """Return the methods of a block that runs over time: one step, and the loop."""
    names = body.names
    inputs = [names[node.id, "out"] for node in body.inputs]
    states = [names[node.id, "out"] for node in body.states]
    sliced = [name for node, name in zip(body.inputs, inputs, strict=True) if not is_whole(node)]
    taken = {*inputs, *states, *body.known.taken, *CALLED}

    def free(wish: str) -> str:
        while wish in taken:
            wish += "_"
        taken.add(wish)
        return wish

    attributes = {node.name for node in body.graph.nodes.values()}
    step = "step"
    while {step, f"{step}_tapped"} & attributes:  # a module of that name would hide the method
        step += "_"
    now = {name: free(f"{name}_t") for name in sliced}
    outs = [free(node.name) for node in body.outputs]
    lists = [free(f"{name}s") for name in outs]
    first = next(node for node in body.inputs if not is_whole(node))
    kind = body.known.facts[body.prefix + first.id].outputs["out"]
    given = [
        *(f"{name}: Tensor" for name in inputs),
        *(f"{state}: Tensor | None = None" for state in states),
    ]
    loop = (
        f"for {now[sliced[0]]} in {sliced[0]}.unbind(1):"
        if len(sliced) == 1
        else f"for {', '.join(now.values())} in zip({', '.join(f'{name}.unbind(1)' for name in sliced)}):"
    )
    ends = [*(f"torch.stack({name}, dim=1)" for name in lists), *states]
    start = [
        line
        for node, name in zip(body.states, states, strict=True)
        for line in (
            f"if {name} is None:",
            f"    {name} = {_start(body, node, sliced[0], kind.dtype)}",
        )
    ]
    lines = [*body.method(step, [*inputs, *states], False), ("", "")]

    def forward(tapped: bool) -> list[Line]:
        arguments = [now.get(name, name) for name in inputs] + states + (["tap"] if tapped else [])
        call = f"self.{step}{'_tapped' if tapped else ''}({', '.join(arguments)})"
        texts = [
            *start,
            *([f"{', '.join(lists)} = {', '.join('[]' for _ in lists)}"] if lists else []),
            loop,
            f"    {', '.join([*outs, *states])} = {call}",
            *(f"    {place}.append({out})" for place, out in zip(lists, outs, strict=True)),
            f"return {', '.join(ends)}",
        ]
        name = "forward_tapped" if tapped else "forward"
        head = signature(name, given, tapped, len(ends), "tap=None")
        doc = f"Run `{step}` along dimension 1 of {' and '.join(sliced)}."
        about = [] if tapped else [(f'        """{doc}"""', "")]
        return [
            *((line, "") for line in head),
            *about,
            *((f"        {text}", "") for text in texts),
        ]

    lines += forward(False)
    if not body.known.tapped:
        return lines
    twin = body.method(f"{step}_tapped", [*inputs, *states], True)
    return [*lines, ("", ""), *twin, ("", ""), *forward(True)]


def _start(body: Body, state: Node, source: str, dtype: str) -> str:
    """Return what a state is before the first step: the same for every sample."""
    shape = body.shape_of(state)
    sizes = ", ".join(map(str, shape))
    if state.params.get("init") == "learned":
        return f"self.{state.name}.expand({source}.shape[0], {', '.join('-1' for _ in shape)})"
    if dtype.startswith(("float", "bfloat")):
        return f"{source}.new_zeros({source}.shape[0], {sizes})"
    return f"torch.zeros({source}.shape[0], {sizes}, device={source}.device)"
