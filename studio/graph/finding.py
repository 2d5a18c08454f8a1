"""Finding nodes in a project: by name, kind, or what a parameter is set to; inside blocks too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from studio.graph.graph import BLOCK, Node
from studio.graph.kinds import spec_of
from studio.graph.project import Project, Sheet
from studio.graph.spec import LayerSpec
from studio.graph.topology import order


class Hit(NamedTuple):
    """A node that was found: its id path in a network, the sheet that it stands on, and why.

    `network` is "" for a node in a block that nothing uses.
    """

    network: str
    path: str
    where: str
    why: str

    @property
    def node(self) -> str:
        """The node's own id."""
        return self.path.rsplit("/", 1)[-1]


def find(project: Project, specs: Mapping[str, LayerSpec], query: str) -> list[Hit]:
    """Return the nodes that answer every word of a query, in the order in which data flows.

    A word answers to a part of the name, of the kind's title, or of a `parameter=value`. A block that
    is used several times is looked through once in each network.
    """
    words = query.lower().split()
    if not words:
        return []
    hits: list[Hit] = []
    seen_anywhere: set[str] = set()
    for network, sheet in project.networks.items():
        seen: set[str] = set()
        hits += _in_sheet(project, specs, words, network, network, sheet, "", seen)
        seen_anywhere |= seen
    for name, block in project.blocks.items():
        kind = BLOCK + name
        if kind not in seen_anywhere:
            seen_anywhere.add(kind)
            hits += _in_sheet(project, specs, words, "", kind, block.sheet, "", seen_anywhere)
    return hits


def _in_sheet(
    project: Project,
    specs: Mapping[str, LayerSpec],
    words: list[str],
    network: str,
    where: str,
    sheet: Sheet,
    prefix: str,
    seen: set[str],
) -> Iterator[Hit]:
    keys, circling = order(sheet.graph)
    for key in (*keys, *circling):
        node = sheet.graph.nodes[key]
        why = _why(node, spec_of(node, specs), words)
        if why:
            yield Hit(network, prefix + key, where, why)
        block = project.blocks.get(node.kind.removeprefix(BLOCK))
        if node.kind.startswith(BLOCK) and block is not None and node.kind not in seen:
            seen.add(node.kind)
            inner = f"{prefix}{key}/"
            yield from _in_sheet(
                project, specs, words, network, node.kind, block.sheet, inner, seen
            )


def _why(node: Node, spec: LayerSpec | None, words: list[str]) -> str:
    """Return what of a node answers all words, "" where something is left unanswered."""
    title = spec.title if spec else node.kind.rsplit(".", 1)[-1]
    facets = [node.name, title, *(f"{name}={_plain(value)}" for name, value in node.params.items())]
    found = []
    for word in words:
        facet = next((one for one in facets if word in one.lower()), "")
        if not facet:
            return ""
        found.append(facet)
    return ", ".join(dict.fromkeys(found))


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return "×".join(str(part) for part in value)
    return str(value)
