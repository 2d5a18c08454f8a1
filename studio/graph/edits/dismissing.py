"""Hints that a person does not want at a node."""

from __future__ import annotations

from msgspec.structs import replace

from studio.graph.edits.edit import BaseEdit, node_at, sheet_at, with_graph
from studio.graph.project import Project


class Dismiss(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Stop giving a hint at a node, or (with `on` off) give it again."""

    where: str
    node: str
    rule: str
    on: bool = True

    @property
    def title(self) -> str:
        return "Dismiss hint" if self.on else "Show hint again"

    def apply(self, project: Project) -> Project:
        node = node_at(project, self.where, self.node)
        rules = set(node.dismissed) - {self.rule} | ({self.rule} if self.on else set())
        graph = sheet_at(project, self.where).graph
        changed = replace(node, dismissed=tuple(sorted(rules)))
        return with_graph(project, self.where, graph.with_node(changed))
