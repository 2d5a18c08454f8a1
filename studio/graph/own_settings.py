"""Optimiser settings that a node has of its own, kept in the recipe by the node's place."""

from __future__ import annotations

from collections.abc import Mapping

from studio.graph.params import Value

#: Settings of nodes by place, as `Recipe.groups` holds them.
Groups = Mapping[str, Mapping[str, Value]]


def place_of(network: str, path: str) -> str:
    """Return the key of a node in `Recipe.groups`: its path, after its network's name unless main."""
    return path if network == "main" else f"{network}:{path}"


def at_place(place: str) -> tuple[str, str]:
    """Return network and path of a key of `Recipe.groups`."""
    network, _, path = place.rpartition(":")
    return network or "main", path


def own_settings(groups: Groups, network: str, path: str) -> dict[str, Value]:
    """Return what a node has of its own; what it has not is taken from the blocks around it."""
    found: dict[str, Value] = {}
    inner = path
    while inner and groups:
        found = {**groups.get(place_of(network, inner), {}), **found}
        inner = inner.rpartition("/")[0]
    return found


def with_settings(
    groups: Groups, network: str, path: str, values: Mapping[str, Value | None]
) -> dict[str, dict[str, Value]]:
    """Return the groups with a node's settings changed; None takes one away."""
    place = place_of(network, path)
    own = {**groups.get(place, {}), **values}
    kept = {name: value for name, value in own.items() if value is not None}
    others = {key: dict(held) for key, held in groups.items() if key != place}
    return {**others, place: kept} if kept else others
