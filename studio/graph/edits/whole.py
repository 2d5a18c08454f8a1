"""Edits of what belongs to the whole project: networks, data, recipe, constants."""

from __future__ import annotations

from typing import Any

from msgspec import field
from msgspec.structs import replace

from studio.graph.edits.blocks import RenameBlock
from studio.graph.edits.edit import BaseEdit, EditRefused
from studio.graph.edits.instances import blocks_below, blocks_in
from studio.graph.formulas import FUNCTIONS, LARGEST
from studio.graph.graph import free_name, is_name
from studio.graph.params import Value
from studio.graph.project import Block, DataRef, Project, Sheet


class SetData(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Choose other data, or other settings of it."""

    data: DataRef

    @property
    def title(self) -> str:
        return "Change data"

    def apply(self, project: Project) -> Project:
        return replace(project, data=self.data)


class SetRecipe(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Change fields of the recipe."""

    values: dict[str, Any]

    @property
    def title(self) -> str:
        return "Change " + ", ".join(name.replace("_", " ") for name in self.values)

    @property
    def merge(self) -> str:
        return f"recipe {sorted(self.values)}"

    def apply(self, project: Project) -> Project:
        unknown = set(self.values) - set(project.recipe.__struct_fields__)
        if unknown:
            raise EditRefused(f"A recipe has no setting named {', '.join(sorted(unknown))}.")
        return replace(project, recipe=replace(project.recipe, **self.values))


class SetWeights(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Choose the safetensors file that the main network starts from; "" starts afresh."""

    path: str

    @property
    def title(self) -> str:
        return "Start from weights" if self.path else "Start afresh"

    def apply(self, project: Project) -> Project:
        return replace(project, weights=self.path)


class SetConstants(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Give constants, which formulas read by name, their values; None takes one away."""

    values: dict[str, Value]

    @property
    def title(self) -> str:
        return "Change " + (", ".join(self.values) or "nothing")

    @property
    def merge(self) -> str:
        return f"constants {sorted(self.values)}"

    def apply(self, project: Project) -> Project:
        for name, value in self.values.items():
            if value is None:
                continue
            if not is_name(name) or name in FUNCTIONS:
                raise EditRefused(
                    "A constant's name is letters, digits and underscores, starting with a letter, "
                    f"and none of {', '.join(FUNCTIONS)}. Got {name!r}."
                )
            if not _is_constant(value):
                raise EditRefused(f"{name} needs to be a number or a few of them, got {value!r}.")
        constants = project.constants | self.values
        kept = {name: value for name, value in constants.items() if value is not None}
        return replace(project, constants=kept)


def _is_constant(value: Value) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(_is_constant(part) for part in value)
    return isinstance(value, (bool, int, float)) and abs(value) <= LARGEST


class SetNetworks(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Replace the networks and add blocks, as dropping an architecture does.

    Blocks that only the networks before were made of go with them; those that were in no network stay,
    under another name where a new block has theirs. Weights belong to the networks: `weights` are the new
    ones', "" for a fresh start.
    """

    networks: dict[str, Sheet]
    blocks: dict[str, Block] = field(default_factory=dict)
    data: DataRef | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    name: str = "networks"
    weights: str = ""

    @property
    def title(self) -> str:
        return f"Draw {self.name}"

    def apply(self, project: Project) -> Project:
        aside = set(project.blocks.keys() - _used(project.networks, project.blocks))
        for name in sorted(blocks_below(project.blocks, aside)):
            if name in self.blocks and self.blocks[name] != project.blocks[name]:
                free = free_name(project.blocks.keys() | self.blocks.keys(), name)
                project = RenameBlock(name, free).apply(project)
                aside = {free if other == name else other for other in aside}
        blocks = project.blocks | self.blocks
        kept = _used(self.networks, blocks) | blocks_below(blocks, aside)
        project = replace(
            project,
            networks=self.networks,
            blocks={name: block for name, block in blocks.items() if name in kept},
            weights=self.weights,
        )
        if self.data is not None:
            project = replace(project, data=self.data)
        return SetRecipe(self.recipe).apply(project) if self.recipe else project


def _used(networks: dict[str, Sheet], blocks: dict[str, Block]) -> frozenset[str]:
    held = {name for sheet in networks.values() for name in blocks_in(sheet.graph)}
    return blocks_below(blocks, held)
