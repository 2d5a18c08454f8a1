"""A part of a sheet as text: what copy puts on the clipboard, a chat or a shelf, and paste reads."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from studio.graph.edits import AddBlocks, AddNodes, Batch, SetConstants, SetFrame, SimpleEdit
from studio.graph.edits.instances import block_of, blocks_below, blocks_in
from studio.graph.files import block_raw, check_depth, read_block, read_sheet, sheet_raw
from studio.graph.formulas import FormulaError, is_formula, names_in
from studio.graph.graph import BLOCK, End, Graph, Link, Node, free_name, is_name, new_id
from studio.graph.migrations import FORMAT
from studio.graph.params import Value, as_value
from studio.graph.project import Block, Place, Project, Sheet

#: What the text says that it is.
MARK = "fragment"
MOST_CHARACTERS = 5_000_000


class NotAGraph(ValueError):
    """Text that is no part of a graph; the message is a sentence for the person."""


class Fragment(Struct, frozen=True):
    """Nodes with the wires between them, their places and frames, and what they need to be whole.

    `blocks` are those that the nodes are instances of, and the blocks these are made of; `constants`
    are what formulas in all of them read.
    """

    sheet: Sheet
    blocks: dict[str, Block] = field(default_factory=dict)
    constants: dict[str, Value] = field(default_factory=dict)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes, in the order of their sheet."""
        return tuple(self.sheet.graph.nodes.values())

    @property
    def places(self) -> dict[str, Place]:
        """Where nodes stood, by id."""
        return self.sheet.places

    def renewed(self, dx: float, dy: float) -> Fragment:
        """Return the fragment with fresh ids, moved.

        A node keeps sharing the weights of its owner: of the owner's copy, where that is copied too.
        """
        sheet = self.sheet
        ids = {key: new_id() for key in sheet.graph.nodes}
        nodes = {
            ids[node.id]: replace(node, id=ids[node.id], shares=ids.get(node.shares, node.shares))
            for node in self.nodes
        }
        links = tuple(
            Link(End(ids[w.source.node], w.source.port), End(ids[w.target.node], w.target.port))
            for w in sheet.graph.links
        )
        places = {ids[key]: Place(at.x + dx, at.y + dy) for key, at in sheet.places.items()}
        frames = {
            key: replace(frame, nodes=tuple(ids[node] for node in frame.nodes))
            for key, frame in sheet.frames.items()
        }
        return replace(self, sheet=Sheet(Graph(nodes, links), places, frames))


def cut_out(project: Project, where: str, ids: Collection[str]) -> Fragment:
    """Return these nodes of a sheet with all that they need to stand elsewhere."""
    sheet = project.sheet(where)
    chosen = set(ids) & sheet.graph.nodes.keys()
    graph = Graph(
        {key: node for key, node in sheet.graph.nodes.items() if key in chosen},
        tuple(w for w in sheet.graph.links if {w.source.node, w.target.node} <= chosen),
    )
    places = {key: place for key, place in sheet.places.items() if key in chosen}
    frames = {key: f for key, f in sheet.frames.items() if f.nodes and chosen.issuperset(f.nodes)}
    needed = blocks_below(project.blocks, blocks_in(graph))
    blocks = {name: block for name, block in project.blocks.items() if name in needed}
    read = _read_by(graph).union(*(_read_by(block.sheet.graph) for block in blocks.values()))
    constants = {name: value for name, value in project.constants.items() if name in read}
    return Fragment(Sheet(graph, places, frames), blocks, constants)


def _read_by(graph: Graph) -> set[str]:
    read: set[str] = set()
    for node in graph.nodes.values():
        for value in node.params.values():
            if is_formula(value):
                try:
                    read |= names_in(value)
                except FormulaError:
                    continue  # it goes along as it is, and is a problem there too
    return read


def paste(project: Project, where: str, fragment: Fragment, verb: str = "Paste") -> Batch:
    """Return the edit that puts a renewed fragment on a sheet, with the blocks that it needs.

    A block that the project has under the same name, but otherwise, comes under a free name.
    """
    blocks, names = _brought(project, fragment.blocks)
    nodes = tuple(_renamed(node, names) for node in fragment.nodes)
    graph = fragment.sheet.graph
    put = AddNodes(where, nodes, fragment.places, graph.links, verb)
    edits: list[SimpleEdit] = [put]
    if blocks:
        edits.insert(0, AddBlocks(blocks))
    unknown = {n: v for n, v in fragment.constants.items() if n not in project.constants}
    if unknown:
        edits.insert(0, SetConstants(unknown))
    taken = set(project.sheet(where).frames)
    for key, frame in fragment.sheet.frames.items():
        key = free_name(taken, key)
        taken.add(key)
        edits.append(SetFrame(where, key, frame))
    return Batch(put.title, tuple(edits))


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    name = block_of(node)
    return replace(node, kind=BLOCK + names[name]) if name in names else node


