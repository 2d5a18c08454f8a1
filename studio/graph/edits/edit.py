"""What an edit is, and what every edit needs to find its way to a sheet."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from studio.graph.graph import Graph, Node
from studio.graph.project import Project, Sheet


class EditRefused(ValueError):
    """An edit that cannot apply; the message is a sentence for the person. Nothing has changed."""


class Edit(Protocol):
    """What `Document.do` takes. `title` names it in the Edit menu; equal non-empty `merge` keys
    within a short time make one undo step (a drag, a spinning number)."""

    @property
    def title(self) -> str: ...
    @property
    def merge(self) -> str: ...
    def apply(self, project: Project) -> Project: ...


class BaseEdit(Struct, frozen=True, tag=True, omit_defaults=True):
    """What edits share: they merge with nothing unless they say so."""

    @property
    def merge(self) -> str:
        return ""


def sheet_at(project: Project, where: str) -> Sheet:
    """Return the sheet of a network or a block.

    Raises: EditRefused.
    """
    try:
        return project.sheet(where)
    except KeyError:
        raise EditRefused(f"There is no sheet named {where!r} any more.") from None


def node_at(project: Project, where: str, node: str) -> Node:
    """Return a node of a sheet.

    Raises: EditRefused.
    """
    sheet = sheet_at(project, where)
    if node not in sheet.graph.nodes:
        raise EditRefused(f"There is no node {node!r} on {where} any more.")
    return sheet.graph.nodes[node]


def with_graph(project: Project, where: str, graph: Graph, **changes: Any) -> Project:
    """Return the project with another graph on a sheet, and other places, frames or notes."""
    sheet = replace(sheet_at(project, where), graph=graph, **changes)
    return project.with_sheet(where, sheet)
