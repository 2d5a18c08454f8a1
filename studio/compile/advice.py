"""What a rule says about a node, and the changes that it suggests."""

from __future__ import annotations

from typing import NamedTuple

from studio.compile.case import Remedy
from studio.compile.spots import Spot
from studio.graph.edits import RemoveNodes, SetParams
from studio.graph.params import Value


class Advice(NamedTuple):
    """A sentence with its reason, and changes that may help, best first."""

    message: str
    remedies: tuple[Remedy, ...] = ()


def without(spot: Spot) -> Remedy:
    """Return the change that takes the node out and joins the wire behind it."""
    edit = RemoveNodes(spot.ground.where, (spot.node.id,), heal=True)
    before = spot.before
    return Remedy(f"Delete {spot.name}", (edit,), before.node.id if before else "")


def setting(spot: Spot, title: str, **values: Value) -> Remedy:
    """Return the change of a node's parameters."""
    edit = SetParams(spot.ground.where, spot.node.id, values)
    return Remedy(title, (edit,), spot.node.id)