def _brought(
    project: Project, blocks: Mapping[str, Block]
) -> tuple[dict[str, Block], dict[str, str]]:
    """Return the blocks that the project lacks, and the names that blocks have there."""
    names: dict[str, str] = {}
    brought: dict[str, Block] = {}
    for name in _inner_first(blocks):
        graph = blocks[name].sheet.graph
        nodes = {key: _renamed(node, names) for key, node in graph.nodes.items()}
        sheet = replace(blocks[name].sheet, graph=Graph(nodes, graph.links))
        block = replace(blocks[name], sheet=sheet)
        known = project.blocks | brought
        stem = name.rstrip("0123456789")
        same = (n for n in known if n.rstrip("0123456789") == stem and known[n] == block)
        found = name if known.get(name) == block else next(same, "")
        if not found:
            found = free_name(known, name)
            brought[found] = block
        if found != name:
            names[name] = found
    return brought, names


def _inner_first(blocks: Mapping[str, Block]) -> list[str]:
    """Return the names of blocks, those that others are made of before these; ones in a ring last."""
    waiting = {name: blocks_in(block.sheet.graph) & blocks.keys() for name, block in blocks.items()}
    found: list[str] = []
    while waiting:
        ready = [name for name, inner in waiting.items() if inner.issubset(found)]
        if not ready:
            return [*found, *waiting]  # they hold themselves: no project takes them
        found += ready
        waiting = {name: inner for name, inner in waiting.items() if name not in ready}
    return found


# ------------------------------------------------------------------------------------ text ↔ value


def to_text(fragment: Fragment) -> str:
    """Return the fragment as JSON."""
    raw: dict[str, Any] = {"format": FORMAT, "loom": MARK} | sheet_raw(fragment.sheet)
    if fragment.blocks:
        raw["blocks"] = {name: block_raw(block) for name, block in fragment.blocks.items()}
    if fragment.constants:
        raw["constants"] = msgspec.to_builtins(fragment.constants)
    return json.dumps(raw, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def from_text(text: str, name: str = "The clipboard") -> Fragment:
    """Return the fragment that a text holds; words around it (a chat's, an issue's) do not matter.

    Raises: NotAGraph.
    """
    if len(text) > MOST_CHARACTERS:
        raise NotAGraph(f"{name} holds {len(text):,} characters, more than a part of a graph has.")
    body = text[text.find("{") : text.rfind("}") + 1]
    try:
        raw = json.loads(body)
        check_depth(raw)
        if not isinstance(raw, dict) or raw.pop("loom", "") != MARK or "nodes" not in raw:
            raise ValueError
    except (ValueError, RecursionError):
        raise NotAGraph(
            f"{name} holds no graph, but something else. Copy nodes on a canvas first."
        ) from None
    try:
        return _from_raw(raw)
    except (msgspec.ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, NotAGraph):
            raise
        raise NotAGraph(
            f"{name} holds a graph, but a part of it is not as expected: {error}. Copy it again."
        ) from None


def _from_raw(raw: dict[str, Any]) -> Fragment:
    if raw.pop("format", FORMAT) > FORMAT:
        raise NotAGraph("This graph was copied from a newer Neuroloom. Update this one to use it.")
    blocks = {name: read_block(block, name) for name, block in raw.pop("blocks", {}).items()}
    constants = {
        name: as_value(value) for name, value in raw.pop("constants", {}).items() if is_name(name)
    }
    fragment = Fragment(read_sheet(raw), blocks, constants)
    if not fragment.nodes:
        raise ValueError("it holds no nodes")
    sheets = [fragment.sheet, *(block.sheet for block in blocks.values())]
    missing = frozenset[str]().union(*(blocks_in(sheet.graph) for sheet in sheets)) - blocks.keys()
    if missing:
        raise ValueError(f"it is made of the block {min(missing)}, which it does not bring along")
    return fragment
