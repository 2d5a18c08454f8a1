"""Wire surgery: what is changed on the wires while a network answers. The weights stay as they are.

Part of the document, so that it is saved and undone like everything else. Training, checkpoints and the
generated code take no notice of it; predictions, explanations and probes do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from studio.graph.graph import BLOCK, REROUTE, End, Graph

if TYPE_CHECKING:
    from studio.graph.project import Project

Action = Literal["zero", "scale", "noise", "patch"]

#: More than anyone can keep in sight; each costs a pass of the network where it patches.
MOST = 64
#: Factors and noise beyond this turn numbers into infinities.
LARGEST = 1e6


class Intervention(Struct, frozen=True, omit_defaults=True):
    """One change of what leaves an output port, for every sample alike.

    `path` is the node's id path (`res1/conv1`; every pass of a repeated block). `channel` is a feature
    map, an attention head or a unit, None for all. `amount` is the factor of `scale`, and the standard
    deviation of `noise` in the tensor's own units; `sample` is the validation sample whose values `patch`
    puts in.
    """

    network: str
    path: str
    port: str = "out"
    channel: int | None = None
    action: Action = "zero"
    amount: float = 0.0
    sample: int = 0

    @property
    def text(self) -> str:
        """`×0`, `×0.5`, `± 0.2`, `← sample 12`; with a channel `channel 3 ×0`."""
        match self.action:
            case "zero":
                done = "×0"
            case "scale":
                done = f"×{self.amount:g}".replace("-", "\N{MINUS SIGN}")
            case "noise":
                done = f"± {self.amount:g}"
            case "patch":
                done = f"← sample {self.sample}"
        return done if self.channel is None else f"channel {self.channel} {done}"


def trouble(intervention: Intervention) -> str:
    """Return what is wrong with the figures of an intervention, in a sentence, or ""."""
    amount, sample, channel = intervention.amount, intervention.sample, intervention.channel
    if not (math.isfinite(amount) and abs(amount) <= LARGEST):
        return f"Surgery needs an amount between −{LARGEST:g} and {LARGEST:g}, but got {amount:g}."
    if intervention.action == "noise" and amount < 0:
        return f"Noise needs a standard deviation of at least 0, but got {amount:g}."
    if sample < 0:
        return f"Samples are counted from 0, but got {sample}."
    if channel is not None and channel < 0:
        return f"Channels are counted from 0, but got {channel}."
    return ""


def feeding(graph: Graph, end: End) -> End | None:
    """Return the output port that computes what a port hands on, or None where nothing does.

    Points that a wire is led through and bypassed nodes compute nothing: they hand on their first input.
    """
    seen = set()
    while end.node in graph.nodes and end.node not in seen:
        node = graph.nodes[end.node]
        if node.kind != REROUTE and "bypassed" not in node.flags:
            return end
        seen.add(end.node)
        incoming = graph.incoming.get(end.node, ())
        if not incoming:
            return None
        end = incoming[0].source
    return None


def has_place(project: Project, network: str, path: str) -> bool:
    """Tell whether a network has a node at an id path."""
    if network not in project.networks:
        return False
    graph: Graph | None = project.networks[network].graph
    for key in path.split("/"):
        if graph is not None and key not in graph.nodes and key.isdecimal():
            continue  # a pass of a repeated block
        if graph is None or key not in graph.nodes:
            return False
        block = project.blocks.get(graph.nodes[key].kind.removeprefix(BLOCK))
        graph = block.sheet.graph if block is not None else None
    return True


def in_place(project: Project) -> tuple[Intervention, ...]:
    """Return the interventions whose node exists; an edit may have taken the others'."""
    return tuple(one for one in project.surgery if has_place(project, one.network, one.path))


def under(project: Project, surgery: tuple[Intervention, ...]) -> Project:
    """Return the project with this surgery; the very same one where it has it already."""
    return project if project.surgery == surgery else replace(project, surgery=surgery)
