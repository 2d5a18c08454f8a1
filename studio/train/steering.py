"""What of a network can be changed while it learns: which nodes are frozen, and how much drops out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from studio.graph.own_settings import place_of
from studio.train.options import TrainProblem
from studio.train.paths import NodePath, Owners


class Steering:
    """Nodes are named by their places in `Recipe.groups`; a block stands for all inside it."""

    def __init__(
        self, networks: Mapping[str, nn.Module], nodes: Mapping[str, tuple[NodePath, ...]]
    ) -> None:
        self._parameters: list[tuple[str, nn.Parameter]] = []
        self._dropouts: list[tuple[str, _DropoutNd]] = []
        self._state: dict[str, dict[str, Any]] = {"frozen": {}, "p": {}}
        for role, network in networks.items():
            owners = Owners(network, nodes[role]).of
            for name, parameter in network.named_parameters():
                owner = owners[name]
                if owner is not None:
                    self._parameters.append((place_of(role, owner.path), parameter))
            modules = dict(network.named_modules())
            for node in nodes[role]:
                module = modules.get(node.dotted)
                if isinstance(module, _DropoutNd):
                    self._dropouts.append((place_of(role, node.path), module))

    def freeze(self, place: str, frozen: bool) -> None:
        """Let a node's weights stay as they are from now on, or learn again.

        Raises: TrainProblem.
        """
        held = list(_below(place, self._parameters))
        if not held:
            raise TrainProblem(f"{place} has no weights that could be frozen. Choose another node.")
        others = {id(parameter) for parameter in held}
        learns = any(q.requires_grad and id(q) not in others for _, q in self._parameters)
        if frozen and not learns:
            raise TrainProblem(
                f"Without {place} nothing would learn any more. Leave it, or stop the run."
            )
        for parameter in held:
            parameter.requires_grad_(not frozen)
            if frozen:
                parameter.grad = None  # an optimiser leaves alone what has no gradient
        self._state["frozen"][place] = frozen

    def drop(self, place: str, share: float) -> None:
        """Let a dropout node drop another share of its inputs.

        Raises: TrainProblem.
        """
        modules = list(_below(place, self._dropouts))
        if not modules:
            raise TrainProblem(f"{place} is no dropout, so it has no share p. Choose another node.")
        if not 0 <= share <= 1:
            raise TrainProblem(
                f"The share that drops out lies between 0 and 1, but {share:g} came."
            )
        for module in modules:
            module.p = share
        self._state["p"][place] = share

    def state(self) -> dict[str, Any]:
        """Return what was changed, as plain values."""
        return {name: dict(changed) for name, changed in self._state.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Make the changes of an earlier `state` again."""
        for place, frozen in state.get("frozen", {}).items():
            self.freeze(place, frozen)
        for place, share in state.get("p", {}).items():
            self.drop(place, share)


def _below(place: str, things: list[tuple[str, Any]]) -> Iterator[Any]:
    inside = f"{place}/"
    return (thing for where, thing in things if where == place or where.startswith(inside))
