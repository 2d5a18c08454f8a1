"""The one place where it is decided what a node is: a layer, a block of the project, or its own code."""

from __future__ import annotations

from collections.abc import Mapping

from studio.graph.graph import BLOCK, PYTHON, Node
from studio.graph.project import Project
from studio.graph.python_code import python_spec, source_of
from studio.graph.spec import LayerSpec
from studio.graph.topology import block_spec


def spec_of(
    node: Node, specs: Mapping[str, LayerSpec], project: Project | None = None
) -> LayerSpec | None:
    """Return the spec of a node; None where its kind is not known.

    `specs` are the catalogue's, `project` the one whose blocks are meant where `specs` lacks them.
    """
    if node.kind == PYTHON:
        return python_spec(source_of(node))
    known = specs.get(node.kind)
    if known is None and project is not None and node.kind.startswith(BLOCK):
        return block_spec(project, node.kind)
    return known
