"""Code that a project brings: which, and how it is told apart from what somebody has agreed to run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from msgspec import Struct

from studio.graph.graph import BLOCK, PYTHON, Node
from studio.graph.project import Project
from studio.graph.python_code import STARTER, source_of


class CodePiece(Struct, frozen=True):
    """The code of one node: the sheet and the node that hold it."""

    where: str
    node: Node
    source: str


def digest(source: str) -> str:
    """Return what stands for one text of code: another text, however alike, has another."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


#: What comes with the studio needs nobody's trust.
OURS = frozenset({digest(STARTER)})


def own_code(project: Project) -> Iterator[CodePiece]:
    """Yield every Python node of a project, those in blocks that nobody uses too."""
    sheets = {where: sheet.graph for where, sheet in project.networks.items()}
    sheets |= {BLOCK + name: block.sheet.graph for name, block in project.blocks.items()}
    for where, graph in sheets.items():
        for node in graph.of_kind(PYTHON):
            yield CodePiece(where, node, source_of(node))


def digests(project: Project) -> frozenset[str]:
    """Return what stands for each text of code in a project, the studio's own left out."""
    return frozenset(digest(one.source) for one in own_code(project)) - OURS


def code_digest(project: Project) -> str:
    """Return what stands for all the code of a project, "" where it brings none."""
    found = sorted(digests(project))
    return hashlib.sha256("\n".join(found).encode()).hexdigest() if found else ""
