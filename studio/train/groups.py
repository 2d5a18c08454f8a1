"""Parameter groups: which weights follow everybody's optimiser settings, and which a node's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import nn

from studio.graph.own_settings import own_settings
from studio.graph.params import Value
from studio.graph.project import Project
from studio.train.paths import Owners, node_paths


@dataclass(frozen=True)
class Group:
    """Weights that learn with the same settings; `values` go before everybody's."""

    parameters: Sequence[nn.Parameter]
    values: Mapping[str, Value] = field(default_factory=dict)


def groups_of(
    project: Project, networks: Mapping[str, nn.Module], roles: Sequence[str]
) -> tuple[Group, ...]:
    """Return the weights of networks by their nodes' own settings; everybody's come first."""
    everybody: list[nn.Parameter] = []
    apart: dict[tuple[tuple[str, Value], ...], list[nn.Parameter]] = {}
    for role in roles:
        owners = Owners(networks[role], node_paths(project, role)).of
        for name, parameter in networks[role].named_parameters():
            owner = owners[name]
            own = own_settings(project.recipe.groups, role, owner.path) if owner else {}
            place = apart.setdefault(tuple(sorted(own.items())), []) if own else everybody
            place.append(parameter)
    groups = [Group(everybody)] if everybody else []
    return (*groups, *(Group(held, dict(values)) for values, held in apart.items()))
