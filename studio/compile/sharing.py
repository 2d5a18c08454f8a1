"""Nodes that use another node's weights: whether they may, and who counts them."""

from __future__ import annotations

from collections.abc import Mapping

from studio.compile.visit import Fault
from studio.graph.facts import NodeFacts
from studio.graph.graph import REROUTE, Graph, Node
from studio.graph.params import Value, with_defaults
from studio.graph.spec import LayerSpec


def owner_fault(graph: Graph, node: Node) -> Fault | None:
    """Return why `node` cannot use the weights that it names, as far as the drawing tells."""
    owner = graph.nodes.get(node.shares)
    if owner is None or owner.id == node.id:
        text = f"{node.name} uses the weights of a layer that is not here. Give it its own."
    elif owner.kind != node.kind:
        text = (
            f"{node.name} uses the weights of {owner.name}, which is another kind of layer. Give it its "
            "own, or swap it for the same kind."
        )
    elif owner.shares:
        text = (
            f"{node.name} uses the weights of {owner.name}, which has none of its own. Share with their "
            "owner instead."
        )
    else:
        return None
    return Fault(text, "sharing")


def size_fault(
    node: Node,
    owner: Node,
    spec: LayerSpec,
    nodes: Mapping[str, NodeFacts],
) -> Fault | None:
    """Return where the settings of `node` differ from its owner's, both with formulas worked out."""
    own, others = _sizes(node, spec, nodes), _sizes(owner, spec, nodes)
    for name, value in own.items():
        theirs, param = others.get(name), spec.param(name)
        unread = param is not None and param.inferred and (theirs is None or value is None)
        if name in others and value != theirs and not unread:
            text = (
                f"{node.name} uses the weights of {owner.name}, but its {name} is {value} and that of "
                f"{owner.name} is {theirs}. Make them equal, or give {node.name} its own weights."
            )
            return Fault(text, "sharing", param=name if param else "")
    return None


def keepers(graph: Graph, live: set[str]) -> set[str]:
    """Return the nodes that count the weights they run with: one for each owner."""
    found: dict[str, str] = {}
    for key, node in graph.nodes.items():
        if key in live and "bypassed" not in node.flags and node.kind != REROUTE:
            owner = node.shares or key
            if key == owner or owner not in found:
                found[owner] = key
    return set(found.values())


def _sizes(node: Node, spec: LayerSpec, nodes: Mapping[str, NodeFacts]) -> dict[str, Value]:
    """Return a node's settings and what was read off its wires; of a block also what was read inside."""
    known = nodes.get(node.id)
    if known is None or not known.outputs:
        return {}
    sizes = with_defaults(spec.params, node.params) | known.inferred
    start = f"{node.id}/"
    for path, facts in nodes.items():
        if path.startswith(start):
            inside = path[len(start) :].replace("/", ".")
            sizes |= {f"{inside}.{name}": value for name, value in facts.inferred.items()}
    return sizes
