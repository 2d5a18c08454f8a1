"""Edits: pure functions project → project, as values that travel (repairs carry them)."""

from __future__ import annotations

from studio.graph.edits.blocks import AddBlocks, Detach, Promote, RemoveBlock, RenameBlock, SetBlock
from studio.graph.edits.dismissing import Dismiss
from studio.graph.edits.edit import BaseEdit, Edit, EditRefused
from studio.graph.edits.grouping import MakeBlock
from studio.graph.edits.networks import AddNetwork, RemoveNetwork, RenameNetwork
from studio.graph.edits.nodes import (
    AddNodes,
    Insert,
    MoveNodes,
    RemoveNodes,
    Rename,
    SetFlag,
    SetParams,
)
from studio.graph.edits.operate import SetSurgery
from studio.graph.edits.sharing import Share
from studio.graph.edits.sheets import SetFrame, SetNote
from studio.graph.edits.swap import Swap
from studio.graph.edits.unpacking import Unpack
from studio.graph.edits.whole import SetConstants, SetData, SetNetworks, SetRecipe, SetWeights
from studio.graph.edits.wires import Connect, Disconnect, reaches
from studio.graph.project import Project

__all__ = [
    "AddBlocks",
    "AddNetwork",
    "AddNodes",
    "AnyEdit",
    "Batch",
    "Connect",
    "Detach",
    "Disconnect",
    "Dismiss",
    "Edit",
    "EditRefused",
    "Insert",
    "MakeBlock",
    "MoveNodes",
    "Promote",
    "RemoveBlock",
    "RemoveNetwork",
    "RemoveNodes",
    "Rename",
    "RenameBlock",
    "RenameNetwork",
    "SetBlock",
    "SetConstants",
    "SetData",
    "SetFlag",
    "SetFrame",
    "SetNetworks",
    "SetNote",
    "SetParams",
    "SetRecipe",
    "SetSurgery",
    "SetWeights",
    "Share",
    "SimpleEdit",
    "Swap",
    "Unpack",
    "reaches",
]

SimpleEdit = (
    AddNodes
    | RemoveNodes
    | Connect
    | Disconnect
    | MoveNodes
    | SetParams
    | Rename
    | SetFlag
    | Dismiss
    | Insert
    | Swap
    | Share
    | MakeBlock
    | Unpack
    | Detach
    | SetBlock
    | RenameBlock
    | AddBlocks
    | RemoveBlock
    | Promote
    | SetData
    | SetRecipe
    | SetConstants
    | SetSurgery
    | SetNote
    | SetFrame
    | SetNetworks
    | AddNetwork
    | RenameNetwork
    | RemoveNetwork
    | SetWeights
)


class Batch(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Several edits as one undo step."""

    name: str
    edits: tuple[SimpleEdit, ...]

    @property
    def title(self) -> str:
        return self.name

    def apply(self, project: Project) -> Project:
        for edit in self.edits:
            project = edit.apply(project)
        return project


AnyEdit = SimpleEdit | Batch
