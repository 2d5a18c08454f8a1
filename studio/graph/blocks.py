"""Blocks as a whole: who uses one, which names are free, and what renaming a name takes along."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from studio.graph.edits import (
    Batch,
    EditRefused,
    SetBlock,
    SetConstants,
    SetParams,
    SimpleEdit,
)
from studio.graph.edits.instances import block_of, check_block_name, sheets
from studio.graph.formulas import FUNCTIONS
from studio.graph.graph import BLOCK, is_name
from studio.graph.params import Param
from studio.graph.project import Block, Project
from studio.graph.scope import Reader, entrance, readers, renamed
from studio.graph.unfold import REPEAT, SHARE_WEIGHTS

#: What formulas in a block may read, or every instance may set, whatever the block's own parameters.
TAKEN = ("index", REPEAT.name, SHARE_WEIGHTS.name, *FUNCTIONS)


#: As many readers of a name are named; more are counted.
_NAMED = 5


class Instance(NamedTuple):
    """A node that stands for a block."""

    where: str
    node: str


class Sighting(NamedTuple):
    """Where a block's inside can be looked at: a network, and the instances on the way (`res1/`)."""

    network: str
    prefix: str


def instances(project: Project, name: str) -> tuple[Instance, ...]:
    """Return the nodes that stand for a block, on networks and in other blocks."""
    return tuple(
        Instance(where, node.id)
        for where, sheet in sheets(project)
        for node in sheet.graph.of_kind(BLOCK + name)
    )


def sighting(project: Project, name: str) -> Sighting | None:
    """Return the shortest way on which a block's inside is reached from a network; None for none."""
    rows = [(network, network, "") for network in project.networks]
    seen: set[str] = set()
    while rows:
        deeper = []
        for where, network, prefix in rows:
            for node in project.sheet(where).graph.nodes.values():
                if block_of(node) not in project.blocks or node.kind in seen:
                    continue
                seen.add(node.kind)
                way = f"{prefix}{entrance(project, where, network, prefix, node.id)}"
                if node.kind == BLOCK + name:
                    return Sighting(network, way)
                deeper.append((node.kind, network, way))
        rows = deeper
    return None


# ------------------------------------------------------------------------------------------- names


def why_no_block_name(project: Project, name: str, present: str = "") -> str:
    """Return why a block cannot be named so, or ""."""
    if name == present:
        return ""
    try:
        check_block_name(project, name)
    except EditRefused as refusal:
        return str(refusal)
    return ""


def why_no_param_name(block: Block, name: str, present: str = "") -> str:
    """Return why a parameter of a block cannot be named so, or ""."""
    if not is_name(name):
        return f"A parameter's name is one that formulas can read, such as width. Got {name!r}."
    if name in TAKEN:
        return f"The name {name} has a meaning in every block already. Choose another name."
    if name != present and any(param.name == name for param in block.params):
        return f"The block has a parameter named {name} already. Choose another name."
    return ""


def why_no_constant_name(project: Project, name: str, present: str = "") -> str:
    """Return why a constant cannot be named so, or ""."""
    if not is_name(name) or name in FUNCTIONS:
        return f"A constant's name is one that formulas can read, such as width. Got {name!r}."
    if name != present and name in project.constants:
        return f"There is a constant named {name} already. Choose another name."
    return ""


def readers_text(project: Project, found: tuple[Reader, ...], here: str = "") -> str:
    """Return who reads a name, in words: `conv1 (out_channels), Cell.fc1 (out_features)`.

    What stands on the sheet `here` needs no more than its name; of many, the first are named.
    """
    words = []
    for one in found:
        name = project.sheet(one.where).graph.nodes[one.node].name
        block = one.where.startswith(BLOCK) and one.where != here
        inside = f"{one.where.removeprefix(BLOCK)}." if block else ""
        words.append(f"{inside}{name} ({one.param})")
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return ", ".join(words[:_NAMED]) + more


# ------------------------------------------------------------------------------------------- edits


def rename_constant(project: Project, old: str, new: str) -> Batch:
    """Return the edit that gives a constant another name, also in every formula that reads it."""
    values = {old: None, new: project.constants[old]}
    followers = _following(project, readers(project, old), old, new)
    return Batch(f"Rename {old} to {new}", (SetConstants(values), *followers))


def rename_param(project: Project, name: str, old: str, new: str) -> Batch:
    """Return the edit that gives a block's parameter another name, inside and at every instance."""
    block = project.blocks[name]
    params = tuple(replace(one, name=new) if one.name == old else one for one in block.params)
    followers = _following(project, readers(project, old, name), old, new)
    for where, key in instances(project, name):
        given = project.sheet(where).graph.nodes[key].params
        if old in given:
            followers.append(SetParams(where, key, {new: given[old]}, reset=(old,)))
    return Batch(f"Rename {old} to {new}", (SetBlock(name, params=params), *followers))


def with_param(block: Block, name: str, param: Param) -> tuple[Param, ...]:
    """Return a block's parameters with the one of that name replaced, or `param` added."""
    if any(one.name == name for one in block.params):
        return tuple(param if one.name == name else one for one in block.params)
    return (*block.params, param)


def _following(project: Project, found: tuple[Reader, ...], old: str, new: str) -> list[SimpleEdit]:
    """Return the edits that let formulas read the new name."""
    values: dict[tuple[str, str], dict[str, str]] = {}
    for one in found:
        text = project.sheet(one.where).graph.nodes[one.node].params[one.param]
        values.setdefault((one.where, one.node), {})[one.param] = renamed(text, old, new)
    return [SetParams(where, node, changed) for (where, node), changed in values.items()]
